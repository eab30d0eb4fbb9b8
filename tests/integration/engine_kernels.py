"""Stand-ins for vLLM's kernels, so that a machine without a GPU can build quantized models: run by the engine's interpreter.

Only what chooses a kernel is replaced; the tensors are made by vLLM's own quantization methods.
"""

from __future__ import annotations

import importlib
import pkgutil
import sys
from typing import TYPE_CHECKING
from unittest.mock import MagicMock

from vllm.model_executor.kernels import linear
from vllm.model_executor.layers import quantization
from vllm.model_executor.layers.fused_moe.oracle import fp8, int_wna16, mxfp4, nvfp4
from vllm.model_executor.layers.quantization.compressed_tensors import compressed_tensors_moe, schemes
from vllm.platforms import current_platform
from vllm.platforms.interface import DeviceCapability

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

_BACKENDS = {
    "select_fp8_moe_backend": fp8.Fp8MoeBackend.TRITON,
    "select_nvfp4_moe_backend": nvfp4.NvFp4MoeBackend.FLASHINFER_CUTLASS,
    "select_mxfp4_moe_backend": mxfp4.Mxfp4MoeBackend.TRITON,
    "select_wna16_moe_backend": int_wna16.WNA16MoEBackend.MARLIN,
}
"""What vLLM takes on a Hopper GPU, or what holds tensors of the same sizes."""


def stand_in() -> None:
    """Every module of vLLM gets the stand-ins in place of what it has imported."""
    for package in (quantization, schemes, compressed_tensors_moe):
        _import_all(package)
    chosen = {name: _kernel for name in dir(linear) if name.startswith(("init_", "choose_"))}
    chosen |= {name: _backend(backend) for name, backend in _BACKENDS.items()}
    for name, module in list(sys.modules.items()):
        if name.startswith("vllm.model_executor"):
            for function in chosen.keys() & vars(module).keys():
                setattr(module, function, chosen[function])
    platform = type(current_platform)
    platform.verify_quantization = classmethod(lambda _, __: None)
    platform.get_device_capability = classmethod(lambda _, **__: DeviceCapability(9, 0))
    platform.has_device_capability = classmethod(lambda _, *__, **___: True)


def _import_all(package: ModuleType) -> None:
    for found in pkgutil.iter_modules(package.__path__):
        try:
            importlib.import_module(f"{package.__name__}.{found.name}")
        except ImportError:  # needs a library of another maker's GPU
            continue


def _kernel(*_: object, **__: object) -> MagicMock:
    made = MagicMock()
    made.__name__ = "kernel"
    return made


def _backend(backend: object) -> Callable[..., tuple[object, MagicMock]]:
    return lambda *_, **__: (backend, MagicMock())
