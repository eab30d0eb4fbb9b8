"""Objects of one API server: read, applied, deleted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import msgspec

from shardwright import errors
from shardwright.kubernetes.client.connection import Connection
from shardwright.kubernetes.client.kubeconfig import find_config
from shardwright.kubernetes.client.refs import Ref, Tree, ref_of
from shardwright.kubernetes.client.refusals import Asked

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from shardwright.kubernetes.client.kinds import ApiKind
    from shardwright.kubernetes.client.kubeconfig import Place

__all__ = ["MANAGER", "Client", "connect"]

MANAGER = "shardwright"
"""Field manager of all that is written."""
_PAGE = 500

Propagation = Literal["Foreground", "Background", "Orphan"]


def connect(place: Place) -> Client:
    """A client of the cluster that is meant; AccessError if it cannot be told. Nothing is asked yet."""
    return Client(find_config(place), namespace=place.namespace)


class _Meta(msgspec.Struct):
    continued: str = msgspec.field(name="continue", default="")
    resource_version: str = msgspec.field(name="resourceVersion", default="")


class _ListHead(msgspec.Struct):
    metadata: _Meta = msgspec.field(default_factory=_Meta)


class Client(Connection):
    """Close it, or use it in a `with` block."""

    def get(self, ref: Ref) -> Tree:
        """The object; NotFound if there is none, or the server does not have its kind."""
        found = self.kinds.find(ref)
        return self.tree("get", found.path(ref.namespace, ref.name), asked=asked_of("get", found, ref))

    def find(self, ref: Ref) -> Tree | None:
        """The object, or None if there is none."""
        try:
            return self.get(ref)
        except errors.NotFound:
            return None

    def list(self, ref: Ref, *, labels: str = "", fields: str = "") -> Iterator[Tree]:
        """All objects of a kind in the namespace, or in all of them; page by page."""
        found = self.kinds.find(ref)
        for page in self.pages(found, ref.namespace, labels=labels, fields=fields):
            loaded: Tree = msgspec.json.decode(page)
            for item in loaded.get("items") or ():
                # Items of a list do not say what they are.
                yield {"apiVersion": ref.api_version, "kind": ref.kind, **item}

    def pages(
        self, kind: ApiKind, namespace: str, *, labels: str = "", fields: str = "", resource_version: str = ""
    ) -> Iterator[bytes]:
        """The pages of a list as they came, for readers who want a part of them only."""
        query = {"limit": str(_PAGE), "labelSelector": labels, "fieldSelector": fields}
        query |= {"resourceVersion": resource_version}
        asked = Asked("list", kind.resource, namespace=namespace)
        while True:
            answer = self.request("GET", kind.path(namespace), asked=asked, query=query)
            yield answer.content
            following = msgspec.json.decode(answer.content, type=_ListHead).metadata.continued
            if not following:
                return
            query = query | {"continue": following}

    def apply(self, body: Mapping[str, object], *, force: bool = False, dry_run: bool = False) -> Tree:
        """Server-side apply, unknown fields refused; the object as it then is.

        FieldConflict where somebody else owns a field and `force` is not set; Invalid, Forbidden as the server says.
        """
        ref = ref_of(body, self.namespace)
        found = self.kinds.find(ref)
        query = {"fieldManager": MANAGER, "fieldValidation": "Strict", "force": str(force).lower()}
        query |= {"dryRun": "All"} if dry_run else {}
        headers = {"Content-Type": "application/apply-patch+yaml"}
        asked = asked_of("patch", found, ref)
        path = found.path(ref.namespace, ref.name)
        return self.tree("patch", path, asked=asked, query=query, headers=headers, content=msgspec.json.encode(body))

    def create(self, body: Mapping[str, object]) -> Tree:
        """Create an object; Conflict if it is there. Not repeated: whether it was made is not known after a fault."""
        ref = ref_of(body, self.namespace)
        found = self.kinds.find(ref)
        return self.tree(
            "create", found.path(ref.namespace), asked=asked_of("create", found, ref), content=msgspec.json.encode(body)
        )

    def replace(self, body: Mapping[str, object], *, subresource: str = "") -> Tree:
        """Write an object as it is here; Conflict if it changed since it was read."""
        ref = ref_of(body, self.namespace)
        found = self.kinds.find(ref)
        path = found.path(ref.namespace, ref.name, subresource)
        return self.tree("update", path, asked=asked_of("update", found, ref), content=msgspec.json.encode(body))

    def delete(self, ref: Ref, *, propagation: Propagation = "Foreground", uid: str = "") -> None:
        """Ask for an object to be deleted; nothing to do if it is gone. With `uid`, only that very object."""
        found = self.kinds.find(ref)
        options: Tree = {"propagationPolicy": propagation} | ({"preconditions": {"uid": uid}} if uid else {})
        try:
            path = found.path(ref.namespace, ref.name)
            self.tree("delete", path, asked=asked_of("delete", found, ref), content=msgspec.json.encode(options))
        except errors.NotFound:
            return

    def can_i(self, asked: Asked) -> bool:
        """Whether the user may do it, by the server's own word."""
        plural, _, rest = asked.resource.partition("/")
        name, _, group = plural.partition(".")
        attributes = {
            "verb": asked.verb, "resource": name, "group": group, "subresource": rest, "namespace": asked.namespace,
        }  # fmt: skip
        body = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": attributes},
        }
        path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
        answer = self.tree("create", path, content=msgspec.json.encode(body), is_repeatable=True)
        return bool(answer.get("status", {}).get("allowed"))


def asked_of(verb: str, kind: ApiKind, ref: Ref) -> Asked:
    """A request for an object, as it is told and as rules of access have it."""
    return Asked(verb, kind.resource, ref.name, ref.namespace if kind.is_namespaced else "")
