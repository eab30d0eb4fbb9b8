"""What makes a group of LeaderWorkerSet fail later though its API accepts it: ranks, sizes, addresses, restarts, Services.

Reads the commands of vLLM and SGLang where they can be read, and says nothing where they cannot.
Source: documentation and issues of kubernetes-sigs/lws, vllm-project/vllm and sgl-project/sglang up to 2026-11.
"""

from __future__ import annotations

import functools
import math
import re
from typing import TYPE_CHECKING

from shardwright.core.rules.rule import Breach, Rule
from shardwright.kubernetes.engine_words import engine_of, whole, world_of
from shardwright.kubernetes.manifest_pods import containers_of, flag_value, gpus_of, words_of
from shardwright.targets.lws import rules as rendered
from shardwright.targets.lws.lint_webhook import in_sets
from shardwright.targets.lws.sets import PREFIX, SETS, sets_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shardwright.core.manifests.objects import Context, Object
    from shardwright.core.marked.paths import Path
    from shardwright.kubernetes.manifest_pods import Container
    from shardwright.targets.lws.sets import GroupSet

__all__ = ["RULES"]

_TEMPLATE = "leaderWorkerTemplate"
_RAY = re.compile(r"multi-node-serving\.sh|\bray\s+start\b|--distributed-executor-backend[= ]ray")
_OWN_ADDRESSES = {"localhost", "127.0.0.1", "0.0.0.0", "::1"}  # noqa: S104 - recognised, not bound
_LAST_VERSION_WITH_RAY = (0, 17)


def _engines(found: GroupSet) -> Iterator[tuple[Container, list[str]]]:
    """Containers with GPUs that run something readable, and its words."""
    for pod in found.pods():
        for container in containers_of(pod):
            words = words_of(container)
            if words and (gpus_of(container) or engine_of(words)):
                yield container, words


def _where(container: Container) -> Path:
    return (*container.path, "args" if container.value.get("args") else "command")


def _rank(found: GroupSet) -> Iterator[Breach]:
    for container, words in _engines(found):
        rank = whole(flag_value(words, "--node-rank"))
        if rank is None or found.size < 2:
            continue
        is_leader = container.pod.role == "leader"
        if (is_leader and rank) or (not is_leader and (found.size > 2 or rank != 1)):
            message = f"{_whose(container)} the fixed rank {rank}; {found.size} pods of a group need ranks of their own"
            yield Breach(_where(container), message, str(rank))


def _whose(container: Container) -> str:
    return "every pod has" if container.pod.role == "both" else f"the {container.pod.role} has"


def _nodes(found: GroupSet) -> Iterator[Breach]:
    for container, words in _engines(found):
        nodes = whole(flag_value(words, "--nnodes", "--ray-cluster-size"))
        if nodes is not None and nodes != found.size:
            yield Breach(_where(container), f"{nodes} nodes are started, and a group has {found.size}", str(nodes))


def _leader_address(found: GroupSet) -> Iterator[Breach]:
    for container, words in _engines(found):
        if container.pod.role == "leader" or found.size < 2:
            continue
        for flag in ("--master-addr", "--dist-init-addr", "--ray-address"):
            address = flag_value(words, flag)
            host = address.rpartition(":")[0] or address if address else ""
            if host in _OWN_ADDRESSES:
                yield Breach(_where(container), f"{flag} of the workers is {host}: each waits for itself", host)


def _world(found: GroupSet) -> Iterator[Breach]:
    containers = list(_engines(found))
    leaders = [(each, words) for each, words in containers if each.pod.role in {"leader", "both"} and engine_of(words)]
    gpus = _gpus_of_group(found)
    if not leaders or not gpus:
        return
    container, words = leaders[0]
    degrees = world_of(words, engine_of(words))
    if degrees is None:
        return
    tensor, stages, copies = degrees
    world = tensor * stages * copies
    if world > gpus:
        message = f"tensor {tensor} x pipeline {stages} x data {copies} = {world} GPUs; a group has {gpus}"
        yield Breach(_where(container), message, str(world))


def _spare(found: GroupSet) -> Iterator[Breach]:
    gpus = _gpus_of_group(found)
    for container, words in _engines(found):
        if container.pod.role not in {"leader", "both"} or engine_of(words) != "vllm":
            continue
        degrees = world_of(words, "vllm")
        if degrees is not None and (world := math.prod(degrees)) < gpus:
            message = f"{world} of the {gpus} GPUs of a group are used"
            yield Breach(_where(container), message, str(world))


def _gpus_of_group(found: GroupSet) -> int:
    """GPUs of one group; 0 where it cannot be told: a template is missing, or a pod names no GPUs (it may claim them)."""
    counts = {pod.role: sum(gpus_of(each) for each in containers_of(pod)) for pod in found.pods()}
    worker = counts.get("worker", counts.get("both", 0))
    if 0 in counts.values() or (found.size > 1 and not worker):
        return 0
    return counts.get("leader", worker) + (found.size - 1) * worker


def _headless(found: GroupSet) -> Iterator[Breach]:
    for container, words in _engines(found):
        is_member = container.pod.role == "worker" and engine_of(words) == "vllm" and flag_value(words, "--nnodes")
        if is_member and "--headless" not in words and not flag_value(words, "--data-parallel-size", "-dp"):
            yield Breach(_where(container), "the workers start a server of their own: --headless is missing")


def _ray_image(found: GroupSet) -> Iterator[Breach]:
    for container, words in _engines(found):
        image = str(container.value.get("image", ""))
        match = re.search(r"vllm/vllm-openai:v?(\d+)\.(\d+)", image)
        if match and _RAY.search(" ".join(words)) and (int(match[1]), int(match[2])) > _LAST_VERSION_WITH_RAY:
            yield Breach((*container.path, "image"), f"Ray is started, and {image} holds none", image)


def _restart(found: GroupSet) -> Iterator[Breach]:
    policy = found.get(_TEMPLATE, "restartPolicy")
    if policy == "None" and found.size > 1:
        message = "a group that lost a member is not made anew: restartPolicy is None, as Default becomes"
        yield Breach(found.at(_TEMPLATE, "restartPolicy"), message, "None")


def _surge(found: GroupSet) -> Iterator[Breach]:
    path = ("rolloutStrategy", "rollingUpdateConfiguration", "maxSurge")
    surge = found.get(*path)
    gpus = _gpus_of_group(found)
    if gpus and isinstance(surge, int | str) and surge not in {0, "0%"}:
        message = f"maxSurge {surge}: an update starts new groups of {gpus} GPUs before old ones end"
        yield Breach(found.at(*path), message, str(surge))


def _deadlock(found: GroupSet) -> Iterator[Breach]:
    if found.get("startupPolicy") != "LeaderReady" or found.size < 2:
        return
    for container, words in _engines(found):
        if container.pod.role in {"leader", "both"} and "readinessProbe" in container.value and _waits(words):
            message = "workers are made when the leader is ready, and it is ready when they have joined"
            yield Breach(found.at("startupPolicy"), message, "LeaderReady")
            return


def _waits(words: list[str]) -> bool:
    return flag_value(words, "--nnodes") is not None or _RAY.search(" ".join(words)) is not None


def _worker_http(found: GroupSet) -> Iterator[Breach]:
    for container, words in _engines(found):
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
_engine_rule = functools.partial(
    _rule, severity="error", enforced_by="engine", source="vLLM and SGLang, multi-node arguments"
)

RULES = (
    _engine_rule(
        "lws.rank-fixed",
        title="Each pod of a group has a rank of its own",
        why="all workers are made from one template, so a fixed rank is that of each; the group never forms",
        fix="write --node-rank $(LWS_WORKER_INDEX)",
        check=in_sets(_rank),
        requirements=("R137",),
    ),
    _engine_rule(
        "lws.nodes",
        title="As many nodes are started as a group has pods",
        why="the engine waits for nodes that never come, or some pods are left over",
        fix="write $(LWS_GROUP_SIZE), or the size of the group",
        check=in_sets(_nodes),
        requirements=("R137",),
    ),
    _engine_rule(
        "lws.leader-address",
        title="Workers are given the address of the leader",
        why="they would wait for themselves until they give up",
        fix="write $(LWS_LEADER_ADDRESS)",
        check=in_sets(_leader_address),
        requirements=("R149",),
    ),
    _engine_rule(
        "lws.world-too-large",
        title="A group has the GPUs that its parallelism asks for",
        why="the engine refuses to start, or waits for GPUs that never come",
        fix="raise size or the GPUs of a pod, or lower the parallelism",
        check=in_sets(_world),
        requirements=("R125",),
    ),
    _rule(
        "lws.gpus-unused",
        title="All GPUs of a group are used",
        why="GPUs that no rank uses are held all the same, and uneven use ends in slow or hanging collectives",
        fix="raise the parallelism, or lower size or the GPUs of a pod",
        check=in_sets(_spare),
        requirements=("R151", "R153"),
    ),
    _engine_rule(
        "lws.headless",
        title="Workers of vLLM are headless",
        why="without --headless a worker starts as a second server, and fails on its rank",
        fix="add --headless to the workers",
        check=in_sets(_headless),
    ),
    _engine_rule(
        "lws.ray-missing",
        title="Ray is started only where the image holds it",
        why="images of vLLM hold no Ray since 0.18: ray: command not found",
        fix="use --nnodes and --node-rank without Ray, an image up to v0.17, or one that holds Ray",
        severity="warning",
        check=in_sets(_ray_image),
        requirements=("R144",),
    ),
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
