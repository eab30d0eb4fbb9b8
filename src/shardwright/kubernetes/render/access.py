"""What whoever applies and watches a deployment may do in its namespace, as typed values.

Secrets are not among it: they are referred to by name, and nobody has to read them.
Source: Kubernetes API reference 1.36, rbac.authorization.k8s.io/v1.
"""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING

from shardwright.kubernetes.render import labels
from shardwright.values import frozen

if TYPE_CHECKING:
    from shardwright.core.deployment import Deployment
    from shardwright.kubernetes.render.podspec import Metadata

__all__ = ["Role", "RoleBinding", "RoleRef", "RoleRule", "Subject", "access_of"]

_WORK = ("get", "list", "watch", "create", "update", "patch", "delete")
_READ = ("get", "list", "watch")


@frozen(kw_only=True)
class RoleRule:
    """What may be done with some resources."""

    api_groups: tuple[str, ...]
    resources: tuple[str, ...]
    verbs: tuple[str, ...]


@frozen(kw_only=True)
class Role:
    """Rights in one namespace."""

    api_version: str = field(default="rbac.authorization.k8s.io/v1", init=False)
    kind: str = field(default="Role", init=False)
    metadata: Metadata
    rules: tuple[RoleRule, ...]


@frozen(kw_only=True)
class RoleRef:
    """The role that is given."""

    api_group: str = "rbac.authorization.k8s.io"
    kind: str = "Role"
    name: str


@frozen(kw_only=True)
class Subject:
    """Who gets it."""

    kind: str = "ServiceAccount"
    name: str
    namespace: str


@frozen(kw_only=True)
class RoleBinding:
    """A role given to an account."""

    api_version: str = field(default="rbac.authorization.k8s.io/v1", init=False)
    kind: str = field(default="RoleBinding", init=False)
    metadata: Metadata
    role_ref: RoleRef
    subjects: tuple[Subject, ...]


def access_of(deployment: Deployment, account: str, group: str, resource: str) -> tuple[Role, RoleBinding]:
    """Rights of an account `[NAMESPACE:]NAME` on the target's own resource and on what stands around it."""
    metadata = deployment.recipe.metadata
    namespace, _, name = account.rpartition(":")
    own = labels.metadata(deployment, f"{metadata.name}-manager", "access")
    rules = (
        RoleRule(api_groups=(group,), resources=(resource,), verbs=_WORK),
        RoleRule(api_groups=("",), resources=("services", "persistentvolumeclaims"), verbs=_WORK),
        RoleRule(api_groups=("batch",), resources=("jobs",), verbs=_WORK),
        RoleRule(api_groups=("",), resources=("pods", "pods/log", "events"), verbs=_READ),
    )
    binding = RoleBinding(
        metadata=own,
        role_ref=RoleRef(name=f"{metadata.name}-manager"),
        subjects=(Subject(name=name, namespace=namespace or metadata.namespace),),
    )
    return Role(metadata=own, rules=rules), binding
