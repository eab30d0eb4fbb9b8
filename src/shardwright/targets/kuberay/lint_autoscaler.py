"""Rules on Ray's autoscaler, of which there are two: what goes with which.

Source: ray-operator/controllers/ray/utils/validation.go of KubeRay v1.5.1 to v1.7.0.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from shardwright.core.rules.rule import Breach, Rule
from shardwright.targets.kuberay import names
from shardwright.targets.kuberay.ray_objects import ALL_KINDS, has, in_clusters, text_of, variable_path

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shardwright.core.manifests.objects import Context
    from shardwright.targets.kuberay.ray_objects import Cluster

__all__ = ["RULES"]

_VARIABLE = "RAY_enable_autoscaler_v2"
_START_COMMAND = "KUBERAY_GEN_AUTOSCALER_START_CMD"
_PRIORITY_SINCE = (2, 56, 0)

_rule = functools.partial(
    Rule,
    severity="error",
    kinds=ALL_KINDS,
    enforced_by="operator",
    source="KubeRay v1.5.1 to v1.7.0, ray-operator/controllers/ray/utils/validation.go",
)


def _is_variable_on(cluster: Cluster) -> bool:
    path = variable_path(cluster.owner, cluster.head.container, _VARIABLE)
    return path is not None and cluster.owner.text_at(*path, "value") in {"1", "true"}


def _variable_without_autoscaler(cluster: Cluster, context: Context) -> Iterator[Breach]:
    del context
    path = variable_path(cluster.owner, cluster.head.container, _VARIABLE)
    if path and not cluster.is_autoscaled and _is_variable_on(cluster):
        value = text_of(cluster.owner.get(*path, "value"))
        yield Breach(path, f"{_VARIABLE} is {value!r} on the head, but enableInTreeAutoscaling is not true", value)


def _variable_and_version(cluster: Cluster, context: Context) -> Iterator[Breach]:
    del context
    path = variable_path(cluster.owner, cluster.head.container, _VARIABLE)
    if path and cluster.is_autoscaled and has(cluster.get("autoscalerOptions", "version")):
        yield Breach(path, f"{_VARIABLE} and autoscalerOptions.version are both set")


def _restart_policy(cluster: Cluster, context: Context) -> Iterator[Breach]:
    del context
    if not (cluster.is_autoscaled and cluster.is_autoscaled_by_v2):
        return
    for group in cluster.groups:
        policy = cluster.owner.text_at(*group.pod, "restartPolicy")
        if policy not in {"", "Never"}:
            message = f"{group.name} has restartPolicy {policy}; with autoscaler v2 it is Never or left out"
            yield Breach((*group.pod, "restartPolicy"), message, policy)


def _idle_negative(cluster: Cluster, context: Context) -> Iterator[Breach]:
    del context
    paths = [cluster.at("autoscalerOptions"), *(group.path for group in cluster.workers)]
    for path in paths:
        seconds = cluster.owner.number_at(*path, "idleTimeoutSeconds")
        if seconds is not None and seconds < 0:
            yield Breach(
                (*path, "idleTimeoutSeconds"), f"idleTimeoutSeconds is {seconds}; 0 is the least", str(seconds)
            )


def _idle_of_group(cluster: Cluster, context: Context) -> Iterator[Breach]:
    del context
    if cluster.is_autoscaled_by_v2 or _is_variable_on(cluster):
        return
    for group in cluster.workers:
        seconds = cluster.owner.number_at(*group.path, "idleTimeoutSeconds")
        if seconds is not None and seconds >= 0:
            message = f"{group.name} has idleTimeoutSeconds, but autoscalerOptions.version is not v2"
            yield Breach((*group.path, "idleTimeoutSeconds"), message, str(seconds))


def _start_command(cluster: Cluster, context: Context) -> Iterator[Breach]:
    del context
    if path := variable_path(cluster.owner, cluster.at("autoscalerOptions"), _START_COMMAND):
        yield Breach(path, f"autoscalerOptions.env sets {_START_COMMAND}, which the operator sets", _START_COMMAND)


def _priority(cluster: Cluster, context: Context) -> Iterator[Breach]:
    del context
    for group in cluster.workers:
        priority = cluster.owner.number_at(*group.path, "priority")
        if not priority:
            continue
        complaint = _priority_complaint(cluster)
        if complaint:
            yield Breach((*group.path, "priority"), f"{group.name} has priority {priority}, {complaint}", str(priority))


def _priority_complaint(cluster: Cluster) -> str:
    text = text_of(cluster.get("rayVersion"))
    numbers = names.ray_version(text)
    if not text:
        return "and rayVersion, which must be 2.56.0 or later, is not given"
    if numbers is None:
        return f"and rayVersion {text!r} is no version"
    if names.is_version_before(numbers, _PRIORITY_SINCE):
        return f"which Ray knows since 2.56.0; rayVersion is {text}"
    is_v2 = cluster.is_autoscaled_by_v2 or _is_variable_on(cluster)
    return "" if is_v2 else "but autoscalerOptions.version is not v2"


RULES = (
    _rule(
        "kuberay.autoscaler-variable",
        title=f"{_VARIABLE} is set only with enableInTreeAutoscaling.",
        why="the variable alone starts no autoscaler",
        fix="set enableInTreeAutoscaling: true and autoscalerOptions.version: v2, and remove the variable",
        check=in_clusters(_variable_without_autoscaler),
        since="1.5",
    ),
    _rule(
        "kuberay.autoscaler-version-twice",
        title=f"The autoscaler's version is said by autoscalerOptions.version or by {_VARIABLE}, not by both.",
        why="the two could differ",
        fix="remove the variable",
        check=in_clusters(_variable_and_version),
        since="1.4",
    ),
    _rule(
        "kuberay.autoscaler-restart-policy",
        title="With autoscaler v2 pods are not restarted.",
        why="it replaces pods, and a restarted one would join a second time",
        fix="remove restartPolicy, or set Never",
        check=in_clusters(_restart_policy),
        since="1.4",
    ),
    _rule(
        "kuberay.idle-timeout-negative",
        title="idleTimeoutSeconds is 0 or more.",
        why="a time cannot be negative",
        fix="write 0 or more seconds",
        check=in_clusters(_idle_negative),
        since="1.6",
    ),
    _rule(
        "kuberay.idle-timeout-version",
        title="A group has an idleTimeoutSeconds of its own only with autoscaler v2.",
        why="v1 has one for all groups",
        fix="set autoscalerOptions.version: v2, or use autoscalerOptions.idleTimeoutSeconds",
        check=in_clusters(_idle_of_group),
        since="1.6",
    ),
    _rule(
        "kuberay.autoscaler-start-command",
        title=f"{_START_COMMAND} is left to the operator.",
        why="what autoscalerOptions.args refer to by it would be something else",
        fix="remove the variable",
        check=in_clusters(_start_command),
        since="1.7",
    ),
    _rule(
        "kuberay.priority",
        title="A group's priority needs Ray 2.56 and autoscaler v2.",
        why="nothing else reads it",
        fix="give rayVersion and autoscalerOptions.version: v2, or remove priority",
        check=in_clusters(_priority),
        since="1.7",
    ),
)
"""All rules on the autoscaler."""
