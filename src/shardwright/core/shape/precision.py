"""How many bytes an element of an unquantized tensor takes: the dtype that a configuration names, or that is stored."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from shardwright.core.shape.fields import Fields

__all__ = ["DTYPE_BYTES", "read_dtype"]

DTYPE_BYTES = {"bfloat16": 2.0, "float16": 2.0, "float32": 4.0}
_ASSUMED_DTYPE = "bfloat16"


def read_dtype(fields: Fields, stored: str = "") -> tuple[str, str]:
    """The dtype and a note, empty if the configuration says it; `stored` is that of most of the checkpoint's bytes."""
    given = fields.text("dtype", default="") or fields.text("torch_dtype", default="")
    name = given.removeprefix("torch.")
    if not name or name == "auto":
        if stored in DTYPE_BYTES:
            return stored, f"the configuration names no dtype: {stored}, as the tensors are stored"
        return _ASSUMED_DTYPE, f"the configuration names no dtype: {_ASSUMED_DTYPE} is assumed"
    if name not in DTYPE_BYTES:
        raise fields.fault("dtype", f"{given!r} is not one of {', '.join(DTYPE_BYTES)}")
    return name, ""
