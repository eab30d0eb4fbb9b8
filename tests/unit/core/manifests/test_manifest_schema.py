"""Fields by release: pruned, filled in and checked as an API server does it."""

from __future__ import annotations

from typing import Any

import pytest

from shardwright.core.manifests import admission, checking, schema, versions

SHARED = {
    "types": {
        "ObjectMeta": {"name": "string", "labels": "{}string"},
        "Pod": {"old": "int", "new": {"type": "int", "since": "1.30"}},
    }
}
OWN: dict[str, Any] = {
    "kinds": [{"api_version": "x/v1", "kind": "Thing", "type": "Thing"}],
    "kubernetes": {"1.0": "1.28", "2.0": "1.30"},
    "types": {
        "Thing": {
            "count": {"type": "int32", "default": 1, "min": 0, "max": 5},
            "mode": [
                {"type": "string", "enum": ["a"], "until": "2.0"},
                {"type": "string", "enum": ["a", "b"], "since": "2.0"},
            ],
            "items": {"type": "[]Item", "keys": ["name"], "max_items": 2},
            "names": {"type": "[]string", "keys": ["."], "items": {"min_length": 2}},
            "limits": "{}quantity",
            "either": "int-or-string",
            "pod": "Pod",
            "inner": {"type": "Inner", "default": {}},
            "open": "Open",
            "maybe": {"type": "string", "nullable": True},
        },
        "Item": {"name": {"type": "string", "required": True, "pattern": "^[a-z]+$", "max_length": 4}},
        "Inner": {"flag": {"type": "bool", "default": True}},
        "Open": {"known": "int", "*": "any"},
    },
}  # fmt: skip
THING = schema.parse_schema(OWN, SHARED)


def judged(value: dict[str, Any], version: str = "2.0") -> tuple[dict[str, Any], list[str], list[tuple[str, str]]]:
    """The admitted value, pruned paths and flaws."""
    view = THING.at(version)
    pruned: admission.Pruned = []
    made = admission.admitted(value, "Thing", view, pruned)
    flaws = [(flaw.kind, ".".join(map(str, flaw.path))) for flaw in checking.flaws(made, "Thing", view)]
    return dict(made), [".".join(map(str, path)) for path, _ in pruned], flaws


def test_defaults_come_and_nulls_and_unknown_fields_go() -> None:
    """What rules see is what a cluster would hold."""
    given = {
        "metadata": {"name": "a", "x": 1},
        "count": None,
        "maybe": None,
        "wrong": 1,
        "open": {"any": 2},
        "none": None,
    }
    made, pruned, flaws = judged(given)
    assert made == {
        "metadata": {"name": "a"},
        "maybe": None,
        "open": {"any": 2},
        "count": 1,
        "inner": {"flag": True},
    }
    assert pruned == ["wrong", "metadata.x"]
    assert flaws == []
    assert given["count"] is None


FLAWED: list[tuple[dict[str, Any], tuple[str, str]]] = [
    ({"count": "1"}, ("type", "count")),
    ({"count": True}, ("type", "count")),
    ({"count": 1.5}, ("type", "count")),
    ({"count": 6}, ("value", "count")),
    ({"count": -1}, ("value", "count")),
    ({"mode": "c"}, ("value", "mode")),
    ({"items": {}}, ("type", "items")),
    ({"items": [1]}, ("type", "items.0")),
    ({"items": [{}]}, ("required", "items.0.name")),
    ({"items": [{"name": "A"}]}, ("value", "items.0.name")),
    ({"items": [{"name": "abcde"}]}, ("value", "items.0.name")),
    ({"items": [{"name": "a"}, {"name": "a"}]}, ("duplicate", "items.1")),
    ({"items": [{"name": "a"}, {"name": "b"}, {"name": "c"}]}, ("value", "items")),
    ({"names": ["aa", "aa"]}, ("duplicate", "names.1")),
    ({"names": ["a"]}, ("value", "names.0")),
    ({"limits": {"cpu": 0.5}}, ("type", "limits.cpu")),
    ({"limits": {"cpu": "1 GB"}}, ("type", "limits.cpu")),
    ({"limits": []}, ("type", "limits")),
    ({"either": 1.5}, ("type", "either")),
    ({"pod": []}, ("type", "pod")),
    ({"metadata": {"labels": {"a": 1}}}, ("type", "metadata.labels.a")),
]


@pytest.mark.parametrize(("value", "flaw"), FLAWED)
def test_each_limit_is_held(value: dict[str, Any], flaw: tuple[str, str]) -> None:
    """One flaw for what does not fit, at its place."""
    assert judged(value)[2] == [flaw]


def test_quantities_and_ports_may_be_numbers_or_texts() -> None:
    """Kubernetes takes both."""
    value = {"limits": {"cpu": 2, "memory": "16Gi", "x": "500m", "y": "1e3"}, "either": "25%", "count": 2.0}
    assert judged(value)[1:] == ([], [])


def test_fields_and_choices_follow_the_release() -> None:
    """A field that came later is unknown before, and pods follow the release's Kubernetes."""
    later = {"mode": "b", "pod": {"new": 1}}
    assert judged(later, "2.0")[1:] == ([], [])
    assert judged(later, "1.5")[1:] == (["pod.new"], [("value", "mode")])


@pytest.mark.parametrize(
    ("version", "since", "until", "is_there"),
    [
        *[("0.9.0", "0.9", "", True), ("0.10", "0.9", "", True), ("0.8.9", "0.9", "", False)],
        *[("0.10", "", "0.10", False), ("v1.5.2", "1.5.1", "1.6", True), ("1.7.0-rc.1", "1.7", "", True)],
    ],
)
def test_versions_compare_by_numbers(version: str, since: str, until: str, is_there: bool) -> None:  # noqa: FBT001 - a table's column
    """0.10 comes after 0.9, and a bound without a patch counts from its first release."""
    assert versions.holds(version, since, until) is is_there
