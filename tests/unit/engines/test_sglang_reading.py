"""What SGLang's log and metrics say. The formats are from its source; the figures are made up."""

from __future__ import annotations

import pytest

from shardwright.engines.sglang import ENGINE

START = (
    "[2026-11-21 10:00:00 PP1 TP3] Init torch distributed begin.",
    "[2026-11-21 10:00:02 PP1 TP3] Init torch distributed ends. elapsed=2.10 s, mem usage=0.93 GB",
    "[2026-11-21 10:00:03 PP1 TP3] Load weight begin. avail mem=138.21 GB",
    "Loading safetensors checkpoint shards:  50% Completed | 2/4 [00:01<00:01,  1.00s/it]",
    "[2026-11-21 10:00:30 PP1 TP3] Load weight end. elapsed=8.20 s, type=LlamaForCausalLM, avail mem=130.67 GB, mem usage=7.54 GB.",
    "[2026-11-21 10:00:31 PP1 TP3] KV Cache is allocated. dtype: torch.bfloat16, #tokens: 1918981, K size: 58.56 GB, V size: 58.56 GB",
    "[2026-11-21 10:00:31 PP1 TP3] Memory pool end. avail mem=13.20 GB",
    "[2026-11-21 10:00:32 PP1 TP3] Capture target prefill CUDA graph begin. backend=breakable, num_tokens=[4], avail mem=13.1 GB",
    "Capturing batches (bs=4 avail_mem=9.10 GB):  47%|####7     | 17/36 [00:04<00:05,  3.51it/s]",
    "[2026-11-21 10:00:50 PP1 TP3] Capture target decode CUDA graph end. elapsed=5.11 s, mem usage=0.30 GB, avail mem=11.20 GB.",
    (
        "[2026-11-21 10:00:51 PP1 TP3] max_total_num_tokens=1918981, chunked_prefill_size=8192, max_prefill_tokens=16384,"
        " max_running_requests=4096, context_len=8192, available_gpu_mem=11.10 GB"
    ),
    "INFO:     Application startup complete.",
    "[2026-11-21 10:01:00] The server is fired up and ready to roll!",
)


def test_a_start_goes_forward_to_ready() -> None:
    """Every line is a phase, none goes back, the last one is ready."""
    events = [ENGINE.read_log(line) for line in START]
    percents = [event.percent for event in events if event]
    assert len(percents) == len(START)
    assert percents == sorted(percents)
    assert events[-1] is not None
    assert (events[-1].kind, events[-1].percent) == ("ready", 100)


@pytest.mark.parametrize(
    ("line", "figures"),
    [
        (START[2], {"free_gib": 138.21, "stage": 1, "tensor_index": 3}),
        (START[4], {"weights_gib": 7.54, "free_gib": 130.67}),
        (START[5], {"kv_tokens": 1918981, "kv_gib": 117.12}),
        (START[9], {"graphs_gib": 0.30}),
        (START[10], {"kv_tokens": 1918981, "max_model_len": 8192, "max_running_requests": 4096}),
        (
            "[2026-11-21 10:00:31] KV Cache is allocated. #tokens: 900, KV size: 1.50 GB",
            {"kv_tokens": 900, "kv_gib": 1.5},
        ),
        (
            "[2026-11-21 10:00:31] Capture cuda graph end. Time elapsed: 5.00 s. mem usage=0.21 GB.",
            {"graphs_gib": 0.21},
        ),
    ],
)
def test_figures_are_read_with_their_place(line: str, figures: dict[str, float]) -> None:
    """GB in the log are GiB; stage and rank stand before the text."""
    event = ENGINE.read_log(line)
    assert event is not None
    assert dict(event.numbers).items() >= figures.items()


@pytest.mark.parametrize(
    ("line", "kind", "phase"),
    [
        (
            "[2026-11-21 10:00:31 TP1] Scheduler hit an exception: Traceback (most recent call last):",
            "error",
            "scheduler",
        ),
        (
            "ValueError: Loaded weights leave no GPU memory for the KV cache under --mem-fraction-static=0.83. Raise",
            "error",
            "no memory for the pool",
        ),
        (
            "RuntimeError: Not enough memory. Please try to increase --mem-fraction-static.",
            "error",
            "no memory for the pool",
        ),
        ("RuntimeError: The memory capacity is unbalanced. Some GPUs may be occupied", "error", "device in use"),
        ("torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB", "error", "out of memory"),
        ("launch_server.py: error: unrecognized arguments: --no-such", "error", "flags"),
        (
            "[2026-11-21 10:00:31] Subprocess scheduler_1 (pid=77) crashed with exit code -9. Triggering",
            "death",
            "process",
        ),
        ("RuntimeError: Rank 3 scheduler died during initialization (exit code: -9). If exit", "death", "scheduler"),
        ("[2026-11-21 10:00:31 TP1] Watchdog timeout (self.watchdog_timeout=300)", "death", "watchdog"),
    ],
)
def test_deaths_and_errors_are_told_apart(line: str, kind: str, phase: str) -> None:
    """What failed is named by what failed, not by the exception around it."""
    event = ENGINE.read_log(line)
    assert event is not None
    assert (event.kind, event.phase) == (kind, phase)
    assert event.rank == (3 if "Rank 3" in line else None)


@pytest.mark.parametrize("line", ["", "[2026-11-21 10:00:31 TP0] Decode batch, #running-req: 3", "GET /health 200 OK"])
def test_other_lines_say_nothing(line: str) -> None:
    """Running is not a phase of the start."""
    assert ENGINE.read_log(line) is None


PAGE = """# HELP sglang:num_running_reqs The number of running requests.
sglang:num_running_reqs{engine_type="unified",model_name="m",pp_rank="0",tp_rank="0",dp_rank="0"} 3.0
sglang:num_running_reqs{engine_type="unified",model_name="m",pp_rank="1",tp_rank="0",dp_rank="0"} 3.0
sglang:num_running_reqs{engine_type="unified",model_name="m",pp_rank="0",tp_rank="0",dp_rank="1"} 4.0
sglang:num_queue_reqs{model_name="m"} 2.0
sglang:token_usage{model_name="m"} 0.25
sglang:max_total_num_tokens{model_name="m"} 906067.0
sglang:generation_tokens_total{model_name="m"} 1200.0
sglang:cache_hit_rate{model_name="m"} NaN
"""


def test_metrics_are_counted_once_a_copy() -> None:
    """Stages of a copy publish the same gauge; copies add up."""
    read = ENGINE.read_metrics(PAGE)
    assert (read.running_requests, read.waiting_requests) == (7.0, 2.0)
    assert (read.kv_usage, read.kv_tokens, read.generated_tokens) == (0.25, 906067, 1200.0)


def test_what_a_version_does_not_publish_is_none() -> None:
    """0.5.1 has no gauge for the pool."""
    read = ENGINE.read_metrics('sglang:num_running_reqs{model_name="m"} 1.0\n')
    assert read.kv_tokens is None
    assert read.running_requests == 1.0
