"""Whether a deployment does what was planned: places, answers and memory, judged from what was seen; pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from shardwright.core import gpu_names
from shardwright.values import frozen

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from shardwright.core.layout import Layout
    from shardwright.core.lifecycle.snapshot import Member, Snapshot

__all__ = [
    "PROMPT",
    "STEADY",
    "GpuKinds",
    "Point",
    "answer_point",
    "kv_point",
    "models_point",
    "place_points",
    "steady_point",
]

PROMPT = "What is the biggest mountain in the world?"
STEADY = "same members"
"""Name of the point that says whether those that were asked are still there."""
_FINISHES = frozenset({"length", "stop", "eos", "tool_calls"})
_WITHIN = 0.03
_LIVING = frozenset({"running", "ready"})
_SHORTEST = 8
"""Of texts shorter than this nothing is said about their letters."""


@frozen
class Point:
    """One thing that was to be shown."""

    name: str
    status: Literal["pass", "warn", "fail", "unknown"]
    """`warn`: it serves, but not as planned."""
    text: str

    def __str__(self) -> str:
        """One line."""
        words = {"pass": "ok", "warn": "differs", "fail": "FAILED", "unknown": "could not tell"}
        return f"{self.name}: {words[self.status]}: {self.text}"


@frozen(kw_only=True)
class GpuKinds:
    """Which GPUs there are, and which there were to be."""

    planned: Mapping[int, tuple[str, ...]]
    """By member: the GPU's name, then what labels call it."""
    products: Mapping[str, str]
    """By node, as its label has it; empty where it has none."""
    untold: str = ""
    """Why nodes could not be looked at."""


def place_points(
    snapshot: Snapshot, layout: Layout | None, *, has_gpus: bool, kinds: GpuKinds | None = None
) -> Iterator[Point]:
    """Every rank in its place: members of each replica, their nodes, how many GPUs they have, and of which kind."""
    for index in range(snapshot.replicas):
        members = [each for each in snapshot.group(index) if each.state != "ending"]
        name = "members" if snapshot.replicas == 1 else f"members of replica {index}"
        yield _members_point(name, members, snapshot.size)
        if layout is not None and members:
            yield from _node_points(members, layout)
            yield from _gpu_points(members, layout, has_gpus=has_gpus)
            if has_gpus and kinds is not None:
                yield _kind_point(members, kinds)


def _members_point(name: str, members: Sequence[Member], size: int) -> Point:
    running = [each for each in members if each.state in {"running", "ready"}]
    nodes = ", ".join(dict.fromkeys(each.node for each in running if each.node))
    told = f"{len(running)} of {size} run" + (f", on {nodes}" if nodes else "")
    return Point(name, "pass" if len(running) == size == len(members) else "fail", told)


def _node_points(members: Sequence[Member], layout: Layout) -> Iterator[Point]:
    if layout.nodes == 1:
        return
    nodes = {each.node for each in members if each.node}
    if len(nodes) < len(members):
        told = f"{len(members)} members are on {len(nodes)} nodes; the plan has {layout.nodes}"
        yield Point("nodes", "warn", f"{told}: pods share a node, so the network between them is not the planned one")


def _gpu_points(members: Sequence[Member], layout: Layout, *, has_gpus: bool) -> Iterator[Point]:
    if not has_gpus:
        return
    planned = {node: sum(rank.node == node for rank in layout.ranks) for node in range(layout.nodes)}
    wrong = [each for each in members if each.gpus != planned.get(each.index, each.gpus)]
    if wrong:
        told = ", ".join(f"{each.name} has {each.gpus}, planned {planned[each.index]}" for each in wrong)
        yield Point("GPUs", "fail", told)
    else:
        count = sum(each.gpus for each in members)
        yield Point("GPUs", "pass", f"{count} on {len(members)} pods, as planned")


def _kind_point(members: Sequence[Member], kinds: GpuKinds) -> Point:
    """The GPUs' kind by the labels of the nodes; a node without one says nothing."""
    if kinds.untold:
        return Point("GPU kind", "unknown", kinds.untold)
    told = [(each, kinds.products.get(each.node, "")) for each in members]
    other = [
        (each, product)
        for each, product in told
        if product and not gpu_names.is_named(product, kinds.planned.get(each.index, (product,)))
    ]
    if other:
        text = ", ".join(
            f"{each.name} on {each.node} has {product}, planned {kinds.planned[each.index][0]}"
            for each, product in other
        )
        return Point("GPU kind", "warn", f"{text}: memory and speed were predicted for another GPU")
    unlabelled = sorted({each.node for each, product in told if not product})
    if unlabelled:
        return Point("GPU kind", "unknown", f"no label of {', '.join(unlabelled)} says which GPU it has")
    return Point("GPU kind", "pass", f"{', '.join(dict.fromkeys(product for _, product in told))}, as planned")


def models_point(tree: Mapping[str, Any], served_name: str) -> Point:
    """Whether the model is served by its name."""
    names = [str(each.get("id")) for each in tree.get("data") or () if isinstance(each, dict)]  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType, reportUnknownArgumentType] - JSON
    told = ", ".join(names) or "none"
    return Point("models", "pass" if served_name in names else "fail", f"served: {told}; asked for: {served_name}")


def answer_point(tree: Mapping[str, Any], seconds: float) -> Point:
    """Whether an answer has text that a working model writes.

    A model whose numbers went wrong repeats one letter or writes nothing; what it says is not judged.
    """
    choices: list[dict[str, Any]] = tree.get("choices") or []
    if not choices:
        return Point("completion", "fail", f"the answer has no choices: {str(dict(tree))[:200]}")
    text, finish = str(choices[0].get("text") or ""), str(choices[0].get("finish_reason") or "")
    told = f"{text.strip()[:60]!r} in {seconds:.1f} s, finish_reason {finish or 'none'}"
    letters = {letter for letter in text if not letter.isspace()}
    is_text = (
        bool(letters)
        and (len(text.strip()) < _SHORTEST or len(letters) > 1)
        and letters != {"\N{REPLACEMENT CHARACTER}"}
    )
    return Point("completion", "pass" if is_text and finish in _FINISHES else "fail", told)


def steady_point(before: Snapshot, after: Snapshot) -> Point:
    """Whether the members that were there when it was asked are there still, as they were."""
    there = {(each.uid, each.restarts) for each in after.members if each.state in _LIVING}
    asked = [each for each in before.members if each.state in _LIVING]
    gone = [each for each in asked if (each.uid, each.restarts) not in there]
    if not gone:
        return Point(STEADY, "pass", f"the {len(asked)} that answered are there")
    known = {each.uid for each in before.members}
    new = [each for each in after.members if each.uid not in known]
    makers = dict.fromkeys(each.made_by for each in (*new, *gone) if each.made_by)
    told = ", ".join(f"{each.role} {each.name}" for each in gone)
    instead = f"; new: {', '.join(each.name for each in new)}" if new else ""
    by = f", made by {', '.join(makers)}" if new and makers else ""
    return Point(STEADY, "fail", f"replaced or started again while it was asked: {told}{instead}{by}")


def kv_point(plan: Mapping[str, Any], logged: int | None) -> Point:
    """The engine's KV cache against the plan's, as a drift."""
    planned, low, high = (plan.get(key) for key in ("kvTokens", "kvTokensLow", "kvTokensHigh"))
    if logged is None:
        return Point("KV tokens", "unknown", "the leader's log does not say, or not any more")
    if not planned or low is None or high is None:
        return Point("KV tokens", "unknown", f"{logged:,}; nothing was planned")
    drift = (logged - planned) / planned
    told = f"{logged:,}, planned {planned:,} ({low:,} to {high:,}): {drift:+.1%}"
    is_as_planned = low <= logged <= high or abs(drift) <= _WITHIN
    return Point("KV tokens", "pass" if is_as_planned else "warn", told)
