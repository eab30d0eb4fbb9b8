"""What a line of SGLang's log says: start-up phases, ready, deaths, errors, with the figures in it.

A line begins with its time and the coordinates of the process, `[2026-11-21 10:00:00 DP0 PP1 TP3]`; they are given as the
numbers `data_index`, `stage` and `tensor_index`. SGLang writes GB and means GiB. Source: SGLang 0.5.1, 0.5.16 and 0.5.23,
model_executor, mem_cache, managers/scheduler.py, entrypoints, utils/watchdog.py; no line was seen on a GPU by this reader.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal

from shardwright.core import log_lines
from shardwright.core.log_lines import Line
from shardwright.core.plugins import LogEvent

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["read_line"]

_PREFIX = re.compile(
    r"^(?:\[\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:[.,]\d+)?(?P<places>(?: [A-Z_]+\d+)*)\]\s+)?"
    r"(?:(?:DEBUG|INFO|WARNING|ERROR|CRITICAL)[: ]\s*)?"
)
_PLACE = re.compile(r"\b(PP|TP|DP)(\d+)")
_PLACE_NAMES = {"PP": "stage", "TP": "tensor_index", "DP": "data_index"}
_NUMBER = r"(-?[\d,]+(?:\.\d+)?)"


def _phase(phase: str, percent: int, pattern: str, *names: str) -> Line:
    return Line("phase", phase, percent, re.compile(pattern), names)


def _wrong(kind: Literal["death", "error"], phase: str, pattern: str, *names: str) -> Line:
    return Line(kind, phase, 0, re.compile(pattern), names)


_PHASES = (
    _phase("config", 1, r"^server_args=|ServerArgs\("),
    _phase("config", 2, r"Attention backend not (?:explicitly )?specified"),
    _phase("rendezvous", 4, r"Init torch distributed begin"),
    _phase("groups ready", 8, rf"Init torch distributed ends\..*?mem usage={_NUMBER} GB", "groups_gib"),
    _phase("load begin", 10, rf"Load weight begin\. avail mem={_NUMBER} GB", "free_gib"),
    _phase(
        "loaded",
        55,
        rf"Load weight end\..*?avail mem={_NUMBER} GB, mem usage={_NUMBER} GB",
        "free_gib",
        "weights_gib",
    ),
    _phase(
        "kv size",
        65,
        rf"KV Cache is allocated\..*?#tokens: {_NUMBER}, K size: {_NUMBER} GB, V size: {_NUMBER} GB",
        "kv_tokens",
        "k_gib",
        "v_gib",
    ),
    _phase(
        "kv size", 65, rf"KV Cache is allocated\..*?#tokens: {_NUMBER}, KV size: {_NUMBER} GB", "kv_tokens", "kv_gib"
    ),
    _phase("kv size", 64, rf"Mamba Cache is allocated\.\s*max_mamba_cache_size: {_NUMBER}", "states"),
    _phase("kv size", 62, rf"Use sliding window memory pool.*?swa_layer_tokens={_NUMBER}", "window_tokens"),
    _phase("memory ready", 68, rf"Memory pool end\. avail mem={_NUMBER} GB", "free_gib"),
    _phase("graphs", 70, rf"Capture (?:[\w ]+ )?[Cc](?:UDA|uda) graph begin\..*?avail mem={_NUMBER} GB", "free_gib"),
    _phase(
        "graphs done", 92, rf"Capture (?:[\w ]+ )?[Cc](?:UDA|uda) graph end\..*?mem usage={_NUMBER} GB", "graphs_gib"
    ),
    _phase(
        "scheduler ready",
        94,
        rf"max_total_num_tokens={_NUMBER}, chunked_prefill_size={_NUMBER}, max_prefill_tokens={_NUMBER},"
        rf" max_running_requests={_NUMBER}, context_len={_NUMBER}",
        "kv_tokens",
        "chunked_prefill_size",
        "max_prefill_tokens",
        "max_running_requests",
        "max_model_len",
    ),
    _phase("http", 96, r"Application startup complete\."),
    Line("ready", "ready", 100, re.compile(r"The server is fired up and ready to roll!")),
)
_SHARDS = re.compile(r"[Ll]oading (?:safetensors |pt )?(?:checkpoint )?shards:\s+(\d+)% Completed \| (\d+)/(\d+)")
_CAPTURES = re.compile(r"Capturing (?:batches|num tokens|bs).*?(\d+)%\|.*?(\d+)/(\d+)")
_DEATHS = (
    _wrong(
        "death",
        "scheduler",
        rf"Rank (?P<rank>\d+) scheduler died during initialization \(exit code: {_NUMBER}\)",
        "exit_code",
    ),
    _wrong("death", "process", rf"Subprocess \S+ \(pid=\d+\) crashed with exit code {_NUMBER}", "exit_code"),
    _wrong("death", "process", r"Received sigquit from a child process"),
    _wrong("death", "watchdog", r"(?:\w+ )?[Ww]atchdog timeout"),
)
_ERRORS = (
    _wrong(
        "error",
        "no memory for the pool",
        rf"(?:Loaded weights leave no GPU memory for the KV cache under --mem-fraction-static={_NUMBER}|"
        rf"Not enough memory\. Please try to increase --mem-fraction-static)",
        "mem_fraction_static",
    ),
    _wrong("error", "no memory for states", r"Not enough GPU memory for hybrid \(mamba/linear-attention\) state cache"),
    _wrong("error", "device in use", r"The memory capacity is unbalanced"),
    _wrong("error", "graphs", r"Capture cuda graph failed"),
    _wrong("error", "out of memory", r"OutOfMemoryError: CUDA out of memory|CUDA out of memory"),
    _wrong("error", "engine start", r"Initialization failed\. Please see the error messages above"),
    _wrong("error", "scheduler", r"Scheduler hit an exception"),
    _wrong("error", "flags", r"error: (?:unrecognized arguments|argument ).*"),
    _wrong("error", "exception", r"^(?:[\w.]+\.)?\w*(?:Error|Exception): .+"),
)


def read_line(line: str) -> LogEvent | None:
    """What a line says; None if nothing of interest. Of a line overwritten in place only the last state counts."""
    last = log_lines.last_state(line)
    prefix = _PREFIX.match(last)
    text = last[prefix.end() :] if prefix else last
    places = _places((prefix["places"] or "") if prefix else "")
    progress = _progress(text, places)
    if progress is not None:
        return progress
    found = log_lines.match_of((*_DEATHS, *_ERRORS, *_PHASES), text)
    return None if found is None else _event(*found, text, places)


def _places(text: str) -> dict[str, float]:
    found: Iterator[re.Match[str]] = _PLACE.finditer(text)
    return {_PLACE_NAMES[one[1]]: float(one[2]) for one in found}


def _event(kind: Line, match: re.Match[str], text: str, places: dict[str, float]) -> LogEvent:
    numbers = log_lines.numbers_of(kind, match)
    if "k_gib" in numbers:
        numbers["kv_gib"] = round(numbers.pop("k_gib") + numbers.pop("v_gib"), 4)
    return log_lines.event_of(kind, match, text, {**numbers, **places})


def _progress(text: str, places: dict[str, float]) -> LogEvent | None:
    """Progress bars: weights from 12 to 54 %, CUDA graphs from 71 to 91 %."""
    for pattern, phase, low, high in ((_SHARDS, "shards", 12, 54), (_CAPTURES, "graphs", 71, 91)):
        match = pattern.search(text)
        if match is not None:
            percent = min(low + (high - low) * int(match[1]) // 100, high)
            return LogEvent(
                "phase",
                phase,
                percent,
                text.strip(),
                None,
                (("done", float(match[2])), ("of", float(match[3])), *places.items()),
            )
    return None
