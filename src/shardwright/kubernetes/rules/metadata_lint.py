"""Rules on the metadata of every kind: its name, namespace, labels and annotations, as the API server checks them.

A platform gets the rules for its kinds, and says which of them have a rule of their own on the name.
Source: k8s.io/apimachinery v0.34 pkg/api/validation/objectmeta.go; the registry of custom resources in
k8s.io/apiextensions-apiserver.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from shardwright.core.rules.rule import Breach, Rule
from shardwright.kubernetes import names

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shardwright.core.manifests.objects import Context, Object

__all__ = ["metadata_rules"]

_MOST_BYTES = 256 * 1024

_rule = functools.partial(
    Rule,
    severity="error",
    enforced_by="kubernetes",
    source="k8s.io/apimachinery v0.34 pkg/api/validation/objectmeta.go",
)


def _name(each: Object, context: Context) -> Iterator[Breach]:
    del context
    if each.name and not names.is_subdomain(each.name):
        yield Breach(("metadata", "name"), f"{each.name[:80]!r} is no DNS name in lower case", each.name[:80])


def _namespace(each: Object, context: Context) -> Iterator[Breach]:
    del context
    if each.namespace and not names.is_dns_1123_label(each.namespace):
        shown = each.namespace[:80]
        yield Breach(("metadata", "namespace"), f"{shown!r} is no DNS label of at most 63 characters", shown)


def _labels(each: Object, context: Context) -> Iterator[Breach]:
    del context
    for key, value in each.map_at("metadata", "labels").items():
        if not names.is_qualified_name(key):
            yield Breach(("metadata", "labels", key), f"{key[:80]!r} is no name that a label can have", key[:80])
        elif isinstance(value, str) and not names.is_label_value(value):
            message = f"{key} is {value[:80]!r}, a value that no label can have"
            yield Breach(("metadata", "labels", key), message, value[:80])


def _annotations(each: Object, context: Context) -> Iterator[Breach]:
    del context
    total = 0
    for key, value in each.map_at("metadata", "annotations").items():
        total += len(key.encode()) + (len(value.encode()) if isinstance(value, str) else 0)
        if not names.is_qualified_name(key.lower()):
            message = f"{key[:80]!r} is no name that an annotation can have"
            yield Breach(("metadata", "annotations", key), message, key[:80])
    if total > _MOST_BYTES:
        yield Breach(("metadata", "annotations"), f"they have {total} bytes; {_MOST_BYTES} are the most", str(total))


def metadata_rules(kinds: tuple[str, ...], *, named: tuple[str, ...] = ()) -> tuple[Rule, ...]:
    """The rules for kinds; those in `named` have a stricter one on the name."""
    return (
        _rule(
            "object.name",
            kinds=tuple(kind for kind in kinds if kind not in named),
            title="The name of an object is a DNS name in lower case.",
            why="it stands in the path of its URL, and in the names of what is made from it",
            fix="use a-z, 0-9, - and ., at most 253, first and last a letter or digit",
            check=_name,
        ),
        _rule(
            "object.namespace",
            kinds=kinds,
            title="The name of a namespace is a DNS label.",
            why="there can be no other namespace",
            fix="use a-z, 0-9 and -, at most 63, first and last a letter or digit",
            check=_namespace,
        ),
        _rule(
            "object.labels",
            kinds=kinds,
            title="Labels have names and values that selectors can hold.",
            why="the API server refuses others",
            fix="use letters, digits, `-`, `_` and `.`, at most 63, first and last a letter or digit",
            check=_labels,
        ),
        _rule(
            "object.annotations",
            kinds=kinds,
            title="Annotations have names as labels do, and 256 KiB together.",
            why="the API server refuses others",
            fix="use letters, digits, `-`, `_` and `.` in names; put long texts into a ConfigMap",
            check=_annotations,
        ),
    )
