"""Rules on RayJob and RayCronJob: which cluster a job has, how it is submitted, when it ends.

Source: ray-operator/controllers/ray/utils/validation.go of KubeRay v1.5.1 to v1.7.0.
"""

from __future__ import annotations

import functools
import re
from typing import TYPE_CHECKING

from shardwright.core.manifests import versions
from shardwright.core.marked import document, tree
from shardwright.core.rules.rule import Breach, Rule
from shardwright.kubernetes import cron
from shardwright.targets.kuberay import gates
from shardwright.targets.kuberay.ray_objects import JOB_KINDS, has, in_jobs, is_long, is_true, text_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shardwright.core.manifests.objects import Context, Object
    from shardwright.core.marked.paths import Path

__all__ = ["RULES"]

_CLUSTER_KEY = "ray.io/cluster"

_rule = functools.partial(
    Rule,
    severity="error",
    kinds=JOB_KINDS,
    enforced_by="operator",
    source="KubeRay v1.5.1 to v1.7.0, ray-operator/controllers/ray/utils/validation.go",
)


def _suspended(thing: Object, job: Path, context: Context) -> Iterator[Breach]:
    del context
    if not is_true(thing.get(*job, "suspend")):
        return
    if not is_true(thing.get(*job, "shutdownAfterJobFinishes")):
        yield Breach((*job, "suspend"), "the job is suspended, but shutdownAfterJobFinishes is not true")
    if is_long(thing.get(*job, "clusterSelector")):
        yield Breach((*job, "suspend"), "the job is suspended, but runs in a cluster that it did not make")


def _time_to_live(thing: Object, job: Path, context: Context) -> Iterator[Breach]:
    del context
    path = (*job, "ttlSecondsAfterFinished")
    seconds = thing.number_at(*path) or 0
    if seconds < 0:
        yield Breach(path, f"ttlSecondsAfterFinished is {seconds}; 0 is the least", str(seconds))
    elif seconds and not is_true(thing.get(*job, "shutdownAfterJobFinishes")):
        message = f"ttlSecondsAfterFinished is {seconds}, but shutdownAfterJobFinishes is not true"
        yield Breach(path, message, str(seconds))


def _cluster(thing: Object, job: Path, context: Context) -> Iterator[Breach]:
    del context
    selector = thing.map_at(*job, "clusterSelector")
    if not selector and not has(thing.get(*job, "rayClusterSpec")):
        yield Breach(job, "the job has neither rayClusterSpec nor clusterSelector")
    if selector and not text_of(selector.get(_CLUSTER_KEY)):
        yield Breach((*job, "clusterSelector"), f"clusterSelector names no cluster by {_CLUSTER_KEY}")


def _retries(thing: Object, job: Path, context: Context) -> Iterator[Breach]:
    del context
    path = (*job, "backoffLimit")
    limit = thing.number_at(*path) or 0
    if limit < 0:
        yield Breach(path, f"backoffLimit is {limit}; 0 is the least", str(limit))
    elif limit and thing.get(*job, "submissionMode") == "InteractiveMode":
        yield Breach(path, f"backoffLimit is {limit}, but a job that is submitted by hand is not tried again")


def _retries_elsewhere(thing: Object, job: Path, context: Context) -> Iterator[Breach]:
    del context
    limit = thing.number_at(*job, "backoffLimit") or 0
    if limit > 0 and thing.map_at(*job, "clusterSelector"):
        message = f"backoffLimit is {limit}, but a job in a cluster that it did not make is not tried again"
        yield Breach((*job, "backoffLimit"), message, str(limit))


def _sidecar(thing: Object, job: Path, context: Context) -> Iterator[Breach]:
    del context
    if thing.get(*job, "submissionMode") != "SidecarMode":
        return
    for field in ("submitterPodTemplate", "submitterConfig"):
        if has(thing.get(*job, field)):
            yield Breach((*job, field), f"{field} is of no use in SidecarMode")
    if thing.map_at(*job, "clusterSelector"):
        yield Breach((*job, "clusterSelector"), "SidecarMode needs a cluster of the job's own")
    path = (*job, "rayClusterSpec", "headGroupSpec", "template", "spec", "restartPolicy")
    policy = thing.text_at(*path)
    if policy not in {"", "Never"}:
        yield Breach(path, f"the head has restartPolicy {policy}; in SidecarMode it is Never or left out", policy)


def _environment(thing: Object, job: Path, context: Context) -> Iterator[Breach]:
    del context
    path = (*job, "runtimeEnvYAML")
    text = thing.text_at(*path)
    if not text:
        return
    for each in document.parse_documents(text, "runtimeEnvYAML", bounds=document.MANIFESTS)[:1]:
        if not isinstance(each.root, tree.MapNode) and not document.is_empty(each):
            yield Breach(path, "runtimeEnvYAML is no mapping in YAML")


def _deadline(thing: Object, job: Path, context: Context) -> Iterator[Breach]:
    del context
    for field in ("activeDeadlineSeconds", "preRunningDeadlineSeconds"):
        seconds = thing.number_at(*job, field)
        if seconds is not None and seconds <= 0:
            yield Breach((*job, field), f"{field} is {seconds}; it must be more than 0", str(seconds))


def _schedule(thing: Object, context: Context) -> Iterator[Breach]:
    path = ("spec", "schedule")
    text = thing.text_at(*path)
    # Before 1.7 the zone stood in the schedule, and the parser takes it off.
    zone = re.match(r"(?:CRON_)?TZ=(\S*) +", text)
    if "TZ" in text and versions.holds(gates.version_of(context), "1.7", ""):
        yield Breach(path, "the schedule names a time zone, which has a field of its own", text)
    elif zone and not cron.is_zone(zone[1]):
        yield Breach(path, f"the schedule names the zone {zone[1]!r}, which there is not", text)
    elif complaint := cron.complaint_of(text[zone.end() :] if zone else text):
        yield Breach(path, f"the schedule {text!r} cannot be read: {complaint}", text)


def _time_zone(thing: Object, context: Context) -> Iterator[Breach]:
    del context
    path = ("spec", "timeZone")
    zone = thing.get(*path)
    if isinstance(zone, str) and not cron.is_zone(zone):
        yield Breach(path, f"timeZone {zone!r} is no time zone", zone)


RULES = (
    _rule(
        "kuberay.job-suspended",
        title="Only a job with a cluster of its own, which is deleted with it, can be suspended.",
        why="suspending deletes the cluster",
        fix="set shutdownAfterJobFinishes: true and give rayClusterSpec, or remove suspend",
        check=in_jobs(_suspended),
    ),
    _rule(
        "kuberay.job-time-to-live",
        title="ttlSecondsAfterFinished is 0 or more, and goes with shutdownAfterJobFinishes.",
        why="it says when the cluster is deleted",
        fix="set shutdownAfterJobFinishes: true, or remove ttlSecondsAfterFinished",
        check=in_jobs(_time_to_live),
        since="1.3",
    ),
    _rule(
        "kuberay.job-cluster",
        title=f"A job has rayClusterSpec, or a clusterSelector with {_CLUSTER_KEY}.",
        why="it has to run somewhere",
        fix=f"give rayClusterSpec, or clusterSelector: {{{_CLUSTER_KEY}: NAME}}",
        check=in_jobs(_cluster),
        since="1.2",
    ),
    _rule(
        "kuberay.job-retries",
        title="backoffLimit is 0 or more, and 0 for jobs submitted by hand.",
        why="a second try needs a second submission",
        fix="remove backoffLimit",
        check=in_jobs(_retries),
        since="1.2",
    ),
    _rule(
        "kuberay.job-retries-elsewhere",
        title="A job in a cluster that it did not make is not tried again.",
        why="each try has a new cluster",
        fix="remove backoffLimit; submitterConfig.backoffLimit repeats the submission",
        check=in_jobs(_retries_elsewhere),
        since="1.6",
    ),
    _rule(
        "kuberay.job-sidecar",
        title="In SidecarMode the head's pod submits the job, ends with it, and belongs to the job's own cluster.",
        why="there is no submitting pod",
        fix="remove submitterPodTemplate, submitterConfig, clusterSelector and restartPolicy",
        check=in_jobs(_sidecar),
        since="1.5",
    ),
    _rule(
        "kuberay.job-runtime-env",
        title="runtimeEnvYAML is a mapping in YAML.",
        why="the operator hands it to Ray as JSON",
        fix="write `pip: [...]`, `env_vars: {...}` and the like",
        check=in_jobs(_environment),
    ),
    _rule(
        "kuberay.job-deadline",
        title="Deadlines of a job are more than 0 seconds.",
        why="it would end before it began",
        fix="give seconds, or remove the deadline",
        check=in_jobs(_deadline),
        since="1.2",
    ),
    _rule(
        "kuberay.cron-schedule",
        kinds=("RayCronJob",),
        title="The schedule has five fields of cron, or is `@daily`, `@every 1h` and the like, without a time zone.",
        why="the operator cannot plan by it",
        fix='write it as "0 3 * * *", and the zone in timeZone',
        check=_schedule,
        since="1.6",
    ),
    _rule(
        "kuberay.cron-time-zone",
        kinds=("RayCronJob",),
        title="timeZone is a zone of the IANA database.",
        why="the operator looks it up",
        fix="write it as Europe/Berlin, or leave it out for the operator's own",
        check=_time_zone,
        since="1.7",
    ),
)
"""All rules on jobs but those on what is deleted when."""
