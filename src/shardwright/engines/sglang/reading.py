"""What a command line of SGLang says, as fields of a recipe: the way back from `launch`.

Reads `python3 -m sglang.launch_server`, `sglang serve`, and an image of SGLang with arguments alone.
Source: SGLang 0.5.1 to 0.5.23, launch_server.py and server_args.py.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from shardwright.core import command_lines, engine_commands, flag_words, image_names
from shardwright.core.engine_commands import EngineNames
from shardwright.engines.sglang import arguments, facts, lora

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from shardwright.core.importing import Command, Started
    from shardwright.core.recipe.model import Json

__all__ = ["ARGUMENTS", "SglangArguments"]

_NAMES = EngineNames(
    engine="sglang",
    host="SGLANG_HOST_IP",
    partition="SGLANG_PP_LAYER_PARTITION",
    key="SGLANG_API_KEY",
    interfaces=("GLOO_SOCKET_IFNAME", "NCCL_SOCKET_IFNAME"),
)
_MODULE = "sglang.launch_server"
_DEFAULT_SLOTS = 8


class SglangArguments:
    """Reader of SGLang's commands."""

    def started(self, started: Started) -> Command | None:
        """What a container starts; None where it is not SGLang."""
        words = _server_words(started)
        if words is None:
            return None
        values, others = flag_words.parse_words(words, _switches(), {})
        if others and not {"model", "model-path"} & set(values):
            values = {"model-path": others[0], **values}
        return _command(values, started.image, started.environment)

    def options(self, values: Mapping[str, Json], *, image: str = "") -> Command:
        """The same from flags by name."""
        return _command({name.strip().lstrip("-").replace("_", "-"): each for name, each in values.items()}, image, {})


def _server_words(started: Started) -> Sequence[str] | None:
    lines = command_lines.lines_of((*started.command, *started.args), started.environment)
    for line in lines:
        words = line.words
        for place, word in enumerate(words[:-1]):
            is_command = word.rpartition("/")[2] == _NAMES.engine and words[place + 1] == "serve"
            if is_command or (word == "-m" and words[place + 1] == _MODULE):
                return words[place + 2 :]
    if not engine_commands.is_own_image(started, _NAMES.engine):
        return None
    return lines[0].words if lines and lines[0].words[0].startswith("-") else None


@functools.cache
def _switches() -> frozenset[str]:
    return facts.switches() | facts.negatable()


def _command(values: Mapping[str, Json], image: str, environment: Mapping[str, str]) -> Command:
    version = image_names.version_of(image, _NAMES.engine) or facts.versions()[-1]
    given = _as_recipes_have_it(arguments.normalized(values))
    book, images = arguments.book_of(version), facts.table("images")
    return engine_commands.command_of(_NAMES, given, book, images, image=image, environment=environment)


def _as_recipes_have_it(values: dict[str, Any]) -> dict[str, Any]:
    """What the launch writes by itself is left out, and `tensor` counts the ranks of one copy."""
    made = dict(values)
    tensor, copies = made.get("tensor-parallel-size"), made.get("data-parallel-size")
    if made.get("enable-dp-attention") and isinstance(tensor, int) and isinstance(copies, int) and copies:
        made["tensor-parallel-size"] = tensor // copies or 1
    if made.get("enable-metrics") is True:
        del made["enable-metrics"]
    if made.pop("enable-lora", False):
        made.setdefault("max-loras-per-batch", _DEFAULT_SLOTS)
        if made.get("lora-target-modules") == list(lora.PROJECTIONS):
            del made["lora-target-modules"]
    return made


ARGUMENTS = SglangArguments()
