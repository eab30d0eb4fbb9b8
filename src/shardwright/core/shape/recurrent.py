"""Tensors and states of recurrent layers: Mamba of both kinds, and the gated delta rule.

Groups share their keys: where ranks are more than groups, each rank keeps a copy of a whole group.
Source: vLLM 0.32 model_executor/layers/mamba/mamba_mixer.py, mamba_mixer2.py, mamba_utils.py, gdn/.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from shardwright.core.shape import blocks
from shardwright.core.shape.base import Cache, Split, State, Weight
from shardwright.values import frozen

if TYPE_CHECKING:
    from shardwright.core.shape.fields import Fields

__all__ = ["NO_CACHE", "Mamba2", "mamba1", "read_mamba2", "state_bytes", "twin_mamba2"]

NO_CACHE = Cache("none", 0, 0, 0)
_STATE_BYTES = {"float32": 4.0, "float16": 2.0, "bfloat16": 2.0}
_TWIN_STATE = 16


@frozen
class Mamba2:
    """Sizes of Mamba-2 layers."""

    heads: int
    head_size: int
    groups: int
    state_size: int
    kernel: int
    convolution_bias: bool
    projection_bias: bool
    gated_norm: bool = True
    state_bytes: float | None = None

    @property
    def inner(self) -> int:
        """Width of all heads."""
        return self.heads * self.head_size

    @property
    def state(self) -> State:
        """What a request keeps in one layer."""
        return State(
            kind="mamba2",
            channels=self.inner + 2 * self.groups * self.state_size,
            kernel=self.kernel,
            heads=self.heads,
            head_size=self.head_size,
            state_size=self.state_size,
            groups=self.groups,
            element_bytes=self.state_bytes,
        )

    def weights(self, prefix: str, hidden: int) -> tuple[Weight, ...]:
        """One mixer: what goes in, the convolution, the recurrence, what comes out."""
        return (
            *self._parts(f"{prefix}.in_proj", self._projected, hidden, bias=self.projection_bias),
            *self._parts(f"{prefix}.conv1d", self._convolved, self.kernel, bias=self.convolution_bias, inner=True),
            Weight(f"{prefix}.A_log", self.heads, 1, Split.TENSOR, element_bytes=4.0),
            Weight(f"{prefix}.D", self.heads, 1, Split.TENSOR),
            Weight(f"{prefix}.dt_bias", self.heads, 1, Split.TENSOR),
            *((Weight(f"{prefix}.norm.weight", self.inner, 1, Split.TENSOR),) if self.gated_norm else ()),
            *blocks.linear(
                f"{prefix}.out_proj",
                hidden,
                self.inner,
                split=Split.TENSOR,
                bias=self.projection_bias,
                bias_split=Split.NONE,
            ),
        )

    def scales(self, name: str) -> tuple[Weight, ...]:
        """A vector with one factor for each row of the input projection, made by the engine."""
        return tuple(
            Weight(name, rows, 1, split, name, heads=heads, auxiliary=True) for rows, split, heads in self._projected
        )

    @property
    def _convolved(self) -> tuple[tuple[int, Split, int], ...]:
        """Rows by the rule that divides them: the heads' own, then those of the groups, twice."""
        group = (self.groups * self.state_size, Split.KV_HEADS, self.groups)
        return (self.inner, Split.TENSOR, 0), group, group

    @property
    def _projected(self) -> tuple[tuple[int, Split, int], ...]:
        """The gate, what is convolved, and a time step for each head."""
        return (self.inner, Split.TENSOR, 0), *self._convolved, (self.heads, Split.TENSOR, 0)

    @staticmethod
    def _parts(
        name: str, parts: tuple[tuple[int, Split, int], ...], columns: int, *, bias: bool, inner: bool = False
    ) -> tuple[Weight, ...]:
        """Parts of one tensor, and of its bias; a convolution's rows have a dimension of one in the checkpoint."""
        dimensions = (1, columns) if inner else ()
        matrix = (
            Weight(f"{name}.weight", rows, columns, split, name, heads=heads, fixed=inner, inner=dimensions)
            for rows, split, heads in parts
        )
        biases = (Weight(f"{name}.bias", rows, 1, split, f"{name}.bias", heads=heads) for rows, split, heads in parts)
        return (*matrix, *biases) if bias else tuple(matrix)


def read_mamba2(fields: Fields, hidden: int) -> Mamba2:
    """Sizes under the names that most hybrids use; InputError where heads do not make up the inner width."""
    heads = fields.integer("mamba_n_heads")
    inner = fields.integer("mamba_d_ssm", default=fields.integer("mamba_expand", default=2) * hidden)
    derived = fields.text_is("mamba_d_head", "auto")
    head_size = inner // heads if derived else fields.integer("mamba_d_head", default=max(1, inner // heads))
    if heads * head_size != inner:
        raise fields.fault("mamba_n_heads", f"{heads} heads of {head_size} are not the inner width, {inner}")
    return Mamba2(
        heads=heads,
        head_size=head_size,
        groups=fields.integer("mamba_n_groups", default=1),
        state_size=fields.integer("mamba_d_state"),
        kernel=fields.integer("mamba_d_conv", default=4, minimum=2),
        convolution_bias=fields.flag("mamba_conv_bias", default=True),
        projection_bias=fields.flag("mamba_proj_bias", default=False),
        state_bytes=state_bytes(fields),
    )


def state_bytes(fields: Fields) -> float | None:
    """Bytes an element of the recurrent part, where the configuration asks for a dtype of its own."""
    name = fields.text("mamba_ssm_cache_dtype", default="") or fields.text("mamba_ssm_dtype", default="")
    return _STATE_BYTES.get(name)


def mamba1(prefix: str, fields: Fields, hidden: int) -> tuple[tuple[Weight, ...], State]:
    """A Mamba-1 mixer with norms in between, and its state. What mixes channels adds up over ranks."""
    inner = fields.integer("mamba_expand", default=2) * hidden
    size, kernel = fields.integer("mamba_d_state", default=16), fields.integer("mamba_d_conv", default=4, minimum=2)
    rank = -(-hidden // 16) if fields.text_is("mamba_dt_rank", "auto") else fields.integer("mamba_dt_rank")
    bias = fields.flag("mamba_proj_bias", default=False)
    convolution = Weight(f"{prefix}.conv1d.weight", inner, kernel, Split.TENSOR, fixed=True, inner=(1, kernel))
    has_bias = fields.flag("mamba_conv_bias", default=True)
    weights = (
        *blocks.linear(f"{prefix}.in_proj", 2 * inner, hidden, split=Split.TENSOR, bias=bias),
        convolution,
        *((Weight(f"{prefix}.conv1d.bias", inner, 1, Split.TENSOR),) if has_bias else ()),
        *blocks.linear(f"{prefix}.x_proj", rank + 2 * size, inner, split=Split.TENSOR),
        *blocks.linear(f"{prefix}.dt_proj", inner, rank, split=Split.TENSOR, bias=True),
        Weight(f"{prefix}.A_log", inner, size, Split.TENSOR, element_bytes=4.0, fixed=True),
        Weight(f"{prefix}.D", inner, 1, Split.TENSOR),
        *blocks.linear(f"{prefix}.out_proj", hidden, inner, split=Split.TENSOR, bias=bias, bias_split=Split.NONE),
        *blocks.norm(f"{prefix}.dt_layernorm", rank),
        *blocks.norm(f"{prefix}.b_layernorm", size),
        *blocks.norm(f"{prefix}.c_layernorm", size),
    )
    return weights, State("mamba1", inner, kernel, inner, 1, size, element_bytes=state_bytes(fields))


def twin_mamba2(hidden: int, heads: int) -> dict[str, object]:
    """A twin's Mamba-2 sizes: as many heads as its attention has, one group."""
    return {
        "mamba_n_heads": heads,
        "mamba_d_head": 2 * hidden // heads,
        "mamba_d_ssm": 2 * hidden,
        "mamba_expand": 2,
        "mamba_n_groups": 1,
        "mamba_d_state": _TWIN_STATE,
        "mamba_d_conv": 4,
    }
