"""How vLLM itself lays out the KV cache of a model: run by the engine's interpreter, never by ours.

Reads a JSON list of cases on standard input, builds each stage with vLLM's own class on the meta device, asks its layers what
they keep, and gives that with the bytes of every stage to vLLM's own get_kv_cache_configs. Prints a JSON list: blocks, tokens
and concurrency as vLLM would log them, or the error it raised. A GPU is stood in for where the CPU build would decide
otherwise: the kernel's block size, the memory layout, the runner, and scheduling ahead.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import tempfile
import traceback
from pathlib import Path
from typing import Any
from unittest import mock

os.environ.update(HF_HUB_OFFLINE="1", VLLM_LOGGING_LEVEL="ERROR", VLLM_NO_USAGE_STATS="1", VLLM_CPU_KVCACHE_SPACE="1")

import torch  # noqa: E402, RUF100 - the environment comes first
from engine_process_groups import group  # noqa: E402, RUF100
from vllm.config import VllmConfig, set_current_vllm_config  # noqa: E402, RUF100
from vllm.config.vllm import get_layers_from_vllm_config  # noqa: E402, RUF100
from vllm.distributed import parallel_state  # noqa: E402, RUF100
from vllm.engine.arg_utils import EngineArgs  # noqa: E402, RUF100
from vllm.model_executor.layers import rotary_embedding  # noqa: E402, RUF100
from vllm.model_executor.layers.attention_layer_base import AttentionLayerBase  # noqa: E402, RUF100
from vllm.model_executor.layers.fused_moe.expert_map_manager import ExpertMapManager  # noqa: E402, RUF100
from vllm.model_executor.models import ModelRegistry  # noqa: E402, RUF100
from vllm.platforms import current_platform  # noqa: E402, RUF100
from vllm.platforms.interface import Platform  # noqa: E402, RUF100
from vllm.v1.attention.backend import MultipleOf  # noqa: E402, RUF100
from vllm.v1.attention.backends.cpu_attn import CPUAttentionBackend  # noqa: E402, RUF100
from vllm.v1.core.kv_cache_utils import (  # noqa: E402, RUF100
    generate_scheduler_kv_cache_config,
    get_kv_cache_capacity,
    get_kv_cache_configs,
)
from vllm.v1.kv_cache_interface import MLAAttentionSpec  # noqa: E402, RUF100


def set_groups(tensor: int, pipeline: int, stage: int) -> None:
    """The first tensor-parallel rank of a stage."""
    alone = group(1, 0)
    parallel_state._WORLD = group(tensor * pipeline, stage * tensor)
    parallel_state._TP = parallel_state._EP = parallel_state._EPLB = group(tensor, 0)
    parallel_state._PP = group(pipeline, stage)
    parallel_state._DP = parallel_state._PCP = parallel_state._DCP = alone


def engine_config(case: dict[str, Any], folder: str) -> VllmConfig:
    """The engine's own configuration of the case, with what a GPU would decide otherwise put in its place."""
    ranks = case["tensor"] * case["pipeline"]
    os.environ["VLLM_PP_LAYER_PARTITION"] = ",".join(map(str, case["stages"]))
    arguments = EngineArgs(
        model=folder,
        skip_tokenizer_init=True,
        load_format="dummy",
        dtype="bfloat16",
        tensor_parallel_size=case["tensor"],
        pipeline_parallel_size=case["pipeline"],
        distributed_executor_backend="mp" if ranks > 1 else None,
        enforce_eager=True,
        max_model_len=case["length"],
        max_num_batched_tokens=case["batched_tokens"],
        max_num_seqs=64,
        **case["arguments"],
    )
    config = arguments.create_engine_config()
    config.scheduler_config.async_scheduling = case["arguments"].get("async_scheduling", True)
    config.cache_config.kv_cache_layout = "LBNHC"
    config.cache_config.block_size = case["block"]
    config.cache_config.mamba_ssm_cache_dtype = case["arguments"].get("mamba_ssm_cache_dtype", "auto")
    return config


def layer_specs(case: dict[str, Any], config: VllmConfig, stage: int) -> dict[str, Any]:
    """What the layers of a stage say that they keep."""
    set_groups(case["tensor"], case["pipeline"], stage)
    rotary_embedding._ROPE_DICT.clear()
    config.compilation_config.static_forward_context.clear()
    torch.set_default_dtype(config.model_config.dtype)
    try:
        with set_current_vllm_config(config), torch.device("meta"):
            found, _ = ModelRegistry.resolve_model_cls(config.model_config.architectures, config.model_config)
            model = found(vllm_config=config)
    finally:
        torch.set_default_dtype(torch.float32)
    if config.model_config.is_hybrid:
        Platform._align_hybrid_block_size.__func__(type(current_platform), config, CPUAttentionBackend)
    layers = get_layers_from_vllm_config(config, AttentionLayerBase)
    del model
    specs = {name: layer.get_kv_cache_spec(config) for name, layer in layers.items()}
    return {name: spec for name, spec in specs.items() if spec is not None}


def sparse_specs(case: dict[str, Any]) -> list[dict[str, Any]]:
    """Latent attention with an indexer, whose class the CPU build cannot build: the specs that its layers would give."""
    latent = {"fp8": (torch.uint8, "fp8_ds_mla", 656)}.get(case["sparse"], (torch.bfloat16, "auto", None))
    stages: list[dict[str, Any]] = []
    number = 0
    for count in case["stages"]:
        specs: dict[str, Any] = {}
        for _ in range(count):
            common = {"block_size": case["block"], "num_kv_heads": 1, "max_tp_shards": 1}
            specs[f"layers.{number}.indexer"] = MLAAttentionSpec(**common, head_size=132, dtype=torch.uint8)
            specs[f"layers.{number}.attn"] = MLAAttentionSpec(
                **common, head_size=576, dtype=latent[0], cache_dtype_str=latent[1], state_content_bytes=latent[2]
            )
            number += 1
        stages.append(specs)
    return stages


def laid_out(case: dict[str, Any]) -> dict[str, Any]:
    """Blocks, tokens and concurrency, by vLLM's own functions."""
    CPUAttentionBackend.get_supported_kernel_block_sizes = staticmethod(lambda *_, **__: [MultipleOf(16)])
    with tempfile.TemporaryDirectory() as folder, mock.patch.dict(os.environ, case["environment"]):
        (Path(folder) / "config.json").write_text(json.dumps(case["config"]))
        config = engine_config(case, folder)
        if case.get("sparse"):
            specs = sparse_specs(case)
        else:
            specs = [layer_specs(case, config, stage) for stage in range(case["pipeline"])]
        with mock.patch.object(VllmConfig, "use_v2_model_runner", property(lambda _: case["runner"] == "v2")):
            found = get_kv_cache_configs(config, specs, case["available"])
            tokens, concurrency = get_kv_cache_capacity(config, generate_scheduler_kv_cache_config(found))
        return {
            "blocks": found[0].num_blocks,
            "tokens": tokens,
            "concurrency": concurrency,
            "groups": len(found[0].kv_cache_groups),
            "block_tokens": config.cache_config.block_size,
            "request_blocks": round(found[0].num_blocks / concurrency),
        }


def answer(case: dict[str, Any]) -> dict[str, Any]:
    """What vLLM says, or the error that it raised."""
    try:
        return laid_out(case)
    except Exception as fault:  # noqa: BLE001 - whatever the engine raises is this case's answer
        return {"error": str(fault), "trace": traceback.format_exc(limit=-6)}


def main() -> None:
    """All cases of standard input; what vLLM prints goes to standard error."""
    cases = json.load(sys.stdin)
    ExpertMapManager.get_compressed_map_string = lambda _: (
        ""
    )  # only for a log line, and the meta device knows no values
    with contextlib.redirect_stdout(sys.stderr):
        answers = [answer(case) for case in cases]
    json.dump(answers, sys.stdout)


if __name__ == "__main__":
    main()
