"""What lint says of Kubernetes' own kinds against the verdict of a real API server.

On each case of the rules' own tests, and on objects that a seed has changed.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from shardwright import errors

TESTS = Path(__file__).parents[1]
sys.path[:0] = [str(TESTS), str(TESTS / "unit" / "targets")]

from acceptance import mangled  # noqa: E402 - from other folders of tests
from unit.targets import kubernetes_objects  # noqa: E402
from unit.targets.test_kubernetes_lint import REFUSED  # noqa: E402

if TYPE_CHECKING:
    from shardwright.testing.cluster.api import Api

SEEDS = range(600)
SHARE_THAT_MAY_DIFFER = 0.01
"""Numbers written as -0.0, keys without a name and a value: what Go's reader of JSON makes of them is not followed."""


@pytest.fixture(scope="module")
def server(api: Api) -> Api:
    """The server, with what it needs to accept a pod in the namespace `demo`."""
    if not api.has("/api/v1/namespaces/demo/serviceaccounts/default"):
        api.create({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default", "namespace": "demo"}})
    return api


def is_refused(api: Api, body: dict[str, Any]) -> bool:
    """The server's verdict, without keeping the object."""
    try:
        api.create(body, dry_run=True)
    except errors.ShardwrightError:
        return True
    return False


def has_error(body: dict[str, Any]) -> bool:
    """Whether lint says that the API server refuses it."""
    found = kubernetes_objects.findings(body)
    return any(each.severity == "error" and each.enforced_by in {"schema", "kubernetes"} for each in found)


@pytest.mark.parametrize("kind", kubernetes_objects.SPECS)
def test_sound_objects_are_accepted(server: Api, kind: str) -> None:
    """What the rules are tested with is sound."""
    assert not is_refused(server, kubernetes_objects.sound(kind))


@pytest.mark.parametrize(("kind", "changes", "rule"), REFUSED)
def test_what_is_an_error_is_refused(server: Api, kind: str, changes: dict[str, object], rule: str) -> None:
    """No rule forbids what the server accepts."""
    assert is_refused(server, kubernetes_objects.sound(kind, changes)), rule


def test_verdicts_on_mangled_objects_agree(server: Api) -> None:
    """An error where the server refuses, none where it accepts, but for few."""
    kinds, sound = kubernetes_objects.SPECS, kubernetes_objects.sound
    bodies = [body for seed in SEEDS if (body := mangled.mangled_object(seed, kinds, sound))]
    other = [body for body in bodies if is_refused(server, body) != has_error(body)]
    assert len(other) <= len(bodies) * SHARE_THAT_MAY_DIFFER, other
