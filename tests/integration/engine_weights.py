"""What vLLM itself allocates for a model on one rank: run by the engine's interpreter, never by ours.

Reads a JSON list of cases on standard input, builds each with vLLM's own class on the meta device, where tensors have
sizes but no memory, and prints a JSON list: bytes of parameters and buffers by name, indices replaced by `N`. Process
groups are stood in for by their sizes; what kernels repack after loading is not seen. Tensors of a single number (the
scales of a quantized cache, four in each layer; a multiplier of the embedding) are left out.
"""

from __future__ import annotations

import contextlib
import importlib.abc
import importlib.machinery
import importlib.util
import json
import os
import re
import sys
import tempfile
import traceback
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest.mock import MagicMock

os.environ.update(HF_HUB_OFFLINE="1", VLLM_LOGGING_LEVEL="ERROR", VLLM_NO_USAGE_STATS="1", VLLM_CPU_KVCACHE_SPACE="1")

import engine_kernels  # noqa: E402, RUF100 - the environment comes first
import torch  # noqa: E402, RUF100 - the environment comes first
from engine_process_groups import group  # noqa: E402, RUF100
from transformers import CONFIG_MAPPING, AutoConfig, PreTrainedConfig  # noqa: E402, RUF100
from vllm.config import set_current_vllm_config  # noqa: E402, RUF100
from vllm.distributed import parallel_state  # noqa: E402, RUF100
from vllm.engine.arg_utils import EngineArgs  # noqa: E402, RUF100
from vllm.model_executor.layers import rotary_embedding  # noqa: E402, RUF100
from vllm.model_executor.layers.fused_moe.expert_map_manager import ExpertMapManager  # noqa: E402, RUF100
from vllm.model_executor.models import ModelRegistry, registry  # noqa: E402, RUF100

_INDEX = re.compile(r"(?<=\.)\d+(?=\.)")
_UNCOUNTED = re.compile(r"[._]((q|k|v|prob)_(scale|zero_point)(_float)?|conv_weights|_expert_map)$")


def named(name: str) -> MagicMock:
    """What an absent module gives for a name."""
    if name.startswith("__"):
        raise AttributeError(name)
    return MagicMock(name=name)


class Absent(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Stands in for a package that classes for images import and that building them does not use."""

    def find_spec(self, name: str, path: object, target: object = None) -> importlib.machinery.ModuleSpec | None:  # noqa: ARG002 - the protocol's
        """Any module of the package."""
        if name.partition(".")[0] != "torchvision":
            return None
        return importlib.machinery.ModuleSpec(name, self, is_package=True)

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType:
        """A module that has every public name, each an object that has every public name."""
        module = ModuleType(spec.name)
        module.__getattr__ = named
        return module

    def exec_module(self, module: ModuleType) -> None:
        """Nothing to run."""


def register(model_type: str) -> None:
    """A configuration class with no defaults for a model whose own class is published with it and not run here."""
    if model_type not in CONFIG_MAPPING:
        AutoConfig.register(model_type, type("Configuration", (PreTrainedConfig,), {"model_type": model_type}))


def set_groups(tensor: int, pipeline: int, stage: int, data: int) -> None:
    """The first tensor-parallel rank of a stage, in the first data-parallel copy."""
    alone = group(1, 0)
    experts = group(tensor * data, 0)
    parallel_state._WORLD = group(tensor * pipeline, stage * tensor)
    parallel_state._TP = group(tensor, 0)
    parallel_state._PP = group(pipeline, stage)
    parallel_state._DP = group(data, 0)
    parallel_state._EP = parallel_state._EPLB = experts
    parallel_state._PCP = parallel_state._DCP = alone


def built(case: dict[str, Any]) -> torch.nn.Module:
    """The model of one rank."""
    tensor, pipeline, data = case.get("tensor", 1), case.get("pipeline", 1), case.get("data", 1)
    register(case["config"]["model_type"])
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "config.json").write_text(json.dumps(case["config"]))
        arguments = EngineArgs(
            model=folder,
            skip_tokenizer_init=True,
            load_format="dummy",
            dtype=case.get("dtype", "bfloat16"),
            tensor_parallel_size=tensor,
            pipeline_parallel_size=pipeline,
            data_parallel_size=data,
            enable_expert_parallel=case.get("expert", False),
            distributed_executor_backend="mp" if tensor * pipeline > 1 else None,
            enforce_eager=True,
            **case.get("arguments", {}),
        )
        config = arguments.create_engine_config()
        set_groups(tensor, pipeline, case.get("stage", 0), data)
        rotary_embedding._ROPE_DICT.clear()
        torch.set_default_dtype(config.model_config.dtype)
        try:
            with set_current_vllm_config(config), torch.device("meta"):
                found, _ = ModelRegistry.resolve_model_cls(config.model_config.architectures, config.model_config)
                return found(vllm_config=config)
        finally:
            torch.set_default_dtype(torch.float32)


def counted(model: torch.nn.Module) -> dict[str, int]:
    """Bytes by name; a tensor that several modules share is counted once, and a view not at all.

    Nor are constants, the cache's scales, which are a few numbers a layer, and the map of experts to ranks, four bytes an expert.
    """
    seen: set[int] = set()
    sums: dict[str, int] = {}
    for name, tensor in (*model.named_parameters(), *model.named_buffers()):
        is_constant = tensor.numel() == 1 and "_scale" not in name
        if id(tensor) in seen or is_constant or _UNCOUNTED.search(name):
            continue
        seen.add(id(tensor))
        label = _INDEX.sub("N", name)
        sums[label] = sums.get(label, 0) + tensor.numel() * tensor.element_size()
    return sums


def answer(case: dict[str, Any]) -> dict[str, Any]:
    """Bytes by name, or the error that vLLM raised."""
    try:
        return {"bytes": counted(built(case))}
    except Exception:  # noqa: BLE001 - whatever the engine raises is this case's answer
        return {"error": traceback.format_exc(limit=-6)}


def main() -> None:
    """All cases of standard input; what vLLM prints goes to standard error."""
    cases = json.load(sys.stdin)
    # Only for a log line, and the meta device knows no values.
    ExpertMapManager.get_compressed_map_string = lambda _: ""
    engine_kernels.stand_in()
    # Classes are looked at in this process, where an absent package is stood in for.
    if importlib.util.find_spec("torchvision") is None:
        sys.meta_path.append(Absent())
    registry._run_in_subprocess = lambda function: function()
    with contextlib.redirect_stdout(sys.stderr):
        answers = [answer(case) for case in cases]
    json.dump(answers, sys.stdout)


if __name__ == "__main__":
    main()
