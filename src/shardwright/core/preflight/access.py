"""Rights: what whoever applies and follows a deployment has to be allowed, and the rules that allow just that."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shardwright.core.preflight import telling
from shardwright.core.preflight.facts import Untold
from shardwright.core.preflight.needs import Ask

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from shardwright.core.preflight.facts import ClusterFacts
    from shardwright.core.preflight.needs import Needs
    from shardwright.core.rules.finding import Finding

__all__ = ["asks_of", "check_access", "reading_asks", "rules_of"]

_WRITE = ("get", "create", "patch", "delete")
_OWN: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("configmaps", ("get", "list", "create", "update", "delete")),
    ("leases.coordination.k8s.io", ("get", "create", "update", "delete")),
    ("pods", ("get", "list", "watch")),
    ("pods/log", ("get",)),
    ("pods/exec", ("create",)),
    ("services/proxy", ("get", "create")),
    ("pods/portforward", ("create",)),
    ("events", ("list",)),
    ("jobs.batch", ("get", "list")),
)
"""Revisions, the lease, and what status, logs, watch, chat and port-forward read; `status --gpu` runs a program in pods."""
_OPTIONAL = frozenset({"pods/exec", "services/proxy", "pods/portforward", "events"})
"""Without these a command says less; nothing fails."""
_LOOKED_AT_INSIDE = (*("resourcequotas", "limitranges", "persistentvolumeclaims", "secrets", "serviceaccounts"),)
_LOOKED_AT = (
    *("nodes", "pods", "deployments.apps", "storageclasses.storage.k8s.io", "priorityclasses.scheduling.k8s.io"),
)

_OPENSHIFT = (
    Ask("get", "clusterversions.config.openshift.io"),
    Ask("list", "securitycontextconstraints.security.openshift.io"),
    Ask("list", "clusterserviceversions.operators.coreos.com", "redhat-ods-operator"),
    Ask("list", "datascienceclusters.datasciencecluster.opendatahub.io"),
)


def asks_of(namespace: str, resources: Iterable[tuple[str, bool]]) -> tuple[Ask, ...]:
    """Rights for apply, status, logs and delete of objects of these resources, each with whether it is namespaced."""
    found = [
        Ask(verb, name, namespace if inside else "")
        for name, inside in resources
        for verb in _WRITE
        if verb != "delete" or name != "namespaces"
    ]
    found += [Ask(verb, name, namespace) for name, verbs in _OWN for verb in verbs]
    return tuple(dict.fromkeys(found))


def reading_asks(needs: Needs) -> tuple[Ask, ...]:
    """Rights that a preflight needs to tell everything; Secrets by name only, as far as rules can say it."""
    inside = [Ask("list", name, needs.namespace) for name in _LOOKED_AT_INSIDE[:2]]
    inside += [Ask("get", name, needs.namespace) for name in _LOOKED_AT_INSIDE[2:]]
    whole = [Ask("get", "namespaces"), *(Ask("list", name) for name in _LOOKED_AT)]
    if needs.gpu and needs.gpu.resource.startswith("nvidia.com/"):
        whole.append(Ask("list", "clusterpolicies.nvidia.com"))
    if any("/" in key and "rdma" in key for pod in needs.pods for key in pod.requests):
        whole.append(Ask("list", "nicclusterpolicies.mellanox.com"))
    if needs.distribution == "openshift":
        whole += _OPENSHIFT
        inside.append(Ask("create", "localsubjectaccessreviews.authorization.k8s.io", needs.namespace))
    if needs.claims:
        whole.append(Ask("get", "persistentvolumes"))
    networks = {namespace for namespace, _ in needs.networks}
    inside += [Ask("get", "network-attachment-definitions.k8s.cni.cncf.io", each) for each in sorted(networks)]
    return (*inside, *whole)


def check_access(needs: Needs, facts: ClusterFacts) -> Iterator[Finding]:
    """Whoever asks may do all that apply, status, logs and delete do."""
    if not needs.asks:
        return
    rights = facts.rights
    if isinstance(rights, Untold):
        yield telling.unknown("cluster.permission", "whether you may apply and follow it", rights)
        return
    missing: dict[tuple[str, str], list[str]] = {}
    for ask in needs.asks:
        if not rights.get(ask, False):
            missing.setdefault((ask.resource, ask.namespace), []).append(ask.verb)
    for (resource, namespace), verbs in missing.items():
        where = f" in {namespace}" if namespace else ""
        fix = "have a Role that allows it: shardwright check -f FILE --print-rbac prints one"
        message = f"not allowed: {', '.join(verbs)} {resource}{where}"
        if resource in _OPTIONAL:
            yield telling.warn(
                "cluster.permission", message, why="a command that needs it will say less", fix=fix, value=resource,
                requirements=("R120", "R121"),
            )  # fmt: skip
        else:
            yield telling.wrong(
                "cluster.permission", message, why="the API server refuses it", fix=fix, value=resource,
                requirements=("R120", "R121"),
            )  # fmt: skip
    if not missing:
        yield telling.fine(
            "cluster.permission",
            f"all {len(needs.asks)} rights that apply, status, logs and delete need are given",
            requirements=("R120", "R121"),
        )


def rules_of(asks: Iterable[Ask], names: dict[str, tuple[str, ...]] | None = None) -> tuple[dict[str, Any], ...]:
    """Rules of a Role that allow this and nothing else; resources of one group with the same verbs share one.

    `names` confines the verbs on a resource to objects of these names, where the API can do so (not for create and list).
    """
    named = names or {}
    verbs: dict[str, list[str]] = {}
    for ask in asks:
        known = verbs.setdefault(ask.resource, [])
        if ask.verb not in known:
            known.append(ask.verb)
    together: dict[tuple[str, tuple[str, ...], tuple[str, ...]], list[str]] = {}
    for resource, wanted in verbs.items():
        only = named.get(resource, ())
        together.setdefault((_split(resource)[1], tuple(wanted), only), []).append(_split(resource)[0])
    return tuple(
        {"apiGroups": [group], "resources": resources, "verbs": list(wanted)}
        | ({"resourceNames": list(only)} if only else {})
        for (group, wanted, only), resources in together.items()
    )


def _split(resource: str) -> tuple[str, str]:
    """`pods/log` and the core's name; `jobs` and `batch`."""
    name, slash, rest = resource.partition("/")
    plural, _, group = name.partition(".")
    return f"{plural}{slash}{rest}", group
