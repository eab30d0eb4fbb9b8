"""What a command line of SGLang says, as fields of a recipe: the way back from `launch`.

Reads `python3 -m sglang.launch_server`, `sglang serve`, and an image of SGLang with arguments alone.
Source: SGLang 0.5.1 to 0.5.23, launch_server.py and server_args.py.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from shardwright.core import command_lines, flag_fields, flag_words, image_names
from shardwright.core.importing import Command
from shardwright.engines.sglang import arguments, facts, lora

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from shardwright.core.flag_fields import Split
    from shardwright.core.importing import Fields, Started
    from shardwright.core.recipe.model import Json

__all__ = ["ARGUMENTS", "SglangArguments"]

_NAME = "sglang"
_MODULE = "sglang.launch_server"
_DEFAULT_SLOTS = 8
_INTERFACES = ("GLOO_SOCKET_IFNAME", "NCCL_SOCKET_IFNAME")


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
            is_command = word.rpartition("/")[2] == _NAME and words[place + 1] == "serve"
            if is_command or (word == "-m" and words[place + 1] == _MODULE):
                return words[place + 2 :]
    if started.command or _NAME not in started.image.partition("@")[0].rpartition("/")[2]:
        return None
    return lines[0].words if lines and lines[0].words[0].startswith("-") else None


@functools.cache
def _switches() -> frozenset[str]:
    return facts.switches() | facts.negatable()


def _command(values: Mapping[str, Json], image: str, environment: Mapping[str, str]) -> Command:
    version = image_names.version_of(image, _NAME)
    given = _as_recipes_have_it(arguments.normalized(values))
    split = flag_fields.split_flags(given, arguments.book_of(version or facts.versions()[-1]))
    fields: Fields = {**split.fields, "engine.name": _NAME, "engine.version": version}
    if image and not (version and image_names.is_same(image, version, facts.table("images"))):
        fields["engine.image"] = image
    known = dict(_variables(environment, split))
    return Command(
        engine=_NAME,
        fields={**fields, "engine.args": split.args, **{path: value for path, value in known.values() if path}},
        model=split.model,
        own=split.own,
        variables=frozenset(known),
        key_variable="SGLANG_API_KEY",
        secrets=split.secrets,
        findings=split.findings,
    )


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


def _variables(environment: Mapping[str, str], split: Split) -> Iterator[tuple[str, tuple[str, Json]]]:
    """Variables that the launch writes by itself, each with the field that makes it do so, where one does."""
    if environment.get("SGLANG_HOST_IP", "").startswith("$("):
        yield "SGLANG_HOST_IP", ("", None)
    named = {name: environment[name] for name in _INTERFACES if name in environment}
    if len(set(named.values())) == 1:
        yield from ((name, ("network.interface", text)) for name, text in named.items())
    if environment.get("NCCL_DEBUG", "").upper() == "INFO":
        yield "NCCL_DEBUG", ("network.debug", True)
    if environment.get("HF_HUB_OFFLINE") == "1" and split.model.startswith("/"):
        yield "HF_HUB_OFFLINE", ("", None)
    partition = environment.get("SGLANG_PP_LAYER_PARTITION", "").split(",")
    if all(part.strip().isdigit() for part in partition):
        yield "SGLANG_PP_LAYER_PARTITION", ("parallelism.layerPartition", [int(part) for part in partition])


ARGUMENTS = SglangArguments()
