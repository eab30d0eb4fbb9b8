"""Use case: what of a deployment may be removed, by a prune or a delete, and why the rest stays.

Removed is what is in a kept revision and ours by label. What other deployments need stays, and so does what Argo CD or
Flux keep; a claim only goes when that is asked for, since a model is on it.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from shardwright import errors
from shardwright.core.lifecycle import changes, keepers
from shardwright.core.lifecycle.bodies import text_at

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from shardwright.core.lifecycle.changes import ObjectChange
    from shardwright.core.lifecycle.revision import Revision
    from shardwright.kubernetes.client import Client, Ref, Tree

__all__ = ["claims_of", "demand_free", "refs_of", "stale_of", "why_claim_stays", "why_it_stays"]

_CLAIM = "PersistentVolumeClaim"
_NAMED = re.compile(r'"claimName": "([^"]+)"|pvc://([^/"]+)')
"""A claim as a volume of a pod, or as the address of a model; in JSON."""


def refs_of(known: Sequence[Revision], namespace: str) -> tuple[Ref, ...]:
    """Objects of all revisions but claims and namespaces, the last applied first."""
    from shardwright.kubernetes.client.refs import ref_of  # noqa: PLC0415 - see clusters

    bodies = [body for each in reversed(known) for body in reversed(each.manifests)]
    refs = dict.fromkeys(ref_of(body, namespace) for body in bodies)
    return tuple(ref for ref in refs if ref.kind not in {"Namespace", _CLAIM})


def claims_of(known: Sequence[Revision], namespace: str) -> tuple[Ref, ...]:
    """Claims that the revisions make or use."""
    from shardwright.kubernetes.client.refs import Ref, ref_of  # noqa: PLC0415 - see clusters

    bodies = [body for each in reversed(known) for body in each.manifests]
    made = [ref_of(body, namespace) for body in bodies if body.get("kind") == _CLAIM]
    used = [Ref("v1", _CLAIM, name, namespace) for body in bodies for name in _claims_in(body)]
    return tuple(dict.fromkeys((*made, *used)))


def _claims_in(body: Mapping[str, object]) -> Iterator[str]:
    for found in _NAMED.finditer(json.dumps(dict(body))):
        yield found[1] or found[2]


def demand_free(client: Client, known: Sequence[Revision], who: tuple[str, str], *, with_claims: bool) -> None:
    """Conflict, before anything is deleted, if Argo CD or Flux keep what the newest revision names: it would come again."""
    from shardwright.kubernetes.live import applying, keeping  # noqa: PLC0415 - see clusters

    (namespace, name), newest = who, known[-1:]
    claims = claims_of(newest, namespace) if with_claims else ()
    for ref in (*refs_of(newest, namespace), *claims):
        found = client.find(ref)
        if found is not None and applying.is_ours(found, name):
            keeping.demand_free(ref, found, "remove")


def stale_of(
    client: Client, known: Sequence[Revision], wanted: Sequence[Tree], name: str
) -> tuple[tuple[ObjectChange, ...], tuple[str, ...]]:
    """Objects of kept revisions that are wanted no more and are to go, and a line for each that stays.

    Of all revisions, for one that failed may have left what an earlier one made.
    """
    from shardwright.kubernetes.client.refs import ref_of  # noqa: PLC0415 - see clusters
    from shardwright.kubernetes.live import applying  # noqa: PLC0415 - see clusters

    made = list({ref_of(body): dict(body) for each in known for body in each.manifests}.values())
    going: list[ObjectChange] = []
    staying: list[str] = []
    for change, found in applying.present(client, changes.stale_among(made, wanted), name):
        ref = ref_of(found, client.namespace)
        why = _why_ours_stays(client, ref, found, name)
        if why:
            staying.append(f"{ref} is in the recipe no more and stays: {why}")
        else:
            going.append(change)
    return tuple(going), tuple(staying)


def why_it_stays(client: Client, ref: Ref, name: str) -> str | None:
    """Why a delete leaves an object; empty if there is nothing to tell, None if it is to go."""
    from shardwright.kubernetes.live import applying  # noqa: PLC0415 - see clusters

    found = client.find(ref)
    if found is None or not applying.is_ours(found, name):
        return ""
    return _why_ours_stays(client, ref, found, name) or None


def _why_ours_stays(client: Client, ref: Ref, found: Tree, name: str) -> str:
    keeper = keepers.keeper_of(found)
    if keeper:
        return f"{keeper} keeps it"
    kind = _needing_kind(found)
    if kind and (users := _users(client, ref, kind, name)):
        return f"{', '.join(users)} of the namespace needs it"
    return ""


def _needing_kind(found: Tree) -> str:
    """The kind of those that a shared object is for; empty for an object of one deployment alone."""
    from shardwright.kubernetes.render import labels  # noqa: PLC0415 - see clusters

    return text_at(found, "metadata", "annotations", labels.NEEDED_BY)


def _users(client: Client, ref: Ref, kind: str, name: str) -> tuple[str, ...]:
    """Other deployments whose newest revision has the object, and objects of the kind that name it and are others'.

    KServe lets no configuration go that a service has applied. The service of the deployment itself is gone by then, or
    has just been told to do without it.
    """
    from shardwright.kubernetes.client import Ref as Reference  # noqa: PLC0415 - see clusters
    from shardwright.kubernetes.client.refs import ref_of  # noqa: PLC0415 - see clusters
    from shardwright.kubernetes.live import applying, revisions  # noqa: PLC0415 - see clusters

    others = [other for _, other in revisions.deployments(client, ref.namespace) if other != name]
    newest = {other: revisions.history(client, ref.namespace, other)[-1:] for other in others}
    bodies = {other: [body for each in found for body in each.manifests] for other, found in newest.items()}
    having = [other for other, all_of in bodies.items() if ref in {ref_of(body, ref.namespace) for body in all_of}]
    listed = client.list(Reference(ref.api_version, kind, namespace=ref.namespace))
    foreign = [each for each in listed if not applying.is_ours(each, name)]
    naming = [str(each["metadata"]["name"]) for each in foreign if f'"{ref.name}"' in json.dumps(each)]
    return tuple(dict.fromkeys((*having, *naming)))


def why_claim_stays(client: Client, ref: Ref, name: str, *, with_claims: bool) -> str | None:
    """Why a delete leaves a claim, and how it is removed; empty if there is none, None if it is to go."""
    try:
        found = client.find(ref)
    except errors.AccessError as refused:
        return f"whose it is cannot be told: {refused.message}"
    if found is None:
        return ""
    why = _whose_claim(client, ref, found, name)
    if why or with_claims:
        return why or None
    return f"a model may be on it; to remove it: kubectl delete persistentvolumeclaim {ref.name} -n {ref.namespace}"


def _whose_claim(client: Client, ref: Ref, found: Tree, name: str) -> str:
    """Who else has, keeps or uses a claim that is there; empty if nobody does."""
    from shardwright.kubernetes.live import applying  # noqa: PLC0415 - see clusters

    if not applying.is_ours(found, name):
        owner = text_at(found, "metadata", "labels", "app.kubernetes.io/instance")
        return f"it is of {owner}" if owner else "it is somebody else's"
    keeper = keepers.keeper_of(found)
    if keeper:
        return f"{keeper} keeps it"
    users = _users_of_claim(client, ref, name)
    return f"{', '.join(users)} of the namespace needs it" if users else ""


def _users_of_claim(client: Client, ref: Ref, name: str) -> tuple[str, ...]:
    """Other deployments of the namespace with a kept revision that names the claim."""
    from shardwright.kubernetes.live import revisions  # noqa: PLC0415 - see clusters

    others = [other for _, other in revisions.deployments(client, ref.namespace) if other != name]
    histories = {other: revisions.history(client, ref.namespace, other) for other in others}
    return tuple(other for other, known in histories.items() if ref in claims_of(known, ref.namespace))
