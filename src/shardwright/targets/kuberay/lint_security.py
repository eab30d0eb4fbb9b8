"""Rules on who may reach a Ray cluster: tokens, encryption between its pods, network policy.

Source: ray-operator/controllers/ray/utils/validation.go of KubeRay v1.5.1 to v1.7.0.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from shardwright.core.rules.rule import Breach, Rule
from shardwright.targets.kuberay import gates, names
from shardwright.targets.kuberay.ray_objects import (
    ALL_KINDS,
    has,
    in_clusters,
    is_long,
    is_true,
    text_of,
    variable_path,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shardwright.core.manifests.objects import Context
    from shardwright.core.marked.paths import Path
    from shardwright.targets.kuberay.ray_objects import Cluster

__all__ = ["RULES"]

_TOKEN_SINCE = (2, 52, 0)
_KUBERNETES_TOKEN_SINCE = (2, 55, 0)
_TLS_VARIABLES = ("RAY_USE_TLS", "RAY_TLS_SERVER_CERT", "RAY_TLS_SERVER_KEY", "RAY_TLS_CA_CERT")
_TLS_VOLUME, _TLS_PATH = "ray-tls", "/etc/ray/tls"

_rule = functools.partial(
    Rule,
    severity="error",
    kinds=ALL_KINDS,
    enforced_by="operator",
    source="KubeRay v1.5.1 to v1.7.0, ray-operator/controllers/ray/utils/validation.go",
)


def _asks_kubernetes(cluster: Cluster) -> bool:
    return is_true(cluster.get("authOptions", "enableK8sTokenAuth"))


def _token_version(cluster: Cluster, context: Context) -> Iterator[Breach]:
    del context
    if cluster.get("authOptions", "mode") != "token":
        return
    text = text_of(cluster.get("rayVersion"))
    numbers = names.ray_version(text)
    path = cluster.at("rayVersion") if text else cluster.at("authOptions", "mode")
    if not text:
        yield Breach(path, "authOptions.mode is token, but rayVersion, 2.52.0 or later, is not given")
    elif numbers is None:
        yield Breach(path, f"authOptions.mode is token, but rayVersion {text!r} is no version", text)
    elif names.is_version_before(numbers, _TOKEN_SINCE):
        yield Breach(path, f"authOptions.mode is token, which Ray knows since 2.52.0; rayVersion is {text}", text)


def _kubernetes_token(cluster: Cluster, context: Context) -> Iterator[Breach]:
    del context
    if not _asks_kubernetes(cluster):
        return
    path = cluster.at("authOptions", "enableK8sTokenAuth")
    if cluster.get("authOptions", "mode") != "token":
        yield Breach(path, "enableK8sTokenAuth is on, but authOptions.mode is not token")
        return
    text = text_of(cluster.get("rayVersion"))
    numbers = names.ray_version(text)
    if numbers is not None and names.is_version_before(numbers, _KUBERNETES_TOKEN_SINCE):
        yield Breach(path, f"enableK8sTokenAuth is on, which Ray knows since 2.55.0; rayVersion is {text}", text)
    if is_long(cluster.get("authOptions", "secretName")):
        yield Breach(path, "enableK8sTokenAuth is on, and secretName names a token of its own")


def _kubernetes_token_kind(cluster: Cluster, context: Context) -> Iterator[Breach]:
    del context
    # The operator calls it on only where the mode is token as well.
    if _asks_kubernetes(cluster):
        message = f"enableK8sTokenAuth is on in a {cluster.owner.kind}; only a RayCluster can have it"
        yield Breach(cluster.at("authOptions", "enableK8sTokenAuth"), message)


def _network_gate(cluster: Cluster, context: Context) -> Iterator[Breach]:
    if has(cluster.get("networkPolicy")) and not gates.is_enabled(context, "RayClusterNetworkPolicy"):
        yield Breach(cluster.at("networkPolicy"), "networkPolicy needs the feature gate RayClusterNetworkPolicy")


def _network_rules(cluster: Cluster, context: Context) -> Iterator[Breach]:
    del context
    mode = text_of(cluster.get("networkPolicy", "mode")) or "DenyAll"
    idle = {"DenyAllEgress": "ingressRules", "DenyAllIngress": "egressRules"}.get(mode)
    if idle is None:
        return
    groups = len(cluster.owner.list_at(*cluster.at("networkPolicy", "workerGroups")))
    holders: list[Path] = [("head",), ("worker",), *(("workerGroups", index) for index in range(groups))]
    for holder in holders:
        path = cluster.at("networkPolicy", *holder, idle)
        if cluster.owner.list_at(*path):
            yield Breach(path, f"{idle} allow what mode {mode} does not deny", mode)


def _network_groups(cluster: Cluster, context: Context) -> Iterator[Breach]:
    del context
    if not has(cluster.get("networkPolicy")):
        return
    known = {cluster.owner.text_at(*group.path, "groupName") for group in cluster.workers}
    for group in cluster.workers:
        name = cluster.owner.text_at(*group.path, "groupName")
        if not names.is_dns_1123_label(name):
            message = f"the group name {name!r} becomes part of a policy's name, and is no DNS-1123 label"
            yield Breach((*group.path, "groupName"), message, name)
    for index in range(len(cluster.owner.list_at(*cluster.at("networkPolicy", "workerGroups")))):
        path = cluster.at("networkPolicy", "workerGroups", index, "groupName")
        name = cluster.owner.text_at(*path)
        if name not in known:
            listed = ", ".join(sorted(known)) or "none"
            yield Breach(path, f"networkPolicy is for worker group {name!r}; there are: {listed}", name)


def _tls_gate(cluster: Cluster, context: Context) -> Iterator[Breach]:
    if has(cluster.get("tlsOptions")) and not gates.is_enabled(context, "RayClusterMTLS"):
        yield Breach(cluster.at("tlsOptions"), "tlsOptions needs the feature gate RayClusterMTLS")


def _tls_by_hand(cluster: Cluster, context: Context) -> Iterator[Breach]:
    del context
    if not has(cluster.get("tlsOptions")) or cluster.get("tlsOptions", "enabled") is False:
        return
    thing = cluster.owner
    for holder in (*(group.container for group in cluster.groups), cluster.at("autoscalerOptions")):
        for name in _TLS_VARIABLES:
            if path := variable_path(thing, holder, name):
                yield Breach(path, f"{name} is set, which the operator sets with tlsOptions", name)
        for index in range(len(thing.list_at(*holder, "volumeMounts"))):
            path = (*holder, "volumeMounts", index)
            if thing.get(*path, "name") == _TLS_VOLUME or thing.get(*path, "mountPath") == _TLS_PATH:
                yield Breach(path, f"with tlsOptions the operator mounts {_TLS_VOLUME} at {_TLS_PATH} itself")


RULES = (
    _rule(
        "kuberay.token-version",
        title="Tokens need a rayVersion of 2.52.0 or later.",
        why="an older Ray does not ask for one, and the cluster would stand open",
        fix="give the rayVersion of the image, or remove authOptions",
        check=in_clusters(_token_version),
        since="1.5.1",
    ),
    _rule(
        "kuberay.kubernetes-token",
        title="Tokens of Kubernetes need mode token, Ray 2.55.0 or later, and no Secret beside them.",
        why="Ray asks the API server about each token",
        fix="set mode: token, remove secretName and give the rayVersion, or remove enableK8sTokenAuth",
        check=in_clusters(_kubernetes_token),
        since="1.6",
    ),
    _rule(
        "kuberay.kubernetes-token-kind",
        kinds=("RayService", "RayJob", "RayCronJob"),
        title="Tokens of Kubernetes work with a RayCluster only.",
        why="the operator has no such token to submit a job or an application with",
        fix="remove enableK8sTokenAuth",
        check=in_clusters(_kubernetes_token_kind),
        since="1.6",
    ),
    _rule(
        "kuberay.network-policy-gate",
        title="networkPolicy needs the feature gate RayClusterNetworkPolicy.",
        why="the gate is off by default",
        fix="remove networkPolicy, or say --feature-gate RayClusterNetworkPolicy=true if it is on",
        check=in_clusters(_network_gate),
        since="1.7",
    ),
    _rule(
        "kuberay.network-policy-mode",
        title="networkPolicy has rules only for the direction that its mode denies.",
        why="the other direction is open already, and a rule there would say that it is not",
        fix="remove the rules, or set mode: DenyAll",
        check=in_clusters(_network_rules),
        since="1.7",
        source="KubeRay v1.7.0, ray-operator/controllers/ray/utils/validation.go validateNetworkPolicy",
    ),
    _rule(
        "kuberay.network-policy-group",
        title="networkPolicy names worker groups that are there, by names that a policy can carry.",
        why="a misspelt name would leave a group without its rules",
        fix="use the groupName of a worker group, in lower-case letters, digits and `-`",
        check=in_clusters(_network_groups),
        since="1.7",
        source="KubeRay v1.7.0, ray-operator/controllers/ray/utils/validation.go validateNetworkPolicy",
    ),
    _rule(
        "kuberay.tls-gate",
        title="tlsOptions needs the feature gate RayClusterMTLS.",
        why="the gate is off by default",
        fix="remove tlsOptions, or say --feature-gate RayClusterMTLS=true if it is on",
        check=in_clusters(_tls_gate),
        since="1.7",
    ),
    _rule(
        "kuberay.tls-by-hand",
        title="With tlsOptions the operator alone sets Ray's TLS variables and mounts the certificates.",
        why="its own would be replaced",
        fix=f"remove the variables and the mount of {_TLS_VOLUME}, or remove tlsOptions",
        check=in_clusters(_tls_by_hand),
        since="1.7",
        source="KubeRay v1.7.0, ray-operator/controllers/ray/utils/validation.go validateTLSOptions",
    ),
)
"""All rules on access."""
