"""Flags and variables of an engine become a command of the import contract; engines say what they call things.

The way back from what engines' launches have in common: addresses, interfaces, stages of unequal length, images by version.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shardwright.core import flag_fields, image_names
from shardwright.core.importing import Command, note
from shardwright.values import frozen

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from shardwright.core.engine_flags import FlagBook
    from shardwright.core.importing import Fields, Started
    from shardwright.core.recipe.model import Json

__all__ = ["EngineNames", "command_of", "is_own_image"]


@frozen(kw_only=True)
class EngineNames:
    """What an engine calls things."""

    engine: str
    """Its name in recipes, and in the names of its images."""
    host: str
    """Variable for a member's own address."""
    partition: str
    """Variable for the layers of each stage."""
    key: str
    interfaces: tuple[str, ...]
    """Variables for the interface between members."""
    start: str = ""


def is_own_image(started: Started, engine: str) -> bool:
    """Whether an image of the engine starts its own entrypoint."""
    return not started.command and engine in started.image.partition("@")[0].rpartition("/")[2]


def command_of(
    names: EngineNames,
    values: Mapping[str, Json],
    book: FlagBook,
    images: Mapping[str, Sequence[Mapping[str, Any]]],
    *,
    image: str,
    environment: Mapping[str, str],
) -> Command:
    """The command of flags in one spelling."""
    version = image_names.version_of(image, names.engine)
    split = flag_fields.split_flags(values, book)
    known = dict(_variables(names, environment, split.model))
    fields: Fields = {
        **split.fields,
        "engine.name": names.engine,
        "engine.version": version,
        "engine.args": split.args,
        **{path: value for path, value in known.values() if path},
    }
    findings = list(split.findings)
    if image and not (version and image_names.is_same(image, version, images)):
        fields["engine.image"] = image
    if image and not version:
        text = f"the image does not tell the version of {book.engine}: read and planned as {book.version}"
        findings.append(note("version-assumed", text, path="engine.version", fix="give engine.version"))
    return Command(
        engine=names.engine,
        fields=fields,
        model=split.model,
        own=split.own,
        variables=frozenset(known),
        start_variable=names.start,
        key_variable=names.key,
        secrets=split.secrets,
        findings=tuple(findings),
    )


def _variables(
    names: EngineNames, environment: Mapping[str, str], model: str
) -> Iterator[tuple[str, tuple[str, Json]]]:
    """Variables that the launch writes by itself, each with the field that makes it do so, where one does."""
    if environment.get(names.host, "").startswith("$("):
        yield names.host, ("", None)
    named = {name: environment[name] for name in names.interfaces if name in environment}
    if len(set(named.values())) == 1:
        yield from ((name, ("network.interface", text)) for name, text in named.items())
    if environment.get("NCCL_DEBUG", "").upper() == "INFO":
        yield "NCCL_DEBUG", ("network.debug", True)
    if environment.get("HF_HUB_OFFLINE") == "1" and model.startswith("/"):
        yield "HF_HUB_OFFLINE", ("", None)
    parts = environment.get(names.partition, "").split(",")
    if all(part.strip().isdigit() for part in parts):
        yield names.partition, ("parallelism.layerPartition", [int(part) for part in parts])
