"""A group that vLLM spans with Ray: how its members start Ray, and how the leader waits for them before it serves.

Members start Ray themselves where the target gives a port for it (`Wiring.ray_port`); else the platform has a Ray
cluster ready, and the leader's command alone is run inside it. A command that starts the server before all nodes have
joined fails on the first of them that is late, so the leader counts nodes first; one that does not stop at a fault
starts a server without its workers, so the steps are chained.
Source: vLLM 0.24 and 0.32, v1/executor/ray_utils.py (VLLM_HOST_IP of a node is the address that Ray knows it by) and
v1/executor/ray_executor_v2.py; Ray 2.48, `ray start --help` and `ray health-check --help`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from shardwright.core import ray_nodes
from shardwright.core.deployment import Variable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shardwright.core.deployment import LaunchOrder
    from shardwright.core.plan.types import Plan

__all__ = ["is_used", "member_argv", "starts_ray", "variables"]

_LEADER = """set -eu
ray start --head --port="$2" --node-ip-address="$3" --num-gpus="$4" --disable-usage-stats
python3 -c "$1" "$5"
shift 5
exec "$@"
"""
_WORKER = """trap 'exit 1' TERM
echo "waiting for the head of Ray at $1"
until ray health-check --address "$1" >/dev/null 2>&1; do sleep 2; done
exec ray start --address="$1" --node-ip-address="$2" --num-gpus="$3" --disable-usage-stats --block
"""


def is_used(plan: Plan) -> bool:
    """Whether Ray runs the ranks."""
    return plan.engine.executor == "ray" and plan.layout.world_size > 1


def starts_ray(order: LaunchOrder) -> bool:
    """Whether members start Ray themselves; on one node the engine does."""
    return is_used(order.plan) and order.plan.layout.nodes > 1 and bool(order.wiring.ray_port)


def member_argv(order: LaunchOrder, serve: tuple[str, ...]) -> tuple[str, ...]:
    """What a member runs, given the server's own command; nothing for a worker that the platform starts."""
    wiring, layout = order.wiring, order.plan.layout
    is_leader, gpus = order.role == "leader", str(layout.gpus_per_node)
    if not starts_ray(order):
        return serve if is_leader else ()
    if is_leader:
        given = (ray_nodes.COUNT, wiring.ray_port, wiring.own_address, gpus, str(layout.nodes))
        return ("sh", "-c", _LEADER, "ray-head", *given, *serve)
    host = wiring.leader_address
    address = f"[{host}]:{wiring.ray_port}" if ":" in host else f"{host}:{wiring.ray_port}"
    return ("sh", "-c", _WORKER, "ray-node", address, wiring.own_address, gpus)


def variables(plan: Plan) -> Iterator[Variable]:
    """With which the leader's log has each line of each rank, and has it at once.

    Ray brings the lines to the leader, merges those that differ in numbers alone, and leaves them in a buffer there. Seen
    with Ray 2.60: lines of the second rank came minutes later, when the leader ended.
    """
    if is_used(plan):
        yield Variable("RAY_DEDUP_LOGS", "0")
        yield Variable("PYTHONUNBUFFERED", "1")
