"""Lint agrees with upstream's own validation: an error where upstream rejects, none where it accepts.

The verdicts are read from the folder that SHARDWRIGHT_UPSTREAM_CASES names, else from `shared/upstream-cases` beside the
checkout. Projects whose platforms have rules are judged.
"""

from __future__ import annotations

import gzip
import json
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from shardwright import registry
from shardwright.core.manifests import judge, reading
from shardwright.core.manifests.objects import Context

if TYPE_CHECKING:
    from shardwright.core.rules import Finding

_FOLDER = Path(
    os.environ.get("SHARDWRIGHT_UPSTREAM_CASES") or Path(__file__).resolve().parents[3] / "shared" / "upstream-cases"
)
_FILE = _FOLDER / "cases.jsonl.gz"
_PLATFORMS = {"lws": {"LeaderWorkerSet"}, "kuberay": {"RayCluster", "RayService", "RayJob", "RayCronJob"}}
_KSERVE = {"kserve": {"InferenceService", "ServingRuntime", "ClusterServingRuntime"}}
_LLMISVC = {"llmisvc": {"LLMInferenceService", "LLMInferenceServiceConfig"}}

pytestmark = pytest.mark.skipif(not _FILE.is_file(), reason=f"no verdicts: {_FILE} is not there")


def _cases() -> list[dict[str, Any]]:
    if not _FILE.is_file():
        return []
    with gzip.open(_FILE, "rt", encoding="utf-8") as stream:
        return [json.loads(line) for line in stream]


def _platform_of(case: dict[str, Any]) -> str:
    tables = {**_PLATFORMS, **_KSERVE, **_LLMISVC}
    return next(name for name, kinds in tables.items() if case["kind"] in kinds)


def _errors(case: dict[str, Any]) -> list[str]:
    """What lint says against a case; by the release and the gates that upstream judged it with."""
    new = reading.read_manifests(json.dumps(case["manifest"]).encode(), "new.json")
    old = reading.read_manifests(json.dumps(case.get("oldManifest") or {}).encode(), "old.json").objects
    versions = {name: case["version"].removeprefix("v") for name in (case["project"], _platform_of(case))}
    context = Context(versions=versions, gates=case.get("featureGates") or {})
    found = (*new.findings, *judge.judge(new.objects, registry.load_platforms(), context, old))
    return [
        f"{each.id} {each.path}: {each.message}" for each in found if each.severity == "error" and _counts(case, each)
    ]


def _counts(case: dict[str, Any], finding: Finding) -> bool:
    """Where upstream ran one function alone and accepted, only rules that were read from that function count."""
    alone = re.search(r"upstream calls only (\w+)", " ".join(case.get("notes") or []))
    if alone is None or case["expect"] == "reject":
        return True
    return alone[1].lower() in " ".join(finding.evidence).lower()


@pytest.mark.parametrize("case", [pytest.param(case, id=case["id"]) for case in _cases()])
def test_lint_says_what_upstream_says(case: dict[str, Any]) -> None:
    """A manifest that upstream rejects has an error, one that it accepts has none."""
    if _platform_of(case) not in registry.LINTS:
        pytest.skip(f"no rules for {_platform_of(case)} yet")
    found = _errors(case)
    assert bool(found) == (case["expect"] == "reject"), f"{case['expect']}: {case['why']}; found {found}"
