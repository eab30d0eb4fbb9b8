"""What is news between two looks, and what is not."""

from __future__ import annotations

import dataclasses

from shardwright.core.lifecycle import happenings
from shardwright.core.lifecycle.snapshot import Member, Remark, Snapshot, explanation, serves

SILENT = Remark("Pod llama-0", "Unhealthy", "Startup probe failed: connection refused", 1, "2026-11-21T12:00:00Z")
SNAPSHOT = Snapshot(namespace="demo", name="llama", target="lws", is_present=True)


def seen(*remarks: Remark) -> Snapshot:
    return dataclasses.replace(SNAPSHOT, remarks=remarks)


def told(before: Snapshot, after: Snapshot) -> list[str]:
    return [f"{each.what} {each.subject}" for each in happenings.between(before, after)]


def test_an_engine_that_does_not_answer_yet_is_told_once() -> None:
    """It is expected for as long as a start may take: no warning, and not every ten seconds."""
    often = dataclasses.replace(SILENT, count=9)
    other = dataclasses.replace(SILENT, message="Startup probe failed: HTTP 503")
    assert told(seen(), seen(SILENT)) == ["note Pod llama-0"]
    assert told(seen(SILENT), seen(often, other)) == []
    assert told(seen(SILENT), seen(often, dataclasses.replace(SILENT, subject="Pod llama-1"))) == ["note Pod llama-1"]


def test_how_a_pod_that_serves_was_started_is_no_news() -> None:
    """Its events outlive its start by an hour: who looks at it then is not told that it does not answer yet."""
    serving = dataclasses.replace(seen(SILENT), members=(Member("llama-0", 0, 0, "ready"),))
    told = [each.what for each in happenings.between(None, serving)]
    assert "note" not in told
    assert "member" in told


def test_other_warnings_are_told_each_time() -> None:
    """One that came again is news."""
    warning = dataclasses.replace(SILENT, message="Liveness probe failed: connection refused")
    assert told(seen(warning), seen(dataclasses.replace(warning, count=2))) == ["warning Pod llama-0"]


def test_a_gate_that_is_not_true_holds_its_replica_back() -> None:
    """Whichever member has it; and it is what explains the state."""
    leader, worker = Member("llama-0", 0, 0, "ready"), Member("llama-0-1", 0, 1, "ready")
    whole = dataclasses.replace(SNAPSHOT, size=2, members=(leader, worker), is_ready=True)
    assert serves(whole, 0)
    held = dataclasses.replace(worker, gates=("checked",), reason="readiness gate", message="checked is False")
    behind = dataclasses.replace(whole, members=(leader, held))
    assert not serves(behind, 0)
    assert explanation(behind) == "llama-0-1: readiness gate: checked is False"
