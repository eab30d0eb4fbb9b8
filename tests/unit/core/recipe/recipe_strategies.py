"""Random recipes that are valid, made from the classes of the recipe themselves."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from shardwright.core.recipe import kinds
from shardwright.core.recipe.kinds import (
    Choice,
    Flag,
    Keyed,
    Kind,
    Listed,
    Number,
    OneOf,
    Section,
    Size,
    Text,
    Tree,
    Whole,
)
from shardwright.core.recipe.model import Auth, Draft, Expose, Hardware, Model, Parallelism, Pods, Pool, Rdma, Recipe

ENGINES = ("swift", "sure")
TARGETS = ("here", "there")

_BY_FORM: dict[str, st.SearchStrategy[Any]] = {
    "engine-name": st.sampled_from(ENGINES),
    "target-kind": st.sampled_from(TARGETS),
    "dns-label": st.from_regex(r"[a-z]([-a-z0-9]{0,8}[a-z0-9])?", fullmatch=True),
    "dns-name": st.sampled_from(["a", "a-b.c", "0x1"]),
    "label-key": st.sampled_from(["app", "example.com/app.v1", "true", "1"]),
    "label-value": st.sampled_from(["", "yes", "1.0", "a_b", "null"]),
    "secret-key": st.sampled_from(["token", "a.b_c", "10"]),
    "variable": st.sampled_from(["A", "NCCL_DEBUG", "_x1"]),
    "resource": st.sampled_from(["nvidia.com/gpu", "rdma/hca_1"]),
    "network-name": st.sampled_from(["a", "ns/net"]),
    "quantity": st.sampled_from(["8", "500m", "1.5"]),
    "version": st.sampled_from(["0.10", "1.30", "0.24.0", "2"]),
    "absolute-path": st.sampled_from(["/models", "/a/b-c"]),
    "word": st.sampled_from(["main", "quay.io/a/b:v1@x", "true"]),
}
_LINES = st.text(st.characters(categories=["L", "N", "P"], include_characters=" "), min_size=1, max_size=12).filter(
    lambda text: text == text.strip() and text.isprintable()
)
_TEXTS = st.text(st.characters(categories=["L", "N", "P", "Zs"], include_characters="\n\t\U0001f600"), max_size=12)
_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | _TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_LINES, inner, max_size=3),
    max_leaves=6,
)
_FLAGS = st.sampled_from(["quantization", "enforce-eager", "max-num-seqs", "x"])


def _free_mapping(kind: Keyed) -> st.SearchStrategy[Any]:
    form = {"labels": ("label-key", "label-value"), "annotations": ("label-key", ""), "env": ("variable", "")}
    keys, texts = form.get(kind.form, ("", ""))
    key = _BY_FORM[keys] if keys else _FLAGS
    if isinstance(kind.item, Text | OneOf):
        value = _BY_FORM.get(texts, _TEXTS)
        value = value | of_kind(kind.item.kinds[1]) if isinstance(kind.item, OneOf) else value
        return st.dictionaries(key, value, max_size=2)
    value = _JSON.filter(lambda found: found is not None) if isinstance(kind.item, Tree) else of_kind(kind.item)
    return st.dictionaries(key, value, max_size=2)


def _single(kind: Kind) -> st.SearchStrategy[Any]:
    match kind:
        case Text() | Choice():
            return st.sampled_from(kind.values) if isinstance(kind, Choice) else _BY_FORM.get(kind.form, _LINES)
        case Whole():
            return st.integers(kind.minimum or 0, 2**53 - 1)
        case Number():
            return st.floats(kind.minimum or 0, 1e300)
        case Flag():
            return st.booleans()
        case Size():
            return st.integers(1, 2**50)
        case _:
            return st.dictionaries(_LINES, _JSON, max_size=2)


def of_kind(kind: Kind) -> st.SearchStrategy[Any]:
    """Values that a field of that kind may hold."""
    match kind:
        case Section():
            return sections(kind.cls)
        case Listed():
            return st.lists(of_kind(kind.item), min_size=1, max_size=2).map(tuple)
        case Keyed():
            return _free_mapping(kind)
        case OneOf():
            return st.one_of([of_kind(each) for each in kind.kinds])
        case _:
            return _single(kind)


_SOURCES: dict[str, st.SearchStrategy[Any]] = {
    "source": st.sampled_from(
        ["llama", "./models/x", "hf://a/b", "pvc://claim/x", "oci://quay.io/a/b:v1", "s3://bucket/x"]
    ),
    "shape": st.sampled_from(["llama", "/models/x", "hf://a/b"]),
}


def _consistent(cls: type, values: dict[str, Any]) -> dict[str, Any]:
    """Fields that follow the rules between them."""
    if cls in {Hardware, Pool}:
        values.pop("node_shape", None)
        values.setdefault("gpu", "A10G")
    if cls is Hardware and "pools" in values:
        values = {"pools": values["pools"]}
    if cls is Parallelism and "layer_partition" in values:
        values["pipeline"] = len(values["layer_partition"])
    if cls is Rdma:
        values["networks"] = values["devices"][:0]
    if cls is Auth:
        values["platform"] = not values.get("api_key")
    return _way_in(values) if cls is Expose else values


def _way_in(values: dict[str, Any]) -> dict[str, Any]:
    """A class for an ingress alone, a gateway for that kind alone and always."""
    kind = values.get("kind")
    dropped = {"ingress_class"} if kind != "ingress" else set[str]()
    given = {"gateway": "gateways/public"} if kind == "gateway" else {}
    return {name: value for name, value in values.items() if name not in {*dropped, "gateway"}} | given


def sections(cls: type) -> st.SearchStrategy[Any]:
    """Instances of a class of the recipe."""
    needed: dict[str, st.SearchStrategy[Any]] = {}
    optional: dict[str, st.SearchStrategy[Any]] = {}
    for field in kinds.fields_of(cls).values():
        is_source = cls in {Model, Draft} and field.attribute in _SOURCES
        strategy = _SOURCES[field.attribute] if is_source else of_kind(field.kind)
        (needed if field.required else optional)[field.attribute] = strategy
    if cls is Pods:
        optional["tolerations"] = st.just(({"key": "gpu", "tolerationSeconds": 5},))
    return st.fixed_dictionaries(needed, optional=optional).map(lambda values: cls(**_consistent(cls, values)))


RECIPES: st.SearchStrategy[Recipe] = sections(Recipe)
