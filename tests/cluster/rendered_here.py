"""Recipes as `render` writes them, for a namespace of a running cluster."""

from __future__ import annotations

import copy
import io
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shardwright import errors
from shardwright.core.plan.types import Plan
from shardwright.service import deploying, linting, planning, recipes, rendering
from shardwright.settings import HubSettings
from shardwright.values import frozen

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shardwright.core.plugins import Manifest

__all__ = ["EXAMPLE", "Rendered", "applicable", "lint_errors", "rendered"]

EXAMPLE = Path(__file__).parents[2] / "examples" / "llama-3-8b-two-nodes.yaml"
_OFFLINE = HubSettings("https://huggingface.co", offline=True)


@frozen
class Rendered:
    """Manifests, and on how many nodes a replica of theirs runs."""

    manifests: tuple[Manifest, ...]
    nodes: int


def rendered(example: Path, sets: Sequence[str]) -> Rendered:
    """An example with fields changed; InputError where it does not fit or may not be."""
    (loaded,) = recipes.load_recipes([str(example)], list(sets))
    plan = planning.plan_loaded(loaded, _OFFLINE)
    if not isinstance(plan, Plan):
        raise errors.InputError(f"does not fit: {plan.reasons[0]}")
    target = deploying.target_of(plan)
    return Rendered(rendering.render(deploying.deployment_of(plan, target), target), plan.layout.nodes)


def applicable(kind: str, version: str, namespace: str, *sets: str) -> list[dict[str, Any]]:
    """The two-node example for that target in that namespace, without storage, as objects that may be changed."""
    own = (f"target={{kind: {kind}, version: '{version}'}}", f"metadata.namespace={namespace}", "storage={}", *sets)
    return [copy.deepcopy(dict(each.body)) for each in rendered(EXAMPLE, own).manifests]


def lint_errors(body: dict[str, Any]) -> set[str]:
    """Ids of the errors that `lint` finds in one object."""
    found = linting.lint(["-"], stdin=io.BytesIO(json.dumps(body).encode()))
    return {finding.id for finding in found.findings if finding.severity == "error"}
