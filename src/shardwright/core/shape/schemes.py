"""How one quantized matrix is held: packed numbers, and beside them scales, zero points, an order of its columns.

What is divided over ranks follows from the matrix: scales of rows stay whole where columns are divided.
Source: vLLM 0.32 model_executor/layers/quantization (`create_weights` of fp8.py, fbgemm_fp8.py, auto_gptq.py,
auto_awq.py, modelopt.py, mxfp4.py, compressed_tensors/schemes), vLLM 0.24 bitsandbytes.py.
"""

from __future__ import annotations

from dataclasses import replace

from shardwright.core.shape.base import Split, Weight
from shardwright.values import frozen

__all__ = ["Scheme", "held"]

_ACROSS = frozenset(
    {
        "o_proj",
        "down_proj",
        "dense",
        "dense_4h_to_h",
        "out_proj",
        "output_linear",
        "w2",
        "fc2",
        "c_proj",
        "x_proj",
        "wo",
        "fc_out",
        "dense_2",
    }
)
"""Projections whose columns are divided, because their inputs already are."""
_FOLLOWERS = frozenset({"k_proj", "v_proj", "up_proj", "w3"})
"""Projections that share the order of columns of the one they are fused with."""
_ORDER_BYTES = 8.0
"""Two int32 for each column: which group it is of, and the order in which groups come."""
_DIMENSIONS_BYTES = 16.0
_EXPERT_DIMENSIONS_BYTES = 4.0
"""Two int64; for experts two numbers of the model's own dtype."""


@frozen
class Scheme:
    """Storage of a matrix and of what belongs to it."""

    bits: float
    scales: str = "none"
    """`tensor`: one; `row`: one a row; `group`: one for every `group` columns of a row; `block`: one a block; `none`."""
    scale_bytes: float = 4.0
    group: int = 0
    block: tuple[int, int] = (1, 1)
    zero_bits: float = 0.0
    """Of the zero point that stands beside each scale; 0 where there is none."""
    singles: int = 0
    """Further float32 numbers that a matrix has: a global scale, a fixed scale of its input."""
    shared_singles: int = 0
    """Further float32 numbers that matrices have together which are fused."""
    ordered: bool = False
    """Columns may belong to groups in any order, which is stored."""
    has_dimensions: bool = False
    """The sizes of the matrix are stored as a tensor of their own."""
    bound: str = ""
    """Why this storage is only nearly what an engine holds."""


def held(weight: Weight, scheme: Scheme, experts: int) -> tuple[Weight, ...]:
    """The packed matrix and its companions; `weight` is a matrix, that of all experts if it is divided by experts."""
    parts = [replace(weight, element_bytes=scheme.bits / 8)]
    matrix = _Matrix.of(weight, experts)
    if scheme.scales != "none":
        parts.append(_scales(matrix, scheme))
    if scheme.zero_bits:
        zeros = replace(_scales(matrix, scheme), name=f"{matrix.name}.zeros", element_bytes=scheme.zero_bits / 8)
        parts.append(replace(zeros, fused=_label(weight, "zeros")))
    leads = matrix.projection not in _FOLLOWERS
    singles = scheme.singles + (scheme.shared_singles if leads else 0)
    if singles:
        parts.append(_companion(matrix, "single", singles * matrix.count, 1, _whole(weight), 4.0))
    if scheme.has_dimensions and leads:
        size = _DIMENSIONS_BYTES if weight.split is not Split.EXPERTS else _EXPERT_DIMENSIONS_BYTES
        parts.append(_companion(matrix, "shape", matrix.count, 1, _whole(weight), size))
    if scheme.ordered and leads:
        split = weight.split if matrix.is_across else _whole(weight)
        parts.append(_companion(matrix, "order", matrix.count * matrix.inputs, 1, split, _ORDER_BYTES))
    return tuple(parts)


@frozen
class _Matrix:
    """One matrix, or one for each of `count` experts."""

    weight: Weight
    name: str
    projection: str
    """Last part of the module's name."""
    count: int
    outputs: int
    inputs: int

    @property
    def is_across(self) -> bool:
        return self.projection in _ACROSS

    @staticmethod
    def of(weight: Weight, experts: int) -> _Matrix:
        """All experts in one tensor are stored the other way round, inputs first."""
        name = weight.name.removesuffix(".weight")
        projection = name.rpartition(".")[2]
        if weight.split is not Split.EXPERTS:
            return _Matrix(weight, name, projection, 1, weight.rows, weight.columns)
        rows = weight.rows // experts
        if weight.name.endswith(".weight"):
            return _Matrix(weight, name, projection, experts, rows, weight.columns)
        return _Matrix(weight, name, projection, experts, weight.columns, rows)


def _scales(matrix: _Matrix, scheme: Scheme) -> Weight:
    split = matrix.weight.split
    whole = _whole(matrix.weight)
    size = scheme.scale_bytes
    match scheme.scales:
        case "tensor":
            return _companion(matrix, "scale", matrix.count, 1, whole, size)
        case "row":
            return _companion(
                matrix, "scale", matrix.count * matrix.outputs, 1, whole if matrix.is_across else split, size
            )
        case "block":
            rows, columns = -(-matrix.outputs // scheme.block[0]), -(-matrix.inputs // scheme.block[1])
            return _companion(matrix, "scale", matrix.count * rows, columns, split, size)
        case _:
            columns = -(-matrix.inputs // scheme.group)
            return _companion(matrix, "scale", matrix.count * matrix.outputs, columns, split, size)


def _companion(matrix: _Matrix, suffix: str, rows: int, columns: int, split: Split, element_bytes: float) -> Weight:  # noqa: PLR0917 - a tensor's own sizes
    return Weight(
        f"{matrix.name}.{suffix}",
        rows,
        columns,
        split,
        _label(matrix.weight, suffix),
        element_bytes,
        heads=matrix.weight.heads,
        fixed=True,
        auxiliary=True,
    )


def _label(weight: Weight, suffix: str) -> str:
    return f"{weight.fused}.{suffix}" if weight.fused else ""


def _whole(weight: Weight) -> Split:
    """How what belongs to every part of a divided matrix is held."""
    return Split.EXPERTS_WHOLE if weight.split is Split.EXPERTS else Split.NONE
