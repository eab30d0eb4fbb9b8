"""What a line of vLLM's log says: start-up phases, ready, deaths, errors, with the figures in it.

A worker's prefix names its coordinates (`Worker_PP0_TP1`), not its rank: they are given as the numbers `stage` and
`tensor_index`; `rank` is set only where a line names the rank itself. Progress is an estimate; a caller that shows it never
goes back. Source: vLLM 0.24 and 0.32; most lines were seen on a CPU or, of 0.24.0, on H200, the others are from the engine's source.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from shardwright.core import log_lines
from shardwright.core.log_lines import Line
from shardwright.core.plugins import LogEvent

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["read_line"]

_PROCESSES = r"(?:\([A-Za-z]\w*(?: pid=\d+(?:, ip=[^\s)]+)?)?\)\s+)*"
"""With Ray a rank's line comes through its leader: `(EngineCore pid=8) (RayWorkerProc pid=9, ip=10.0.0.2) (Worker_PP1 pid=9)`."""
_PREFIX = re.compile(
    rf"^(?P<processes>{_PROCESSES})"
    r"(?:(?P<level>DEBUG|INFO|WARNING|ERROR|CRITICAL)[: ]\s*(?:\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d+)? )?(?:\[[^\]]*\]\s+)?)?"
)
_PROCESS = re.compile(r"\((\w+)")
_COORDINATE = re.compile(r"_(PP|TP|DP|EP)(\d+)")
_COORDINATE_NAMES = {"PP": "stage", "TP": "tensor_index", "DP": "data_index"}


def _line(phase: str, percent: int, pattern: str, *names: str) -> Line:
    return Line("phase", phase, percent, re.compile(pattern), names)


_NUMBER = r"(-?[\d,]+(?:\.\d+)?)"

_PHASES = (
    _line("banner", 1, r"\bversion \d+\.\d+\S*\s*$"),
    _line("config", 2, r"Resolved architecture: \S+"),
    _line("config", 2, rf"Using max model len {_NUMBER}", "max_model_len"),
    _line("config", 2, rf"Chunked prefill is enabled with max_num_batched_tokens={_NUMBER}", "max_num_batched_tokens"),
    _line("follower start", 4, r"Launching vLLM \(v\S+\) headless multiproc executor, with head node address \S+"),
    _line("engine start", 4, r"Initializing a V1 LLM engine \(v[^)]+\)"),
    _line(
        "executor",
        5,
        rf"DP group leader: node_rank={_NUMBER}.*?world_size={_NUMBER}, local_world_size={_NUMBER}",
        "node_rank",
        "world_size",
        "local_world_size",
    ),
    _line(
        "rendezvous",
        6,
        rf"world_size={_NUMBER} rank=(?P<rank>\d+) local_rank=\d+ distributed_init_method=\S+ backend=\S+",
    ),
    _line("nccl", 7, r"vLLM is using nccl==\S+"),
    _line(
        "groups ready",
        8,
        rf"rank (?P<rank>\d+) in world size {_NUMBER} is assigned as DP rank \d+, PP rank (?P<stage>\d+),"
        rf"(?: PCP rank \d+,)? TP rank (?P<tensor_index>\d+)",
    ),
    _line("groups ready", 8, rf"worker init memory snapshot: .*?total_memory={_NUMBER}GiB", "total_gib"),
    _line("load begin", 10, r"Loading model from scratch\.\.\.|Starting to load model \S+\.\.\."),
    _line("downloaded", 10, rf"Time spent downloading weights for \S+: {_NUMBER} seconds", "download_seconds"),
    _line("checkpoint", 12, rf"Checkpoint size: {_NUMBER} GiB", "checkpoint_gib"),
    _line("weights read", 56, rf"Loading weights took {_NUMBER} seconds", "read_seconds"),
    _line(
        "loaded",
        58,
        rf"Model loading took {_NUMBER} GiB(?: memory)? and {_NUMBER} seconds",
        "weights_gib",
        "load_seconds",
    ),
    _line("compile", 60, r"Using cache directory: \S+ for vLLM's torch\.compile"),
    _line("compile", 62, rf"Dynamo bytecode transform time: {_NUMBER} s", "trace_seconds"),
    _line("compile", 64, r"Compiling a graph for compile range|Directly load the compiled graph"),
    _line("compile done", 68, rf"torch\.compile took {_NUMBER} s in total", "compile_seconds"),
    _line("kv budget", 72, rf"Estimated CUDA graph memory: {_NUMBER} GiB total", "graphs_counted_gib"),
    _line(
        "kv budget",
        72,
        rf"Initial free memory: {_NUMBER} GiB; Requested memory: {_NUMBER} \(util\), {_NUMBER} GiB",
        "free_gib",
        "gpu_memory_utilization",
        "budget_gib",
    ),
    _line(
        "kv budget",
        72,
        rf"Memory profiling takes {_NUMBER} seconds\..*?torch peak memory increase: {_NUMBER}GiB"
        rf"(?:; non-torch forward increase memory: {_NUMBER}GiB)?",
        "profile_seconds",
        "activation_gib",
        "outside_gib",
    ),
    _line("kv budget", 72, rf"Available KV cache memory: {_NUMBER} GiB", "kv_gib"),
    _line(
        "kv size",
        75,
        rf"\w+ KV cache size: {_NUMBER} tokens(?:, Maximum concurrency for [\d,]+ tokens per request: {_NUMBER}x)?",
        "kv_tokens",
        "max_concurrency",
    ),
    _line("kv size", 75, rf"Maximum concurrency for [\d,]+ tokens per request: {_NUMBER}x", "max_concurrency"),
    _line("warm-up", 60, r"Warming up model for the compilation"),
    _line(
        "graphs done",
        95,
        rf"Graph capturing finished in {_NUMBER} secs, took {_NUMBER} GiB",
        "graph_seconds",
        "graphs_gib",
    ),
    _line("warmed up", 70, r"Warming up done"),
    _line(
        "engine ready",
        96,
        rf"init engine \(profile, create kv cache, warmup model\) took {_NUMBER} s",
        "engine_seconds",
    ),
    _line("http", 98, r"Starting vLLM (?:API )?server\S*(?: \d+)? on \S+"),
    Line("ready", "ready", 100, re.compile(r"Application startup complete\.")),
)
_SHARDS = re.compile(r"Loading safetensors checkpoint shards:\s+(\d+)% Completed \| (\d+)/(\d+)")
_CAPTURES = re.compile(r"Capturing CUDA graphs.*?(\d+)%\|.*?(\d+)/(\d+)")
_DEATHS = (
    Line(
        "death",
        "worker",
        0,
        re.compile(rf"Worker proc VllmWorker-(?P<rank>\d+) died unexpectedly(?: \(exit code: {_NUMBER}\))?"),
        ("exit_code",),
    ),
    Line("death", "worker", 0, re.compile(r"RayWorkerProc rank=\[(?P<rank>\d+)[^\]]*\] died unexpectedly")),
    Line("death", "engine core", 0, re.compile(r"Engine core proc \S+ died unexpectedly")),
    Line(
        "death", "engine core", 0, re.compile(r"EngineCore encountered an issue|EngineCore encountered a fatal error")
    ),
)
_ERRORS = (
    Line(
        "error",
        "context too long for the pool",
        0,
        re.compile(
            rf"max seq len \({_NUMBER}\), \({_NUMBER} GiB KV cache is needed.*?available KV cache memory \({_NUMBER} GiB\)"
            rf"(?:.*?estimated maximum model length is {_NUMBER})?"
        ),
        ("max_model_len", "needed_gib", "kv_gib", "possible_max_model_len"),
    ),
    Line("error", "no memory for the pool", 0, re.compile(r"No available memory for the cache blocks")),
    Line(
        "error",
        "device in use",
        0,
        re.compile(rf"Free memory on device \S+ \({_NUMBER}/{_NUMBER} GiB\) on startup is less than"),
        ("free_gib", "total_gib"),
    ),
    Line("error", "out of memory", 0, re.compile(r"OutOfMemoryError: CUDA out of memory")),
    Line("error", "engine start", 0, re.compile(r"Engine core initialization failed|EngineCore failed to start")),
    Line("error", "worker start", 0, re.compile(r"WorkerProc failed to start|WorkerProc hit an exception")),
    Line("error", "flags", 0, re.compile(r"error: (?:unrecognized arguments|argument ).*")),
    Line("error", "exception", 0, re.compile(r"^(?:[\w.]+\.)?\w*(?:Error|Exception): .+")),
)


def read_line(line: str) -> LogEvent | None:
    """What a line says; None if nothing of interest. Of a line overwritten in place only the last state counts."""
    last = log_lines.last_state(line)
    prefix = _PREFIX.match(last)
    text = last[prefix.end() :] if prefix else last
    processes: list[str] = _PROCESS.findall(prefix["processes"]) if prefix else []
    process = processes[-1] if processes else ""
    progress = _progress(text, process)
    if progress is not None:
        return progress
    found = log_lines.match_of((*_DEATHS, *_ERRORS, *_PHASES), text)
    return None if found is None else _event(*found, text, process)


def _event(kind: Line, match: re.Match[str], text: str, process: str) -> LogEvent:
    named = match.groupdict()
    places = {
        **_coordinates(process),
        **{name: float(named[name]) for name in ("stage", "tensor_index") if named.get(name)},
    }
    return log_lines.event_of(kind, match, text, {**log_lines.numbers_of(kind, match), **places})


def _coordinates(process: str) -> dict[str, float]:
    """Where a worker stands; of an engine core only its data-parallel rank, for it speaks for all its workers."""
    found: Iterator[re.Match[str]] = _COORDINATE.finditer(process)
    places = {_COORDINATE_NAMES[one[1]]: float(one[2]) for one in found if one[1] in _COORDINATE_NAMES}
    if process.startswith("Worker"):
        return places
    return {"data_index": places["data_index"]} if process.startswith("EngineCore") and "data_index" in places else {}


def _progress(text: str, process: str) -> LogEvent | None:
    """Progress bars: weights from 12 to 55 %, CUDA graphs from 76 to 94 %."""
    for pattern, phase, low, high in ((_SHARDS, "shards", 12, 55), (_CAPTURES, "graphs", 76, 94)):
        match = pattern.search(text)
        if match is not None:
            percent = low + (high - low) * int(match[1]) // 100
            done = {"done": float(match[2]), "of": float(match[3]), **_coordinates(process)}
            return LogEvent("phase", phase, percent, text.strip(), None, tuple(done.items()))
    return None
