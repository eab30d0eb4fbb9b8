"""Deployments, StatefulSets, DaemonSets, Jobs and CronJobs as the API server accepts them.

Source: Kubernetes v1.36 pkg/apis/apps/validation and pkg/apis/batch/validation.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from shardwright.core.rules.rule import Breach
from shardwright.kubernetes import cron, manifest_pods, names
from shardwright.targets.kubernetes_plain import workloads
from shardwright.targets.kubernetes_plain.lint_names import api_rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shardwright.core.manifests.objects import Context, Object, Value
    from shardwright.core.marked.paths import Path

__all__ = ["RULES"]

_PERCENT = re.compile(r"([0-9]{1,9})%")
_WHOLE_PERCENT = 100
_STRATEGY = {"Deployment": "strategy", "StatefulSet": "updateStrategy", "DaemonSet": "updateStrategy"}
_JOB_FIELDS = ("completions", "selector", "template", "completionMode")
_LONGEST_SCHEDULE = 1000


def _restart_policy(each: Object, _: Context) -> Iterator[Breach]:
    is_job = each.kind in workloads.JOBS
    allowed = ("OnFailure", "Never") if is_job else ("Always",)
    for pod in each.once(manifest_pods.pods_of):
        policy = pod.spec.get("restartPolicy")
        if policy in allowed or (policy is None and not is_job):
            continue
        seen = "is missing, so it is Always" if policy is None else f"is {policy!r}"
        message = f"restartPolicy {seen}; a {each.kind} may have {' or '.join(allowed)}"
        yield Breach((*pod.path, "restartPolicy"), message, str(policy or ""))


def _strategy(each: Object, _: Context) -> Iterator[Breach]:
    at: Path = ("spec", _STRATEGY[each.kind])
    kind = each.text_at(*at, "type") or "RollingUpdate"
    rolling = each.get(*at, "rollingUpdate")
    if kind != "RollingUpdate":
        if rolling is not None:
            yield Breach((*at, "rollingUpdate"), f"rollingUpdate may not stand next to type {kind}", kind)
        return
    surge, missing = each.get(*at, "rollingUpdate", "maxSurge"), each.get(*at, "rollingUpdate", "maxUnavailable")
    wrong = False
    for name, value in (("maxSurge", surge), ("maxUnavailable", missing)):
        if value is not None and not _is_amount(value):
            wrong = True
            yield Breach(
                (*at, "rollingUpdate", name), f"{value!r} is no number from 0 on and no percentage", str(value)
            )
    if not wrong and each.kind == "Deployment" and _is_zero(surge) and _is_zero(missing):
        yield Breach((*at, "rollingUpdate"), "maxSurge and maxUnavailable are both 0, so no pod could be replaced")


def _is_amount(value: Value) -> bool:
    if isinstance(value, int):
        return value >= 0
    match = _PERCENT.fullmatch(value) if isinstance(value, str) else None
    return match is not None and int(match[1]) <= _WHOLE_PERCENT


def _is_zero(value: Value) -> bool:
    return value in {0, "0%"} if isinstance(value, int | str) else False


def _job(each: Object, context: Context) -> Iterator[Breach]:
    at = workloads.job_path(each)
    is_counted = each.get(*at, "completions") is not None or each.get(*at, "parallelism") is None
    if each.get(*at, "completionMode") == "Indexed" and not is_counted:
        yield Breach((*at, "completions"), "completions is missing; completionMode Indexed needs it")
    if each.get(*at, "selector") is not None and each.get(*at, "manualSelector") is not True:
        yield Breach((*at, "selector"), "a Job makes its selector itself; manualSelector: true would allow one")
    old = context.old
    for name in _JOB_FIELDS if old is not None and each.kind == "Job" else ():
        if old is not None and name in each.map_at("spec") and old.get("spec", name) != each.get("spec", name):
            yield Breach(("spec", name), f"{name} of a Job cannot be changed")


def _schedule(each: Object, _: Context) -> Iterator[Breach]:
    schedule, zone = each.text_at("spec", "schedule"), each.text_at("spec", "timeZone")
    if each.get("spec", "schedule") is not None:
        complaint = cron.complaint_of(schedule) if len(schedule) < _LONGEST_SCHEDULE else "it is too long"
        if complaint:
            yield Breach(("spec", "schedule"), f"the schedule cannot be read: {complaint}", schedule[:80])
        elif schedule.startswith(("TZ=", "CRON_TZ=")):
            yield Breach(("spec", "schedule"), "the zone stands in timeZone, not in the schedule", schedule)
    if zone and not cron.is_zone(zone):
        yield Breach(("spec", "timeZone"), f"{zone[:80]!r} is no time zone", zone)


def _set_name(each: Object, _: Context) -> Iterator[Breach]:
    name = each.text_at("spec", "serviceName")
    if name and not names.is_dns_1123_label(name):
        yield Breach(("spec", "serviceName"), f"{name[:80]!r} is no DNS label: small letters, digits and -", name)


def _set_kept(each: Object, context: Context) -> Iterator[Breach]:
    old = context.old
    for name in ("serviceName", "podManagementPolicy", "volumeClaimTemplates"):
        if old is not None and old.get("spec", name) != each.get("spec", name):
            yield Breach(("spec", name), f"{name} of a StatefulSet cannot be changed")


def _progress(each: Object, _: Context) -> Iterator[Breach]:
    deadline = each.number_at("spec", "progressDeadlineSeconds")
    ready = each.number_at("spec", "minReadySeconds") or 0
    if deadline is not None and deadline <= ready:
        message = f"progressDeadlineSeconds {deadline} is not more than minReadySeconds {ready}"
        yield Breach(("spec", "progressDeadlineSeconds"), message, str(deadline))


_WHY = "the API server refuses it"
RULES = (
    api_rule(
        "kubernetes.restart-policy",
        kinds=workloads.CONTROLLERS,
        title="Pods of Jobs are not restarted for ever, and those of the others are",
        why=_WHY,
        fix="write OnFailure or Never in a Job, and nothing or Always elsewhere",
        check=_restart_policy,
        requirements=("R160",),
    ),
    api_rule(
        "kubernetes.strategy",
        kinds=tuple(_STRATEGY),
        title="The strategy of updates can be carried out",
        why=_WHY,
        fix="write type: Recreate alone, or RollingUpdate with maxSurge or maxUnavailable above 0",
        check=_strategy,
    ),
    api_rule(
        "kubernetes.job",
        kinds=workloads.JOBS,
        title="A Job says how much is to be done and keeps what it is",
        why=_WHY,
        fix="write completions, leave selector out, and give a changed Job another name",
        check=_job,
    ),
    api_rule(
        "kubernetes.schedule",
        kinds=("CronJob",),
        title="The schedule of a CronJob can be read",
        why=_WHY,
        fix='write five fields, as "30 2 * * *", and the zone in timeZone',
        check=_schedule,
    ),
    api_rule(
        "kubernetes.set-service",
        kinds=("StatefulSet",),
        title="The Service of a StatefulSet has a name that a Service can have",
        why=_WHY,
        fix="write the name of a headless Service",
        check=_set_name,
    ),
    api_rule(
        "kubernetes.set-kept",
        kinds=("StatefulSet",),
        title="What makes the pods of a StatefulSet theirs stays as it is",
        why="the API server refuses the update",
        fix="keep it, or delete the object with --cascade=orphan and make it anew",
        check=_set_kept,
    ),
    api_rule(
        "kubernetes.progress-deadline",
        kinds=("Deployment",),
        title="The deadline of a rollout is longer than a pod must be ready",
        why=_WHY,
        fix="raise progressDeadlineSeconds",
        check=_progress,
    ),
)
