"""What vLLM's log lines say.

Lines marked `seen` are from runs of vLLM 0.32 on a CPU (one process, PP 2, two nodes), those of H200 from 0.24.0 at level DEBUG;
the others have the form that the source of 0.24 or 0.32 gives them.
"""

from __future__ import annotations

import pytest

from shardwright.engines.vllm import ENGINE

WORKER = "(Worker_PP0_TP1 pid=77) INFO 11-21 12:45:20 "
CORE = "(EngineCore pid=9) INFO 11-21 12:45:20 "
API = "(APIServer pid=1) INFO 11-21 12:45:20 "
SEEN: list[tuple[str, str, dict[str, float]]] = [
    (API + "[api_utils.py:347]  ▄▄ ▄█ █     █     █ ▀▄▀ █  version 0.32.0", "banner", {}),
    (API + "[model.py:733] Resolved architecture: LlamaForCausalLM", "config", {}),
    (API + "[model.py:2152] Using max model len 777", "config", {"max_model_len": 777}),
    (
        API + "[scheduler.py:307] Chunked prefill is enabled with max_num_batched_tokens=4096.",
        "config",
        {"max_num_batched_tokens": 4096},
    ),
    (CORE + "[core.py:133] Initializing a V1 LLM engine (v0.32.0) with config: model='tiny', x=1", "engine start", {}),
    (
        CORE + "[multiproc_executor.py:153] DP group leader: node_rank=0, node_rank_within_dp=0, master_addr=10.77.0.1,"
        " mq_connect_ip=10.77.0.1 (local), world_size=2, local_world_size=1",
        "executor",
        {"node_rank": 0, "world_size": 2, "local_world_size": 1},
    ),
    (
        "(Worker_PP0 pid=5) INFO 11-21 12:44:57 [cpu_model_runner.py:68] Starting to load model /models/twin...",
        "load begin",
        {"stage": 0},
    ),
    (
        (
            "(Worker_PP0 pid=5) INFO 11-21 12:44:57 [weight_utils.py:1108] Filesystem type for checkpoints: EXT4. Checkpoint size:"
            " 0.01 GiB. Available RAM: 21.37 GiB."
        ),
        "checkpoint",
        {"checkpoint_gib": 0.01, "stage": 0},
    ),
    (
        "(Worker_PP0 pid=5) INFO 11-21 12:44:57 [default_loader.py:501] Loading weights took 0.10 seconds",
        "weights read",
        {"read_seconds": 0.1, "stage": 0},
    ),
    (
        (
            "\rLoading safetensors checkpoint shards:   0% Completed | 0/1 [00:00<?, ?it/s]\r"
            "Loading safetensors checkpoint shards: 100% Completed | 1/1 [00:00<00:00, 74.91it/s]"
        ),
        "shards",
        {"done": 1, "of": 1},
    ),
    (
        "(Worker_PP1 pid=6) INFO 11-21 12:44:58 [cpu_model_runner.py:87] Warming up model for the compilation...",
        "warm-up",
        {"stage": 1},
    ),
    ("(Worker_PP1 pid=6) INFO 11-21 12:45:17 [cpu_model_runner.py:91] Warming up done.", "warmed up", {"stage": 1}),
    (
        CORE
        + "[kv_cache_utils.py:2327] CPU KV cache size: 1,048,576 tokens, Maximum concurrency for 512 tokens per request: 2048.00x",
        "kv size",
        {"kv_tokens": 1048576, "max_concurrency": 2048},
    ),
    (
        CORE + "[core.py:402] init engine (profile, create kv cache, warmup model) took 3.25 s",
        "engine ready",
        {"engine_seconds": 3.25},
    ),
    (API + "[entry.py:140] Starting vLLM server on http://0.0.0.0:8102", "http", {}),
]
ON_H200: list[tuple[str, str, dict[str, float]]] = [
    (
        (
            "(Worker pid=6537) DEBUG 11-21 15:29:49 [v1/worker/gpu_worker.py:343] worker init memory snapshot: torch_peak=0.01GiB,"
            " free_memory=137.86GiB, total_memory=139.8GiB, cuda_memory=1.94GiB, torch_memory=0.02GiB"
        ),
        "groups ready",
        {"total_gib": 139.8},
    ),
    (
        (
            "(Worker_PP1_TP0 pid=6538) DEBUG 11-21 15:30:16 [v1/worker/gpu_worker.py:496] Initial free memory: 137.86 GiB;"
            " Requested memory: 0.920000 (util), 128.62 GiB"
        ),
        "kv budget",
        {"free_gib": 137.86, "gpu_memory_utilization": 0.92, "budget_gib": 128.62, "stage": 1, "tensor_index": 0},
    ),
    (
        (
            "(Worker_PP1_TP0 pid=6538) DEBUG 11-21 15:30:16 [v1/worker/gpu_worker.py:507] Memory profiling takes 24.02 seconds."
            " Total non KV cache memory: 5.39GiB; torch peak memory increase: 1.06GiB; non-torch forward increase memory: 0.54GiB;"
            " weights memory: 3.8GiB."
        ),
        "kv budget",
        {"profile_seconds": 24.02, "activation_gib": 1.06, "outside_gib": 0.54, "stage": 1, "tensor_index": 0},
    ),
    (
        "(EngineCore pid=3591) INFO 11-21 15:22:25 [v1/worker/gpu_model_runner.py:6588] Estimated CUDA graph memory: 0.58 GiB total",
        "kv budget",
        {"graphs_counted_gib": 0.58},
    ),
    (
        (
            "(EngineCore_DP1 pid=3591) INFO 11-21 15:21:46 [v1/worker/gpu_model_runner.py:5255] Model loading took 13.58 GiB memory"
            " and 0.913388 seconds"
        ),
        "loaded",
        {"weights_gib": 13.58, "load_seconds": 0.913388, "data_index": 1},
    ),
]
FROM_SOURCE: list[tuple[str, str, dict[str, float]]] = [
    (WORKER + "[pynccl.py:148] vLLM is using nccl==2.28.9", "nccl", {"stage": 0, "tensor_index": 1}),
    (
        WORKER + "[model_runner.py:303] Model loading took 14.99 GiB and 6.412345 seconds",
        "loaded",
        {"weights_gib": 14.99, "load_seconds": 6.412345, "stage": 0, "tensor_index": 1},
    ),
    (
        WORKER + "[model_runner.py:425] Model loading took 14.99 GiB memory and 6.4 seconds",
        "loaded",
        {"weights_gib": 14.99, "load_seconds": 6.4, "stage": 0, "tensor_index": 1},
    ),
    (
        WORKER + "[monitor.py:20] torch.compile took 31.5 s in total",
        "compile done",
        {"compile_seconds": 31.5, "stage": 0, "tensor_index": 1},
    ),
    (
        "(Worker pid=5) INFO 01-01 00:00:00 [gpu_worker.py:760] Available KV cache memory: -1.21 GiB",
        "kv budget",
        {"kv_gib": -1.21},
    ),
    (CORE + "[kv_cache_utils.py:2146] GPU KV cache size: 457,504 tokens", "kv size", {"kv_tokens": 457504}),
    (
        CORE + "[kv_cache_utils.py:2150] Maximum concurrency for 8,192 tokens per request: 55.85x",
        "kv size",
        {"max_concurrency": 55.85},
    ),
    (
        "(Worker pid=5) Capturing CUDA graphs (mixed prefill-decode, PIECEWISE):  47%|####      | 24/51",
        "graphs",
        {"done": 24, "of": 51},
    ),
    (
        WORKER + "[model_runner.py:1128] Graph capturing finished in 12 secs, took 0.23 GiB",
        "graphs done",
        {"graph_seconds": 12, "graphs_gib": 0.23, "stage": 0, "tensor_index": 1},
    ),
    (
        WORKER + "[weight_utils.py:533] Time spent downloading weights for a/b: 60.5 seconds",
        "downloaded",
        {"download_seconds": 60.5, "stage": 0, "tensor_index": 1},
    ),
]


@pytest.mark.parametrize(
    ("line", "phase", "numbers"),
    [*SEEN, *ON_H200, *FROM_SOURCE],
    ids=lambda value: value if isinstance(value, str) and len(value) < 20 else "",
)
def test_a_line_names_its_phase_and_its_figures(line: str, phase: str, numbers: dict[str, float]) -> None:
    """Prefix, thousands separators and progress bars are read through."""
    event = ENGINE.read_log(line)
    assert event is not None
    assert (event.kind, event.phase, dict(event.numbers)) == ("phase", phase, numbers)
    assert event.rank is None
    assert 0 < event.percent < 100


@pytest.mark.parametrize("before", ["", "(EngineCore pid=9) "])
@pytest.mark.parametrize("where", ["pid=166", "pid=89, ip=198.18.1.67", "pid=89, ip=fd00::7"])
def test_with_ray_the_leader_tells_of_all_ranks(before: str, where: str) -> None:
    """Ray puts actor, process and address before the line; whose it is stands behind. Seen with Ray 2.60."""
    line = f"{before}(RayWorkerProc {where}) (Worker_PP1_TP2 pid=89) INFO 11-21 18:00:03 [gpu_model_runner.py:1] "
    event = ENGINE.read_log(line + "Model loading took 7.5 GiB memory and 3.000000 seconds")
    assert event is not None
    assert (event.phase, event.text.split()[0]) == ("loaded", "Model")
    assert dict(event.numbers) == {"weights_gib": 7.5, "load_seconds": 3.0, "stage": 1.0, "tensor_index": 2.0}


def test_ready_is_the_end() -> None:
    """The port opens only then."""
    event = ENGINE.read_log("INFO:     Application startup complete.")
    assert event is not None
    assert (event.kind, event.percent, event.text) == ("ready", 100, "Application startup complete.")


@pytest.mark.parametrize(
    ("line", "rank", "numbers"),
    [
        (
            (
                "(Worker pid=5) INFO 11-21 12:44:57 [parallel_state.py:1906] world_size=2 rank=1 local_rank=0"
                " distributed_init_method=tcp://10.77.0.1:29501 backend=gloo"
            ),
            1,
            {},
        ),
        (
            (
                "(Worker pid=5) INFO 11-21 12:44:57 [parallel_state.py:2350] rank 3 in world size 4 is assigned as DP rank 0, PP rank 1,"
                " PCP rank 0, TP rank 1, ETP rank 0, EP rank N/A, EPLB rank N/A"
            ),
            3,
            {"stage": 1, "tensor_index": 1},
        ),
    ],
)
def test_a_line_that_names_the_rank_sets_it(line: str, rank: int, numbers: dict[str, float]) -> None:
    """These two lines tie coordinates to the rank over all nodes."""
    event = ENGINE.read_log(line)
    assert event is not None
    assert (event.rank, dict(event.numbers)) == (rank, numbers)


def test_a_follower_starts_before_it_loads() -> None:
    """Its line is printed first and is no sign of being ready."""
    event = ENGINE.read_log(
        "(APIServer pid=7) INFO 11-21 12:00:00 [serve.py:225] Launching vLLM (v0.32.0) headless multiproc executor,"
        " with head node address 10.77.0.1:29501 for torch.distributed process group."
    )
    assert event is not None
    assert (event.kind, event.phase) == ("phase", "follower start")
    assert event.percent < 10


def test_progress_never_falls_in_the_order_of_a_start() -> None:
    """Lines in the order in which a CPU prints them."""
    order = [
        "banner",
        "config",
        "engine start",
        "executor",
        "load begin",
        "checkpoint",
        "shards",
        "weights read",
        "warm-up",
        "warmed up",
        "kv size",
        "engine ready",
        "http",
    ]
    percents = [
        event.percent for phase in order for line, name, _ in SEEN if name == phase and (event := ENGINE.read_log(line))
    ]
    assert percents == sorted(percents)


@pytest.mark.parametrize(
    ("line", "phase", "rank"),
    [
        (
            (
                "(EngineCore pid=9) ERROR 11-21 12:45:20 [multiproc_executor.py:315] Worker proc VllmWorker-3 died unexpectedly"
                " (exit code: -9), shutting down executor."
            ),
            "worker",
            3,
        ),
        (
            "(EngineCore pid=9) ERROR 11-21 12:45:20 [x.py:1] Worker proc VllmWorker-0 died unexpectedly, shutting down executor.",
            "worker",
            0,
        ),
        (
            (
                "(EngineCore pid=9) ERROR 11-21 12:45:20 [ray_executor_v2.py:520] RayWorkerProc rank=[5] died unexpectedly,"
                " shutting down executor."
            ),
            "worker",
            5,
        ),
        (
            "(APIServer pid=1) ERROR 11-21 12:45:20 [core_client.py:9] Engine core proc EngineCore died unexpectedly, shutting down client.",
            "engine core",
            None,
        ),
    ],
)
def test_a_death_names_the_rank_where_vllm_does(line: str, phase: str, rank: int | None) -> None:
    """Workers by their number over all nodes, the engine core without one."""
    event = ENGINE.read_log(line)
    assert event is not None
    assert (event.kind, event.phase, event.rank) == ("death", phase, rank)


@pytest.mark.parametrize(
    ("line", "phase", "numbers"),
    [
        (
            (
                "(EngineCore pid=9) ERROR 11-21 12:45:20 [core.py:1] ValueError: To serve at least one request with the model's max seq len"
                " (131072), (16.0 GiB KV cache is needed, which is larger than the available KV cache memory (4.88 GiB). Based on the"
                " available memory, the estimated maximum model length is 39968. Try increasing `gpu_memory_utilization`"
            ),
            "context too long for the pool",
            {"max_model_len": 131072, "needed_gib": 16.0, "kv_gib": 4.88, "possible_max_model_len": 39968},
        ),
        ("ValueError: No available memory for the cache blocks. Try increasing", "no memory for the pool", {}),
        (
            (
                "ValueError: Free memory on device cuda:0 (70.1/79.25 GiB) on startup is less than desired GPU memory utilization (0.92,"
                " 72.91 GiB)."
            ),
            "device in use",
            {"free_gib": 70.1, "total_gib": 79.25},
        ),
        ("torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 1.2 GiB", "out of memory", {}),
        ("vllm: error: unrecognized arguments: --swap-space 4", "flags", {}),
        (
            "(Worker_TP1 pid=5) ERROR 11-21 12:43:53 [multiproc_executor.py:1063] RuntimeError: Unsupported CPU attention configuration",
            "exception",
            {"tensor_index": 1},
        ),
    ],
)
def test_errors_are_told_apart_with_their_figures(line: str, phase: str, numbers: dict[str, float]) -> None:
    """The last line of a traceback is an error; figures are those that vLLM gives."""
    event = ENGINE.read_log(line)
    assert event is not None
    assert (event.kind, event.phase, dict(event.numbers)) == ("error", phase, numbers)


@pytest.mark.parametrize(
    "line",
    [
        "(APIServer pid=1) INFO 11-21 12:45:21 [launcher.py:195] Route: /health, Methods: GET",
        '(Worker pid=5) ERROR 11-21 12:43:53 [multiproc_executor.py:1063]   File "x.py", line 3, in run',
        'INFO:     127.0.0.1:50000 - "GET /health HTTP/1.1" 200 OK',
    ],
)
def test_other_lines_are_no_events(line: str) -> None:
    """Routes, frames of a traceback, requests."""
    assert ENGINE.read_log(line) is None
