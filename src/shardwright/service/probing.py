"""Use case: on each node that may be chosen, a small pod mounts the claim and looks at it; then it is removed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shardwright.core.preflight import telling, trees
from shardwright.core.preflight.facts import Untold
from shardwright.core.preflight.placing import refusal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shardwright.core.preflight import Needs
    from shardwright.core.preflight.needs import PodNeed
    from shardwright.core.rules import Finding
    from shardwright.kubernetes.client import Client
    from shardwright.kubernetes.live.probing import Probed

__all__ = ["probe"]


def probe(client: Client, needs: Needs, *, timeout_seconds: float = 120.0) -> tuple[Finding, ...]:
    """One finding a claim: from how many nodes it was mounted, and what stood in the way on the others."""
    return tuple(_probe(client, needs, timeout_seconds))


def _probe(client: Client, needs: Needs, timeout_seconds: float) -> Iterator[Finding]:
    """The claim is mounted on every node that may be chosen."""
    from shardwright.kubernetes.live import facts_asking, facts_reading, probing  # noqa: PLC0415 - see clusters

    nodes = facts_asking.told(lambda: facts_reading.read_nodes(client))
    if isinstance(nodes, Untold):
        yield telling.unknown("cluster.probe", "on which nodes to try the claim", nodes)
        return
    for claim in needs.claims:
        users = [pod for pod in needs.members if claim.name in _claims_of(pod)]
        names = [node.name for node in nodes if any(not refusal(node, pod) for pod in users)]
        if not names:
            yield telling.unknown(
                "cluster.probe", f"whether claim {claim.name} can be mounted", Untold(why="no node could take its pods")
            )
            continue
        asked = probing.Probe(needs.namespace, claim.name, needs.image or _image_of(users[0]), users[0].spec)
        found = facts_asking.told(lambda asked=asked, names=names: probing.run(client, asked, names, timeout_seconds))
        yield from _judged(claim.name, found)


def _judged(claim: str, found: tuple[Probed, ...] | Untold) -> Iterator[Finding]:
    """Every probe mounted the claim."""
    if isinstance(found, Untold):
        yield telling.unknown("cluster.probe", f"whether claim {claim} can be mounted on all nodes", found)
        return
    failed = [each for each in found if not each.is_mounted]
    if failed:
        told = "; ".join(f"{each.node}: {each.message}" for each in failed[:3])
        yield telling.wrong(
            "cluster.probe",
            f"claim {claim} was not mounted on {len(failed)} of {len(found)} nodes: {told}",
            why="a pod of the group on such a node does not start",
            fix="use storage that every node reaches, or choose nodes: pods.nodeSelector",
            value=failed[0].node,
        )
    else:
        yield telling.fine("cluster.probe", f"claim {claim} was mounted on {len(found)} nodes")


def _claims_of(pod: PodNeed) -> frozenset[str]:
    sources = (trees.part(each, "persistentVolumeClaim") for each in trees.items(pod.spec, "volumes"))
    return frozenset(str(each.get("claimName", "")) for each in sources)


def _image_of(pod: PodNeed) -> str:
    return str(pod.spec["containers"][0].get("image", ""))
