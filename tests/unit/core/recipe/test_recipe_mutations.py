from __future__ import annotations

import json
from typing import Any, cast

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from recipe_strategies import ENGINES, RECIPES, TARGETS

from shardwright import errors
from shardwright.core.marked import document
from shardwright.core.recipe import Recipe, canonical, overrides, read

GOOD = """\
apiVersion: shardwright.dev/v1
kind: Recipe
metadata: {name: llama, namespace: demo, labels: {app: x}}
model: {source: hf://a/b, token: {secret: s, key: k}}
engine:
  name: swift
  version: 0.24.0
  args: {gpu-memory-utilization: 0.9}
  env: {A: b, C: {secret: s, key: k}}
workload: {maxModelLen: 8192, latencyGoal: {interTokenSeconds: 0.1}}
parallelism: {tensor: 1, pipeline: 2, layerPartition: [16, 16]}
hardware: {gpu: A10G, gpusPerNode: 1, nodes: 2, gpuMemory: 22Gi}
pods: {tolerations: [{key: gpu}], leader: {memory: 16Gi}}
network: {rdma: {devices: [rdma/a], networks: [b]}}
storage: {claim: models, size: 50Gi}
target: {kind: here}
"""
PIECES = st.sampled_from(
    ["", "null", "[", "]", "{", "}", ": ", "- ", "\n", "\t", "'", '"', "&a ", "*a", "<<: ", "!!int ", "# ", "|", "-1", "0.5", "auto", "yes", "9" * 30, "é", "\r", "\u2028", "\x00", "x:\n"]
)  # fmt: skip
JUNK: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner, max_size=2),
    max_leaves=4,
)


def read_or_faults(text: str, *options: str) -> Recipe | tuple[errors.Fault, ...] | None:
    """A recipe, or its faults; anything else that is raised is a bug."""
    try:
        changes = overrides.parse_overrides(options)
        for each in document.parse_documents(text, "f"):
            changed = overrides.apply_overrides(each, changes)
            return read.read_recipe(changed, engines=ENGINES, targets=TARGETS)
    except errors.RecipeError as error:
        return error.faults
    return None


@settings(deadline=None, max_examples=100)
@given(st.integers(0, len(GOOD)), st.integers(0, 12), PIECES)
def test_a_damaged_text_is_a_recipe_or_faults(at: int, cut: int, piece: str) -> None:
    """A slip anywhere in a good file ends in faults with places, never in another error."""
    found = read_or_faults(GOOD[:at] + piece + GOOD[at + cut :])
    if isinstance(found, tuple):
        assert found
        assert all(fault.message and fault.file == "f" and fault.line >= 1 for fault in found)


def _paths(node: object, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    pairs: list[tuple[Any, object]] = []
    if isinstance(node, dict):
        pairs = list(cast("dict[str, object]", node).items())
    elif isinstance(node, list):
        pairs = list(enumerate(cast("list[object]", node)))
    inner = [place for key, value in pairs for place in _paths(value, (*path, key))]
    return [path, *inner] if path else inner


@settings(deadline=None, max_examples=100)
@given(st.data())
def test_any_value_in_any_place_is_taken_or_a_fault_there(data: st.DataObject) -> None:
    """Each field meets values of every type; what is wrong is said at it or inside it."""
    tree = yaml.safe_load(GOOD)
    path = data.draw(st.sampled_from(_paths(tree)))
    holder = tree
    for part in path[:-1]:
        holder = holder[part]
    holder[path[-1]] = data.draw(JUNK)
    found = read_or_faults(json.dumps(tree))
    if isinstance(found, tuple):
        assert all(fault.path.startswith((str(path[0]), '["')) or not fault.path for fault in found)


@settings(deadline=None, max_examples=60)
@given(RECIPES, st.text("abcXYZ-_ .é", max_size=8))
def test_an_unknown_field_anywhere_is_the_only_fault(recipe: Recipe, name: str) -> None:
    """A good recipe with one field too many has exactly that fault."""
    made = canonical.to_document(recipe)
    section = made["metadata"]
    section[f"x-{name}"] = 1
    found = read_or_faults(json.dumps(made))
    assert isinstance(found, tuple)
    assert len(found) == 1


@settings(deadline=None)
@given(st.text(alphabet="abhw.[]0'\"\\= {}:,nodes", max_size=20))
def test_any_option_is_taken_or_a_fault(option: str) -> None:
    """Whatever stands behind --set, the answer is a recipe or faults."""
    assert read_or_faults(GOOD, option) is not None
