"""Lint agrees with what upstream's own code says of manifests that are changed in one or two places.

The verdicts were given by the programs in `tools/upstream_verdicts`, which call the definitions, webhooks and operators of
the projects; its README says where lint is stricter on purpose.
"""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from shardwright import registry
from shardwright.core.manifests import judge, reading
from shardwright.core.manifests.objects import Context

_FOLDER = Path(__file__).parents[1] / "data" / "upstream_verdicts"
_SETS: dict[str, dict[str, Any]] = {
    path.stem: json.loads(path.read_text("utf-8")) for path in sorted(_FOLDER.glob("*.json"))
}
_BASES = [(name, base) for name, known in _SETS.items() for base in known["bases"]]


def _changed(base: dict[str, Any], changes: list[dict[str, Any]]) -> dict[str, Any]:
    made = copy.deepcopy(base)
    for change in changes:
        *way, last = change["path"]
        at: Any = made
        for part in way:
            at = at[part]
        if "value" in change:
            at[last] = change["value"]
        else:
            del at[last]
    return made


def _errors(case: dict[str, Any], known: dict[str, Any]) -> list[str]:
    """What lint says against a case at the release whose code judged it."""
    base = known["bases"][case["base"]]
    new = reading.read_manifests(json.dumps(_changed(base, case["changes"])).encode(), "new.json")
    old = json.dumps(_changed(base, case["old"]) if "old" in case else {}).encode()
    context = Context(versions=known["versions"], gates=case.get("gates") or {})
    found = judge.judge(
        new.objects, registry.load_platforms(), context, reading.read_manifests(old, "old.json").objects
    )
    return [f"{each.id} {each.path}" for each in (*new.findings, *found) if each.severity == "error"]


@pytest.mark.parametrize(("name", "base"), _BASES, ids=[f"{name}-{base}" for name, base in _BASES])
def test_lint_says_what_upstreams_code_says(name: str, base: str) -> None:
    """A changed manifest has an error exactly where upstream refuses it."""
    known = _SETS[name]
    for case in known["cases"]:
        if case["base"] == base:
            found = _errors(case, known)
            what = json.dumps({"changes": case["changes"], "old": case.get("old")})[:500]
            assert bool(found) == (case["expect"] == "reject"), f"{case['expect']} {what}; found {found}"


def test_the_sets_hold_both_verdicts_of_every_kind() -> None:
    """A set of one verdict alone would show nothing."""
    for name, known in _SETS.items():
        for base in known["bases"]:
            verdicts = {case["expect"] for case in known["cases"] if case["base"] == base}
            assert verdicts == {"accept", "reject"}, (name, base)
