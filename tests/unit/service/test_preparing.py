"""Whether what a preflight found keeps an apply from going on."""

from __future__ import annotations

import dataclasses

from shardwright.core.lifecycle.changes import ObjectChange
from shardwright.core.lifecycle.revision import Revision
from shardwright.core.rules import Finding
from shardwright.service.preparing import Prospect
from shardwright.service.rollout import Rollout

LACKING = Finding(id="cluster.secret", status="fail", severity="error", message="there is no Secret hf-token")
WANTED = Revision(number=0, recipe={}, digest="a", plan={}, manifests=(), outcome="applying")
SAME = ObjectChange(action="unchanged", api_version="v1", kind="Service", namespace="demo", name="llama")
IDLE = Rollout(
    namespace="demo",
    name="llama",
    wanted=WANTED,
    before=dataclasses.replace(WANTED, number=1),
    changes=(SAME,),
    stale=(),
)
BUSY = dataclasses.replace(IDLE, changes=(dataclasses.replace(SAME, action="update"),))


def test_what_writes_nothing_is_not_stopped() -> None:
    """A second apply of what runs tells what the cluster lacks by now, and goes on to follow it."""
    assert Prospect(findings=(LACKING,), rollout=BUSY).stops
    assert Prospect(findings=(LACKING,), rollout=None).stops
    assert not Prospect(findings=(LACKING,), rollout=IDLE).stops
    assert not Prospect(findings=(), rollout=BUSY).stops


def test_a_secret_is_written_too() -> None:
    """Where nothing else changes, a value that is given still would."""
    assert Prospect(findings=(LACKING,), rollout=IDLE, gives_secrets=True).stops
