"""The value every family produces: named tensors with the rule by which each is split over tensor-parallel ranks.

Engine-neutral: what an engine fuses or rounds, it does itself; `fused` only says which tensors belong together.
"""

from __future__ import annotations

from enum import Enum

from shardwright.values import frozen

__all__ = ["Cache", "Latent", "Layer", "Mixture", "ModelShape", "Rotary", "Split", "State", "Weight"]


class Split(Enum):
    """How a tensor is shared out over the tensor-parallel ranks of its stage."""

    NONE = "none"
    """Every rank holds all of it."""
    TENSOR = "tensor"
    """Rows or columns are divided evenly."""
    KV_HEADS = "kv_heads"
    """Divided by KV heads; repeated where there are more ranks than heads."""
    VOCABULARY = "vocabulary"
    """Rows are the vocabulary, padded by the engine, then divided."""
    EXPERTS = "experts"
    """Rows are those of all experts; divided inside each expert, or by whole experts with expert parallelism."""
    EXPERTS_WHOLE = "experts_whole"
    """Rows are those of all experts; a rank holds all rows of each expert that it has a part of."""


@frozen
class Weight:
    """One tensor as the checkpoint has it, rows x columns (a vector has one column)."""

    name: str
    """Within a layer: below `ModelShape.layer_prefix` and the layer's index. `{expert}` stands for every expert's index.
    Parts of one tensor that are divided by different rules are neighbours with the same name."""
    rows: int
    columns: int
    split: Split
    fused: str = ""
    """Tensors of a layer with the same label are one allocation in engines that fuse them; empty: alone."""
    element_bytes: float | None = None
    """None: as `ModelShape.element_bytes`."""
    heads: int = 0
    """What KV_HEADS divides by, where it is not the model's KV heads: groups of a recurrent layer. 0: the KV heads."""
    fixed: bool = False
    """Engines never quantize it, though it is a matrix: routers, convolutions."""
    auxiliary: bool = False
    """Belongs to a quantized tensor (scales, zero points) and is no parameter of the model."""
    inner: tuple[int, ...] = ()
    """Dimensions of a row in the checkpoint, where it has more than one."""

    @property
    def elements(self) -> int:
        """Numbers in the whole tensor."""
        return self.rows * self.columns


@frozen
class Cache:
    """What one token leaves in the KV cache of one layer."""

    kind: str
    """`full`, `window` (the last `window_tokens`), `chunked` (chunks of `window_tokens`), `latent` or `none`."""
    heads: int
    key_size: int
    value_size: int
    window_tokens: int | None = None
    index_size: int = 0
    """Numbers a token that an indexer keeps beside the latent vector, in fp8 with a float32 scale for every 128."""


@frozen
class State:
    """What a request keeps in a recurrent layer, however long it is; channels and heads are divided over ranks."""

    kind: str
    """`mamba1`, `mamba2`, `gated-delta` or `short-convolution`."""
    channels: int
    """Columns that the convolution remembers, those of groups or keys included."""
    kernel: int
    """Width of the convolution; it remembers one column less."""
    heads: int = 0
    head_size: int = 0
    state_size: int = 0
    """The recurrent part is heads x head_size x state_size numbers."""
    groups: int = 1
    """Groups that share keys; repeated by engines where there are fewer than ranks."""
    element_bytes: float | None = None
    """Of the recurrent part; None: as the model computes."""


@frozen
class Rotary:
    """A table of cosines and sines that engines make and keep; layers that rotate alike share one on a rank."""

    positions: int
    size: int
    """Rotated part of a head."""
    label: str = ""
    """Tables of equal sizes with different labels are different tables."""
    element_bytes: float | None = None
    """None: as the model computes."""


@frozen
class Layer:
    """One layer: attention with its cache, or a recurrent one with its state, or both."""

    weights: tuple[Weight, ...]
    cache: Cache
    state: State | None = None
    rotary: tuple[Rotary, ...] | None = None
    """Tables that it looks up; None: the one that `ModelShape.rotary_size` and `max_positions` say."""


@frozen
class Mixture:
    """Experts of a mixture-of-experts model."""

    experts: int
    experts_per_token: int
    intermediate_size: int
    """Width of one routed expert."""
    shared_intermediate_size: int = 0
    """Width of the experts that every token passes, together; 0 if there are none."""


@frozen
class Latent:
    """Sizes of multi-head latent attention, whose cache is one compressed vector for all heads."""

    query_rank: int
    """0 where queries are not compressed."""
    kv_rank: int
    unrotated_size: int
    """Part of a query and key head without position."""
    rotated_size: int
    value_size: int


@frozen
class ModelShape:
    """A model by its tensors and the sizes that formulas need."""

    name: str
    source: str
    """Where it was read: a path, a repository and revision, or the catalogue's entry."""
    architecture: str
    family: str
    hidden_size: int
    attention_heads: int
    kv_heads: int
    head_size: int
    intermediate_size: int
    vocabulary_size: int
    max_positions: int
    element_bytes: float
    """Bytes per element of unquantized tensors, by the configuration's dtype."""
    dtype: str
    tied_embeddings: bool
    rotary_size: int
    """Rotated part of a head; 0 without rotary positions."""
    embedding: tuple[Weight, ...]
    """What the first stage holds before its layers."""
    layers: tuple[Layer, ...]
    head: tuple[Weight, ...]
    """What the last stage holds after its layers: final norm and, unless tied, the output matrix."""
    mixture: Mixture | None = None
    quantization: str | None = None
    bound: str = ""
    """Why memory of this family is only bounded, not predicted; empty where it is predicted."""
    checkpoint_bytes: int | None = None
    """Sum of all tensors by the safetensors headers; None where only the configuration was read."""
    config: tuple[tuple[str, object], ...] = ()
    """The configuration as read, for what a twin must keep."""
    latent: Latent | None = None
    """Set for multi-head latent attention; `kv_heads` is then 1 and `head_size` that of queries and keys."""
    encoder: tuple[Weight, ...] = ()
    """Parts for images or sound; counted, but how they are placed is the engine's business."""
    draft_layers: tuple[Layer, ...] = ()
    """Layers of the checkpoint that only guess further tokens (multi-token prediction); used when speculation asks for them."""
    draft_prefix: str = ""
    """What stands before names of draft layers, `{index}` for their number; empty: they continue the layers' indices."""
    kv_cache_dtype: str | None = None
    """How the checkpoint wants keys and values to be kept (`fp8`); None: as the model computes."""
    layer_prefix: str = "model.layers."
    """What stands before a layer's index in the names of the checkpoint's tensors."""
    notes: tuple[str, ...] = ()
    """What was found while reading that a user should know: assumptions, and where headers and family differ."""

    @property
    def parameters(self) -> int:
        """Elements of all tensors but those of quantization, tied ones once."""
        layers = sum(weight.elements for layer in self.layers for weight in layer.weights if not weight.auxiliary)
        return layers + sum(weight.elements for weight in (*self.embedding, *self.head) if not weight.auxiliary)

    @property
    def weights_bytes(self) -> int:
        """Bytes of all tensors as the checkpoint stores them, quantized ones at their size, tied ones once."""
        layers = sum(self.bytes_of(weight) for layer in self.layers for weight in layer.weights)
        return round(layers + sum(self.bytes_of(weight) for weight in (*self.embedding, *self.head)))

    def bytes_of(self, weight: Weight) -> float:
        """Bytes of one of its tensors, undivided."""
        return weight.elements * (self.element_bytes if weight.element_bytes is None else weight.element_bytes)
