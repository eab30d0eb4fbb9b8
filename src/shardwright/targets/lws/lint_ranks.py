"""What the commands of a group must say so that it forms: ranks, nodes, addresses, GPUs, executors.

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
from shardwright.targets.lws.lint_webhook import in_sets
from shardwright.targets.lws.sets import SETS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shardwright.core.marked.paths import Path
    from shardwright.kubernetes.manifest_pods import Container
    from shardwright.targets.lws.sets import GroupSet

__all__ = ["RULES", "engines", "gpus_of_group", "waits_for_members"]

_RAY = re.compile(r"multi-node-serving\.sh|\bray\s+start\b|--distributed-executor-backend[= ]ray")
_OWN_ADDRESSES = {"localhost", "127.0.0.1", "0.0.0.0", "::1"}  # noqa: S104 - recognised, not bound
_LAST_VERSION_WITH_RAY = (0, 17)


def engines(found: GroupSet) -> Iterator[tuple[Container, list[str]]]:
    """Containers with GPUs that run something readable, and its words."""
    for pod in found.pods():
        for container in containers_of(pod):
            words = words_of(container)
            if words and (gpus_of(container) or engine_of(words)):
                yield container, words


def _where(container: Container) -> Path:
    return (*container.path, "args" if container.value.get("args") else "command")


def _rank(found: GroupSet) -> Iterator[Breach]:
    for container, words in engines(found):
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
    for container, words in engines(found):
        nodes = whole(flag_value(words, "--nnodes", "--ray-cluster-size"))
        if nodes is not None and nodes != found.size:
            yield Breach(_where(container), f"{nodes} nodes are started, and a group has {found.size}", str(nodes))


def _leader_address(found: GroupSet) -> Iterator[Breach]:
    for container, words in engines(found):
        if container.pod.role == "leader" or found.size < 2:
            continue
        for flag in ("--master-addr", "--dist-init-addr", "--ray-address"):
            address = flag_value(words, flag)
            host = address.rpartition(":")[0] or address if address else ""
            if host in _OWN_ADDRESSES:
                yield Breach(_where(container), f"{flag} of the workers is {host}: each waits for itself", host)


def _world(found: GroupSet) -> Iterator[Breach]:
    containers = list(engines(found))
    leaders = [(each, words) for each, words in containers if each.pod.role in {"leader", "both"} and engine_of(words)]
    gpus = gpus_of_group(found)
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
    gpus = gpus_of_group(found)
    for container, words in engines(found):
        if container.pod.role not in {"leader", "both"} or engine_of(words) != "vllm":
            continue
        degrees = world_of(words, "vllm")
        if degrees is not None and (world := math.prod(degrees)) < gpus:
            message = f"{world} of the {gpus} GPUs of a group are used"
            yield Breach(_where(container), message, str(world))


def gpus_of_group(found: GroupSet) -> int:
    """GPUs of one group; 0 where it cannot be told: a template is missing, or a pod names no GPUs (it may claim them)."""
    counts = {pod.role: sum(gpus_of(each) for each in containers_of(pod)) for pod in found.pods()}
    worker = counts.get("worker", counts.get("both", 0))
    if 0 in counts.values() or (found.size > 1 and not worker):
        return 0
    return counts.get("leader", worker) + (found.size - 1) * worker


def _headless(found: GroupSet) -> Iterator[Breach]:
    for container, words in engines(found):
        is_member = container.pod.role == "worker" and engine_of(words) == "vllm" and flag_value(words, "--nnodes")
        if is_member and "--headless" not in words and not flag_value(words, "--data-parallel-size", "-dp"):
            yield Breach(_where(container), "the workers start a server of their own: --headless is missing")


def _ray_image(found: GroupSet) -> Iterator[Breach]:
    for container, words in engines(found):
        image = str(container.value.get("image", ""))
        match = re.search(r"vllm/vllm-openai:v?(\d{1,6})\.(\d{1,6})", image)
        if match and _RAY.search(" ".join(words)) and (int(match[1]), int(match[2])) > _LAST_VERSION_WITH_RAY:
            yield Breach((*container.path, "image"), f"Ray is started, and {image} holds none", image)


def waits_for_members(words: list[str]) -> bool:
    """Whether a command waits for the other pods of its group."""
    return flag_value(words, "--nnodes") is not None or _RAY.search(" ".join(words)) is not None


_rule = functools.partial(
    Rule,
    severity="error",
    kinds=SETS,
    enforced_by="engine",
    source="vLLM and SGLang, multi-node arguments",
)

RULES = (
    _rule(
        "lws.rank-fixed",
        title="Each pod of a group has a rank of its own",
        why="all workers are made from one template, so a fixed rank is that of each; the group never forms",
        fix="write --node-rank $(LWS_WORKER_INDEX)",
        check=in_sets(_rank),
        requirements=("R137",),
    ),
    _rule(
        "lws.nodes",
        title="As many nodes are started as a group has pods",
        why="the engine waits for nodes that never come, or some pods are left over",
        fix="write $(LWS_GROUP_SIZE), or the size of the group",
        check=in_sets(_nodes),
        requirements=("R137",),
    ),
    _rule(
        "lws.leader-address",
        title="Workers are given the address of the leader",
        why="they would wait for themselves until they give up",
        fix="write $(LWS_LEADER_ADDRESS)",
        check=in_sets(_leader_address),
        requirements=("R149",),
    ),
    _rule(
        "lws.world-too-large",
        title="A group has the GPUs that its parallelism asks for",
        why="the engine refuses to start, or waits for GPUs that never come",
        fix="raise size or the GPUs of a pod, or lower the parallelism",
        check=in_sets(_world),
        requirements=("R125",),
    ),
    _rule(
        "lws.gpus-unused",
        severity="warning",
        enforced_by="practice",
        source="kubernetes-sigs/lws v0.10.0, documentation and issues",
        title="All GPUs of a group are used",
        why="GPUs that no rank uses are held all the same, and uneven use ends in slow or hanging collectives",
        fix="raise the parallelism, or lower size or the GPUs of a pod",
        check=in_sets(_spare),
        requirements=("R151", "R153"),
    ),
    _rule(
        "lws.headless",
        title="Workers of vLLM are headless",
        why="without --headless a worker starts as a second server, and fails on its rank",
        fix="add --headless to the workers",
        check=in_sets(_headless),
    ),
    _rule(
        "lws.ray-missing",
        title="Ray is started only where the image holds it",
        why="images of vLLM hold no Ray since 0.18: ray: command not found",
        fix="use --nnodes and --node-rank without Ray, an image up to v0.17, or one that holds Ray",
        severity="warning",
        check=in_sets(_ray_image),
        requirements=("R144",),
    ),
)
