"""Calibrations from logs of engines on GPUs: every term that they tell apart is compared, and the next plan has them.

The logs of vLLM 0.24.0 were printed on H200 and shortened; the one of SGLang says itself what of it is made up.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from shardwright.cli import main
from shardwright.units import GIB

Call = Callable[..., dict[str, Any]]
DATA = Path(__file__).parents[2] / "data"
STEP_BYTES = GIB / 100


@dataclass(frozen=True)
class Start:
    """A start that was logged."""

    log: str
    model: str
    tokens: int
    terms: dict[str, float]
    """GiB, as printed for the rank that decides."""
    layout: tuple[int, int] = (1, 1)
    args: tuple[tuple[str, object], ...] = (("gpu-memory-utilization", 0.92),)
    engine: tuple[str, str] = ("vllm", "0.24.0")


SMALL = Start(
    "llama-3.1-8b-small-pool",
    "llama-3.1-8b",
    96_016,
    {"weights": 15.0, "activation": 1.01, "other": 0.22, "graphs": 0.59, "kvCache": 11.72},
    args=(("gpu-memory-utilization", 0.2), ("max-num-batched-tokens", 2048), ("max-num-seqs", 256)),
)
STAGES = Start(
    "llama-3.1-8b-tp2-pp2",
    "llama-3.1-8b",
    4_037_728,
    {"weights": 3.8, "activation": 1.06, "other": 0.54, "graphs": 0.57, "kvCache": 123.23},
    layout=(2, 2),
)
FIRST_RUNNER = Start(
    "gpt-oss-20b",
    "gpt-oss-20b",
    2_429_331,
    {"weights": 13.58, "activation": 2.92, "other": 0.23, "graphs": 0.58, "kvCache": 111.31},
)
SGLANG = Start(
    "sglang-made-up",
    "llama-3.1-8b",
    906_067,
    {"weights": 15.02, "graphs": 1.68, "kvCache": 110.60},
    args=(),
    engine=("sglang", "0.5.16"),
)
STARTS = [pytest.param(start, id=start.log) for start in (SMALL, STAGES, FIRST_RUNNER, SGLANG)]


@pytest.fixture
def ask(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Call:
    """Runs a command for the recipe of a start, with other arguments where given; its document, or what it said."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")

    def call(start: Start, command: str, *more: str, gpu: str = "H200", **args: object) -> dict[str, Any]:
        model = tmp_path / "models" / start.model
        model.mkdir(parents=True, exist_ok=True)
        shutil.copy(DATA / "configs" / f"{start.model}.json", model / "config.json")
        recipe = tmp_path / "recipe.yaml"
        recipe.write_text(json.dumps(recipe_of(start, model, gpu, args)), "utf-8")
        if command == "calibrate":
            more = ("--from", str(DATA / "logs" / f"{start.log}.log"), *more)
        with pytest.raises(SystemExit) as leaving:
            main.run([command, *more, "-f", str(recipe), "-o", "json"])
        out, err = capfd.readouterr()
        return json.loads(out) if leaving.value.code == 0 else {"code": leaving.value.code, "said": err}

    return call


def recipe_of(start: Start, model: Path, gpu: str, args: dict[str, object]) -> dict[str, object]:
    """The recipe of that start."""
    (name, version), (tensor, pipeline) = start.engine, start.layout
    given = {**dict(start.args), **{name.replace("_", "-"): value for name, value in args.items()}}
    return {
        "apiVersion": "shardwright.dev/v1",
        "kind": "Recipe",
        "metadata": {"name": "logged"},
        "model": {"source": str(model)},
        "engine": {"name": name, "version": version, "entrypoint": "llm", "args": given},
        "workload": {"maxModelLen": 8192},
        "parallelism": {"tensor": tensor, "pipeline": pipeline},
        "hardware": {"gpu": gpu, "gpusPerNode": tensor * pipeline, "nodes": 1},
        "target": {"kind": "lws"},
    }


@pytest.mark.parametrize("start", STARTS)
def test_the_next_plan_has_the_pool_that_was_printed(ask: Call, start: Start) -> None:
    """To the token; the plan names the log and the calibration, and calls itself measured, in a narrower interval."""
    before = ask(start, "plan")
    name = ask(start, "calibrate")["calibration"]["name"]
    after = ask(start, "plan")
    assert after["kvTokens"] == start.tokens
    assert after["kvTokensLow"] <= start.tokens <= after["kvTokensHigh"]
    assert after["kvTokensHigh"] - after["kvTokensLow"] <= before["kvTokensHigh"] - before["kvTokensLow"]
    assert after["evidence"] == "measured"
    assert any(f"{start.log}.log" in reason and name in reason for reason in after["reasons"])


@pytest.mark.parametrize("start", STARTS)
def test_every_term_that_the_log_tells_apart_is_compared(ask: Call, start: Start) -> None:
    """Weights, peak, growth outside the framework, graphs and pool, each with what was planned."""
    rows = ask(start, "calibrate", "--dry-run")["terms"]
    decides = next(row["rank"] for row in rows if row["term"] == "kvCache")
    printed = {row["term"]: row["printedBytes"] for row in rows if row["rank"] == decides}
    assert printed.keys() == start.terms.keys()
    for term, gib in start.terms.items():
        assert abs(printed[term] - gib * GIB) <= STEP_BYTES, term
    assert all(row["plannedBytes"] > 0 for row in rows)


@pytest.mark.parametrize("start", STARTS)
def test_the_next_plan_has_the_terms_that_were_printed(ask: Call, start: Start) -> None:
    """Rank by rank in the plan's document, to the two digits that engines print."""
    decides = ask(start, "calibrate")["terms"][-1]["rank"]
    rank = ask(start, "plan")["ranks"][decides]
    for term, name in (("weights", "weightsBytes"), ("graphs", "graphBytes"), ("kvCache", "kvCacheBytes")):
        assert abs(rank[name] - start.terms[term] * GIB) <= 2 * STEP_BYTES, term
    if "activation" in start.terms:
        assert abs(rank["activationBytes"] - start.terms["activation"] * GIB) <= 2 * STEP_BYTES


def test_every_rank_of_a_group_is_compared(ask: Call) -> None:
    """Ranks of one stage that print the same share a row; those of both stages are there."""
    rows = ask(STAGES, "calibrate", "--dry-run")["terms"]
    peaks = [(row["rank"], row["printedBytes"]) for row in rows if row["term"] == "other"]
    assert [rank for rank, _ in peaks] == [0, 2]
    assert abs(peaks[0][1] - 0.06 * GIB) <= STEP_BYTES
    assert abs(peaks[1][1] - 0.54 * GIB) <= STEP_BYTES


def test_other_flags_take_the_share_of_the_peak_over(ask: Call) -> None:
    """Half the batched tokens: the peak differs by the share it differed by, evidence stays, the plan says from where."""
    plain = ask(FIRST_RUNNER, "plan", max_num_batched_tokens=8192)
    seen = ask(FIRST_RUNNER, "calibrate")
    after = ask(FIRST_RUNNER, "plan", max_num_batched_tokens=8192)
    peak = next(row for row in seen["terms"] if row["term"] == "activation")
    share = peak["printedBytes"] / peak["plannedBytes"]
    assert share > 1
    assert after["ranks"][0]["activationBytes"] == pytest.approx(plain["ranks"][0]["activationBytes"] * share, abs=1e4)
    assert (plain["evidence"], plain["kvTokens"]) == (after["evidence"], pytest.approx(after["kvTokens"], rel=0.01))
    assert any("max-num-batched-tokens 16384" in reason for reason in after["reasons"])


def test_starts_with_other_flags_are_kept_beside_each_other(ask: Call) -> None:
    """Each has a file of its own, so that both plans stay exact."""
    ask(SMALL, "calibrate")
    first = ask(SMALL, "plan")
    other = Start(SMALL.log, SMALL.model, 0, {}, args=(*SMALL.args, ("enable-prefix-caching", True)))
    ask(other, "calibrate")
    assert ask(SMALL, "plan") == first


@pytest.mark.parametrize(
    ("gpu", "args", "said"),
    [
        ("H100", {}, "another device: it has 139.80 GiB, planned is H100"),
        ("H200", {"gpu_memory_utilization": 0.9}, "gpu-memory-utilization is 0.92, planned is 0.9"),
    ],
)
def test_a_log_of_another_device_or_budget_is_refused(ask: Call, gpu: str, args: dict[str, object], said: str) -> None:
    """Its figures would be laid at the formulas' door."""
    answer = ask(FIRST_RUNNER, "calibrate", gpu=gpu, **args)
    assert answer["code"] == 2
    assert said in answer["said"]
