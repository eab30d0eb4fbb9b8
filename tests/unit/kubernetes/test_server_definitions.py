"""Objects along an OpenAPI document: what counts as unknown, missing, or out of its limits, and what is left free."""

from __future__ import annotations

import json
from typing import Any

import pytest

from shardwright.core.preflight.needs import ObjectNeed
from shardwright.kubernetes.live import served_fields

WANTED = ObjectNeed("example.org/v1", "Thing", "a", "demo")
QUANTITY: dict[str, Any] = {"anyOf": [{"type": "integer"}, {"type": "string"}], "x-kubernetes-int-or-string": True}
SPEC: dict[str, dict[str, Any]] = {
    "mode": {"type": "string", "enum": ["a", "b"]},
    "size": {"type": "integer", "minimum": 1, "maximum": 8},
    "share": {"type": "number"},
    "word": {"type": "string", "minLength": 2, "maxLength": 4, "pattern": "^[a-z]+$"},
    "odd": {"type": "string", "pattern": r"^\p{Lu}$"},
    "list": {"type": "array", "minItems": 1, "maxItems": 2, "items": {"type": "string"}},
    "labels": {"type": "object", "additionalProperties": {"type": "string"}},
    "amounts": {"type": "object", "additionalProperties": {**QUANTITY, "pattern": "^[0-9]+$"}},
    "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
    "empty": {"type": "object"},
    "embedded": {"type": "object", "x-kubernetes-embedded-resource": True, "properties": {"spec": {"type": "object"}}},
    "needed": {
        "type": "object",
        "required": ["x", "y"],
        "properties": {"x": {"type": "string"}, "y": {"type": "string", "default": "1"}},
    },
}


def told(name: str = "example.org.v1.Thing", **spec: object) -> list[tuple[str, str]]:
    """Problem and path of each misfit."""
    thing = {
        "type": "object",
        "properties": {"spec": {"allOf": [{"$ref": "#/components/schemas/Spec"}]}, "metadata": {"$ref": "#/missing"}},
        "x-kubernetes-group-version-kind": [{"group": "example.org", "kind": "Thing", "version": "v1"}],
    }
    schemas = {name: thing, "Spec": {"type": "object", "properties": SPEC}}
    document = served_fields.document_of(json.dumps({"components": {"schemas": schemas}}).encode())
    body = {"metadata": {"name": "a"}, "spec": spec}
    return [(each.problem, each.path) for each in served_fields.misfits(document, WANTED, body)]


@pytest.mark.parametrize(
    ("field", "value", "problem"),
    [
        ("mode", "c", "choice"),
        ("size", 9, "limit"),
        ("size", 0, "limit"),
        ("size", "2", "type"),
        ("size", True, "type"),
        ("share", "half", "type"),
        ("word", "a", "limit"),
        ("word", "abcde", "limit"),
        ("word", "AB", "limit"),
        ("list", [], "limit"),
        ("list", ["a", "b", "c"], "limit"),
        ("list", {}, "type"),
        ("nobody", 1, "unknown"),
    ],
)
def test_a_misfit_is_told_at_its_field(field: str, value: object, problem: str) -> None:
    """With the kind of problem that it is."""
    given: dict[str, Any] = {field: value}
    assert told(**given) == [(problem, f"spec.{field}")]


def test_misfits_within_lists_and_maps_have_their_whole_path() -> None:
    """So that they can be found in a manifest."""
    found = told(list=["a", 2], labels={"a": 1}, amounts={"cpu": "x"}, embedded={"other": 1}, empty={"a": 1}, needed={})
    assert found == [
        ("type", "spec.list[1]"),
        ("type", "spec.labels.a"),
        ("limit", "spec.amounts.cpu"),
        ("unknown", "spec.embedded.other"),
        ("unknown", "spec.empty.a"),
        ("missing", "spec.needed.x"),
    ]


def test_what_the_definition_leaves_free_is_taken() -> None:
    """Whole numbers for numbers, either form of a quantity, unknown fields where they are kept, patterns that only Go reads."""
    fitting: dict[str, Any] = {
        "mode": "a", "size": 8, "share": 1, "word": "abc", "odd": "x", "list": ["a"], "labels": {"b": "c"},
        "amounts": {"cpu": 1, "memory": "2"}, "free": {"a": [{}]}, "embedded": {"kind": "Pod", "metadata": {"a": 1}},
        "needed": {"x": ""},
    }  # fmt: skip
    assert told(**fitting) == []
    assert told(mode=None) == []


def test_a_map_without_fields_is_free_in_kubernetes_own_definitions() -> None:
    """A raw extension has none there; elsewhere the server would empty it."""
    assert told("io.k8s.api.example.v1.Thing", empty={"a": 1}) == []


def test_a_kind_without_a_definition_is_not_judged() -> None:
    """Some servers behind the server tell none."""
    assert list(served_fields.misfits(served_fields.Document({}), WANTED, {"spec": 1})) == []
