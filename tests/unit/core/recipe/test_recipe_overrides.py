from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from shardwright import errors
from shardwright.core.marked import document, paths
from shardwright.core.recipe import Recipe, overrides, read

if TYPE_CHECKING:
    from shardwright.core.marked.tree import Document

TEXT = """\
apiVersion: shardwright.dev/v1
kind: Recipe
metadata: {name: a, labels: {x: y}}
model: {source: b}
engine: {name: swift, args: {seed: 1}}
parallelism: auto
hardware: {gpu: A10G, nodes: 2}
pods: {tolerations: [{key: gpu}]}
"""


def changed(*options: str) -> Document:
    (original,) = document.parse_documents(TEXT, "recipe.yaml")
    return overrides.apply_overrides(original, overrides.parse_overrides(options))


def read_with(*options: str) -> Recipe:
    return read.read_recipe(changed(*options), engines=["swift"], targets=["here"])


@pytest.mark.parametrize(
    ("option", "path", "value"),
    [
        ("hardware.nodes=4", "hardware.nodes", 4),
        ("hardware.nodes=null", "hardware.nodes", 1),
        ("hardware.gpuMemory=24Gi", "hardware.gpu_memory", 24 * 1024**3),
        ("model.servedName=007", "model.served_name", "007"),
        ("model.servedName='it: works'", "model.served_name", "it: works"),
        ("model.source=hf://a/b", "model.source", "hf://a/b"),
        ("engine.image=quay.io/a/b:v1@sha256:0", "engine.image", "quay.io/a/b:v1@sha256:0"),
        ("engine.args.gpu-memory-utilization=0.8", "engine.args", {"seed": 1, "gpu-memory-utilization": 0.8}),
        ("engine.args.seed=", "engine.args", {}),
        ("engine.args={a: [1, x]}", "engine.args", {"a": [1, "x"]}),
        ("engine.env.A=a=b", "engine.env", {"A": "a=b"}),
        ("target.kind=here", "target.kind", "here"),
        ("parallelism.tensor=2", "parallelism.tensor", 2),
        ("pods.tolerations[0].key=x", "pods.tolerations", ({"key": "x"},)),
        ("pods.tolerations[1].key=x", "pods.tolerations", ({"key": "gpu"}, {"key": "x"})),
        ("pods.imagePullSecrets[0]=s", "pods.image_pull_secrets", ("s",)),
        ("pods.imagePullSecrets=[a, b]", "pods.image_pull_secrets", ("a", "b")),
        (r"metadata.labels.example\.com/a=b", "metadata.labels", {"x": "y", "example.com/a": "b"}),
        ('metadata.labels["example.com/a"]=b', "metadata.labels", {"x": "y", "example.com/a": "b"}),
        ("metadata.labels['a']=true", "metadata.labels", {"x": "y", "a": "true"}),
    ],
)
def test_a_field_is_set_and_typed_like_one_in_the_file(option: str, path: str, value: object) -> None:
    """An option is nothing but an edit of the file."""
    found: Any = read_with(option)
    for name in path.split("."):
        found = getattr(found, name)
    assert found == value


def test_later_options_win() -> None:
    """As with all tools of the field."""
    assert read_with("hardware.nodes=4", "hardware.nodes=3").hardware.nodes == 3


@pytest.mark.parametrize(
    ("option", "path", "said"),
    [
        ("hardware.nodes=x", "hardware.nodes", "is not a whole number"),
        ("hardware.node=1", "hardware.node", 'did you mean "nodes"?'),
        ("hardware.nodes.x=1", "hardware.nodes", "a mapping is not a whole number"),
        ("hardware", "", '"hardware" has no value; write FIELD=VALUE'),
        ("=1", "", "names no field"),
        ("a..b=1", "", "names no field: no name of a field at character 3"),
        ("a[x]=1", "", "names no field"),
        ("a.b]=1", "", "has no value"),
        ("pods.tolerations.key=x", "pods.tolerations.key", "pods.tolerations is a list; write an index: pods.tolerations[0]"),
        ("pods.tolerations[3]=x", "pods.tolerations[3]", "there is 1 items; the next index is [1]"),
        ("metadata.labels[0]=x", "metadata.labels[0]", "there is a mapping; name a key"),
        ("model.source=a: b", "model.source", "quote a text that holds ': '"),
        ("model.source=[a", "model.source", "this cannot be read as YAML"),
        ("model.source=@a", "model.source", "quote a text that starts with @"),
        ("model.source=*a", "model.source", 'the alias "*a" has no anchor'),
        ("model.source=\udcff", "model.source", "the character U+DCFF is not allowed"),
        ("model.source=- a", "model.source", "this is not one value"),
        (".".join(["a"] * 60) + "=1", "", "a path of 60 parts is too long"),
    ],
)  # fmt: skip
def test_a_wrong_option_is_a_fault_of_the_option(option: str, path: str, said: str) -> None:
    """The place is the option, not a line of the file."""
    with pytest.raises(errors.RecipeError) as caught:
        read_with(option)
    (fault,) = caught.value.faults
    assert (fault.file, fault.line, fault.path) == ("--set", 0, path)
    assert said in f"{fault.message}; {fault.hint}"


def test_faults_of_options_and_of_the_file_come_together() -> None:
    """All faults at once holds for options too."""
    with pytest.raises(errors.RecipeError) as caught:
        overrides.parse_overrides(["a", "b=[", "hardware.nodes=1"])
    assert len(caught.value.faults) == 2
    with pytest.raises(errors.RecipeError) as caught:
        read_with("metadata.labels[0]=x", "engine.args.tp=1", "hardware.nodes=0")
    assert [fault.path for fault in caught.value.faults] == ["metadata.labels[0]", "engine.args.tp", "hardware.nodes"]


def test_a_secret_in_an_option_is_not_printed() -> None:
    """Options end up in logs of CI."""
    for option in ("engine.env.API_KEY=sesame", "engine.env.API_KEY sesame", "model.token=sesame"):
        with pytest.raises(errors.RecipeError) as caught:
            read_with(option)
        assert "sesame" not in str(caught.value)


def test_the_original_stays_as_it_was() -> None:
    """Trees never change, so several recipes can share one set of options."""
    (original,) = document.parse_documents(TEXT, "recipe.yaml")
    (again,) = document.parse_documents(TEXT, "recipe.yaml")
    overrides.apply_overrides(original, overrides.parse_overrides(["hardware.nodes=4", "pods.tolerations[0]=x"]))
    assert original == again


@pytest.mark.parametrize(
    "path",
    [
        ("a", "b"),
        ("pods", "tolerations", 0, "key"),
        ("labels", "example.com/a"),
        ("a b", "c"),
        ("x", "[0]"),
        ("x", 'q"\\'),
    ],
)
def test_paths_of_faults_can_be_used_in_options(path: tuple[str | int, ...]) -> None:
    """What a message names can be pasted behind --set."""
    assert paths.split_path(f"{paths.path_text(path)}=1") == (path, "=1")
