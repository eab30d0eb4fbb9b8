"""What pods take of nodes: of as few nodes as are needed to find room, and of all where there is none.

The server is asked for what it has in its cache, as controllers and kubelets ask: it may be some moments old, and costs it half of
what pages do, which it reads from its database again. The pods of one node are a small answer, those of a large cluster 60 MB: so
some nodes that could take the group are looked at first, and all pods only where that does not do. Where the group had no room
on empty nodes, nothing is read.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from shardwright.core.preflight import looking
from shardwright.core.preflight.facts import Untold
from shardwright.kubernetes import amounts
from shardwright.kubernetes.client import Ref
from shardwright.kubernetes.live import facts_views as views
from shardwright.kubernetes.live.facts_asking import all_views, cached_views, gathered
from shardwright.values import frozen

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from concurrent.futures import ThreadPoolExecutor

    from shardwright.core.preflight.facts import Node
    from shardwright.core.preflight.needs import Needs
    from shardwright.kubernetes.client import Client

__all__ = ["Own", "Usage", "effective", "own", "usage"]

_GOING_ON = "status.phase!=Succeeded,status.phase!=Failed"
_PODS = Ref("v1", "Pod")


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
    able = [] if isinstance(nodes, Untold) else looking.candidates(needs, nodes)
    less = {} if isinstance(mine, Untold) else mine.by_node
    if not looking.may_have_room(needs, able):
        return Usage({}, frozenset())
    found: dict[str, dict[str, float]] = {}
    looked: list[Node] = []
    while batch := looking.next_nodes(needs, able, looked, found):
        names = [node.name for node in batch]
        for name, taken in zip(names, pool.map(partial(_of_node, client), names), strict=True):
            found[name] = _less(taken, less.get(name, {}))
        looked += batch
        if looking.has_room(needs, looked, found, less):
            return Usage(found, frozenset(found))
    if len(looked) == len(able):
        return Usage(found, frozenset(found))
    everywhere = _of_all(client)
    return Usage({name: _less(taken, less.get(name, {})) for name, taken in everywhere.items()}, None)


def _of_node(client: Client, name: str) -> dict[str, float]:
    fields = f"spec.nodeName={name},{_GOING_ON}"
    taken: dict[str, float] = {}
    for pod in cached_views(client, _PODS, views.PodUse, fields=fields):
        _take(taken, effective(pod, limits=False))
    return taken


def _of_all(client: Client) -> dict[str, dict[str, float]]:
    return gathered(client, _PODS, views.PodUse, _by_node, fields=f"spec.nodeName!=,{_GOING_ON}", version="0")


def _by_node(pods: Iterable[views.PodUse]) -> dict[str, dict[str, float]]:
    found: dict[str, dict[str, float]] = {}
    for pod in pods:
        _take(found.setdefault(pod.spec.node_name, {}), effective(pod, limits=False))
    return found


def _less(taken: Mapping[str, float], mine: Mapping[str, float]) -> dict[str, float]:
    """What others take; never less than nothing, though the cache may not know a pod of ours yet."""
    return {key: max(0.0, amount - mine.get(key, 0.0)) for key, amount in taken.items()}


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
