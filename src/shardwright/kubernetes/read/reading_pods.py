"""What the parts of `reading` hand to each other: pods as they were read, where they stand, and values of trees."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from shardwright.units import parse_bytes
from shardwright.values import frozen

if TYPE_CHECKING:
    from shardwright.core.importing import Command, Surroundings
    from shardwright.core.manifests.objects import Value

__all__ = ["Group", "Place", "ReadPod", "first_of", "items_of", "maps_of", "size_text", "texts_of"]


@frozen
class ReadPod:
    """A pod template, and its container that matters."""

    labels: dict[str, str]
    annotations: dict[str, str]
    spec: dict[str, Value]
    container: dict[str, Value]
    command: Command | None
    """What the container starts; None where no engine knows it, as of workers that start Ray alone."""


@frozen
class Group:
    """The pods of one replica."""

    leader: ReadPod
    worker: ReadPod | None = None
    nodes: int = 1


@frozen
class Place:
    """Where pods were read."""

    name: str
    """Of the recipe; Secrets that have to be made get their names from it."""
    namespace: str
    surroundings: Surroundings
    own: tuple[str, ...] = ()
    """How names of labels and annotations of pods begin that the platform's target or controller writes by itself."""
    is_group: bool = False
    """Whether a replica has several pods, in which the target forbids a mesh's sidecar."""


def maps_of(tree: dict[str, Any], name: str) -> dict[str, Any]:
    """The mapping under a name; empty where there is none or something else."""
    value = tree.get(name)
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def items_of(value: Value) -> list[dict[str, Any]]:
    """The mappings of a list; empty where it is none."""
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def first_of(value: Value) -> dict[str, Any]:
    """The first mapping of a list; empty where there is none."""
    return next(iter(items_of(value)), dict[str, Any]())


def texts_of(value: Value) -> dict[str, str]:
    """The texts of a mapping; empty where it is none."""
    return {name: text for name, text in value.items() if isinstance(text, str)} if isinstance(value, dict) else {}


def size_text(value: Value) -> str | None:
    """A quantity of bytes as a recipe writes a size: as it stands where it has a unit; None where it is none."""
    size = _quantity_bytes(value)
    if not size:
        return None
    text = str(value)
    return f"{text}B" if text.isdigit() else text


def _quantity_bytes(value: Value) -> int | None:
    """Bytes of a quantity; None where it is none."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    try:
        return parse_bytes(str(value))
    except ValueError:
        return None
