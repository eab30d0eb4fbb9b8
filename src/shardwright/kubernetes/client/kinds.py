"""Which kinds a server has, at which versions, and where: its own discovery document, read once a connection."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shardwright import errors
from shardwright.values import frozen

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shardwright.kubernetes.client.refs import Ref, Tree

__all__ = ["DISCOVERY", "ApiKind", "Kinds", "kinds_of"]

DISCOVERY = ",".join(
    f"application/json;g=apidiscovery.k8s.io;v={version};as=APIGroupDiscoveryList" for version in ("v2", "v2beta1")
)
"""Asks for all groups in one answer; Kubernetes 1.26 and later have it."""

_LONGEST, _SHOWN = 253, 60
_MISSING = "an operator brings it: shardwright check -f FILE says which"
_NO_API = "is the address in the kubeconfig that of an API server?"


@frozen
class ApiKind:
    """A kind at one version, as the server has it."""

    group: str
    version: str
    kind: str
    plural: str
    is_namespaced: bool
    verbs: tuple[str, ...]

    @property
    def api_version(self) -> str:
        """As manifests write it."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def resource(self) -> str:
        """As kubectl and rules of access write it: `leaderworkersets.leaderworkerset.x-k8s.io`."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    def path(self, namespace: str, name: str = "", subresource: str = "") -> str:
        """Where an object, all of a namespace, or without one all of the cluster are; InputError for what is no name."""
        _demand_names(namespace, name)
        root = f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"
        inside = f"/namespaces/{namespace}" if self.is_namespaced and namespace else ""
        return "/".join(part for part in (f"{root}{inside}/{self.plural}", name, subresource) if part)


@frozen
class Kinds:
    """All kinds of a server, by API version and kind."""

    by_name: dict[tuple[str, str], ApiKind]

    def find(self, ref: Ref) -> ApiKind:
        """The kind of an object; NotFound if the server does not have it, with the versions that it has."""
        found = self.by_name.get((ref.api_version, ref.kind))
        if found is None:
            group = ref.api_version.rpartition("/")[0]
            there = [each.api_version for each in self.served(group, ref.kind)]
            hint = f"it has {ref.kind} at: {', '.join(there)}" if there else _MISSING if group else _NO_API
            raise errors.NotFound(f"the cluster does not serve {ref.kind} of {ref.api_version}", hint=hint)
        return found

    def served(self, group: str, kind: str) -> tuple[ApiKind, ...]:
        """A kind at every version of its group."""
        return tuple(each for each in self.by_name.values() if each.group == group and each.kind == kind)

    def groups(self) -> frozenset[str]:
        """Names of all groups."""
        return frozenset(each.group for each in self.by_name.values())


def _demand_names(*names: str) -> None:
    """A name that holds a slash, or is a dot or two, would be the address of something else."""
    for name in names:
        if "/" in name or name in {".", ".."} or len(name) > _LONGEST:
            shown = name if len(name) <= _SHOWN else f"{name[:_SHOWN]}..."
            raise errors.InputError(
                f"{shown!r} is no name of an object, it has {len(name)} characters",
                hint=f"use lower-case letters, digits, - and ., at most {_LONGEST}",
            )


def kinds_of(*discovered: Tree) -> Kinds:
    """All kinds of aggregated discovery documents, those of /api and /apis."""
    found = (each for document in discovered for each in _kinds(document))
    return Kinds({(each.api_version, each.kind): each for each in found})


def _kinds(document: Tree) -> Iterator[ApiKind]:
    for group in document.get("items") or ():
        name = str(group.get("metadata", {}).get("name", ""))
        for version in group.get("versions") or ():
            for resource in version.get("resources") or ():
                yield from _kind(name, str(version["version"]), resource)


def _kind(group: str, version: str, resource: Tree) -> Iterator[ApiKind]:
    answered: Any = resource.get("responseKind") or {}
    if answered.get("kind"):
        yield ApiKind(
            group=group,
            version=version,
            kind=str(answered["kind"]),
            plural=str(resource["resource"]),
            is_namespaced=resource.get("scope") == "Namespaced",
            verbs=tuple(resource.get("verbs") or ()),
        )
