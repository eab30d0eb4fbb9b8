"""Rules on `recipe_raycluster_params`: head and workers alike, as many as the pool has, ports apart from each other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shardwright.core.rules.rule import Breach, Rule
from shardwright.formats.oci_blueprints import asked, keys
from shardwright.formats.oci_blueprints.documents import KIND
from shardwright.formats.oci_blueprints.key_rules import SOURCE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shardwright.core.manifests.objects import Context, Object

__all__ = ["RULES"]

_PAIRS = {
    "cpus": ("head_node_num_cpus", "worker_node_num_cpus"),
    "gpus": ("head_node_num_gpus", "worker_node_num_gpus"),
    "memory": ("head_node_cpu_mem_in_gbs", "worker_node_cpu_mem_in_gbs"),
}
_GB = 10**9


def _pool(blueprint: Object, _: Context) -> Iterator[Breach]:
    size, workers = (
        asked.number(blueprint, "recipe_node_pool_size"),
        asked.number(blueprint, asked.CLUSTER, "num_worker_nodes"),
    )
    if size is not None and workers is not None and size != workers + 1:
        message = f"recipe_node_pool_size is {size}; {workers} workers and the head are {workers + 1} nodes"
        fix = f"write recipe_node_pool_size: {workers + 1}, or num_worker_nodes: {max(size - 1, 0)}"
        yield Breach((asked.CLUSTER, "num_worker_nodes"), message, str(workers), fix)


def _unlike(blueprint: Object, _: Context) -> Iterator[Breach]:
    for head, worker in _PAIRS.values():
        one, other = asked.number(blueprint, asked.CLUSTER, head), asked.number(blueprint, asked.CLUSTER, worker)
        if one is not None and other is not None and one != other:
            message = f"{head} is {one}, {worker} is {other}"
            yield Breach((asked.CLUSTER, worker), message, str(other), "write the same number for both")


def _gpus(blueprint: Object, _: Context) -> Iterator[Breach]:
    count = asked.gpus_per_node(blueprint)
    for key in _PAIRS["gpus"]:
        given = asked.number(blueprint, asked.CLUSTER, key)
        if count is not None and given is not None and given != count:
            message = f"{key} is {given}; {asked.gpu_key(blueprint)} is {count}"
            yield Breach((asked.CLUSTER, key), message, str(given), f"write {count}")


def _excess(blueprint: Object, _: Context) -> Iterator[Breach]:
    yield from (breach for breach, is_over in _against_shape(blueprint) if is_over)


def _headroom(blueprint: Object, _: Context) -> Iterator[Breach]:
    yield from (breach for breach, is_over in _against_shape(blueprint) if not is_over)


def _against_shape(blueprint: Object) -> Iterator[tuple[Breach, bool]]:
    """Where a pod takes all of its node, or (true) more than that."""
    shape = asked.shape_of(blueprint)
    if shape is None:
        return
    ocpus, gigabytes = shape.cpus // keys.table("ocpu")["threads"], shape.memory_bytes // _GB
    for pair, most, unit in (("cpus", ocpus, "OCPUs"), ("memory", gigabytes, "GB of memory")):
        for key in _PAIRS[pair]:
            given = asked.number(blueprint, asked.CLUSTER, key)
            if given is not None and given >= most:
                message = f"{key} is {given}; {shape.name} has {most} {unit}, and the node needs some itself"
                yield Breach((asked.CLUSTER, key), message, str(given), f"write about {most * 7 // 8}"), given > most


def _ports(blueprint: Object, _: Context) -> Iterator[Breach]:
    if asked.mode(blueprint) != "raycluster":
        return
    served = asked.number(blueprint, "recipe_container_port")
    taken = {served: "recipe_container_port"} if served is not None else {}
    for key, default in keys.table("ports").items():
        given = asked.number(blueprint, asked.CLUSTER, key)
        port = default if given is None else given
        if port in taken:
            is_own = given is not None
            path = (asked.CLUSTER, key) if is_own else ("recipe_container_port",)
            message = f"{key}{'' if is_own else ' (if left out)'} and {taken[port]} are both {port}"
            yield Breach(path, message, str(port))
        else:
            taken[port] = key


RULES = (
    Rule(
        "blueprint.pool-size",
        "error",
        (KIND,),
        "The pool has a node for the head and for each worker",
        "pods without a node never start, and nodes without a pod are paid for",
        "make recipe_node_pool_size num_worker_nodes + 1",
        "operator",
        SOURCE,
        _pool,
        requirements=("R089", "R098"),
    ),
    Rule(
        "blueprint.head-unlike-workers",
        "error",
        (KIND,),
        "Head and workers have the same processors, GPUs and memory",
        "the head serves the same share of the model as each worker",
        "write the same numbers for head and workers",
        "operator",
        SOURCE,
        _unlike,
        requirements=("R095", "R096", "R097", "R103", "R106"),
    ),
    Rule(
        "blueprint.cluster-gpus",
        "error",
        (KIND,),
        "Head and workers have the GPUs of their node",
        "the layout counts on all GPUs of all nodes",
        "write the number of GPUs of a node",
        "operator",
        SOURCE,
        _gpus,
        requirements=("R096", "R103"),
    ),
    Rule(
        "blueprint.node-exceeded",
        "error",
        (KIND,),
        "Pods fit on their node",
        "no node could take such a pod",
        "write less than the shape has",
        "kubernetes",
        SOURCE,
        _excess,
        requirements=("R095", "R097"),
    ),
    Rule(
        "blueprint.no-headroom",
        "error",
        (KIND,),
        "Pods leave something of their node",
        "what runs on every node takes its part before, so the pod is never placed",
        "write less than the shape has",
        "kubernetes",
        SOURCE,
        _headroom,
        requirements=("R095", "R097"),
    ),
    Rule(
        "blueprint.ports-clash",
        "error",
        (KIND,),
        "Each port is for one purpose",
        "the second of two that open a port ends",
        "give it another port, or leave it out",
        "engine",
        SOURCE,
        _ports,
        requirements=("R099", "R100", "R101", "R102"),
    ),
)
"""All rules on Ray clusters."""
