"""What keeps an object that was deleted: finalizers of its own, or pods below it that do not end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shardwright import errors
from shardwright.kubernetes.client import Ref

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shardwright.kubernetes.client import Client, Tree

__all__ = ["held_by", "staying_pods"]

_CASCADE = "foregroundDeletion"
"""Set by the API server until all that the object owns is gone."""
_IN_USE = "kubernetes.io/pvc-protection"
"""Of a claim that pods use."""
_ENDED = frozenset({"Succeeded", "Failed"})
_MAX = 3
_FORCE = (
    "see to the node, or, if it is gone for good: kubectl delete pod NAME --grace-period=0 --force; "
    "then the same command again"
)


def held_by(client: Client, found: Tree) -> tuple[str, str]:
    """Why an object that was deleted is still there, and what to do."""
    metadata: Tree = found["metadata"]
    finalizers: list[str] = [each for each in metadata.get("finalizers") or () if each != _CASCADE]
    users = _users(client, found) if _IN_USE in finalizers else ()
    if users:
        more = f" and {len(users) - _MAX} more" if len(users) > _MAX else ""
        return (
            f"pods use it: {', '.join(users[:_MAX])}{more}",
            "it goes when the last of them does, and what is on it too; no pod that is new can use it",
        )
    if finalizers:
        asked = (
            f"kubectl get {str(found['kind']).lower()} {metadata['name']} -n {metadata.get('namespace', '')} -o yaml"
        )
        return (
            f"it waits for whoever answers to its finalizers: {', '.join(finalizers)}",
            f"is their controller running? {asked} shows them; the same command again goes on from here",
        )
    namespace = str(metadata.get("namespace", ""))
    try:
        reasons = staying_pods(tuple(client.list(Ref("v1", "Pod", namespace=namespace))))
    except errors.ShardwrightError:  # a message is not worth a second error
        reasons = ()
    if reasons:
        more = f"; and {len(reasons) - _MAX} more" if len(reasons) > _MAX else ""
        return (
            f"pods below it do not end: {'; '.join(reasons[:_MAX])}{more}",
            _FORCE,
        )
    return "nothing says why", "kubectl describe may say more; the same command again goes on from here"


def _users(client: Client, claim: Tree) -> tuple[str, ...]:
    """Names of pods that have a claim among their volumes and have not ended."""
    namespace, name = str(claim["metadata"].get("namespace", "")), claim["metadata"]["name"]
    try:
        pods = tuple(client.list(Ref("v1", "Pod", namespace=namespace)))
    except errors.ShardwrightError:  # as above
        return ()
    living = [pod for pod in pods if pod.get("status", {}).get("phase") not in _ENDED]
    return tuple(str(pod["metadata"]["name"]) for pod in living if name in _claims(pod))


def _claims(pod: Tree) -> frozenset[str]:
    volumes: list[Tree] = pod.get("spec", {}).get("volumes") or []
    claims: list[Tree] = [each["persistentVolumeClaim"] for each in volumes if each.get("persistentVolumeClaim")]
    return frozenset(str(each.get("claimName", "")) for each in claims)


def staying_pods(pods: Sequence[Tree]) -> tuple[str, ...]:
    """Pods that were deleted and are still there, each with what it waits for."""
    return tuple(_staying(each) for each in pods if each["metadata"].get("deletionTimestamp"))


def _staying(pod: Tree) -> str:
    metadata: Tree = pod["metadata"]
    finalizers, node = metadata.get("finalizers") or (), pod.get("spec", {}).get("nodeName")
    what = f"finalizers {', '.join(finalizers)}" if finalizers else f"node {node} to end it" if node else "its end"
    return f"{metadata['name']}, deleted at {metadata['deletionTimestamp']}, waits for {what}"
