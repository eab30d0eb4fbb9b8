"""Reads what only OpenShift has: its release, its operators, OpenShift AI's state and which pods it admits."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from shardwright import errors
from shardwright.core.preflight import facts, trees
from shardwright.core.preflight.facts import Untold
from shardwright.kubernetes.client import Ref
from shardwright.kubernetes.live import facts_views as views
from shardwright.kubernetes.live.facts_asking import all_views, told

if TYPE_CHECKING:
    from collections.abc import Iterable

    from shardwright.core.preflight.needs import Needs
    from shardwright.kubernetes.client import Client

__all__ = ["read"]

_SCC = Ref("security.openshift.io/v1", "SecurityContextConstraints")
_AI_NAMESPACE = "redhat-ods-operator"
_FOR_EVERYBODY = frozenset({"restricted-v2"})
"""What a new cluster lets every account use, by a role: where that may not be asked."""


def read(client: Client, needs: Needs) -> facts.OpenShift:
    """All of it; each part is told to be unknown by itself."""
    sccs = told(lambda: _sccs(client))
    return facts.OpenShift(
        version=told(lambda: _version(client)),
        sccs=sccs,
        by_roles=frozenset() if isinstance(sccs, Untold) else _by_roles(client, needs, sccs),
        releases=told(lambda: _releases(client)),
        kserve=told(lambda: _kserve(client)),
    )


def _version(client: Client) -> str:
    """The last release whose update was completed, else the one that is asked for."""
    status = trees.part(client.get(Ref("config.openshift.io/v1", "ClusterVersion", "version")), "status")
    history = trees.items(status, "history")
    done = [str(each.get("version", "")) for each in history if each.get("state") == "Completed"]
    return done[0] if done else str(trees.part(status, "desired").get("version", ""))


def _sccs(client: Client) -> tuple[facts.Scc, ...]:
    return tuple(_scc(each) for each in all_views(client, _SCC, views.SccView))


def _scc(view: views.SccView) -> facts.Scc:
    host = {
        "hostNetwork": view.allow_host_network,
        "hostPorts": view.allow_host_ports,
        "hostPID": view.allow_host_pid,
        "hostIPC": view.allow_host_ipc,
        "privileged": view.allow_privileged_container,
    }
    return facts.Scc(
        view.metadata.name,
        view.priority or 0,
        frozenset(view.users or ()),
        frozenset(view.groups or ()),
        view.run_as_user.type,
        frozenset((*(view.allowed_capabilities or ()), *(view.default_add_capabilities or ()))),
        frozenset(view.volumes or ()),
        frozenset(name for name, allowed in host.items() if allowed),
    )


def _by_roles(client: Client, needs: Needs, sccs: Iterable[facts.Scc]) -> frozenset[str]:
    """SCCs that the pods' account may use by a role; those of a new cluster where the server does not say."""
    account = next(iter(needs.service_accounts), "default")
    try:
        return frozenset(scc.name for scc in sccs if _may_use(client, needs.namespace, account, scc.name))
    except (errors.AccessError, errors.TargetError, errors.TemporaryError, errors.NotFound):
        return _FOR_EVERYBODY


def _may_use(client: Client, namespace: str, account: str, scc: str) -> bool:
    body = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "LocalSubjectAccessReview",
        "metadata": {"namespace": namespace},
        "spec": {
            "user": f"system:serviceaccount:{namespace}:{account}",
            "groups": ["system:authenticated", "system:serviceaccounts", f"system:serviceaccounts:{namespace}"],
            "resourceAttributes": {
                "verb": "use",
                "group": "security.openshift.io",
                "resource": "securitycontextconstraints",
                "name": scc,
                "namespace": namespace,
            },
        },
    }
    path = f"/apis/authorization.k8s.io/v1/namespaces/{namespace}/localsubjectaccessreviews"
    answer = client.tree("create", path, content=msgspec.json.encode(body), is_repeatable=True)
    return bool(answer.get("status", {}).get("allowed"))


def _releases(client: Client) -> dict[str, str]:
    """`rhods-operator` -> `2.25.1 Succeeded`."""
    found: dict[str, str] = {}
    ref = Ref("operators.coreos.com/v1alpha1", "ClusterServiceVersion", namespace=_AI_NAMESPACE)
    for each in client.list(ref):
        name = str(each["metadata"]["name"]).partition(".")[0]
        version, phase = trees.part(each, "spec").get("version", ""), trees.part(each, "status").get("phase", "")
        found[name] = f"{version} {phase}"
    return found


def _kserve(client: Client) -> str | None:
    """What the DataScienceCluster says of KServe; None if there is none."""
    served = client.kinds.served("datasciencecluster.opendatahub.io", "DataScienceCluster")
    for kind in served[:1]:
        for each in client.list(Ref(kind.api_version, kind.kind)):
            return str(trees.part(each, "spec", "components", "kserve").get("managementState", ""))
    return None
