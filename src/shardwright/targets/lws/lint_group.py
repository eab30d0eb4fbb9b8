"""What makes a group of LeaderWorkerSet fail later though its API accepts it: restarts, updates, probes, Services, names.

What its commands must say: `lint_ranks`.
Source: documentation and issues of kubernetes-sigs/lws, vllm-project/vllm and sgl-project/sglang up to 2026-11.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from shardwright.core.rules.rule import Breach, Rule
from shardwright.targets.lws import rules as rendered
from shardwright.targets.lws.lint_ranks import engines, gpus_of_group, waits_for_members
from shardwright.targets.lws.lint_webhook import in_sets
from shardwright.targets.lws.sets import PREFIX, SETS, sets_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shardwright.core.manifests.objects import Context, Object
    from shardwright.targets.lws.sets import GroupSet

__all__ = ["RULES"]

_TEMPLATE = "leaderWorkerTemplate"


def _restart(found: GroupSet) -> Iterator[Breach]:
    policy = found.get(_TEMPLATE, "restartPolicy")
    if policy == "None" and found.size > 1:
        message = "a group that lost a member is not made anew: restartPolicy is None, as Default becomes"
        yield Breach(found.at(_TEMPLATE, "restartPolicy"), message, "None")


def _surge(found: GroupSet) -> Iterator[Breach]:
    path = ("rolloutStrategy", "rollingUpdateConfiguration", "maxSurge")
    surge = found.get(*path)
    gpus = gpus_of_group(found)
    if gpus and isinstance(surge, int | str) and surge not in {0, "0%"}:
        message = f"maxSurge {surge}: an update starts new groups of {gpus} GPUs before old ones end"
        yield Breach(found.at(*path), message, str(surge))


def _deadlock(found: GroupSet) -> Iterator[Breach]:
    if found.get("startupPolicy") != "LeaderReady" or found.size < 2:
        return
    for container, words in engines(found):
        if (
            container.pod.role in {"leader", "both"}
            and "readinessProbe" in container.value
            and waits_for_members(words)
        ):
            message = "workers are made when the leader is ready, and it is ready when they have joined"
            yield Breach(found.at("startupPolicy"), message, "LeaderReady")
            return


def _worker_http(found: GroupSet) -> Iterator[Breach]:
    for container, words in engines(found):
        if container.pod.role != "worker" or "--headless" not in words:
            continue
        for probe in ("livenessProbe", "readinessProbe", "startupProbe"):
            value = container.value.get(probe)
            if isinstance(value, dict) and ("httpGet" in value or "tcpSocket" in value):
                yield Breach((*container.path, probe), f"{probe} asks a headless worker, which has no server", probe)


def _service_name(each: Object, context: Context) -> Iterator[Breach]:
    for service in context.named("Service", each.name, each.namespace):
        is_headless = service.get("spec", "clusterIP") == "None"
        if not is_headless or service.get("spec", "publishNotReadyAddresses") is not True:
            message = f"a Service of the set's name, {each.name}, stands in the same input"
            yield Breach(("metadata", "name"), message, each.name)


def _service_members(each: Object, context: Context) -> Iterator[Breach]:
    if all(found.size < 2 for found in sets_of(each)):
        return
    for service in context.once(_services_of_sets).get((each.namespace, each.name), ()):
        message = f"the Service {service.name} selects all pods of the set, also workers without a server"
        yield Breach(("metadata", "name"), message, service.name)


def _services_of_sets(context: Context) -> dict[tuple[str, str], list[Object]]:
    """Services that select by the name of a set alone, by namespace and that name."""
    found: dict[tuple[str, str], list[Object]] = {}
    for service in context.of_kind("Service"):
        selector = service.map_at("spec", "selector")
        name = selector.get(f"{PREFIX}/name")
        if isinstance(name, str) and len(selector) == 1 and service.get("spec", "clusterIP") != "None":
            found.setdefault((service.namespace, name), []).append(service)
    return found


def _long_name(each: Object, context: Context) -> Iterator[Breach]:
    del context
    replicas = each.number_at("spec", "replicas")
    longest = rendered.longest_name(replicas if replicas and replicas > 0 else 1)
    if len(each.name) > longest:
        message = f"the name has {len(each.name)} characters; {longest} are possible with these replicas"
        yield Breach(("metadata", "name"), message, each.name)


_rule = functools.partial(
    Rule,
    severity="warning",
    kinds=SETS,
    enforced_by="practice",
    source="kubernetes-sigs/lws v0.10.0, documentation and issues",
)

RULES = (
    _rule(
        "lws.no-group-restart",
        title="A group is restarted as a whole",
        why="ranks that lost one of them wait for ever; only a restart of all brings them together",
        fix="write RecreateGroupOnPodRestart, or from 0.9 RecreateGroupAfterStart",
        check=in_sets(_restart),
        requirements=("R126",),
    ),
    _rule(
        "lws.surge",
        title="An update needs no GPUs on top",
        why="where all GPUs are in use the new groups stay pending and the update stands still",
        fix="write maxSurge: 0 and maxUnavailable: 1",
        check=in_sets(_surge),
    ),
    _rule(
        "lws.startup-policy",
        title="Workers are not made to wait for a leader that waits for them",
        why="neither side ever starts",
        fix="write startupPolicy: LeaderCreated or leave it out",
        check=in_sets(_deadlock),
    ),
    _rule(
        "lws.worker-probe",
        title="Headless workers have no probes by HTTP or TCP",
        why="nothing listens there: the worker is never ready, or is killed",
        fix="remove the probe, or look for the process with exec",
        check=in_sets(_worker_http),
        requirements=("R143",),
    ),
    _rule(
        "lws.service-name",
        kinds=("LeaderWorkerSet",),
        severity="error",
        title="No Service has the name of a set",
        why="the controller takes a Service of that name for its own headless one and never repairs it: members do not find each other",
        fix="give the Service another name",
        check=_service_name,
        requirements=("R148",),
    ),
    _rule(
        "lws.service-members",
        kinds=("LeaderWorkerSet",),
        title="A Service selects leaders only",
        why="requests that reach a worker are refused",
        fix=f'add {PREFIX}/worker-index: "0" to its selector',
        check=_service_members,
        requirements=("R147", "R129"),
    ),
    _rule(
        "lws.name-too-long",
        kinds=("LeaderWorkerSet",),
        severity="error",
        enforced_by="operator",
        title="The name of a set leaves room for what is added to it",
        why="a label of the pods holds name, index and a hash, and ends at 63 characters: no pod is made",
        fix="shorten it",
        check=_long_name,
    ),
)
