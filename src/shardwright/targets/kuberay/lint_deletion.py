"""Rules on what a RayJob deletes when it has ended: deletionStrategy in its older and its newer form.

Source: ray-operator/controllers/ray/utils/validation.go of KubeRay v1.5.1 to v1.7.0.
"""

from __future__ import annotations

import functools
import itertools
from typing import TYPE_CHECKING

from shardwright.core.rules.rule import Breach, Rule
from shardwright.targets.kuberay import gates
from shardwright.targets.kuberay.ray_objects import JOB_KINDS, has, in_jobs, is_long, is_true, text_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shardwright.core.manifests.objects import Context, Object
    from shardwright.core.marked.paths import Path

__all__ = ["RULES"]

_GATE = "RayJobDeletionPolicy"
_STATUSES = ("jobStatus", "jobDeploymentStatus")
_ORDER = ("DeleteWorkers", "DeleteCluster", "DeleteSelf")
"""What is deleted first comes first: a later one takes the earlier ones with it."""
_OLDER = ("onSuccess", "onFailure")

_rule = functools.partial(
    Rule,
    severity="error",
    kinds=JOB_KINDS,
    enforced_by="operator",
    source="KubeRay v1.5.1 to v1.7.0, ray-operator/controllers/ray/utils/validation.go",
)


def _gate(thing: Object, job: Path, context: Context) -> Iterator[Breach]:
    if gates.is_enabled(context, _GATE):
        return
    for field in ("deletionStrategy", "deletionPolicy"):
        if has(thing.get(*job, field)):
            yield Breach((*job, field), f"{field} needs the feature gate {_GATE}")


def _form(thing: Object, job: Path, context: Context) -> Iterator[Breach]:
    del context
    path = (*job, "deletionStrategy")
    if not has(thing.get(*path)):
        return
    older = [name for name in _OLDER if has(thing.get(*path, name))]
    newer = has(thing.get(*path, "deletionRules"))
    if older and newer:
        yield Breach(path, f"deletionRules and {' and '.join(older)} are both given")
    elif len(older) == 1 and not newer:
        yield Breach(path, f"{older[0]} is given without the other of {' and '.join(_OLDER)}")
    elif not older and not is_long(thing.get(*path, "deletionRules")):
        yield Breach(path, "deletionStrategy has neither onSuccess and onFailure nor a deletion rule")


def _shutdown(thing: Object, job: Path, context: Context) -> Iterator[Breach]:
    del context
    if not is_true(thing.get(*job, "shutdownAfterJobFinishes")):
        return
    path = (*job, "deletionStrategy")
    if is_long(thing.get(*path, "deletionRules")):
        yield Breach((*path, "deletionRules"), "deletionRules and shutdownAfterJobFinishes both say what is deleted")
    for name in _OLDER:
        if thing.get(*path, name, "policy") == "DeleteNone":
            message = f"{name} deletes nothing, but shutdownAfterJobFinishes is true"
            yield Breach((*path, name, "policy"), message, "DeleteNone")


def _older_policies(thing: Object, job: Path, context: Context) -> Iterator[Breach]:
    del context
    for name in _OLDER:
        path = (*job, "deletionStrategy", name)
        if not has(thing.get(*path)):
            continue
        policy = text_of(thing.get(*path, "policy"))
        if not policy:
            yield Breach((*path, "policy"), f"{name} names no policy")
        elif complaint := _complaint(thing, job, policy):
            yield Breach((*path, "policy"), complaint, policy)


def _complaint(thing: Object, job: Path, policy: str) -> str:
    if thing.map_at(*job, "clusterSelector") and policy in {"DeleteCluster", "DeleteWorkers"}:
        return f"{policy} cannot be used on a cluster that the job did not make"
    if policy == "DeleteWorkers" and is_true(thing.get(*job, "rayClusterSpec", "enableInTreeAutoscaling")):
        return "DeleteWorkers cannot be used with the autoscaler, which would bring them back"
    return ""


def _conditions(thing: Object, job: Path, context: Context) -> Iterator[Breach]:
    del context
    for path in _rules_of(thing, job):
        given = [name for name in _STATUSES if has(thing.get(*path, "condition", name))]
        if has(thing.get(*path, "condition")) and len(given) != 1:
            seen = " and ".join(given) or "none"
            yield Breach((*path, "condition"), f"a condition has one of {' and '.join(_STATUSES)}, not {seen}")
        seconds = thing.number_at(*path, "condition", "ttlSeconds") or 0
        if seconds < 0:
            message = f"ttlSeconds is {seconds}; 0 is the least"
            yield Breach((*path, "condition", "ttlSeconds"), message, str(seconds))


def _policies(thing: Object, job: Path, context: Context) -> Iterator[Breach]:
    del context
    for path in _rules_of(thing, job):
        policy = text_of(thing.get(*path, "policy"))
        if complaint := _complaint(thing, job, policy):
            yield Breach((*path, "policy"), complaint, policy)


def _order(thing: Object, job: Path, context: Context) -> Iterator[Breach]:
    """Rules that the other checks refuse take no part, as in the operator."""
    del context
    found: dict[tuple[str, str], dict[str, int]] = {}
    for path in _rules_of(thing, job):
        status = _status(thing, path)
        policy = text_of(thing.get(*path, "policy"))
        seconds = thing.number_at(*path, "condition", "ttlSeconds") or 0
        if status is None or seconds < 0 or _complaint(thing, job, policy):
            continue
        times = found.setdefault(status, {})
        if policy in times:
            yield Breach(path, f"a second rule for {policy} at {status[0]} {status[1]}", policy)
        else:
            times[policy] = seconds
    for status, times in found.items():
        yield from _late(job, status, times)


def _late(job: Path, status: tuple[str, str], times: dict[str, int]) -> Iterator[Breach]:
    given = [policy for policy in _ORDER if policy in times]
    for first, second in itertools.pairwise(given):
        if times[second] < times[first]:
            yield Breach(
                (*job, "deletionStrategy", "deletionRules"),
                f"at {status[0]} {status[1]}, {second} after {times[second]} s comes before {first} after {times[first]} s",
            )


def _status(thing: Object, path: Path) -> tuple[str, str] | None:
    given = [(name, text_of(thing.get(*path, "condition", name))) for name in _STATUSES]
    set_ones = [(name, value) for name, value in given if has(thing.get(*path, "condition", name))]
    return set_ones[0] if len(set_ones) == 1 else None


def _rules_of(thing: Object, job: Path) -> list[Path]:
    path = (*job, "deletionStrategy", "deletionRules")
    return [(*path, index) for index in range(len(thing.list_at(*path)))]


RULES = (
    _rule(
        "kuberay.deletion-gate",
        title=f"Deletion is decided by the job only with the feature gate {_GATE}.",
        why="the gate is off by default before 1.6",
        fix=f"use shutdownAfterJobFinishes, or say --feature-gate {_GATE}=true if it is on",
        check=in_jobs(_gate),
        since="1.3",
    ),
    _rule(
        "kuberay.deletion-form",
        enforced_by="schema",
        title="deletionStrategy has both onSuccess and onFailure, or deletionRules.",
        why="the definition refuses anything else",
        fix="use deletionRules alone",
        check=in_jobs(_form),
        source="KubeRay v1.5.2 to v1.7.0, config/crd/bases (x-kubernetes-validations)",
        since="1.5",
    ),
    _rule(
        "kuberay.deletion-shutdown",
        title="shutdownAfterJobFinishes does not stand against deletionStrategy.",
        why="the two would disagree on when the cluster is deleted",
        fix="remove shutdownAfterJobFinishes",
        check=in_jobs(_shutdown),
        since="1.5",
    ),
    _rule(
        "kuberay.deletion-policy",
        title="onSuccess and onFailure name a policy that this job can carry out.",
        why="a job deletes only what it made, and the autoscaler brings workers back",
        fix="use DeleteSelf or DeleteNone",
        check=in_jobs(_older_policies),
        since="1.5",
    ),
    _rule(
        "kuberay.deletion-condition",
        enforced_by="schema",
        title="Each deletion rule waits for one status, for 0 seconds or more.",
        why="the definition refuses anything else",
        fix="give jobStatus or jobDeploymentStatus",
        check=in_jobs(_conditions),
        source="KubeRay v1.5.2 to v1.7.0, config/crd/bases (x-kubernetes-validations)",
        since="1.5",
    ),
    _rule(
        "kuberay.deletion-rule-policy",
        title="Each deletion rule has a policy that this job can carry out.",
        why="a job deletes only what it made, and the autoscaler brings workers back",
        fix="use DeleteSelf or DeleteNone",
        check=in_jobs(_policies),
        since="1.5",
    ),
    _rule(
        "kuberay.deletion-order",
        title="Each status deletes each thing once: workers first, then the cluster, then the job itself.",
        why="a later rule finds nothing left to delete",
        fix="order ttlSeconds as DeleteWorkers <= DeleteCluster <= DeleteSelf, one rule each",
        check=in_jobs(_order),
        since="1.5",
    ),
)
"""All rules on deletion."""
