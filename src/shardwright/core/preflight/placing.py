"""Which nodes may take a pod, and whether all pods have room: selectors, affinity, taints and amounts.

Less than the scheduler does: preferences, spreading and affinity between pods are not counted. Pods are placed largest
first, each on the first node with room, fullest first; that finds room where a group needs whole nodes, and may miss it
where pods of many sizes share nodes. Source: Kubernetes 1.36, scheduler plug-ins NodeAffinity, TaintToleration, Fit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shardwright.core.preflight import trees

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from shardwright.core.preflight.facts import Node, Taint
    from shardwright.core.preflight.needs import PodNeed, Tree

__all__ = ["allocatable_for", "is_selected", "matches_terms", "place", "refusal", "selects", "tolerates", "untolerated"]

_HARD = frozenset({"NoSchedule", "NoExecute"})
_REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
_UNSCHEDULABLE = "node.kubernetes.io/unschedulable"


def refusal(node: Node, pod: PodNeed) -> str:
    """Why a pod cannot be on a node whatever runs there; empty if it can."""
    if not node.is_ready:
        return "not ready"
    if not node.is_schedulable and not _tolerates_key(pod, _UNSCHEDULABLE):
        return "cordoned"
    if not is_selected(node, pod.spec):
        return "other labels than the pod asks for"
    if blocking := untolerated(node, pod.spec):
        return f"taint {blocking[0]}"
    for resource, amount in pod.requests.items():
        if node.allocatable.get(resource, 0.0) < amount:
            return f"too little {resource}"
    return ""


def is_selected(node: Node, spec: Tree) -> bool:
    """Whether the node has the labels that a pod demands."""
    wanted = trees.part(spec, "nodeSelector")
    if any(node.labels.get(key) != str(value) for key, value in wanted.items()):
        return False
    required = trees.part(spec, "affinity", "nodeAffinity", _REQUIRED)
    return not required or matches_terms(node, required)


def matches_terms(node: Node, selector: Tree) -> bool:
    """Whether a node has what one of the terms of a node selector says."""
    return any(_matches(node, term) for term in trees.items(selector, "nodeSelectorTerms"))


def _matches(node: Node, term: Mapping[str, Any]) -> bool:
    expressions, fields = trees.items(term, "matchExpressions"), trees.items(term, "matchFields")
    if not expressions and not fields:
        return False
    by_name = {"metadata.name": node.name}
    return all(_holds(node.labels, each) for each in expressions) and all(_holds(by_name, each) for each in fields)


def selects(selector: Tree, labels: Mapping[str, str]) -> bool:
    """Whether a selector of labels takes an object that has these; an empty one takes all."""
    wanted = trees.part(selector, "matchLabels")
    return all(labels.get(key) == str(value) for key, value in wanted.items()) and all(
        _holds(labels, each) for each in trees.items(selector, "matchExpressions")
    )


def _holds(labels: Mapping[str, str], expression: Mapping[str, Any]) -> bool:
    key, operator = str(expression.get("key", "")), expression.get("operator")
    values = trees.texts(expression, "values")
    seen = labels.get(key)
    if operator in {"Gt", "Lt"}:
        return _compares(seen, values, is_greater=operator == "Gt")
    answers = {
        "In": seen in values,
        "NotIn": seen not in values,
        "Exists": seen is not None,
        "DoesNotExist": seen is None,
    }
    return answers.get(str(operator), False)


def _compares(seen: str | None, values: Sequence[str], *, is_greater: bool) -> bool:
    try:
        one, other = int(seen or ""), int(values[0])
    except (ValueError, IndexError):
        return False
    return one > other if is_greater else one < other


def untolerated(node: Node, spec: Tree) -> tuple[Taint, ...]:
    """Taints that keep a pod away."""
    given = trees.items(spec, "tolerations")
    return tuple(
        taint for taint in node.taints if taint.effect in _HARD and not any(tolerates(each, taint) for each in given)
    )


def tolerates(toleration: Mapping[str, Any], taint: Taint) -> bool:
    """Whether one toleration is enough for one taint."""
    effect, key = toleration.get("effect") or "", toleration.get("key") or ""
    if effect and effect != taint.effect:
        return False
    if toleration.get("operator") == "Exists":
        return not key or key == taint.key
    return key == taint.key and str(toleration.get("value") or "") == taint.value


def _tolerates_key(pod: PodNeed, key: str) -> bool:
    given = trees.items(pod.spec, "tolerations")
    return any(each.get("operator") == "Exists" and each.get("key") in {key, None, ""} for each in given)


def allocatable_for(nodes: Iterable[Node], pod: PodNeed) -> tuple[Node, ...]:
    """Nodes that could take the pod if nothing else ran there."""
    return tuple(node for node in nodes if not refusal(node, pod))


def place(nodes: Iterable[Node], pods: Sequence[PodNeed], used: Mapping[str, Mapping[str, float]]) -> dict[str, int]:
    """How many pods of each kind found no room, by the kind's name; empty if all did."""
    free = {
        node.name: {key: amount - used.get(node.name, {}).get(key, 0.0) for key, amount in node.allocatable.items()}
        for node in nodes
    }
    by_size = sorted(pods, key=_size, reverse=True)
    missing: dict[str, int] = {}
    for pod in by_size:
        candidates = [node.name for node in nodes if not refusal(node, pod)]
        for _ in range(pod.count):
            found = next((name for name in _fullest(candidates, free, pod) if _has_room(free[name], pod)), None)
            if found is None:
                missing[pod.name] = missing.get(pod.name, 0) + 1
                continue
            for resource, amount in pod.requests.items():
                free[found][resource] = free[found].get(resource, 0.0) - amount
    return missing


def _size(pod: PodNeed) -> tuple[float, float]:
    devices = sum(amount for key, amount in pod.requests.items() if "/" in key)
    return devices, pod.requests.get("memory", 0.0)


def _fullest(names: list[str], free: Mapping[str, Mapping[str, float]], pod: PodNeed) -> list[str]:
    """Nodes with the fewest free devices of those that the pod needs first: whole nodes stay whole."""
    devices = [key for key in pod.requests if "/" in key]
    return sorted(names, key=lambda name: sum(free[name].get(key, 0.0) for key in devices))


def _has_room(free: Mapping[str, float], pod: PodNeed) -> bool:
    return all(free.get(resource, 0.0) >= amount for resource, amount in pod.requests.items())
