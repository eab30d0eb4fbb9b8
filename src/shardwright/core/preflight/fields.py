"""Fields and values of what is written, against the definitions that the cluster itself serves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shardwright.core.preflight import openshift, operators, telling
from shardwright.core.preflight.facts import NOT_ASKED, Untold

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shardwright.core.preflight.facts import ClusterFacts, Misfit
    from shardwright.core.preflight.needs import Needs, ObjectNeed
    from shardwright.core.rules.finding import Finding

__all__ = ["check_fields"]

_OWN = frozenset(
    f"{each}.k8s.io" for each in ("networking", "rbac.authorization", "storage", "scheduling", "coordination")
)
"""Groups of Kubernetes itself with a dot in their names."""
_MOST = 6
"""So many of one object are told; another release of a kind may differ in a hundred places."""


def check_fields(needs: Needs, facts: ClusterFacts) -> Iterator[Finding]:
    """Fields and values of what is written are known to the cluster's own definitions of these kinds."""
    written = [each for each in needs.objects if each.version in facts.kinds.get((each.group, each.kind), ())]
    if not needs.bodies or not written:
        return
    by_version = {each.api_version: facts.misfits.get(each.api_version, NOT_ASKED) for each in written}
    for api_version, found in by_version.items():
        if isinstance(found, Untold):
            yield telling.unknown("cluster.fields", f"whether the server takes all fields of {api_version}", found)
    misfits = [each for found in by_version.values() if not isinstance(found, Untold) for each in found]
    for wanted in dict.fromkeys(each.wanted for each in misfits):
        own = [each for each in misfits if each.wanted == wanted]
        cure = _cure(wanted, needs, facts)
        yield from (_misfit(each, cure) for each in own[:_MOST])
        if len(own) > _MOST:
            yield _more(wanted, len(own) - _MOST, cure)
    if not misfits and not any(isinstance(found, Untold) for found in by_version.values()):
        count = len(written)
        yield telling.fine(
            "cluster.fields",
            f"the server's own definitions take all fields of {'the' if count == 1 else 'all'} {count} object"
            f"{'' if count == 1 else 's'}",
            requirements=("R118",),
        )


def _misfit(found: Misfit, cure: str) -> Finding:
    """A field or value is one that the server's definition of the kind has."""
    allowed = ", ".join(found.allowed)
    told = {
        "unknown": f"{found.wanted.kind} of this cluster has no such field",
        "missing": f"it is missing, and {found.wanted.kind} of this cluster demands it",
        "choice": f"{found.value} is not known to this cluster, which takes {allowed}",
        "type": f"{found.value}: this cluster takes {allowed} here",
        "limit": f"{found.value}: this cluster takes {allowed}" if found.value else allowed,
    }[found.problem]
    return telling.wrong(
        "cluster.fields",
        f"{found.wanted}: {found.path}: {told}",
        why="the API server refuses the object",
        fix=cure,
        path=found.path,
        value=found.value,
        requirements=("R118",),
    )


def _more(wanted: ObjectNeed, count: int, cure: str) -> Finding:
    """All of an object's fields are ones that the server's definition has."""
    return telling.wrong(
        "cluster.fields",
        f"{wanted}: {count} more fields that this cluster does not take",
        why="the API server refuses the object",
        fix=cure,
        requirements=("R118",),
    )


def _cure(wanted: ObjectNeed, needs: Needs, facts: ClusterFacts) -> str:
    """What is to be set: the release that runs, where its operator says it and manifests can be made for it."""
    platform = _platform(wanted, needs, facts)
    if platform is None:
        there = f"Kubernetes {facts.version}" if _is_own(wanted.group) else f"the {wanted.kind} of this cluster"
        return f"leave it out (pods, expose, target.patches), or use a release that knows it: {there} does not"
    name, running = platform
    minor = ".".join(running.split(".")[:2])
    used = needs.release or (needs.releases[-1] if needs.releases else "")
    if not running:
        known = ", ".join(needs.releases)
        return f"name the release of {name} that is installed: --set target.version=VERSION, one of {known}"
    if any(operators.is_release(each, minor) for each in needs.releases) and not operators.is_release(used, minor):
        return f"--set target.version={running}: {name} {running} runs in this cluster, the manifests are for {used}"
    return (
        f"{name} {running} runs in this cluster: leave the field out (pods, target.options, target.patches), "
        "or install the definitions of the release that has it"
    )


def _platform(wanted: ObjectNeed, needs: Needs, facts: ClusterFacts) -> tuple[str, str] | None:
    """Who brings a kind whose release recipes name, and the release that runs; empty where that cannot be told."""
    if needs.distribution == "openshift" and not _is_own(wanted.group):
        return "OpenShift AI", openshift.release_of(facts)
    groups = ((each, {group for group, _ in each.kinds}) for each in needs.operators if each.is_platform)
    found = next((each for each, brought in groups if wanted.group in brought), None)
    return (found.name, operators.release_of(found, facts)) if found else None


def _is_own(group: str) -> bool:
    return "." not in group or group in _OWN
