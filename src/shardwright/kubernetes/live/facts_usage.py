"""What pods take of nodes: of as few nodes as are needed to find room, and of all where there is none.

The pods of one node are a small answer from the server's own cache, which may be some moments old; all pods of a large
cluster are 60 MB. So nodes that could take the group are looked at in turn, and all pods only where that does not do.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from shardwright.core.preflight import placing, surge
from shardwright.core.preflight.facts import Untold
from shardwright.kubernetes import amounts
from shardwright.kubernetes.client import Ref
from shardwright.kubernetes.live import facts_views as views
from shardwright.kubernetes.live.facts_asking import all_views
from shardwright.values import frozen

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from concurrent.futures import ThreadPoolExecutor

    from shardwright.core.preflight.facts import Node
    from shardwright.core.preflight.needs import Needs
    from shardwright.kubernetes.client import Client

__all__ = ["Own", "Usage", "effective", "own", "usage"]

_GOING_ON = "status.phase!=Succeeded,status.phase!=Failed"
_PODS = Ref("v1", "Pod")
_BATCHES = (24, 72)
"""Nodes that are looked at one by one, in turn, before all pods are listed."""


@frozen
class Own:
    """What pods of this very deployment take."""

    by_node: dict[str, dict[str, float]]
    by_quota: dict[str, float]
    """Under the names of quotas."""


@frozen
class Usage:
    """What pods of others take."""

    by_node: dict[str, dict[str, float]]
    looked_at: frozenset[str] | None
    """Nodes whose pods were read; None: all."""


def usage(
    client: Client,
    pool: ThreadPoolExecutor,
    needs: Needs,
    nodes: Sequence[Node] | Untold,
    mine: Own | Untold,
) -> Usage:
    """What is taken; an apply replaces its own pods, which do not count. Forbidden if pods may not be read everywhere."""
    candidates = [] if isinstance(nodes, Untold) else _candidates(needs, nodes)
    less = {} if isinstance(mine, Untold) else mine.by_node
    if not candidates:
        return Usage({}, frozenset())
    found: dict[str, dict[str, float]] = {}
    looked: list[Node] = []
    for batch in _batches(candidates):
        names = [node.name for node in batch]
        for name, taken in zip(names, pool.map(partial(_of_node, client), names), strict=True):
            found[name] = _less(taken, less.get(name, {}))
        looked += batch
        if not placing.place(looked, needs.members, found) and _has_spare(needs, looked, found, less):
            return Usage(found, frozenset(found))
    if len(looked) == len(candidates):
        return Usage(found, frozenset(found))
    everywhere = _of_all(client)
    return Usage({name: _less(taken, less.get(name, {})) for name, taken in everywhere.items()}, None)


def _has_spare(
    needs: Needs, looked: Sequence[Node], found: Mapping[str, Mapping[str, float]], mine: Mapping[str, dict[str, float]]
) -> bool:
    """Room for what an update makes beside the pods that there are, if there are any."""
    return not mine or not placing.place(looked, needs.spare, surge.taken_in_all(found, mine))


def _candidates(needs: Needs, nodes: Iterable[Node]) -> list[Node]:
    """Nodes that could take a pod of the group, far ones in the list beside each other: neighbours fill up together."""
    able = [node for node in nodes if any(not placing.refusal(node, pod) for pod in needs.members)]
    step = max(1, len(able) // _BATCHES[0])
    return [node for start in range(step) for node in able[start::step]]


def _batches(nodes: Sequence[Node]) -> Iterator[Sequence[Node]]:
    begin = 0
    for size in _BATCHES:
        if begin < len(nodes):
            yield nodes[begin : begin + size]
        begin += size


def _of_node(client: Client, name: str) -> dict[str, float]:
    fields = f"spec.nodeName={name},{_GOING_ON}"
    taken: dict[str, float] = {}
    for pod in all_views(client, _PODS, views.PodUse, fields=fields, version="0"):
        _take(taken, effective(pod, limits=False))
    return taken


def _of_all(client: Client) -> dict[str, dict[str, float]]:
    found: dict[str, dict[str, float]] = {}
    for pod in all_views(client, _PODS, views.PodUse, fields=f"spec.nodeName!=,{_GOING_ON}"):
        _take(found.setdefault(pod.spec.node_name, {}), effective(pod, limits=False))
    return found


def _less(taken: Mapping[str, float], mine: Mapping[str, float]) -> dict[str, float]:
    return {key: amount - mine.get(key, 0.0) for key, amount in taken.items()}


def own(client: Client, needs: Needs) -> Own:
    """What pods of this deployment take already: by node, and under the names of quotas."""
    by_node: dict[str, dict[str, float]] = {}
    by_quota: dict[str, float] = {}
    ref = Ref("v1", "Pod", namespace=needs.namespace)
    found = all_views(client, ref, views.PodUse, labels=needs.own_pods, fields=_GOING_ON) if needs.own_pods else ()
    for pod in found:
        asked = effective(pod, limits=False)
        if pod.spec.node_name:
            _take(by_node.setdefault(pod.spec.node_name, {}), asked)
        _take(by_quota, {"pods": 1.0, "count/pods": 1.0})
        _take(by_quota, {f"requests.{key}": amount for key, amount in asked.items() if key != "pods"})
        _take(by_quota, {f"limits.{key}": amount for key, amount in effective(pod, limits=True).items()})
    return Own(by_node, by_quota)


def _take(found: dict[str, float], more: Mapping[str, float]) -> None:
    for key, amount in more.items():
        found[key] = found.get(key, 0.0) + amount


def effective(pod: views.PodUse, *, limits: bool) -> dict[str, float]:
    """What a pod counts for: its containers together, or the largest of those that run before them."""

    def of(part: views.Part) -> dict[str, float]:
        given = part.resources
        return amounts.amounts_of(given.limits) if limits else amounts.requested(given.requests, given.limits)

    spec = pod.spec
    main = [of(each) for each in spec.containers]
    if spec.init_containers:
        main += [of(each) for each in spec.init_containers if each.restart_policy == "Always"]
        before = [of(each) for each in spec.init_containers if each.restart_policy != "Always"]
        found = amounts.largest([amounts.total(main), *before])
    else:
        found = main[0] if len(main) == 1 else amounts.total(main)
    if spec.overhead:
        found = amounts.total([found, amounts.amounts_of(spec.overhead)])
    return found if limits else {**found, "pods": 1.0}
