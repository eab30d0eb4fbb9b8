from __future__ import annotations

import json
from typing import Any

import jsonschema
from hypothesis import given, settings
from hypothesis import strategies as st
from recipe_strategies import ENGINES, RECIPES, TARGETS

from shardwright.core.marked import document, tree, writing
from shardwright.core.recipe import Recipe, canonical, model, read
from shardwright.core.recipe.schema import recipe_schema

SMALL = Recipe(metadata=model.Metadata(name="small"), model=model.Model(source="llama"))
VALIDATOR: Any = jsonschema.Draft202012Validator(recipe_schema(engines=ENGINES, targets=TARGETS))


def read_text(text: str) -> Recipe:
    (found,) = document.parse_documents(text, "recipe.json")
    return read.read_recipe(found, engines=ENGINES, targets=TARGETS)


@settings(deadline=None, max_examples=100)
@given(RECIPES)
def test_reading_the_canonical_form_gives_an_equal_recipe(recipe: Recipe) -> None:
    """Nothing is lost on the way out and back, as JSON, YAML and values; and the schema agrees with the reader."""
    found = canonical.to_document(recipe)
    assert read.read_recipe(tree.document_of(found, "f"), engines=ENGINES, targets=TARGETS) == recipe
    assert read_text(json.dumps(found)) == recipe
    assert read_text(writing.as_yaml(found)) == recipe
    assert list(VALIDATOR.iter_errors(found)) == []


@given(st.integers(1, 2**60))
def test_sizes_are_written_without_loss_and_with_a_unit(count: int) -> None:
    """A size without a unit would be a fault when it is read again."""
    recipe = Recipe(SMALL.metadata, SMALL.model, storage=model.Storage(size=model.Bytes(count)))
    assert read_text(json.dumps(canonical.to_document(recipe))).storage.size == count


def test_defaults_are_left_out() -> None:
    """The form says what was asked, no more."""
    assert canonical.to_document(SMALL) == {
        "apiVersion": "shardwright.dev/v1",
        "kind": "Recipe",
        "metadata": {"name": "small"},
        "model": {"source": "llama"},
    }


def test_names_are_those_of_documents() -> None:
    """Python's names never leak: `class`, `maxModelLen`, `gpuHour`."""
    recipe = read_text(
        "apiVersion: shardwright.dev/v1\nkind: Recipe\nmetadata: {name: a}\nmodel: {source: b}\n"
        "storage: {class: nfs, size: 50Gi}\nworkload: {maxModelLen: 5}\nprices: {gpuHour: {A10G: 1.5}}\n"
    )
    found = canonical.to_document(recipe)
    assert found["storage"] == {"class": "nfs", "size": "50Gi"}
    assert found["workload"] == {"maxModelLen": 5}
    assert found["prices"] == {"gpuHour": {"A10G": 1.5}}


def test_the_digest_follows_meaning_not_spelling() -> None:
    """The same recipe in another order, with defaults written out or another unit, is the same revision."""
    head = "apiVersion: shardwright.dev/v1\nkind: Recipe\nmetadata: {name: a}\n"
    first = read_text(f"{head}model: {{source: b}}\nstorage: {{size: 1Gi}}\n")
    second = read_text(f"storage: {{size: 1024Mi, download: auto}}\nmodel: {{source: b}}\nreplicas: 1\n{head}")
    other = read_text(f"{head}model: {{source: c}}\nstorage: {{size: 1Gi}}\n")
    assert canonical.recipe_digest(first) == canonical.recipe_digest(second)
    assert canonical.recipe_digest(first) != canonical.recipe_digest(other)
    assert len(canonical.recipe_digest(first)) == 64
