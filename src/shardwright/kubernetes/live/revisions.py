"""Revisions of a deployment, one ConfigMap each in its namespace: whoever may read them sees the same history.

They hold no secret, because recipes and manifests hold none. The newest `KEPT` stay, and the last one that served.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from shardwright import errors
from shardwright.core.lifecycle import planned
from shardwright.core.lifecycle import revision as revisions
from shardwright.kubernetes.client import Ref
from shardwright.kubernetes.client.refs import ref_of
from shardwright.kubernetes.client.refusals import Asked
from shardwright.values import frozen

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shardwright.core.lifecycle.revision import Revision
    from shardwright.kubernetes.client import Client, Tree

__all__ = [
    "KEPT",
    "Head",
    "add",
    "deployments",
    "forget_old",
    "heads",
    "history",
    "keep",
    "newest",
    "remove",
    "too_many",
]

KEPT = 10
_DEPLOYMENT = "shardwright.dev/deployment"
_NUMBER = "shardwright.dev/revision"
_SUMMARY = "shardwright.dev/summary"
"""Annotation with what a list of deployments shows."""
_KEY = "revision"
_PAGE = 500
_HEADS_ONLY = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"


def history(client: Client, namespace: str, name: str) -> tuple[Revision, ...]:
    """All revisions that are kept, oldest first; empty if there is no such deployment."""
    found = client.list(Ref("v1", "ConfigMap", namespace=namespace), labels=f"{_DEPLOYMENT}={name}")
    return tuple(sorted(map(_read, found), key=lambda each: each.number))


def _read(body: Tree) -> Revision:
    data: Tree = body.get("data") or {}
    try:
        return revisions.decode(str(data.get(_KEY, "")))
    except errors.InputError as problem:
        name, namespace = str(body["metadata"]["name"]), str(body["metadata"]["namespace"])
        raise errors.InputError(
            f"ConfigMap {namespace}/{name}: {problem.message}",
            hint=problem.hint or f"remove it: kubectl delete configmap {name} -n {namespace}; other revisions stay",
        ) from problem


def deployments(client: Client, namespace: str) -> tuple[tuple[str, str], ...]:
    """Namespace and name of every deployment; in all namespaces where none is given."""
    found = client.list(Ref("v1", "ConfigMap", namespace=namespace), labels=_DEPLOYMENT)
    heads = (body["metadata"] for body in found)
    return tuple(sorted({(str(head["namespace"]), str(head["labels"][_DEPLOYMENT])) for head in heads}))


@frozen(kw_only=True)
class Head:
    """What a list shows of a deployment, from its newest revision."""

    namespace: str
    name: str
    number: int
    target: str
    layout: str | None
    root: Mapping[str, Any]
    """apiVersion, kind and name of the object that serves; empty if there is none."""


def heads(client: Client, namespace: str) -> tuple[Head, ...]:
    """Every deployment; in all namespaces where none is given. The revisions themselves are not read."""
    kind = client.kinds.find(Ref("v1", "ConfigMap"))
    asked = Asked("list", kind.resource, namespace=namespace)
    query = {"labelSelector": _DEPLOYMENT, "limit": str(_PAGE), "resourceVersion": "0"}
    newest: dict[tuple[str, str], Tree] = {}
    while True:
        page = client.tree("list", kind.path(namespace), asked=asked, query=query, headers={"Accept": _HEADS_ONLY})
        for metadata in (item["metadata"] for item in page.get("items") or ()):
            key = (str(metadata["namespace"]), str(metadata["labels"][_DEPLOYMENT]))
            if key not in newest or _number(newest[key]) < _number(metadata):
                newest[key] = metadata
        following = page["metadata"].get("continue")
        if not following:
            return tuple(_head(client, *key, newest[key]) for key in sorted(newest))
        query = {"labelSelector": _DEPLOYMENT, "limit": str(_PAGE), "continue": following}


def _number(metadata: Tree) -> int:
    return int(metadata["labels"].get(_NUMBER, 0))


def _head(client: Client, namespace: str, name: str, metadata: Tree) -> Head:
    annotations: Tree = metadata.get("annotations") or {}
    kept = annotations.get(_SUMMARY)
    summary: Tree = json.loads(kept) if kept else planned.summary_of(newest(client, namespace, name))
    return Head(namespace=namespace, name=name, number=_number(metadata), **summary)


def add(client: Client, namespace: str, name: str, new: Revision) -> None:
    """Write a revision whose number nobody has used; Conflict if somebody did meanwhile."""
    body = _body(namespace, name, new)
    try:
        client.create_own(body, lambda found: found.get("data") == body["data"])
    except errors.Conflict as problem:
        raise errors.Conflict(
            f"{namespace}/{name} was changed by somebody meanwhile: there is a revision {new.number} already",
            hint="look at the difference again: shardwright diff -f FILE",
        ) from problem


def keep(client: Client, namespace: str, name: str, kept: Revision) -> None:
    """Write down what is now known of a revision; NotFound if it is not there, since somebody deleted the deployment."""
    data = _body(namespace, name, kept)["data"]
    client.change(_ref(namespace, name, kept.number), lambda found: found | {"data": data})


def forget_old(client: Client, namespace: str, name: str, *, is_settled: bool) -> None:
    """Remove revisions that are too many; `is_settled`: nothing is there that the newest does not name."""
    for old in too_many(history(client, namespace, name), is_settled=is_settled):
        client.delete(_ref(namespace, name, old.number), propagation="Background")


def remove(client: Client, namespace: str, name: str) -> None:
    """Remove the whole history, the newest last: if it ends half way, numbers go on from there."""
    found = client.list(Ref("v1", "ConfigMap", namespace=namespace), labels=f"{_DEPLOYMENT}={name}")
    for each in sorted(found, key=_number_of):
        client.delete(Ref("v1", "ConfigMap", str(each["metadata"]["name"]), namespace), propagation="Background")


def _number_of(body: Tree) -> int:
    return int(body["metadata"]["labels"].get(_NUMBER) or 0)


def newest(client: Client, namespace: str, name: str) -> Revision:
    """The last revision; NotFound, naming the deployments that there are, if there is none."""
    found = history(client, namespace, name)
    if found:
        return found[-1]
    known = ", ".join(each for _, each in deployments(client, namespace)) or "none"
    hint = f"in {namespace} there are: {known}"
    elsewhere = ", ".join(_namespaces_of(client, name))
    raise errors.NotFound(
        f"no deployment {namespace}/{name} in this cluster",
        hint=f"{hint}; one of that name is in: {elsewhere} (-n NAMESPACE)" if elsewhere else hint,
    )


def _namespaces_of(client: Client, name: str) -> tuple[str, ...]:
    """Where there are deployments of that name; none for who may not look."""
    try:
        found = client.list(Ref("v1", "ConfigMap"), labels=f"{_DEPLOYMENT}={name}")
        return tuple(sorted({str(body["metadata"]["namespace"]) for body in found}))
    except errors.AccessError:
        return ()


def too_many(found: tuple[Revision, ...], *, is_settled: bool) -> tuple[Revision, ...]:
    """Revisions that may be forgotten: not the newest, nor the last that served, nor what alone names an object.

    `is_settled`: objects that the newest does not name are gone, so that no revision is needed to find them.
    """
    served = [each.number for each in found if each.outcome == "ready"][-1:]
    staying = [each for each in found[:-KEPT] if each.number in served] + list(found[-KEPT:])
    named = {ref_of(body) for each in staying for body in each.manifests}
    return tuple(
        each
        for each in found[:-KEPT]
        if each.number not in served and (is_settled or named.issuperset(map(ref_of, each.manifests)))
    )


def _ref(namespace: str, name: str, number: int) -> Ref:
    return Ref("v1", "ConfigMap", f"shardwright-{name}-v{number}", namespace)


def _body(namespace: str, name: str, kept: Revision) -> Tree:
    ref = _ref(namespace, name, kept.number)
    labels = {
        _DEPLOYMENT: name,
        _NUMBER: str(kept.number),
        "app.kubernetes.io/instance": name,
        "app.kubernetes.io/component": "revision",
        "app.kubernetes.io/managed-by": "shardwright",
    }
    summary = json.dumps(planned.summary_of(kept), sort_keys=True)
    return {
        "apiVersion": ref.api_version,
        "kind": ref.kind,
        "metadata": {"name": ref.name, "namespace": namespace, "labels": labels, "annotations": {_SUMMARY: summary}},
        "data": {_KEY: revisions.encode(kept)},
    }
