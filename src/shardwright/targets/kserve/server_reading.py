"""Commands of KServe's Hugging Face server as those of the engine in it: the way back from `server`.

Source: kserve/kserve v0.13.1 to v0.20.0, python/huggingfaceserver/huggingfaceserver/__main__.py (flags) and
config/runtimes/kserve-huggingfaceserver*.yaml (scripts).
"""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from shardwright.core import command_lines
from shardwright.targets.kserve import wiring

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

__all__ = ["engine_command"]

_MODULE = "huggingfaceserver"
_SCRIPT_PARTS = 3
_PLACES = {"--model_dir": 2, "--model_id": 1, "--model_name": 0}
"""Flags that say which model and name; a folder goes before an identifier."""
_RENAMED = {"--model_revision": "--revision", "--http_port": "--port"}
_OWN = {
    *("--grpc_port", "--workers", "--max_threads", "--max_asyncio_workers", "--enable_grpc", "--enable_docs_url"),
    *("--enable_latency_logging", "--log_config_file", "--access_log_format", "--backend", "--task", "--max_length"),
    *(
        "--predictor_host",
        "--predictor_protocol",
        "--predictor_use_ssl",
        "--disable_lower_case",
        "--add_special_tokens",
    ),
    *("--tensor_input_names", "--return_token_type_ids", "--return_probabilities", "--disable_log_requests"),
    "--configure_logging",
}
"""Flags of the server itself, which no engine has."""


def engine_command(words: Sequence[str], environment: Mapping[str, str]) -> tuple[str, ...] | None:
    """`vllm serve` with the server's flags; None where the command does not start that server."""
    for line in command_lines.lines_of(_with_first(words), environment):
        parts = line.words
        for place in range(len(parts) - 1):
            if parts[place : place + 2] == ("-m", _MODULE):
                return _translated(parts[place + 2 :])
    return None


def _with_first(words: Sequence[str]) -> tuple[str, ...]:
    """A script whose `$0` is its first argument, as the scripts of KServe's runtimes use it."""
    if len(words) <= _SCRIPT_PARTS or "$0" not in words[_SCRIPT_PARTS - 1]:
        return tuple(words)
    first = shlex.quote(words[_SCRIPT_PARTS])
    script = words[_SCRIPT_PARTS - 1].replace('"$0"', first).replace("$0", first)
    return (*words[: _SCRIPT_PARTS - 1], script, *words[_SCRIPT_PARTS:])


def _translated(flags: Sequence[str]) -> tuple[str, ...]:
    places = ["", "", ""]
    rest: list[str] = []
    for name, values in _grouped(flags):
        if name in _PLACES:
            places[_PLACES[name]] = values[0] if values else ""
        elif name not in _OWN:
            rest.extend((_RENAMED.get(name, name.replace("_", "-")), *values))
    name, identifier, folder = places
    named = ("--served-model-name", name) if name else ()
    # Without either the server reads the folder into which KServe puts a model.
    return ("vllm", "serve", folder or identifier or wiring.MODEL_FOLDER, *named, *rest)


def _grouped(flags: Sequence[str]) -> Iterator[tuple[str, list[str]]]:
    """Each flag with its values, written apart or with `=`; words before the first flag are dropped."""
    name, values = "", list[str]()
    for word in flags:
        if word.startswith("--"):
            if name:
                yield name, values
            head, equals, value = word.partition("=")
            # Both spellings of a flag are the same to the server; its own names have underscores.
            plain = f"--{head[2:].replace('-', '_')}"
            name, values = plain if plain in {*_PLACES, *_RENAMED, *_OWN} else head, [value] if equals else []
        elif name:
            values.append(word)
    if name:
        yield name, values
