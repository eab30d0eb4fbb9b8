"""Use case: an apply as it is looked at before anything is written: what would change, how, and whether the cluster has it.

Change and preflight are asked side by side, so the preflight adds little to the time of an apply.
"""

from __future__ import annotations

import dataclasses
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from shardwright import errors, registry
from shardwright.core import preflight
from shardwright.core.lifecycle import planned
from shardwright.core.preflight import surge
from shardwright.service import checking, rollout, secret_giving
from shardwright.values import frozen

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shardwright.core.lifecycle.updates import Course
    from shardwright.core.plan.types import Plan
    from shardwright.core.preflight import ClusterFacts, Needs
    from shardwright.core.rules import Finding
    from shardwright.kubernetes.client import Client
    from shardwright.service.rollout import Options, Rollout

__all__ = ["Prospect", "look", "surge_findings"]


@frozen(kw_only=True)
class Prospect:
    """What an apply would meet."""

    findings: tuple[Finding, ...]
    """Of the preflight."""
    rollout: Rollout | None
    """None where what is missing leaves nothing to compare with."""
    gives_secrets: bool = False
    """Whether Secrets would be written, whatever else is."""

    @property
    def fails(self) -> bool:
        """Whether the preflight fails."""
        return checking.failing(self.findings, strict=False)

    @property
    def stops(self) -> bool:
        """Whether the preflight keeps an apply from going on: where nothing would be written, what it found is only told."""
        is_idle = self.rollout is not None and not self.rollout.is_needed and not self.gives_secrets
        return self.fails and not is_idle


def look(plan: Plan, client: Client, options: Options) -> Prospect:
    """Ask for both; a refusal of the comparison is raised only if the preflight does not fail, for it says more."""
    from shardwright.kubernetes.live import facts_reading  # noqa: PLC0415 - see clusters

    needs = checking.needs_of_plan(plan, create_namespace=options.create_namespace)
    needs = secret_giving.with_given(needs, options.secrets)
    prepared: Rollout | None = None
    refused: errors.ShardwrightError | None = None
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(facts_reading.read_facts, client, needs)
        try:
            prepared = rollout.prepare(plan, client, options)
        except errors.ShardwrightError as problem:
            refused = problem
        facts = asked.result()
    course = prepared.course if prepared else None
    findings = (*preflight.check(needs, facts), *_surge(plan, course, needs, facts))
    found = Prospect(findings=findings, rollout=prepared, gives_secrets=bool(options.secrets))
    if refused is not None and not found.fails:
        raise refused
    return found


def surge_findings(plan: Plan, client: Client, prepared: Rollout) -> tuple[Finding, ...]:
    """Whether an update that needs more than it has finds it; the cluster is asked only for such an update."""
    from shardwright.kubernetes.live import facts_reading  # noqa: PLC0415 - see clusters

    course = prepared.course
    if course is None or course.how != "surge":
        return ()
    needs = checking.needs_of_plan(plan)
    return tuple(_surge(plan, course, needs, facts_reading.read_facts(client, needs)))


def _surge(plan: Plan, course: Course | None, needs: Needs, facts: ClusterFacts) -> Iterator[Finding]:
    if course is not None and course.how == "surge":
        yield from surge.check_surge(course, needs, facts, end_first=_end_first(plan))


def _end_first(plan: Plan) -> str:
    """How old pods are ended before new ones start: by no replicas where the target makes of that a group without pods."""
    recipe = plan.recipe
    if _has_pods(dataclasses.replace(plan, recipe=dataclasses.replace(recipe, replicas=0))):
        name, namespace = recipe.metadata.name, recipe.metadata.namespace
        return f"shardwright delete {name} -n {namespace}, then apply it anew (claims are kept)"
    return "apply once with --set replicas=0"


def _has_pods(plan: Plan) -> bool:
    try:
        root = planned.root_of(dict(each.body) for each in rollout.manifests_of(plan))
    except errors.InputError:
        return True
    return not root or registry.load_parts(str(root["kind"]))(root).replicas > 0
