"""What a command line of vLLM says, as fields of a recipe: the way back from `launch`.

Reads `vllm serve`, the server's module, an image of vLLM with arguments alone, and the scripts that start Ray before it.
Source: vLLM 0.8 to 0.32, entrypoints/cli/serve.py, entrypoints/openai/api_server.py, engine/arg_utils.py,
examples/online_serving/multi-node-serving.sh.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from shardwright.core import command_lines, engine_commands, flag_words, image_names
from shardwright.core.engine_commands import EngineNames
from shardwright.engines.vllm import arguments, facts

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from shardwright.core.importing import Command, Started
    from shardwright.core.recipe.model import Json

__all__ = ["ARGUMENTS", "VllmArguments"]

_NAMES = EngineNames(
    engine="vllm",
    host="VLLM_HOST_IP",
    partition="VLLM_PP_LAYER_PARTITION",
    key="VLLM_API_KEY",
    interfaces=("GLOO_SOCKET_IFNAME", "NCCL_SOCKET_IFNAME", "TP_SOCKET_IFNAME"),
    start="VLLM_ENGINE_READY_TIMEOUT_S",
)
_MODULES = frozenset({"vllm.entrypoints.openai.api_server", "vllm.entrypoints.api_server"})
_RAY_SCRIPT = "multi-node-serving.sh"
_SHORT = {
    "tp": "tensor-parallel-size",
    "pp": "pipeline-parallel-size",
    "dp": "data-parallel-size",
    "dpl": "data-parallel-size-local",
    "dpn": "data-parallel-rank",
    "ep": "enable-expert-parallel",
    "q": "quantization",
    "n": "nnodes",
    "r": "node-rank",
    "O": "optimization-level",
    "cc": "compilation-config",
    "sc": "speculative-config",
    "ac": "attention-config",
}


class VllmArguments:
    """Reader of vLLM's commands."""

    def started(self, started: Started) -> Command | None:
        """What a container starts; None where it is not vLLM."""
        words = _server_words(started)
        if words is None:
            return None
        values, others = flag_words.parse_words(words, _switches(), _SHORT)
        if others and "model" not in values:
            values = {"model": others[0], **values}
        if _has_ray(started):
            values = {**values, "distributed-executor-backend": "ray"}
        return _command(values, started.image, started.environment)

    def options(self, values: Mapping[str, Json], *, image: str = "") -> Command:
        """The same from flags by name."""
        return _command({name.strip().lstrip("-").replace("_", "-"): each for name, each in values.items()}, image, {})


def _server_words(started: Started) -> Sequence[str] | None:
    """Flags of the server, and the model where it stands alone."""
    lines = command_lines.lines_of((*started.command, *started.args), started.environment)
    for line in lines:
        words = line.words
        for place, word in enumerate(words[:-1]):
            is_command = word.rpartition("/")[2] == _NAMES.engine and words[place + 1] == "serve"
            if is_command or (word == "-m" and words[place + 1] in _MODULES):
                return words[place + 2 :]
    if not engine_commands.is_own_image(started, _NAMES.engine):
        return None
    words = lines[0].words if lines else ()
    return words[1:] if words[:1] == ("serve",) else words


def _has_ray(started: Started) -> bool:
    text = " ".join((*started.command, *started.args))
    return _RAY_SCRIPT in text or "ray start" in text


@functools.cache
def _switches() -> frozenset[str]:
    options: dict[str, Any] = facts.table("options")
    return frozenset(f"{options['booleans']} {options['switches']}".split())


def _command(values: Mapping[str, Json], image: str, environment: Mapping[str, str]) -> Command:
    version = image_names.version_of(image, _NAMES.engine) or facts.versions()[-1]
    given = _with_adapters(arguments.normalized(values))
    book, images = arguments.book_of(version), facts.table("images")
    return engine_commands.command_of(_NAMES, given, book, images, image=image, environment=environment)


def _with_adapters(values: dict[str, Any]) -> dict[str, Any]:
    """Slots for adapters are there where the switch says so; one unless their number is given."""
    if not values.get("enable-lora"):
        return values
    kept = {name: value for name, value in values.items() if name != "enable-lora"}
    return {"max-loras": 1, **kept}


ARGUMENTS = VllmArguments()
