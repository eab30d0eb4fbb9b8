"""Plans that are rendered without reading any model, and rolled out by the service as `apply` does it."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from shardwright.service import rollout
from shardwright.service.rollout import Options
from shardwright.testing import builders

if TYPE_CHECKING:
    from shardwright.core.plan.types import Plan
    from shardwright.kubernetes.client import Client

__all__ = ["applied", "planned"]


def planned(client: Client, **overrides: Any) -> Plan:  # noqa: ANN401 - fields of a recipe
    """Llama on one GPU, the model on a claim of somebody else's; rendered as a Deployment and a Service."""
    given = {
        "metadata": {"name": "llama", "namespace": client.namespace},
        "model": {"source": "pvc://models/llama", "token": None},
        "target": {"kind": "kubernetes"},
        "parallelism": {"pipeline": 1},
        "hardware": {"nodes": 1},
    }
    asked = builders.recipe(**{**given, **overrides})
    return dataclasses.replace(builders.plan(layout=builders.layout(1, 1, nodes=1)), recipe=asked)


def applied(client: Client, plan: Plan, *, force: bool = False, recreate: bool = False) -> rollout.Rollout:
    allowed = Options(force=force, recreate=recreate)
    prepared = rollout.prepare(plan, client, allowed)
    assert prepared.is_needed
    steps = list(rollout.carry_out(prepared, client, allowed))
    assert steps[0].action == "revision"
    return prepared
