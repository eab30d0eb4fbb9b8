"""Objects of one API server: read, applied, deleted."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Literal

import msgspec
import stamina

from shardwright import errors
from shardwright.kubernetes.client.connection import Connection
from shardwright.kubernetes.client.kubeconfig import find_config
from shardwright.kubernetes.client.refs import Ref, Tree, ref_of
from shardwright.kubernetes.client.refusals import Asked, Expired, Modified
from shardwright.kubernetes.client.sending import TRIES_AT_FIRST

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    import httpx2

    from shardwright.kubernetes.client.kinds import ApiKind
    from shardwright.kubernetes.client.kubeconfig import Place

__all__ = ["MANAGER", "Client", "connect"]

MANAGER = "shardwright"
"""Field manager of all that is written."""
_PAGE = 500

_TRIES = 8
_TRIES_SECONDS = 45.0

Propagation = Literal["Foreground", "Background", "Orphan"]


def connect(place: Place, *, first_tries: int = TRIES_AT_FIRST) -> Client:
    """A client of the cluster that is meant; AccessError if it cannot be told. Nothing is asked yet.

    `first_tries`: how often a server is asked that has not answered yet.
    """
    return Client(find_config(place), namespace=place.namespace, first_tries=first_tries)


class _Meta(msgspec.Struct):
    continued: str = msgspec.field(name="continue", default="")
    resource_version: str = msgspec.field(name="resourceVersion", default="")


class _ListHead(msgspec.Struct):
    metadata: _Meta = msgspec.field(default_factory=_Meta)


def _page_of(answer: httpx2.Response) -> tuple[bytes, str]:
    """A page, and where the next one begins; empty for the last."""
    return answer.content, msgspec.json.decode(answer.content, type=_ListHead).metadata.continued


def _in_turn(ask: Callable[[], Tree]) -> Tree:
    """Ask again while others write the same object at the same moment."""
    for attempt in stamina.retry_context(on=Modified, attempts=_TRIES, timeout=_TRIES_SECONDS, wait_max=1):
        with attempt:
            return ask()
    raise AssertionError  # stamina raises the last error


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
        """All objects of a kind in the namespace, or in all of them, as they were at one moment."""
        found = self.kinds.find(ref)
        for page in self._all_pages(found, ref.namespace, labels, fields):
            loaded: Tree = msgspec.json.decode(page)
            for item in loaded.get("items") or ():
                # Items of a list do not say what they are.
                yield {"apiVersion": ref.api_version, "kind": ref.kind, **item}

    def _all_pages(self, kind: ApiKind, namespace: str, labels: str, fields: str) -> Sequence[bytes]:
        for attempt in stamina.retry_context(on=Expired, attempts=_TRIES, timeout=_TRIES_SECONDS):
            with attempt:
                return tuple(self.pages(kind, namespace, labels=labels, fields=fields))
        raise AssertionError  # stamina raises the last error

    def pages(
        self, kind: ApiKind, namespace: str, *, labels: str = "", fields: str = "", resource_version: str = ""
    ) -> Iterator[bytes]:
        """The pages of a list as they came, for readers who want a part of them only.

        Expired if the list is no longer kept before its last page was read: it has to be read anew.
        """
        query = {"limit": str(_PAGE), "labelSelector": labels, "fieldSelector": fields}
        asked = Asked("list", kind.resource, namespace=namespace)
        more = {"resourceVersion": resource_version}
        while True:
            content, following = self.read(kind.path(namespace), _page_of, asked=asked, query=query | more)
            yield content
            if not following:
                return
            more = {"continue": following}

    def apply(
        self, body: Mapping[str, object], *, force: bool = False, dry_run: bool = False, manager: str = MANAGER
    ) -> Tree:
        """Server-side apply, unknown fields refused; the object as it then is.

        FieldConflict where somebody else owns a field and `force` is not set; Invalid, Forbidden as the server says.
        """
        ref = ref_of(body, self.namespace)
        found = self.kinds.find(ref)
        query = {"fieldManager": manager, "fieldValidation": "Strict", "force": str(force).lower()}
        query |= {"dryRun": "All"} if dry_run else {}
        headers = {"Content-Type": "application/apply-patch+yaml"}
        asked = asked_of("patch", found, ref)
        path, content = found.path(ref.namespace, ref.name), msgspec.json.encode(body)
        return _in_turn(lambda: self.tree("patch", path, asked=asked, query=query, headers=headers, content=content))

    def create(self, body: Mapping[str, object]) -> Tree:
        """Create an object; Conflict if it is there. Not repeated: whether it was made is not known after a fault."""
        ref = ref_of(body, self.namespace)
        found = self.kinds.find(ref)
        return self.tree(
            "create", found.path(ref.namespace), asked=asked_of("create", found, ref), content=msgspec.json.encode(body)
        )

    def create_own(self, body: Mapping[str, object], is_own: Callable[[Tree], bool]) -> Tree:
        """Create an object that can be told from all others, and be sure of it; Conflict if another one is there.

        Repeated after a fault: if the object is there then, `is_own` says whether the request before made it.
        """
        for attempt in stamina.retry_context(on=errors.TemporaryError, attempts=_TRIES, timeout=_TRIES_SECONDS):
            with attempt:
                try:
                    return self.create(body)
                except Modified:
                    found = self.find(ref_of(body, self.namespace))
                    if found is None:
                        gone = f"{ref_of(body, self.namespace)} was there and is gone"
                        raise errors.TemporaryError(gone, retry_after_seconds=0, hint="try again") from None
                    if not is_own(found):
                        raise
                    return found
        raise AssertionError  # stamina raises the last error

    def replace(self, body: Mapping[str, object], *, subresource: str = "") -> Tree:
        """Write an object as it is here; Conflict if it changed since it was read."""
        ref = ref_of(body, self.namespace)
        found = self.kinds.find(ref)
        path = found.path(ref.namespace, ref.name, subresource)
        return self.tree("update", path, asked=asked_of("update", found, ref), content=msgspec.json.encode(body))

    def change(self, ref: Ref, changed: Callable[[Tree], Tree]) -> Tree:
        """Read an object, change it and write it, again where somebody wrote it meanwhile; NotFound if it is not there."""
        return _in_turn(lambda: self.replace(changed(self.get(ref))))

    def delete(self, ref: Ref, *, propagation: Propagation = "Foreground", uid: str = "") -> None:
        """Ask for an object to be deleted; nothing to do if it is gone. With `uid`, only that very object."""
        found = self.kinds.find(ref)
        options: Tree = {"propagationPolicy": propagation} | ({"preconditions": {"uid": uid}} if uid else {})
        try:
            path, asked = found.path(ref.namespace, ref.name), asked_of("delete", found, ref)
            ask = partial(self.tree, "delete", path, asked=asked, content=msgspec.json.encode(options))
            _ = ask() if uid else _in_turn(ask)
        except errors.NotFound:
            return

    def can_i(self, asked: Asked) -> bool:
        """Whether the user may do it, by the server's own word."""
        plural, _, rest = asked.resource.partition("/")
        name, _, group = plural.partition(".")
        attributes = {
            "verb": asked.verb, "resource": name, "group": group, "subresource": rest, "namespace": asked.namespace,
            "name": asked.name,
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
