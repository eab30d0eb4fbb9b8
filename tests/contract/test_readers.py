"""What every reader of manifests and of command lines must keep, whichever it is: pure, by its own name, never a crash."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from shardwright import errors, registry
from shardwright.core.importing import Imported, Started, Surroundings, document
from shardwright.core.manifests import reading

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shardwright.core.importing import Command, Reader
    from shardwright.core.recipe.model import Json

PLATFORMS = sorted(registry.READERS)
ENGINES = sorted(registry.ARGUMENTS)
BODIES: list[Any] = [{}, {"spec": None}, {"spec": []}, {"spec": {"template": {"spec": {"containers": [1, None, {}]}}}}]


@pytest.fixture(params=PLATFORMS)
def reader(request: pytest.FixtureRequest) -> Reader:
    return next(each for each in registry.load_readers() if each.platform == request.param)


def surroundings(text: str) -> Surroundings:
    readers = registry.load_argument_readers()

    def started(what: Started) -> Command | None:
        return next((found for each in readers.values() if (found := each.started(what))), None)

    def options(engine: str, values: Mapping[str, Json]) -> Command:
        return readers[engine].options(values)

    return Surroundings("", reading.read_manifests(text.encode(), "in.yaml").objects, started, options)


def test_every_target_of_a_cluster_has_a_reader() -> None:
    """What can be rendered can be imported; `local` renders no objects of Kubernetes."""
    assert set(registry.READERS) == set(registry.TARGETS) - {"local"}


def test_a_reader_is_registered_by_its_targets_name(reader: Reader) -> None:
    """Its kinds are objects that stand for a whole deployment."""
    assert reader.platform in registry.TARGETS
    assert reader.kinds


@pytest.mark.parametrize("body", BODIES, ids=json.dumps)
def test_an_object_without_an_engine_is_none_or_refused(reader: Reader, body: dict[str, Any]) -> None:
    """Whatever stands in it: None, or an error for the user, never a crash."""
    for kind in reader.kinds:
        text = json.dumps({"apiVersion": "v1", "kind": kind, "metadata": {"name": "a"}, **body})
        given = surroundings(text)
        try:
            found = reader.read(given.objects[0], given)
        except errors.InputError:
            continue
        assert found is None or isinstance(found, Imported)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_command_of_something_else_is_none(engine: str) -> None:
    """Engines know their own commands alone."""
    arguments = registry.load_argument_readers()[engine]
    for words in ((), ("nginx",), ("sh", "-c", "echo hello"), ("sh", "-c", "'")):
        assert arguments.started(Started(words, image="nginx")) is None


@pytest.mark.parametrize("engine", ENGINES)
def test_flags_of_one_name_are_fields_of_a_recipe(engine: str) -> None:
    """By any spelling; what an engine cannot take is said and left out."""
    values = {"tensor_parallel_size": 4, "trust-remote-code": True, "no_such_flag": 1, "model": "a/b"}
    command = registry.load_argument_readers()[engine].options(values)
    assert (command.engine, command.fields["engine.name"]) == (engine, engine)
    made = document(command.fields)
    assert made["parallelism"] == {"tensor": 4}
    assert made["model"] == {"trustRemoteCode": True}
    assert "args" not in made["engine"]
    assert [each.id for each in command.findings] == ["import.flag-left-out"]
