"""Rights: what whoever applies and follows a deployment has to be allowed, and the rules that allow just that.

Each right here was seen to be asked for by a command, and no command asks for another one (tests/cluster/test_rights.py).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shardwright.core.preflight import telling
from shardwright.core.preflight.facts import Untold
from shardwright.core.preflight.needs import Ask

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from shardwright.core.preflight.facts import ClusterFacts
    from shardwright.core.preflight.needs import Needs
    from shardwright.core.rules.finding import Finding

__all__ = [
    "asks_of",
    "check_access",
    "policies_of",
    "probing_asks",
    "reading_asks",
    "rehearsal_asks",
    "rules_of",
    "secret_asks",
    "way_in_asks",
]

_WRITE = ("get", "create", "patch", "delete")
_OWN: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("configmaps", ("get", "list", "create", "update", "delete")),
    ("pods", ("list", "watch")),
    ("pods/log", ("get",)),
    ("pods/exec", ("get", "create")),
    ("pods/portforward", ("get", "create")),
    ("services", ("list",)),
    ("events", ("list", "watch")),
    ("jobs.batch", ("list", "watch")),
)
"""Revisions, and what status, logs, watch, chat and port-forward read; `status --gpu` runs a program in pods.

A WebSocket is opened by GET: servers ask for `get`, and from Kubernetes 1.35 on for `create` as well.
"""
_NOT_REHEARSED = frozenset((verb, f"pods/{what}") for verb in ("get", "create") for what in ("exec", "portforward"))
"""What other commands do: `status --gpu`, questions with a key."""
_LEASE = "leases.coordination.k8s.io"
_OPTIONAL = frozenset({"pods/exec", "services/proxy", "pods/proxy", "pods/portforward", "events"})
"""Without these a command says less; nothing fails."""
_POLICIES = {
    ("nvidia.com", "ClusterPolicy"): "clusterpolicies",
    ("mellanox.com", "NicClusterPolicy"): "nicclusterpolicies",
}
"""What the operators of GPUs and of fast networks say of themselves."""
_OPENSHIFT = (
    Ask("get", "clusterversions.config.openshift.io"),
    Ask("list", "securitycontextconstraints.security.openshift.io"),
    Ask("list", "clusterserviceversions.operators.coreos.com", "redhat-ods-operator"),
    Ask("list", "datascienceclusters.datasciencecluster.opendatahub.io"),
)


def asks_of(
    namespace: str, name: str, resources: Iterable[tuple[str, bool]], roots: Sequence[str] = ()
) -> tuple[Ask, ...]:
    """Rights for apply, status, logs and delete of a deployment.

    `resources`: of its objects, each with whether it is namespaced; `roots`: of those that stand for it.
    """
    found = [
        Ask(verb, resource, namespace if inside else "")
        for resource, inside in resources
        for verb in _WRITE
        if verb != "delete" or resource != "namespaces"
    ]
    found += [Ask(verb, resource, namespace) for resource in roots for verb in ("list", "watch")]
    found += [Ask(verb, resource, namespace) for resource, verbs in _OWN for verb in verbs]
    found.append(Ask("create", _LEASE, namespace))
    found += [Ask(verb, _LEASE, namespace, f"shardwright-{name}") for verb in ("get", "update", "delete")]
    return tuple(dict.fromkeys(found))


def way_in_asks(namespace: str, *, has_service: bool) -> tuple[Ask, ...]:
    """Rights to ask the engine through the API server: by its Service, or by the pod where there is none."""
    resource = "services/proxy" if has_service else "pods/proxy"
    return (Ask("get", resource, namespace), Ask("create", resource, namespace))


def rehearsal_asks(needs: Needs, *, makes_namespace: bool) -> tuple[Ask, ...]:
    """Rights for `rehearse --on cluster` of what these needs are of.

    In a namespace that is there, in that one alone; where one is made under a name of its own, in all of them.
    """
    own = [ask for ask in needs.asks if (ask.verb, ask.resource) not in _NOT_REHEARSED]
    if not makes_namespace:
        return (*own, Ask("get", "namespaces", "", needs.namespace))
    namespaces = (Ask(verb, "namespaces") for verb in _WRITE)
    return (*(Ask(ask.verb, ask.resource, "", ask.name) for ask in own), *namespaces)


def reading_asks(needs: Needs) -> tuple[Ask, ...]:
    """Rights that a preflight needs to tell everything; what is known by name, by that name only."""
    return (*_inside(needs), *_whole(needs))


def _inside(needs: Needs) -> Iterator[Ask]:
    """In the namespaces of what it names."""
    namespace = needs.namespace
    yield Ask("list", "resourcequotas", namespace)
    yield Ask("list", "limitranges", namespace)
    named = {
        "persistentvolumeclaims": sorted(each.name for each in needs.claims),
        "secrets": sorted({each.name for each in (*needs.secrets, *needs.certificates)}),
        "serviceaccounts": sorted(needs.service_accounts),
    }
    for resource, names in named.items():
        yield from (Ask("get", resource, namespace, name) for name in names)
    for place, name in sorted(needs.networks):
        yield Ask("get", "network-attachment-definitions.k8s.cni.cncf.io", place, name)
    for place, name in sorted({each.gateway for each in needs.routes}):
        yield Ask("get", "gateways.gateway.networking.k8s.io", place, name)
    for each, resource in needs.made_resources:
        yield Ask("get", resource, each.namespace, each.name)
    if needs.distribution == "openshift":
        yield Ask("create", "localsubjectaccessreviews.authorization.k8s.io", namespace)


def _whole(needs: Needs) -> Iterator[Ask]:
    """In the whole cluster."""
    yield Ask("get", "namespaces", "", needs.namespace)
    yield Ask("list", "nodes")
    yield Ask("list", "pods")
    if any(each.deployments for each in needs.operators):
        yield Ask("list", "deployments.apps")
    if any(each.is_made for each in needs.claims):
        yield Ask("list", "storageclasses.storage.k8s.io")
    if needs.ingress_classes:
        yield Ask("list", "ingressclasses.networking.k8s.io")
    if needs.priority_classes:
        yield Ask("list", "priorityclasses.scheduling.k8s.io")
    if needs.claims:
        yield Ask("get", "persistentvolumes")
    yield from (Ask("list", f"{_POLICIES[group, kind]}.{group}") for group, kind in policies_of(needs))
    if needs.distribution == "openshift":
        yield from _OPENSHIFT
    if needs.may_make_namespace:
        yield Ask("create", "namespaces")
        yield Ask("patch", "namespaces", "", needs.namespace)


def policies_of(needs: Needs) -> tuple[tuple[str, str], ...]:
    """Group and kind of what the operators of its devices say of themselves, where these are installed."""
    has_gpus = needs.gpu is not None and needs.gpu.resource.startswith("nvidia.com/")
    has_rdma = any("/" in key and "rdma" in key for pod in needs.pods for key in pod.requests)
    return tuple(key for key, is_used in zip(_POLICIES, (has_gpus, has_rdma), strict=True) if is_used)


def probing_asks(needs: Needs) -> tuple[Ask, ...]:
    """Rights that `--probe` needs beside them: pods of its own come and go; none without a claim."""
    return tuple(Ask(verb, "pods", needs.namespace) for verb in ("create", "delete")) if needs.claims else ()


def secret_asks(needs: Needs) -> tuple[Ask, ...]:
    """Rights that `apply --secret-from-env` needs beside them: the Secrets that the recipe names, and the right to make one."""
    names = sorted({each.name for each in needs.secrets if not each.is_for_images})
    if not names:
        return ()
    named = [Ask(verb, "secrets", needs.namespace, name) for name in names for verb in ("get", "patch", "delete")]
    return (Ask("create", "secrets", needs.namespace), *named)


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


def rules_of(asks: Iterable[Ask]) -> tuple[dict[str, Any], ...]:
    """Rules of a Role that allow this and nothing else; resources of one group with the same verbs share one."""
    wanted = tuple(dict.fromkeys(asks))
    unnamed = {(ask.verb, ask.resource) for ask in wanted if not ask.name}
    verbs: dict[tuple[str, str], list[str]] = {}
    for ask in wanted:
        if not ask.name or (ask.verb, ask.resource) not in unnamed:
            verbs.setdefault((ask.resource, ask.name), []).append(ask.verb)
    # Names hold for all resources of their rule: a resource with names has a rule of its own.
    together: dict[tuple[str, tuple[str, ...], str], tuple[list[str], list[str]]] = {}
    for (resource, name), allowed in verbs.items():
        plural, group = _split(resource)
        resources, names = together.setdefault((group, tuple(allowed), plural if name else ""), ([], []))
        if plural not in resources:
            resources.append(plural)
        if name:
            names.append(name)
    return tuple(
        {"apiGroups": [group], "resources": resources, "verbs": list(allowed)}
        | ({"resourceNames": names} if names else {})
        for (group, allowed, _), (resources, names) in together.items()
    )


def _split(resource: str) -> tuple[str, str]:
    """`pods/log` and the core's name; `jobs` and `batch`."""
    name, slash, rest = resource.partition("/")
    plural, _, group = name.partition(".")
    return f"{plural}{slash}{rest}", group
