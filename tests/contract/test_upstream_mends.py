"""Manifests of upstream's tests are mended without harm: no new error, nothing that does not help, and only once.

The manifests are those of `test_upstream_cases`; each is mended as it would stand in a file, in YAML and in JSON by turns.
"""

from __future__ import annotations

import gzip
import json
import os
import zlib
from pathlib import Path
from typing import Any

import pytest
import yaml

from shardwright import registry
from shardwright.core.manifests import mending_rounds, reading
from shardwright.core.manifests.objects import Context

_FOLDER = Path(
    os.environ.get("SHARDWRIGHT_UPSTREAM_CASES") or Path(__file__).resolve().parents[3] / "shared" / "upstream-cases"
)
_FILE = _FOLDER / "cases.jsonl.gz"
_MENDED_AT_LEAST = 40
"""Of 305 cases; fewer would mean that mends are no longer asked."""

pytestmark = pytest.mark.skipif(not _FILE.is_file(), reason=f"no cases: {_FILE} is not there")


def _mended(case: dict[str, Any], text: bytes) -> mending_rounds.Outcome:
    old = reading.read_manifests(json.dumps(case.get("oldManifest") or {}).encode(), "old.json").objects
    context = Context(
        versions={case["project"]: case["version"].removeprefix("v")}, gates=case.get("featureGates") or {}
    )
    return mending_rounds.mend_files({"a.yaml": text}, registry.load_platforms(), context, old=old)


def _text(case: dict[str, Any]) -> bytes:
    if zlib.crc32(case["id"].encode()) % 2:
        return json.dumps(case["manifest"], indent=2).encode()
    return yaml.safe_dump(case["manifest"], sort_keys=False).encode()


def test_mends_do_no_harm_on_upstreams_manifests() -> None:
    """Errors only become fewer (the rounds take back what brings one), and no mend is taken back or useless."""
    changed = 0
    with gzip.open(_FILE, "rt", encoding="utf-8") as stream:
        for line in stream:
            case = json.loads(line)
            text = _text(case)
            made = _mended(case, text)
            assert made.kept == (), case["id"]
            again = _mended(case, made.contents["a.yaml"])
            assert (again.contents, again.done) == (made.contents, ()), case["id"]
            changed += made.contents["a.yaml"] != text
    assert changed >= _MENDED_AT_LEAST
