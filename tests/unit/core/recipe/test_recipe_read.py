from __future__ import annotations

from typing import Any

import pytest
import yaml

from shardwright import errors
from shardwright.core.marked import document
from shardwright.core.recipe import Recipe, model, read
from shardwright.units import GIB

ENGINES = ("swift", "sure")
TARGETS = ("here", "there")
MINIMAL: dict[str, Any] = {
    "apiVersion": "shardwright.dev/v1",
    "kind": "Recipe",
    "metadata": {"name": "small"},
    "model": {"source": "llama-3-8b"},
    "engine": {"name": "swift"},
}


def read_text(text: str) -> Recipe:
    (found,) = document.parse_documents(text, "recipe.yaml")
    return read.read_recipe(found, engines=ENGINES, targets=TARGETS)


def read_with(line: str) -> Recipe:
    """The smallest recipe with one more section, written in one line."""
    section = line.partition(":")[0]
    base = {key: value for key, value in MINIMAL.items() if key != section}
    return read_text(f"{yaml.safe_dump(base)}{line}\n")


def faults_of(line: str) -> list[errors.Fault]:
    with pytest.raises(errors.RecipeError) as caught:
        read_with(line)
    return list(caught.value.faults)


def test_name_and_model_suffice() -> None:
    """Small things are short: whatever is left out has its default."""
    recipe = read_text("apiVersion: shardwright.dev/v1\nkind: Recipe\nmetadata: {name: a}\nmodel: {source: b}\n")
    assert recipe == Recipe(metadata=model.Metadata(name="a"), model=model.Model(source="b"))


@pytest.mark.parametrize(
    ("line", "path", "value"),
    [
        ("engine: {version: 0.10}", "engine.version", "0.10"),
        ("model: {source: a, servedName: 123}", "model.served_name", "123"),
        ("model: {source: a, servedName: true}", "model.served_name", "true"),
        ("model: {source: a, revision: null}", "model.revision", None),
        ("model: {source: a, trustRemoteCode: True}", "model.trust_remote_code", True),
        ("model: {source: a, token: {secret: s, key: k}}", "model.token", model.KeyRef("s", "k")),
        ("engine: {env: {A: yes, B: '', C: {secret: s, key: k}}}", "engine.env", {"A": "yes", "B": "", "C": model.KeyRef("s", "k")}),
        ("engine: {args: {a: 0.9, b: true, c: x, d: [1, {e: null}], f: 0x10}}", "engine.args", {"a": 0.9, "b": True, "c": "x", "d": [1, {"e": None}], "f": 16}),
        ("workload: {maxModelLen: +8192}", "workload.max_model_len", 8192),
        ("workload: {latencyGoal: {interTokenSeconds: 5e-2}}", "workload.latency_goal.inter_token_seconds", 0.05),
        ("parallelism: auto", "parallelism", "auto"),
        ("parallelism: {tensor: 2, layerPartition: [8]}", "parallelism", model.Parallelism(tensor=2, layer_partition=(8,))),
        ("hardware: {nodes: auto}", "hardware.nodes", "auto"),
        ("hardware: {nodes: 2, gpuMemory: 22.5GiB}", "hardware.gpu_memory", 24159191040),
        ("hardware: {gpuMemory: 24Gi}", "hardware.gpu_memory", 24 * GIB),
        ("hardware: {gpuMemory: 500M}", "hardware.gpu_memory", 500_000_000),
        ("pods: {cpu: 8, tolerations: [{key: gpu}]}", "pods.tolerations", ({"key": "gpu"},)),
        ("storage: {class: nfs}", "storage.storage_class", "nfs"),
        ("prices: {gpuHour: {A10G: 1}}", "prices.gpu_hour", {"A10G": 1.0}),
        ("target: {kind: there, version: 1.30}", "target.version", "1.30"),
        ("network: null", "network", model.Network()),
        ("replicas: 0", "replicas", 0),
    ],
)  # fmt: skip
def test_a_value_is_typed_by_its_field(line: str, path: str, value: object) -> None:
    """YAML's own guesses (0.10, yes, 123) never decide what a field holds."""
    found: object = read_with(line)
    for name in path.split("."):
        found = getattr(found, name)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("line", "path", "said"),
    [
        ("workload: {maxModelLen: 8k}", "workload.maxModelLen", '"8k" is not a whole number of at least 1'),
        ("workload: {concurrency: 0}", "workload.concurrency", "0 is not a whole number of at least 1"),
        ("workload: {concurrency: '2'}", "workload.concurrency", "write it without quotes"),
        ("workload: {concurrency: 9007199254740992}", "workload.concurrency", "at most 9007199254740991"),
        ("workload: {concurrency: [1]}", "workload.concurrency", "a list of 1 is not a whole number"),
        ("workload: {latencyGoal: {interTokenSeconds: .inf}}", "workload.latencyGoal.interTokenSeconds", "a number of at least 0"),
        ("workload: {objective: pirce}", "workload.objective", 'one of: fewest-gpus, latency, throughput, price; did you mean "price"?'),
        ("model: {source: a, trustRemoteCode: yes}", "model.trustRemoteCode", "write true, without quotes"),
        ("model: {source: a, trustRemoteCode: 'true'}", "model.trustRemoteCode", "write true, without quotes"),
        ("model: {source: a, servedName: ' '}", "model.servedName", "a text of one line"),
        ('model: {source: a, servedName: "a\\nb"}', "model.servedName", '"a\\nb" is not a text of one line'),
        ("hardware: {gpuMemory: 24}", "hardware.gpuMemory", "24 has no unit; allowed: Ki, Mi, Gi, Ti"),
        ("hardware: {gpuMemory: 24gb}", "hardware.gpuMemory", 'has the unit "gb"; allowed: Ki, Mi, Gi'),
        ("hardware: {gpuMemory: 24 gigabytes}", "hardware.gpuMemory", "write 24Gi or 24G"),
        ("hardware: {gpuMemory: 0Gi}", "hardware.gpuMemory", "a size of at least 1 byte"),
        ("hardware: {gpuMemory: much}", "hardware.gpuMemory", '"much" is not a size, as 24Gi'),
        (f"hardware: {{gpuMemory: {'9' * 400}.5Gi}}", "hardware.gpuMemory", "is not a size"),
        ("hardware: {nodes: many}", "hardware.nodes", "is not a whole number of at least 1, or auto"),
        ("hardware: {gpu: null, nodes: [2]}", "hardware.nodes", "a list of 1 is not a whole number"),
        ("parallelism: fast", "parallelism", "is not a mapping with tensor, pipeline, data, expert, layerPartition, or auto"),
        ("pods: {tolerations: {key: gpu}}", "pods.tolerations", "a mapping is not a list"),
        ("pods: {imagePullSecrets: [null]}", "pods.imagePullSecrets[0]", "an empty value is not a text"),
        ("pods: {labels: [a]}", "pods.labels", "a list of 1 is not a mapping; write {key: value}"),
        ("pods: {cpu: 2 cores}", "pods.cpu", "is not a number of CPUs, as 8 or 500m"),
        ("engine: {args: {a: yes}}", "engine.args.a", "true or false to some readers of YAML"),
        ("engine: {args: {a: 017}}", "engine.args.a", "017 is octal to some readers"),
        ("engine: {args: {a: [.nan]}}", "engine.args.a[0]", "is not a finite number"),
        ("engine: {args: {a: }}", "engine.args.a", "write true for a switch, or leave the key out"),
        ("engine: {env: {A: }}", "engine.env.A", 'write "" for an empty text'),
        ("engine: {env: {A: [1]}}", "engine.env.A", "a list of 1 is not a text, or a mapping with secret, key"),
        ("engine: {name: swfit}", "engine.name", 'one of: sure, swift; did you mean "swift"?'),
        ("target: {kind: lws}", "target.kind", "one of: here, there"),
        ("target: {version: 1.30}", "target.kind", "it is missing"),
        ("model: {}", "model.source", "it is missing"),
        ("metadata: null", "metadata", "it is missing; write metadata: {name: ...}"),
    ],
)  # fmt: skip
def test_a_wrong_value_names_what_was_seen_and_what_is_allowed(line: str, path: str, said: str) -> None:
    """Each fault can be mended without looking anything up."""
    (found,) = faults_of(line)
    assert found.path == path
    assert said in f"{found.message}; {found.hint}"
    assert (found.file, found.line > 0) == ("recipe.yaml", True)


@pytest.mark.parametrize(
    ("line", "path", "hint"),
    [
        ("maxModelLen: 8192", "maxModelLen", "it belongs to workload.maxModelLen"),
        ("tensorParallelSize: 2", "tensorParallelSize", "write parallelism.tensor"),
        ("workload: {maxModelLenn: 1}", "workload.maxModelLenn", 'did you mean "maxModelLen"?'),
        ("workload: {max_model_len: 1}", "workload.max_model_len", 'did you mean "maxModelLen"?'),
        ("hardware: {max-model-len: 1}", "hardware.max-model-len", "it belongs to workload.maxModelLen"),
        ("hardware: {maxModelLength: 1}", "hardware.maxModelLength", "did you mean workload.maxModelLen?"),
        ("storage: {storageClass: nfs}", "storage.storageClass", 'did you mean "class"?'),
        ("engine: {version: '1', gpus: 1}", "engine.gpus", "did you mean hardware.gpu?"),
        ("pods: {leader: {tolerations: []}}", "pods.leader.tolerations", "it belongs to pods.tolerations"),
        ("version: 1", "version", "it belongs to target.version or engine.version"),
        ("'a b': 1", '["a b"]', "fields here: metadata, model, target"),
    ],
)
def test_an_unknown_field_names_the_nearest_or_its_place(line: str, path: str, hint: str) -> None:
    """A slip of the pen, another spelling and the wrong section each get their own hint."""
    (found,) = faults_of(line)
    assert found.path == path
    assert "there is no field" in found.message
    assert hint in found.hint


@pytest.mark.parametrize(
    ("text", "paths", "said"),
    [
        ("apiVersion: apps/v1\nkind: Deployment\nspec: {}\n", ["apiVersion", "kind"], '"Deployment" is not "Recipe"'),
        ("apiVersion: shardwright.dev/v2\nkind: Recipe\n", ["apiVersion"], 'did you mean "shardwright.dev/v1"?'),
        (
            "kind: Recipe\nmetadata: {name: a}\nmodel: {source: b}\n",
            ["apiVersion"],
            "write apiVersion: shardwright.dev/v1",
        ),
        ("kind: recipe\n", ["kind"], 'did you mean "Recipe"?'),
        ("- a\n", [""], "a list of 1 is not a recipe"),
        ("hello\n", [""], '"hello" is not a recipe'),
    ],
)
def test_what_is_no_recipe_says_what_was_expected(text: str, paths: list[str], said: str) -> None:
    """Another kind of document gets faults for its header alone, none for its fields."""
    with pytest.raises(errors.RecipeError) as caught:
        read_text(text)
    assert [fault.path for fault in caught.value.faults] == paths
    assert said in str(caught.value)


def test_all_faults_come_at_once_in_the_order_of_lines() -> None:
    """None is hidden behind the first, wherever it stands."""
    text = """\
apiVersion: shardwright.dev/v1
kind: Recipe
metadata: {name: Bad_Name, lables: {}}
engine:
  name: swift
  args: {max-model-len: 1, x: yes}
  args: {}
  env: {1A: x, DB_PASSWORD: pw}
hardware: {gpu: A, nodeShape: B, nodes: 0}
replicas: two
"""
    with pytest.raises(errors.RecipeError) as caught:
        read_text(text)
    assert [(fault.line, fault.path) for fault in caught.value.faults] == [
        (1, "model"),
        (3, "metadata.name"),
        (3, "metadata.lables"),
        (6, "engine.args.max-model-len"),
        (6, "engine.args.x"),
        (7, "engine.args"),
        (8, "engine.env.DB_PASSWORD"),
        (8, "engine.env.1A"),
        (9, "hardware.nodes"),
        (9, "hardware.nodeShape"),
        (10, "replicas"),
    ]


def test_thousands_of_unknown_fields_are_all_named_within_a_second() -> None:
    """Hints cost time, so a file that is no recipe at all gets them for its first fields only."""
    text = yaml.safe_dump(MINIMAL) + "\n".join(f"field{number}: 1" for number in range(5000))
    with pytest.raises(errors.RecipeError) as caught:
        read_text(text)
    assert len(caught.value.faults) == 5000
    assert sum(bool(fault.hint) for fault in caught.value.faults) == 100
