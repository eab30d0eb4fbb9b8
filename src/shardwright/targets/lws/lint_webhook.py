"""Rules of the webhook of LeaderWorkerSet: sizes, numbers of replicas, updates, subgroups, names; of creates and updates.

Source: pkg/webhooks/leaderworkerset_webhook.go of kubernetes-sigs/lws v0.5.1 to v0.10.0.
"""

from __future__ import annotations

import functools
import math
import re
from typing import TYPE_CHECKING

from shardwright.core.rules.rule import Breach, Rule
from shardwright.targets.lws.sets import ANNOTATIONS, SETS, sets_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from shardwright.core.manifests.objects import Context, Object, Value
    from shardwright.targets.lws.sets import GroupSet

__all__ = ["RULES", "in_sets"]

_LARGEST_INT32 = 2**31 - 1
_LARGEST_NAME = 63
_LABEL = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")
_PERCENT = re.compile(r"([0-9]{1,9})%")
_ROLLOUT = ("rolloutStrategy", "rollingUpdateConfiguration")
_SUBGROUP = ("leaderWorkerTemplate", "subGroupPolicy")
_WHOLE_PERCENT = 100


def in_sets(look: Callable[[GroupSet], Iterator[Breach]]) -> Callable[[Object, Context], Iterator[Breach]]:
    """A rule on one set, for objects that hold one or more."""

    def check(each: Object, context: Context) -> Iterator[Breach]:
        del context
        for group_set in sets_of(each):
            yield from look(group_set)

    return check


def _name(each: Object, context: Context) -> Iterator[Breach]:
    del context
    if each.name and not (_LABEL.fullmatch(each.name) and len(each.name) <= _LARGEST_NAME):
        message = f"{each.name[:80]!r} is no DNS-1035 label of at most {_LARGEST_NAME} characters"
        yield Breach(("metadata", "name"), message, each.name)


def _replicas(found: GroupSet) -> Iterator[Breach]:
    replicas = found.number("replicas")
    if replicas is not None and replicas < 0:
        yield Breach(found.at("replicas"), f"{replicas} replicas; 0 is the least", str(replicas))


def _size(found: GroupSet) -> Iterator[Breach]:
    size = found.number("leaderWorkerTemplate", "size")
    if size is not None and size < 1:
        message = f"size {size}; the leader counts, so 1 is the least"
        yield Breach(found.at("leaderWorkerTemplate", "size"), message, str(size))


def _product(found: GroupSet) -> Iterator[Breach]:
    replicas, size = found.number("replicas"), found.number("leaderWorkerTemplate", "size")
    if replicas is not None and size is not None and replicas * size > _LARGEST_INT32:
        message = f"{replicas} replicas of {size} pods are more than {_LARGEST_INT32}"
        yield Breach(found.at("replicas"), message, str(replicas))


def _rollout_numbers(found: GroupSet) -> Iterator[Breach]:
    for name in ("maxUnavailable", "maxSurge"):
        value = found.get(*_ROLLOUT, name)
        complaint = _complaint(value)
        if complaint:
            yield Breach(found.at(*_ROLLOUT, name), f"{name} {value!r} {complaint}", str(value))


def _complaint(value: Value) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        return "is less than 0" if value < 0 else ""
    if not isinstance(value, str):
        return ""
    match = _PERCENT.fullmatch(value)
    if match is None:
        return "is neither a whole number nor a percentage, as 25%"
    return f"is more than {_WHOLE_PERCENT}%" if int(match[1]) > _WHOLE_PERCENT else ""


def _stuck(found: GroupSet) -> Iterator[Breach]:
    replicas = found.number("replicas")
    if replicas != 0:
        yield from _stuck_at_any(found)


def _stuck_at_any(found: GroupSet) -> Iterator[Breach]:
    replicas = found.number("replicas") or 0
    down = _scaled(found.get(*_ROLLOUT, "maxUnavailable"), replicas, math.floor)
    up = _scaled(found.get(*_ROLLOUT, "maxSurge"), replicas, math.ceil)
    if down == 0 and up == 0:
        seen = found.get(*_ROLLOUT, "maxUnavailable")
        message = (
            f"maxUnavailable {seen} and maxSurge {found.get(*_ROLLOUT, 'maxSurge')} are both 0 groups of {replicas}"
        )
        yield Breach(found.at(*_ROLLOUT, "maxUnavailable"), message, str(seen))


def _scaled(value: Value, replicas: int, rounded: Callable[[float], int]) -> int | None:
    """Groups that a number or a percentage stands for; None where it is neither."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    match = _PERCENT.fullmatch(value) if isinstance(value, str) else None
    return rounded(int(match[1]) * replicas / _WHOLE_PERCENT) if match else None


def _partition(found: GroupSet) -> Iterator[Breach]:
    partition = found.number(*_ROLLOUT, "partition")
    if partition is not None and partition < 0:
        yield Breach(found.at(*_ROLLOUT, "partition"), f"partition {partition}; 0 is the least", str(partition))


def _subgroup_size(found: GroupSet) -> Iterator[Breach]:
    policy = found.get(*_SUBGROUP)
    if not isinstance(policy, dict):
        return
    path = found.at(*_SUBGROUP, "subGroupSize")
    part, size = found.number(*_SUBGROUP, "subGroupSize"), found.size
    if part is None:
        yield Breach(path, "subGroupPolicy has no subGroupSize")
    elif part < 1:
        yield Breach(path, f"subGroupSize {part}; 1 is the least", str(part))
    elif part > size:
        yield Breach(path, f"subGroupSize {part} is larger than the size {size}", str(part))
    elif policy.get("subGroupPolicyType") == "LeaderExcluded" and (size - 1) % part:
        yield Breach(path, f"{size - 1} workers without the leader cannot be cut into groups of {part}", str(part))
    elif size % part and (size - 1) % part:
        yield Breach(path, f"neither {size} pods nor {size - 1} can be cut into groups of {part}", str(part))


def _subgroup_topology(each: Object, context: Context) -> Iterator[Breach]:
    del context
    annotations = each.map_at("metadata", "annotations")
    if ANNOTATIONS[1] in annotations and not isinstance(each.get("spec", *_SUBGROUP), dict):
        path = ("metadata", "annotations", ANNOTATIONS[1])
        yield Breach(path, "the annotation for subgroups stands there, and there is no subGroupPolicy")


def _size_change(each: Object, context: Context) -> Iterator[Breach]:
    path = ("spec", "leaderWorkerTemplate", "size")
    if context.old and context.old.get(*path) != each.get(*path):
        message = f"size changes from {context.old.get(*path)} to {each.get(*path)}"
        yield Breach(path, message, str(each.get(*path)))


def _subgroup_change(each: Object, context: Context) -> Iterator[Breach]:
    if context.old is None:
        return
    path = ("spec", *_SUBGROUP, "subGroupSize")
    before, now = context.old.get("spec", *_SUBGROUP), each.get("spec", *_SUBGROUP)
    if isinstance(before, dict) and isinstance(now, dict):
        if context.old.get(*path) != each.get(*path):
            message = f"subGroupSize changes from {context.old.get(*path)} to {each.get(*path)}"
            yield Breach(path, message, str(each.get(*path)))
    elif isinstance(now, dict):
        yield Breach(path, "subGroupPolicy is added to a set that has none")
    elif isinstance(before, dict):
        yield Breach(path, "subGroupPolicy is removed from a set that has one")


_rule = functools.partial(
    Rule,
    severity="error",
    kinds=SETS,
    enforced_by="webhook",
    source="kubernetes-sigs/lws v0.5.1 to v0.10.0, pkg/webhooks/leaderworkerset_webhook.go",
)
_UPDATE = "delete the set first and apply it anew, or keep it as it is"
_BOTH_ZERO = functools.partial(
    _rule,
    "lws.rollout-stuck",
    title="An update may take away or add at least one group",
    why="percentages are of replicas, rounded down for maxUnavailable and up for maxSurge; with 0 and 0 no update could begin",
    fix="write maxUnavailable: 1",
)

RULES = (
    _rule(
        "lws.name-invalid",
        kinds=("LeaderWorkerSet",),
        title="The name of a set is a DNS-1035 label",
        why="it also becomes the name of a Service",
        fix="use a-z, 0-9 and -, first a letter, last a letter or digit",
        check=_name,
        requirements=("R149",),
    ),
    _rule(
        "lws.replicas",
        title="There are 0 replicas or more",
        why="replicas are groups",
        fix="write 0 or more",
        check=in_sets(_replicas),
        until="0.10",
    ),
    _rule(
        "lws.size",
        title="A group has at least one pod, the leader",
        why="size counts the leader",
        fix="write the number of nodes of one group",
        check=in_sets(_size),
        requirements=("R125",),
    ),
    _rule(
        "lws.too-many-pods",
        title="Replicas times size fit in 32 bits",
        why="the controller counts pods in 32 bits",
        fix="lower replicas or size",
        check=in_sets(_product),
    ),
    _rule(
        "lws.rollout-number",
        title="maxUnavailable and maxSurge are whole numbers or percentages of at most 100",
        why="they say how many groups may be missing or come on top while a set is updated",
        fix="write a whole number, or a percentage in quotes",
        check=in_sets(_rollout_numbers),
    ),
    _BOTH_ZERO(check=in_sets(_stuck_at_any), until="0.6"),
    _BOTH_ZERO(check=in_sets(_stuck), since="0.6"),
    _rule(
        "lws.partition",
        title="A partition is 0 or more",
        why="groups below the partition keep the old template",
        fix="write 0 or leave it out",
        check=in_sets(_partition),
        since="0.8",
    ),
    _rule(
        "lws.subgroup-size",
        title="Subgroups divide a group",
        why="the webhook divides size, or size without the leader, by it; without a number it fails in the middle",
        fix="write a divisor of size or of size - 1; with LeaderExcluded of size - 1",
        check=in_sets(_subgroup_size),
    ),
    _rule(
        "lws.subgroup-topology",
        kinds=("LeaderWorkerSet",),
        title="The annotation subgroup-exclusive-topology stands only where there are subgroups",
        why="there is nothing that it could place",
        fix="add leaderWorkerTemplate.subGroupPolicy or remove the annotation",
        check=_subgroup_topology,
    ),
    _rule(
        "lws.size-immutable",
        kinds=("LeaderWorkerSet",),
        title="The size of a set stays",
        why="it can be changed from 0.7 on",
        fix=_UPDATE,
        check=_size_change,
        until="0.7",
    ),
    _rule(
        "lws.subgroup-immutable",
        kinds=("LeaderWorkerSet",),
        title="Subgroups are neither added, changed nor removed",
        why="pods carry the number of their subgroup",
        fix=_UPDATE,
        check=_subgroup_change,
    ),
)
