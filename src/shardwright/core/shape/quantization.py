"""The quantization that a checkpoint declares: which matrices it means, and how each is stored.

Only the checkpoint's own quantization is read here; what an engine quantizes while loading is the engine's business.
A method that is not known counts as none, which is the most that weights take, and is said.
Source: vLLM 0.32 model_executor/layers/quantization; the formats of compressed-tensors and modelopt.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

from shardwright.core.shape import patterns, schemes
from shardwright.core.shape.schemes import Scheme
from shardwright.values import frozen

if TYPE_CHECKING:
    from shardwright.core.shape.base import Layer, ModelShape, Weight
    from shardwright.core.shape.fields import Fields

__all__ = ["quantized"]

_SCALE_BYTES = 2.0
_EXCLUSIONS = ("modules_to_not_convert", "ignore", "exclude_modules", "llm_int8_skip_modules")
_NF4 = Scheme(4, "group", 4.0, group=64)
_MXFP4 = Scheme(4, "group", 1.0, group=32)
_MAX_GROUP = 2**20


@frozen
class _Rule:
    """Modules and how they are stored; None: as they are."""

    targets: patterns.Patterns | None
    """None: every linear module."""
    scheme: Scheme | None


@frozen
class _Plan:
    """What a configuration declares."""

    method: str
    excluded: patterns.Patterns
    rules: tuple[_Rule, ...]
    kv_cache_dtype: str | None = None

    def scheme_of(self, module: str) -> Scheme | None:
        """By the first rule that names the module; a rule for all modules comes last."""
        if self.excluded.match(module):
            return None
        for rule in self.rules:
            if rule.targets is None or rule.targets.match(module):
                return rule.scheme
        return None


def quantized(shape: ModelShape, fields: Fields) -> ModelShape:
    """The shape with the tensors that `quantization_config` declares; the same shape if it declares none."""
    section = fields.section("quantization_config") or fields.section("hf_quant_config")
    if section is None:
        return shape
    section = section.section("quantization") or section
    method = section.text("quant_method", default="") or ("modelopt" if "quant_algo" in section.values else "unnamed")
    rules = _read_rules(method, section)
    if rules is None:
        reason = f"quantization {method!r} is not known: weights are counted unquantized, which is the most they take"
        return replace(shape, quantization=method, bound=_joined(shape.bound, reason))
    excluded = tuple(text for key in _EXCLUSIONS for text in _texts(section, key))
    plan = _Plan(method, patterns.patterns((*excluded, *_skipped(section))), rules, _kv_cache_dtype(section))
    return _applied(shape, plan)


def _applied(shape: ModelShape, plan: _Plan) -> ModelShape:
    experts = shape.mixture.experts if shape.mixture else 1
    count = len(shape.layers)
    starts = [f"{shape.layer_prefix}{index}." for index in range(count + len(shape.draft_layers))]
    layers, bounds = _layers(shape.layers, starts, plan, experts)
    draft_starts = [shape.draft_prefix or start for start in starts[count:]]
    drafts, _ = _layers(shape.draft_layers, draft_starts, plan, experts)
    return replace(
        shape,
        layers=layers,
        draft_layers=drafts,
        quantization=plan.method,
        kv_cache_dtype=plan.kv_cache_dtype,
        bound=_joined(shape.bound, *bounds),
    )


def _layers(
    layers: tuple[Layer, ...], starts: list[str], plan: _Plan, experts: int
) -> tuple[tuple[Layer, ...], tuple[str, ...]]:
    """Layers that come out equal stay one object, so that many layers cost no more than few."""
    made: dict[tuple[int, tuple[Scheme | None, ...]], Layer] = {}
    changed: list[Layer] = []
    for layer, start in zip(layers, starts, strict=False):
        chosen = tuple(_scheme(weight, start, plan) for weight in layer.weights)
        key = (id(layer), chosen)
        if key not in made:
            parts = (
                part
                for weight, scheme in zip(layer.weights, chosen, strict=True)
                for part in (schemes.held(weight, scheme, experts) if scheme else (weight,))
            )
            made[key] = replace(layer, weights=tuple(parts))
        changed.append(made[key])
    used = dict.fromkeys(scheme.bound for _, chosen in made for scheme in chosen if scheme and scheme.bound)
    return tuple(changed), tuple(used)


def _scheme(weight: Weight, start: str, plan: _Plan) -> Scheme | None:
    """Projections are quantized; routers, norms and convolutions are not."""
    if weight.columns == 1 or weight.fixed or weight.auxiliary:
        return None
    return plan.scheme_of(start + weight.name.removesuffix(".weight"))


def _read_rules(method: str, section: Fields) -> tuple[_Rule, ...] | None:
    match method:
        case "compressed-tensors":
            return _compressed(section)
        case "modelopt" | "modelopt_fp4":
            return _modelopt(section)
        case "mxfp4":
            return (_Rule(patterns.patterns(("experts",)), _MXFP4),)
        case _:
            scheme = _read_scheme(method, section)
            return _everywhere(scheme) if scheme else None


def _read_scheme(method: str, section: Fields) -> Scheme | None:
    """The one scheme of methods that have no other."""
    match method:
        case "fp8" | "fbgemm_fp8":
            return _fp8(method, section)
        case "gptq" | "gptq_marlin" | "awq" | "awq_marlin":
            return _int_groups(method, section)
        case "bitsandbytes":
            return _NF4 if section.flag("load_in_4bit", default=False) else Scheme(8, "row", 4.0)
        case _:
            return None


def _everywhere(scheme: Scheme) -> tuple[_Rule, ...]:
    return (_Rule(None, scheme),)


def _fp8(method: str, section: Fields) -> Scheme:
    """One scale a tensor, a row or a block; a fixed scale of the inputs where the activations are static."""
    block = section.integers("weight_block_size")
    if len(block) == 2 and all(block):
        return Scheme(8, "block", block=(block[0], block[1]))
    if method == "fbgemm_fp8":
        return Scheme(8, "row", shared_singles=1)
    return Scheme(8, "tensor", singles=int(section.text("activation_scheme", default="dynamic") == "static"))


def _int_groups(method: str, section: Fields) -> Scheme:
    """Packed integers, a scale and a packed zero point a group; group size -1 is one group a row."""
    bits = section.integer("bits", "w_bit", maximum=16)
    group = section.integer("group_size", "q_group_size", default=128, minimum=-1, maximum=_MAX_GROUP)
    return Scheme(
        bits,
        "group" if group > 0 else "row",
        _SCALE_BYTES,
        group=group,
        zero_bits=bits,
        ordered=method.startswith("gptq") and section.flag("desc_act", default=False),
    )


def _compressed(section: Fields) -> tuple[_Rule, ...] | None:
    """One rule a group of `config_groups`; groups that name a class of modules come after those that name modules."""
    groups = section.section("config_groups")
    if groups is None or not groups.values:
        return None
    default_format = section.text("format", default="")
    named: list[_Rule] = []
    classes: list[_Rule] = []
    for key in groups.values:
        group = groups.section(key)
        scheme = _compressed_scheme(group, default_format) if group else None
        if group is None or scheme is None:
            return None
        targets = _texts(group, "targets")
        if not targets or "Linear" in targets:
            classes.append(_Rule(None, scheme))
        else:
            named.append(_Rule(patterns.patterns(targets), scheme))
    return (*named, *classes)


def _compressed_scheme(group: Fields, default_format: str) -> Scheme | None:
    weights = group.section("weights")
    if weights is None:
        return None
    activations = group.section("input_activations")
    kind = weights.text("type", default="int")
    bits = weights.integer("num_bits", maximum=16)
    size = weights.integer("group_size", default=-1, minimum=-1, maximum=_MAX_GROUP)
    static = activations is not None and activations.values.get("dynamic") is False
    if kind == "float" and bits == 4:
        return _MXFP4 if size == _MXFP4.group else _nvfp4(size, static_input=activations is not None)
    if bits == 8 and (kind == "float" or activations is not None):
        return _eight_bits(weights, static=static)
    is_packed = (group.text("format", default="") or default_format) in {"", "pack-quantized"}
    return _packed_integers(weights, bits, size) if kind == "int" and is_packed else None


def _eight_bits(weights: Fields, *, static: bool) -> Scheme | None:
    """fp8, or int8 with quantized inputs: a scale a tensor, a row or a block."""
    match weights.text("strategy", default="tensor"):
        case "tensor":
            return Scheme(8, "tensor", singles=int(static))
        case "channel":
            return Scheme(8, "row", singles=int(static))
        case "block":
            block = weights.integers("block_structure")
            return Scheme(8, "block", block=(block[0], block[1])) if len(block) == 2 and all(block) else None
        case _:
            return None


def _packed_integers(weights: Fields, bits: int, size: int) -> Scheme:
    symmetric = weights.flag("symmetric", default=True)
    ordered = weights.values.get("actorder") in ("group", "dynamic", True)
    return Scheme(
        bits,
        "group" if size > 0 else "row",
        _SCALE_BYTES,
        group=size,
        zero_bits=0 if symmetric else bits,
        ordered=ordered and size > 0,
        has_dimensions=True,
    )


def _nvfp4(group: int, *, static_input: bool) -> Scheme:
    """An fp8 scale for every 16 columns; one number for the matrix and, with quantized inputs, one for these."""
    return Scheme(4, "group", 1.0, group=group if group > 0 else 16, singles=2 if static_input else 1)


def _modelopt(section: Fields) -> tuple[_Rule, ...] | None:
    algorithm = section.text("quant_algo", default="").upper()
    match algorithm:
        case "FP8":
            return _everywhere(Scheme(8, "tensor", singles=1))
        case "FP8_PER_CHANNEL_PER_TOKEN":
            return _everywhere(Scheme(8, "row"))
        case "NVFP4":
            group = section.integer("group_size", default=16, maximum=_MAX_GROUP)
            return _everywhere(_nvfp4(group, static_input=True))
        case _:
            return None


def _kv_cache_dtype(section: Fields) -> str | None:
    """`fp8` where the checkpoint has scales for an 8-bit cache."""
    if section.text("kv_cache_quant_algo", default="").upper() == "FP8":
        return "fp8"
    scheme = section.section("kv_cache_scheme")
    if scheme is None or scheme.integer("num_bits", default=8, maximum=16) != 8:
        return None
    return "fp8" if scheme.text("type", default="float") == "float" else None


def _skipped(section: Fields) -> tuple[str, ...]:
    """GPTQ's rules by pattern that begin with a minus: modules left as they are."""
    dynamic = section.section("dynamic") if isinstance(section.values.get("dynamic"), dict) else None
    names = tuple(dynamic.values) if dynamic else ()
    return tuple(f"re:{name[2:]}" for name in names if name.startswith("-:"))


def _texts(section: Fields, key: str) -> tuple[str, ...]:
    """The texts of a list; whatever else stands in it is passed over."""
    value: object = section.values.get(key)
    if not isinstance(value, list):
        return ()
    return tuple(item for item in cast("list[Any]", value) if isinstance(item, str))


def _joined(*reasons: str) -> str:
    return "; ".join(reason for reason in reasons if reason)
