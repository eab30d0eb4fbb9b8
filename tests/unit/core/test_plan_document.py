"""The JSON of a plan: its keys are an interface."""

from __future__ import annotations

import json
from typing import Any

from shardwright.core.plan import plan, plan_document
from shardwright.core.recipe.model import Parallelism
from shardwright.core.rules import Finding
from shardwright.core.rules.document import finding_document
from shardwright.testing import builders
from shardwright.testing.toy_engine import ToyEngine

KEYS = {
    "fits",
    "kvTokens",
    "kvTokensLow",
    "kvTokensHigh",
    "maxModelLen",
    "maxConcurrency",
    "evidence",
    "evidenceReason",
    "layout",
    "stages",
    "ranks",
    "speed",
    "speedReason",
    "pricePerHour",
    "engine",
    "alternatives",
    "front",
    "reasons",
    "sources",
    "findings",
    "infeasible",
}
RANK_KEYS = {
    "rank",
    "node",
    "stage",
    "gpu",
    "weightsBytes",
    "kvCacheBytes",
    "activationBytes",
    "graphBytes",
    "otherBytes",
    "freeBytes",
}


TOY: dict[str, object] = {"name": "toy", "version": None, "args": {}}


def document(**overrides: object) -> dict[str, Any]:
    """The document of a toy plan, as it is read back from JSON."""
    asked = builders.recipe(**{"engine": TOY, **overrides})
    made = plan(asked, builders.llama_shape(), builders.cluster(), ToyEngine())
    return json.loads(json.dumps(plan_document(made)))


def test_a_plan_that_fits_has_all_keys() -> None:
    """Keys never vanish; a rank is the device, term by term."""
    made = document()
    assert set(made) == KEYS
    assert made["fits"] is True
    assert made["layout"] == {"tensor": 1, "pipeline": 2, "data": 1, "expert": False, "nodes": 2, "gpusPerNode": 1}
    assert made["stages"] == [{"layers": 16}, {"layers": 16}]
    assert [set(rank) for rank in made["ranks"]] == [RANK_KEYS, RANK_KEYS]
    assert [(rank["rank"], rank["node"], rank["stage"], rank["gpu"]) for rank in made["ranks"]] == [
        (0, 0, 0, "A10G"),
        (1, 1, 1, "A10G"),
    ]
    for rank in made["ranks"]:
        assert sum(value for key, value in rank.items() if key.endswith("Bytes")) == builders.gpu().memory_bytes


def test_what_a_later_step_fills_is_null_with_a_reason() -> None:
    """Never invented."""
    made = document()
    assert made["speed"] is None
    assert made["speedReason"]


def test_an_unfit_plan_has_the_same_keys() -> None:
    """Whoever reads it need not know which it is."""
    made = document(parallelism=Parallelism(3, 1))
    assert set(made) == KEYS
    assert made["fits"] is False
    assert made["kvTokens"] is None
    assert made["ranks"] == []
    assert made["infeasible"]["reasons"] == made["reasons"] != []
    assert set(made["infeasible"]["changes"][0]) == {"what", "cost", "kvTokens", "gpus", "pricePerHour"}


def test_the_engine_is_named_with_version_and_runner() -> None:
    """And with the flags that the plan rests on."""
    assert document()["engine"] == {
        "name": "toy",
        "version": "2.0.0",
        "runner": "toy",
        "executor": "mp",
        "settings": {"max-model-len": 8192},
    }


def test_a_finding_shows_all_its_fields() -> None:
    """One type of finding for plan, lint, check and diagnose."""
    made = finding_document(
        Finding("a.rule", "warn", "info", "said", path="x.y", evidence=("e",), requirements=("R001",))
    )
    assert list(made) == [
        "id", "status", "severity", "file", "line", "path", "value", "message", "why", "fix", "confidence", "evidence", "requirements"
    ]  # fmt: skip
    assert made["evidence"] == ["e"]
    assert made["requirements"] == ["R001"]
