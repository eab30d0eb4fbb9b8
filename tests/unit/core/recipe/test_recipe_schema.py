from __future__ import annotations

from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from shardwright import errors, registry
from shardwright.core.marked import document
from shardwright.core.recipe import kinds, read
from shardwright.core.recipe.model import Recipe
from shardwright.core.recipe.schema import SCHEMA_ID, recipe_schema

SCHEMA = recipe_schema(engines=registry.ENGINES, targets=registry.TARGETS)
VALIDATOR: Any = jsonschema.Draft202012Validator(SCHEMA)
EXAMPLES = sorted((Path(__file__).parents[4] / "examples").glob("*.yaml"))
HEAD = "apiVersion: shardwright.dev/v1\nkind: Recipe\nmetadata: {name: a}\nmodel: {source: b}\n"


def reads(text: str) -> bool:
    found = document.parse_documents(text, "recipe.yaml")
    try:
        for each in found:
            read.read_recipe(each, engines=registry.ENGINES, targets=registry.TARGETS)
    except errors.RecipeError:
        return False
    return True


def validates(text: str) -> bool:
    return all(VALIDATOR.is_valid(each) for each in yaml.safe_load_all(text))


def sections(cls: type) -> set[type]:
    inner = [kind for field in kinds.fields_of(cls).values() for kind in parts(field.kind)]
    return {cls}.union(*(sections(each) for each in inner))


def parts(kind: kinds.Kind) -> list[type]:
    match kind:
        case kinds.Section():
            return [kind.cls]
        case kinds.Listed() | kinds.Keyed():
            return parts(kind.item)
        case kinds.OneOf():
            return [each for option in kind.kinds for each in parts(option)]
        case _:
            return []


def test_the_schema_is_a_schema() -> None:
    """Editors refuse a schema that its own meta-schema refuses."""
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    assert SCHEMA["$id"] == SCHEMA_ID == "https://shardwright.dev/schemas/v1/recipe.json"


def test_every_field_is_described() -> None:
    """What an editor shows at a field is its documentation, with its default where there is one."""
    for cls in sections(Recipe) - {Recipe}:
        properties = SCHEMA["$defs"][cls.__name__]["properties"]
        fields = kinds.fields_of(cls)
        assert {name: each["description"].removesuffix(" Not used yet.") for name, each in properties.items()} == {
            name: field.doc for name, field in fields.items()
        }
    workload: dict[str, Any] = SCHEMA["$defs"]["Workload"]["properties"]
    assert workload["inputTokens"]["default"] == 512
    assert workload["objective"]["default"] == "fewest-gpus"
    assert SCHEMA["properties"]["parallelism"]["default"] == "auto"


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_examples_read_and_validate(path: Path) -> None:
    """Whoever copies an example gets no red line in an editor and no fault."""
    text = path.read_text("utf-8")
    assert (reads(text), validates(text)) == (True, True)


@pytest.mark.parametrize(
    "line",
    [
        "engine: {version: 0.10, args: {a: 1, b: [x]}, env: {A: 1, B: {secret: s, key: k}}}",
        "hardware: {nodes: auto, gpuMemory: 24GiB}",
        "parallelism: {tensor: 2}",
        "workload: null",
        "storage: {class: nfs, size: 1.5T}",
        "pods: {cpu: 8, labels: {a: ''}, affinity: {nodeAffinity: {}}, leader: {memory: 1Gi}}",
    ],
)
def test_what_reads_validates(line: str) -> None:
    """The schema forbids nothing that the reader takes."""
    assert (reads(HEAD + line), validates(HEAD + line)) == (True, True)


@pytest.mark.parametrize(
    "line",
    [
        "kind: Deployment",
        "maxModelLen: 1",
        "metadata: {name: Bad_Name}",
        f"metadata: {{name: {'a' * 64}}}",
        "metadata: {name: a, labels: {a b: c}}",
        "model: {}",
        "model: {source: a, token: text}",
        "model: {source: a, dtype: fp16}",
        "engine: {name: other}",
        "engine: {env: {1A: x}}",
        "engine: {env: {A: [x]}}",
        "engine: {args: {a: }}",
        "workload: {concurrency: 0}",
        "workload: {concurrency: '1'}",
        "workload: {objective: speed}",
        "parallelism: fast",
        "parallelism: {layerPartition: [0]}",
        "hardware: {gpuMemory: 24}",
        "hardware: {gpuMemory: 24gb}",
        "hardware: {nodes: some}",
        "network: {debug: maybe}",
        "network: {rdma: {networks: [a]}}",
        "storage: {cacheDir: models}",
        "target: {kind: other}",
        "replicas: -1",
    ],
)
def test_what_the_schema_can_see_fails_both(line: str) -> None:
    """Whatever is wrong within one field is red in an editor already."""
    section = line.partition(":")[0]
    kept = "".join(f"{each}\n" for each in HEAD.splitlines() if not each.startswith(f"{section}:"))
    assert (reads(kept + line), validates(kept + line)) == (False, False)
