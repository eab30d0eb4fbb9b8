"""vLLM's arguments in a blueprint: one list of words becomes flags by name.

Knows how such a list is written and which flags are fields of a recipe. Which flags a release takes is the engine's matter.
Source: the samples of OCI AI Blueprints v1.0.11 for multi-node inference.
"""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING, TypeAlias

from shardwright.values import frozen

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shardwright.core.manifests.objects import Object
    from shardwright.core.marked.paths import Path

__all__ = ["ARGUMENTS", "FIELDS", "PLANNED", "Flag", "flags_of"]

ARGUMENTS = "recipe_container_command_args"
_COMMAND = "recipe_container_command"

FIELDS: dict[str, Path] = {
    "tensor-parallel-size": ("parallelism", "tensor"),
    "pipeline-parallel-size": ("parallelism", "pipeline"),
    "data-parallel-size": ("parallelism", "data"),
    "enable-expert-parallel": ("parallelism", "expert"),
    "max-model-len": ("workload", "maxModelLen"),
    "served-model-name": ("model", "servedName"),
    "dtype": ("model", "dtype"),
    "revision": ("model", "revision"),
    "trust-remote-code": ("model", "trustRemoteCode"),
    "max-loras": ("model", "loraSlots"),
}
"""Flags that a recipe has a field for."""
PLANNED = frozenset({"model", "host", "port", "distributed-executor-backend", "download-dir", "hf-token", "tokenizer"})
"""Flags that follow from the rest of a recipe."""

_SHORT = {
    "-tp": "tensor-parallel-size",
    "-pp": "pipeline-parallel-size",
    "-dp": "data-parallel-size",
    "-q": "quantization",
}
_NAME = re.compile(r"--([a-zA-Z][-_a-zA-Z0-9.]*)(?:=(.*))?", re.DOTALL)
_NUMBER = re.compile(r"-?(0|[1-9][0-9]{0,14})(\.[0-9]{1,12})?")

Flag: TypeAlias = "str | int | float | bool"


@frozen
class Word:
    """One word of the list."""

    text: str
    path: Path


@frozen
class Given:
    """One flag."""

    name: str
    value: Flag
    path: Path


def flags_of(blueprint: Object) -> dict[str, Given]:
    """Flags by name, without dashes; of one that is given twice the last."""
    found: dict[str, Given] = {}
    words = list(_words(blueprint))
    for index, word in enumerate(words):
        match = _NAME.fullmatch(word.text)
        name = match[1].replace("_", "-") if match else _SHORT.get(word.text, "")
        if not name:
            continue
        after = words[index + 1].text if index + 1 < len(words) else "--"
        inline = match[2] if match else None
        is_switch = inline is None and (after.startswith("--") or after in _SHORT)
        text = inline if inline is not None else after
        found[name] = Given(name, True if is_switch else _value(text), word.path)
    return found


def _value(text: str) -> Flag:
    if _NUMBER.fullmatch(text):
        return float(text) if "." in text else int(text)
    return {"true": True, "false": False}.get(text.lower(), text)


def _words(blueprint: Object) -> Iterator[Word]:
    """The words of command and arguments; an entry that holds several, as shells are given them, is taken apart."""
    for key in (_COMMAND, ARGUMENTS):
        for index, entry in enumerate(blueprint.list_at(key)):
            if isinstance(entry, str):
                for text in _split(entry):
                    yield Word(text, (key, index))


def _split(entry: str) -> list[str]:
    if " " not in entry.strip() or entry.lstrip()[:1] in {"{", "["} or "--" not in entry:
        return [entry.strip()]
    try:
        return shlex.split(entry)
    except ValueError:
        return entry.split()
