"""Readers of manifests take whatever they are given: a recipe, nothing, or one clear error, never a crash.

Objects are those of upstream's own tests, read from the folder that SHARDWRIGHT_UPSTREAM_CASES names, else from
`shared/upstream-cases` beside the checkout, and manifests of ours in which values were replaced by chance.
"""

from __future__ import annotations

import copy
import gzip
import json
import os
import random
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest
import yaml

from shardwright import errors, registry
from shardwright.core import importing
from shardwright.core.importing import Surroundings
from shardwright.core.manifests import reading

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from shardwright.core.importing import Command, Started

TESTS = Path(__file__).parents[1]
_FOLDER = Path(os.environ.get("SHARDWRIGHT_UPSTREAM_CASES") or TESTS.parents[1] / "shared" / "upstream-cases")
_FILE = _FOLDER / "cases.jsonl.gz"
_JUNK: tuple[Any, ...] = (
    *(None, "", 0, -1, 2**70, 1.5, True, [], {}, "x", ["a"], [None], {"name": None}, {"a": {"b": 1}}),
    *("$(X)", "{{.Name}}", "9" * 40, "pvc://", "pvc:///x", "oci://", "/mnt/models", "https://a b", "-1", "sh -c 'x"),
)
_MUTANTS = 20


def read_all(text: str) -> int:
    """How many recipes all readers make of a text."""
    objects = reading.read_manifests(text.encode(), "in.yaml").objects
    found = 0
    for reader in registry.load_readers():
        around = surroundings(reader.platform, objects)
        for main in objects:
            if main.kind in reader.kinds:
                try:
                    made = reader.read(main, around)
                except errors.InputError:
                    continue
                if made is not None:
                    found += 1
                    assert made.objects[0] is main
                    assert json.dumps(importing.document(made.fields))
    return found


def surroundings(platform: str, objects: tuple[Any, ...]) -> Surroundings:
    engines = registry.load_argument_readers()

    def started(given: Started) -> Command | None:
        return next((found for each in engines.values() if (found := each.started(given))), None)

    def options(name: str, values: Mapping[str, Any]) -> Command:
        return engines[name].options(values)

    return Surroundings(registry.load_target(platform).versions[-1], objects, started, options)


def places(tree: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:  # noqa: ANN401 - JSON
    yield path
    if isinstance(tree, dict):
        for key, value in cast("dict[str, Any]", tree).items():
            yield from places(value, (*path, key))
    elif isinstance(tree, list):
        for index, value in enumerate(cast("list[Any]", tree)):
            yield from places(value, (*path, index))


def mutated(documents: list[Any], chance: random.Random) -> list[Any]:
    made = copy.deepcopy(documents)
    for _ in range(chance.randint(1, 4)):
        tree = chance.choice(made)
        *way, last = chance.choice([each for each in places(tree) if each] or [("kind",)])
        for part in way:
            tree = tree[part]
        if chance.random() < 0.3:
            del tree[last]
        else:
            tree[last] = chance.choice(_JUNK)
    return made


def test_upstreams_own_objects_are_read_without_a_crash() -> None:
    """Objects that upstream's tests accept and refuse alike."""
    if not _FILE.is_file():
        pytest.skip(f"no objects: {_FILE} is not there")
    with gzip.open(_FILE, "rt", encoding="utf-8") as stream:
        for line in stream:
            read_all(json.dumps(json.loads(line)["manifest"]))


@pytest.mark.parametrize(
    "folder", ["golden/kserve", "golden/llmisvc", "golden/kuberay", "golden/openshift_ai", "data/manifests"]
)
def test_manifests_with_anything_in_place_of_a_value(folder: str) -> None:
    """Values replaced or removed by chance, of a seed that stays; the manifests themselves are deployments."""
    texts = [path.read_text("utf-8") for path in sorted((TESTS / folder).glob("*.yaml"))]
    assert all(read_all(text) for text in texts)
    sources = [list(yaml.safe_load_all(text)) for text in texts]
    chance = random.Random(folder)  # noqa: S311 - no secret
    for _ in range(_MUTANTS):
        read_all(yaml.safe_dump_all(mutated(chance.choice(sources), chance)))
