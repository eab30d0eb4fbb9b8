"""Whatever stands in a manifest, lint ends in findings: in bounded time and memory, and never in an error of its own.

What ever made lint fail is kept in tests/data/manifests/crashed and judged in each run. SHARDWRIGHT_SOAK_RESULTS=1 keeps a
line of each block of the long count, and goes on where it stopped.
"""

from __future__ import annotations

import json
import os
import resource
import time
from pathlib import Path

import mangled
import pytest

from shardwright import registry
from shardwright.core.manifests import judge, mending_rounds, reading
from shardwright.core.manifests.objects import Context

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "docs" / "reference" / "soak" / "manifests.ndjson"
CRASHED = sorted((ROOT / "tests" / "data" / "manifests" / "crashed").glob("*.yaml"))
IS_KEPT = os.environ.get("SHARDWRIGHT_SOAK_RESULTS") == "1"
PLATFORMS = registry.load_platforms()
NEWEST = Context()
OLDEST = Context(versions={each.released_as or each.name: each.versions[0] for each in PLATFORMS})
BLOCK = 2_500
COUNT = 100_000
SAMPLE = 400
MOST_SECONDS = 5.0
MOST_MIB = 1024


def lint(data: bytes, old: bytes = b"", context: Context = NEWEST) -> int:
    """How many findings an input has; each has an id, a message and a line."""
    found = reading.read_manifests(data, "a.yaml")
    before = reading.read_manifests(old, "old.yaml").objects if old else ()
    findings = (*found.findings, *judge.judge(found.objects, PLATFORMS, context, before))
    assert all(each.id and each.message and each.line for each in findings)
    return len(findings)


def judge_one(seed: int) -> int:
    """Every fourth input is judged for the oldest releases, and every fourth is mended as well."""
    made = mangled.mangle(seed)
    if seed % 4 == 0:
        mended = mending_rounds.mend_files({"a.yaml": made.data}, PLATFORMS, NEWEST)
        return lint(mended.contents["a.yaml"])
    return lint(made.data, made.old, OLDEST if seed % 4 == 1 else NEWEST)


def check(seeds: range) -> dict[str, object]:
    """Judge the inputs of seeds; an error names the seed."""
    findings, slowest = 0, (0.0, -1)
    for seed in seeds:
        start = time.process_time()
        try:
            findings += judge_one(seed)
        except Exception as error:
            raise AssertionError(f"seed {seed} of the corpus {mangled.corpus()}: {error!r}") from error
        slowest = max(slowest, (time.process_time() - start, seed))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    assert slowest[0] < MOST_SECONDS, f"seed {slowest[1]} took {slowest[0]:.1f} s"
    assert peak < MOST_MIB, f"{peak} MiB of memory"
    return {
        "seeds": [seeds.start, seeds.stop],
        "corpus": mangled.corpus(),
        "findings": findings,
        "slowest_seconds": round(slowest[0], 3),
        "peak_mib": peak,
        "crashed": 0,
    }


@pytest.mark.parametrize("path", CRASHED, ids=lambda path: path.name)
def test_what_ever_crashed_is_judged(path: Path) -> None:
    """Each is here because lint once ended in an error on it."""
    data = path.read_bytes()
    mended = mending_rounds.mend_files({"a.yaml": data}, PLATFORMS, NEWEST)
    assert lint(data) + lint(data, context=OLDEST) + lint(mended.contents["a.yaml"])


def test_some_mangled_manifests_are_judged() -> None:
    """The first seeds of the long count."""
    assert check(range(SAMPLE))["findings"]


@pytest.mark.soak
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("first", range(0, COUNT, BLOCK))
def test_a_hundred_thousand_mangled_manifests_are_judged(first: int) -> None:
    """All of them, in blocks."""
    lines = RESULTS.read_text("utf-8").splitlines() if RESULTS.exists() else []
    done = [json.loads(line) for line in lines]
    if IS_KEPT and [first, first + BLOCK] in [each["seeds"] for each in done]:
        pytest.skip(f"the block stands in {RESULTS.name}")
    line = check(range(first, first + BLOCK))
    if IS_KEPT:
        RESULTS.parent.mkdir(parents=True, exist_ok=True)
        with RESULTS.open("a", encoding="utf-8") as kept:
            kept.write(json.dumps(line) + "\n")
