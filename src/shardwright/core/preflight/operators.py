"""Operators: the kinds that they bring, at versions that are asked for, and whether their controllers run."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from shardwright.core.preflight import telling
from shardwright.core.preflight.facts import Untold

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shardwright.core.preflight.facts import ClusterFacts, Controller
    from shardwright.core.preflight.needs import Needs, ObjectNeed, Operator
    from shardwright.core.rules.finding import Finding

__all__ = ["check_operators", "check_version", "is_release", "release_of"]

_OLDEST = (1, 26)
"""Kubernetes whose discovery document is read in one answer."""
_RELEASE = re.compile(r"v?(\d+)\.(\d+)")
_TAG = re.compile(r":v?(\d+\.\d+(?:\.\d+)?)")
_READY_STATES = frozenset({"ready", "Ready"})


def check_version(facts: ClusterFacts) -> Iterator[Finding]:
    """The API server answers, and is not too old."""
    match = _RELEASE.match(facts.version)
    found = (int(match[1]), int(match[2])) if match else _OLDEST
    if found < _OLDEST:
        yield telling.warn(
            "cluster.api",
            f"{facts.url} is Kubernetes {facts.version}",
            why=f"nothing here was tried below {_OLDEST[0]}.{_OLDEST[1]}",
            fix="use a newer cluster",
            value=facts.version,
        )
    else:
        yield telling.fine("cluster.api", f"{facts.url} answers; Kubernetes {facts.version}", value=facts.version)


def check_operators(needs: Needs, facts: ClusterFacts) -> Iterator[Finding]:
    """Kinds that are written are served, and somebody acts on them."""
    for wanted in _first_of_kinds(needs):
        yield from _kind(wanted, needs, facts)
    is_installed = all(_is_served(each, facts) for each in needs.operators if not each.is_shared)
    for operator in needs.operators:
        if not (operator.is_shared and is_installed and not _is_served(operator, facts)):
            yield from _operator(operator, needs, facts)
    yield from _states(facts)


def _is_served(operator: Operator, facts: ClusterFacts) -> bool:
    return all(facts.kinds.get(kind) for kind in operator.kinds)


def _first_of_kinds(needs: Needs) -> tuple[ObjectNeed, ...]:
    return tuple({(each.api_version, each.kind): each for each in reversed(needs.objects)}.values())[::-1]


def _kind(wanted: ObjectNeed, needs: Needs, facts: ClusterFacts) -> Iterator[Finding]:
    """A kind that is written is served at that version."""
    served = facts.kinds.get((wanted.group, wanted.kind), ())
    if wanted.version in served:
        if "." in wanted.group:
            yield telling.fine("cluster.kind", f"{wanted.kind} is served at {wanted.api_version}", value=wanted.kind)
        return
    if served:
        there = ", ".join(f"{wanted.group}/{version}" for version in served)
        yield telling.wrong(
            "cluster.kind",
            f"{wanted.kind} is not served at {wanted.api_version}; there are: {there}",
            why="another release of its operator is installed than the manifests are for",
            fix="set target.version to the release that is installed, or install the newer one",
            value=wanted.kind,
            requirements=("R020",),
        )
    elif not any(wanted.group == group for each in needs.operators for group, _ in each.kinds):
        yield telling.wrong(
            "cluster.kind",
            f"{wanted.kind} of {wanted.api_version} is not served",
            why="the operator that brings it is not installed",
            fix="install it, or choose another target or way in (expose.kind)",
            value=wanted.kind,
            requirements=("R020",),
        )


def _operator(operator: Operator, needs: Needs, facts: ClusterFacts) -> Iterator[Finding]:
    """Kinds that an operator brings are there, and its controller runs at the release that is named."""
    groups = {group for group, _ in operator.kinds}
    written = [(each.group, each.kind) for each in needs.objects if each.group in groups]
    missing = [kind for group, kind in dict.fromkeys((*operator.kinds, *written)) if not facts.kinds.get((group, kind))]
    if missing:
        are = "are" if len(missing) > 1 else "is"
        yield telling.wrong(
            "cluster.operator",
            f"{operator.name} is not installed: {' and '.join(missing)} {are} not served",
            why="objects that it acts on cannot be made, or stay as they are",
            fix=" && ".join(operator.install) or f"install {operator.name}",
            value=operator.name,
            requirements=("R020",),
        )
        return
    if not operator.deployments:
        if operator.kinds:
            yield telling.fine(
                "cluster.operator", f"{operator.name} is there", value=operator.name, requirements=("R020",)
            )
        return
    if isinstance(facts.controllers, Untold):
        yield telling.unknown("cluster.operator", f"whether {operator.name} runs", facts.controllers)
        return
    found = [each for each in facts.controllers if each.name in operator.deployments]
    yield from _running(operator, found)


def _running(operator: Operator, found: list[Controller]) -> Iterator[Finding]:
    """A controller has ready pods."""
    alive = [each for each in found if each.ready > 0]
    if not found:
        yield telling.warn(
            "cluster.operator",
            f"no Deployment is named {' or '.join(operator.deployments)}: whether {operator.name} runs is doubtful",
            why="objects that nobody acts on stay as they are; an operator that runs elsewhere is not seen",
            fix=" && ".join(operator.install) or f"install {operator.name}",
            value=operator.name,
            requirements=("R020",),
        )
    elif not alive:
        first = found[0]
        yield telling.wrong(
            "cluster.operator",
            f"{operator.name}: {first.namespace}/{first.name} has no pod that is ready",
            why="objects that nobody acts on stay as they are, and its webhook may refuse them",
            fix=f"kubectl describe deployment {first.name} -n {first.namespace}",
            value=operator.name,
            requirements=("R020",),
        )
    else:
        yield from _release(operator, alive[0])


def _release(operator: Operator, found: Controller) -> Iterator[Finding]:
    """The release that runs is the one that the recipe names."""
    tags = _tags(found)
    told = f" {tags[0]}" if tags else ""
    if operator.asserted and tags and not is_release(tags[0], operator.asserted):
        yield telling.wrong(
            "cluster.operator-release",
            f"{operator.name} {tags[0]} runs; the recipe is for {operator.asserted}",
            why="fields and defaults differ between releases",
            fix=f"set target.version: {'.'.join(tags[0].split('.')[:2])}, or install {operator.asserted}",
            value=tags[0],
            requirements=("R020",),
        )
    else:
        yield telling.fine(
            "cluster.operator",
            f"{operator.name}{told} runs in {found.namespace}",
            value=tags[0] if tags else "",
            requirements=("R020",),
        )


def release_of(operator: Operator, facts: ClusterFacts) -> str:
    """The release that runs, by its image's tag; empty where it cannot be told."""
    if isinstance(facts.controllers, Untold):
        return ""
    running = (each for each in facts.controllers if each.name in operator.deployments)
    return next((tag for each in running for tag in _tags(each)), "")


def _tags(found: Controller) -> list[str]:
    return [match[1] for image in found.images if (match := _TAG.search(image))]


def is_release(found: str, asked: str) -> bool:
    """`0.8.1` is 0.8."""
    wanted = asked.removeprefix("v").split(".")
    return found.split(".")[: len(wanted)] == wanted


def _states(facts: ClusterFacts) -> Iterator[Finding]:
    """Operators of devices say that they are ready."""
    if isinstance(facts.services, Untold):
        yield telling.unknown(
            "cluster.policy", "what the GPU operator says of itself", facts.services, requirements=("R016",)
        )
        return
    for each in facts.services:
        if each.state in _READY_STATES:
            yield telling.fine(
                "cluster.policy", f"{each.kind} {each.name} is ready", value=each.state, requirements=("R016",)
            )
        else:
            yield telling.wrong(
                "cluster.policy",
                f"{each.kind} {each.name} says {each.state or 'nothing of its state'}",
                why="drivers or device plug-ins are not in place on all nodes",
                fix=f"kubectl describe {each.kind.lower()} {each.name}",
                value=each.state,
                requirements=("R016",),
            )
