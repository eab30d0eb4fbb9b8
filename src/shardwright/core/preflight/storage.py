"""Claims: there or makeable, large enough, and reached from every node that may be chosen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shardwright.core.preflight import placing, telling
from shardwright.core.preflight.facts import Untold
from shardwright.units import format_gib

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from shardwright.core.preflight.facts import Claim, ClusterFacts
    from shardwright.core.preflight.needs import ClaimNeed, Needs
    from shardwright.core.rules.finding import Finding

__all__ = ["check_storage"]

_SHARED = frozenset({"ReadWriteMany", "ReadOnlyMany"})


def check_storage(needs: Needs, facts: ClusterFacts) -> Iterator[Finding]:
    """All that is asked of claims."""
    for claim in needs.claims:
        found = facts.claims.get(claim.name)
        if isinstance(found, Untold):
            yield telling.unknown("cluster.claim", f"whether there is a claim {claim.name}", found)
        elif found is None and claim.is_made:
            yield from _class(claim, facts.storage_classes)
            yield from _modes(claim, claim.access_modes, "asks for")
            yield from _size(claim, claim.size_bytes)
        elif found is None:
            yield _missing(needs, claim)
        else:
            yield from _present(needs, claim, found, facts)


def _missing(needs: Needs, claim: ClaimNeed) -> Finding:
    """A claim that is used and not made is there."""
    return telling.wrong(
        "cluster.claim",
        f"there is no claim {claim.name} in {needs.namespace}",
        why="pods that mount it wait for it without end",
        fix="give storage.size, and it is made; or name the claim that is there in storage.claim",
        value=claim.name,
    )


def _present(needs: Needs, claim: ClaimNeed, found: Claim, facts: ClusterFacts) -> Iterator[Finding]:
    """A claim that is there is bound, or will be when a pod mounts it."""
    if found.phase == "Lost":
        yield telling.wrong(
            "cluster.claim",
            f"claim {claim.name} has lost its volume",
            why="pods that mount it do not start",
            fix=f"kubectl describe pvc {claim.name} -n {needs.namespace}; make it anew",
            value=found.phase,
        )
        return
    if found.phase == "Bound":
        yield telling.fine("cluster.claim", f"claim {claim.name} is bound", value=found.phase)
    else:
        yield telling.warn(
            "cluster.claim",
            f"claim {claim.name} is {found.phase or 'not bound'}",
            why="it is bound when a pod mounts it, or never if nothing provides its volume",
            fix=f"kubectl describe pvc {claim.name} -n {needs.namespace} says what it waits for",
            value=found.phase,
        )
    yield from _modes(claim, found.access_modes, "has")
    yield from _size(claim, found.size_bytes)
    yield from _reach(needs, claim, found, facts)


def _class(claim: ClaimNeed, classes: Mapping[str, bool] | Untold) -> Iterator[Finding]:
    """The storage class of a new claim is there."""
    if isinstance(classes, Untold):
        yield telling.unknown("cluster.storage-class", f"which storage class makes claim {claim.name}", classes)
        return
    known = ", ".join(sorted(classes)) or "none"
    if claim.storage_class and claim.storage_class not in classes:
        yield telling.wrong(
            "cluster.storage-class",
            f"there is no storage class {claim.storage_class}; there are: {known}",
            why="nothing makes a volume for the claim, and its pods wait",
            fix="set storage.class to one that is there",
            value=claim.storage_class,
        )
    elif claim.storage_class is None and not any(classes.values()):
        yield telling.wrong(
            "cluster.storage-class",
            f"claim {claim.name} names no storage class, and none is the default; there are: {known}",
            why="nothing makes a volume for the claim, and its pods wait",
            fix="set storage.class",
        )
    else:
        used = claim.storage_class or next(name for name, is_default in classes.items() if is_default)
        yield telling.fine("cluster.storage-class", f"claim {claim.name} is made by storage class {used}", value=used)


def _modes(claim: ClaimNeed, modes: tuple[str, ...], verb: str) -> Iterator[Finding]:
    """A claim of several pods can be mounted on several nodes."""
    told = ", ".join(modes) or "no mode"
    if "ReadWriteOncePod" in modes and claim.pods > 1:
        yield telling.wrong(
            "cluster.claim-access",
            f"claim {claim.name} {verb} {told}, and {claim.pods} pods mount it",
            why="only one pod may mount it at a time",
            fix="use a claim with ReadWriteMany or ReadOnlyMany",
            value=told,
        )
    elif claim.pods > 1 and not _SHARED & set(modes):
        yield telling.wrong(
            "cluster.claim-access",
            f"claim {claim.name} {verb} {told}, and {claim.pods} pods mount it",
            why="pods on a second node wait for the volume without end",
            fix="use a claim with ReadWriteMany or ReadOnlyMany, or one copy of the model a node",
            value=told,
        )
    elif claim.writes and modes and set(modes) == {"ReadOnlyMany"}:
        yield telling.wrong(
            "cluster.claim-access",
            f"claim {claim.name} {verb} {told}, and the download writes to it",
            why="the Job fails as it begins to write",
            fix="use a claim with ReadWriteMany, or storage.download: never where the model is on it",
            value=told,
        )
    else:
        yield telling.fine("cluster.claim-access", f"claim {claim.name} {verb} {told}", value=told)


def _size(claim: ClaimNeed, size_bytes: float) -> Iterator[Finding]:
    """The model fits on the claim."""
    if not claim.model_bytes or not size_bytes:
        return
    told = f"claim {claim.name} has {format_gib(size_bytes)} GiB, the model {format_gib(claim.model_bytes)} GiB"
    if size_bytes < claim.model_bytes:
        yield telling.wrong(
            "cluster.claim-size",
            told,
            why="the download ends when the volume is full; some volumes do not keep their limit",
            fix="use a larger claim: storage.size",
        )
    else:
        yield telling.fine("cluster.claim-size", told)


def _reach(needs: Needs, claim: ClaimNeed, found: Claim, facts: ClusterFacts) -> Iterator[Finding]:
    """The volume is reached from every node that may be chosen."""
    affinity = found.node_affinity
    if isinstance(affinity, Untold):
        yield telling.unknown("cluster.claim-reach", f"from which nodes claim {claim.name} is reached", affinity)
        return
    if affinity is None or isinstance(facts.nodes, Untold):
        return
    able = [node for node in facts.nodes if any(not placing.refusal(node, pod) for pod in needs.members)]
    reached = [node for node in able if placing.matches_terms(node, affinity)]
    if able and not reached:
        yield telling.wrong(
            "cluster.claim-reach",
            f"the volume of claim {claim.name} is not reached from any of {len(able)} nodes that could take its pods",
            why="the scheduler finds no node for them: a volume of one zone or one host is used there only",
            fix="use storage that every node reaches, or nodes beside the volume",
        )
    elif len(reached) < len(able):
        yield telling.warn(
            "cluster.claim-reach",
            f"the volume of claim {claim.name} is reached from {len(reached)} of {len(able)} nodes that could take its pods",
            why="the group is confined to these nodes, whatever is free elsewhere",
            fix="use storage that every node reaches",
        )
    else:
        yield telling.fine("cluster.claim-reach", f"the volume of claim {claim.name} is reached from {len(able)} nodes")
