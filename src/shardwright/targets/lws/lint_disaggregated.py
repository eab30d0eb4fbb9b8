"""Rules of DisaggregatedSet: roles that scale together, updates, placement.

Source: CRD (CEL) and webhook of kubernetes-sigs/lws v0.9.0 and v0.10.0.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from shardwright.core.rules.rule import Breach, Rule
from shardwright.targets.lws.sets import ANNOTATIONS, sets_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shardwright.core.manifests.objects import Context, Object, Value
    from shardwright.core.marked.paths import Path

__all__ = ["RULES"]


def _roles(each: Object) -> list[tuple[int, dict[str, Value]]]:
    return [(index, role) for index, role in enumerate(each.list_at("spec", "roles")) if isinstance(role, dict)]


def _is_external(role: dict[str, Value]) -> bool:
    scaling = role.get("scaling")
    return isinstance(scaling, dict) and scaling.get("mode") == "External"


def _together(each: Object, context: Context) -> Iterator[Breach]:
    del context
    own = [(index, role) for index, role in _roles(each) if not _is_external(role)]
    for index, role in own:
        if role.get("spec") is None:
            yield Breach(("spec", "roles", index), "this role has no spec, whose replicas the definition's rule reads")
    counted = [
        (index, each.number_at("spec", "roles", index, "spec", "replicas"))
        for index, role in own
        if isinstance(role.get("spec"), dict)
    ]
    zero = [index for index, count in counted if count == 0]
    if zero and any(count for _, count in counted):
        message = "this role has 0 replicas and another one has some; a role without replicas has 1"
        yield Breach(("spec", "roles", zero[0], "spec", "replicas"), message, "0")


def _partition(each: Object, context: Context) -> Iterator[Breach]:
    del context
    for found in sets_of(each):
        path = ("rolloutStrategy", "rollingUpdateConfiguration", "partition")
        partition = found.number(*path)
        if partition:
            yield Breach(found.at(*path), f"partition {partition}; only 0 is accepted", str(partition))


def _topology(each: Object, context: Context) -> Iterator[Breach]:
    del context
    kind = each.text_at("spec", "placementPolicy", "type")
    if kind and kind != "None" and not each.text_at("spec", "placementPolicy", "topology"):
        yield Breach(("spec", "placementPolicy", "topology"), f"placementPolicy {kind} names no topology")


def _annotations(each: Object, context: Context) -> Iterator[Breach]:
    del context
    if each.text_at("spec", "placementPolicy", "type") in {"", "None"}:
        return
    for path in _metadata_of(each):
        for name in ANNOTATIONS:
            if name in each.map_at(*path, "annotations"):
                message = f"{name} stands beside placementPolicy, which places the groups itself"
                yield Breach((*path, "annotations", name), message)


def _metadata_of(each: Object) -> Iterator[Path]:
    for index, _ in _roles(each):
        role: Path = ("spec", "roles", index)
        yield (*role, "metadata")
        for template in ("leaderTemplate", "workerTemplate"):
            yield (*role, "spec", "leaderWorkerTemplate", template, "metadata")


def _slices(each: Object, context: Context) -> Iterator[Breach]:
    del context
    slices = each.number_at("spec", "slices")
    if slices is None or slices <= 1:
        return
    for index, role in _roles(each):
        if _is_external(role):
            message = f"{slices} slices, and this role is scaled from outside"
            yield Breach(("spec", "roles", index, "scaling", "mode"), message, "External")


_rule = functools.partial(
    Rule,
    severity="error",
    kinds=("DisaggregatedSet",),
    enforced_by="webhook",
    source="kubernetes-sigs/lws v0.9.0 and v0.10.0, CRD and webhook of DisaggregatedSet",
)

RULES = (
    _rule(
        "lws.roles-scaled-apart",
        title="Roles have all 0 replicas or all some",
        why="a request needs every role",
        fix="scale all roles to 0, or give each at least 1",
        enforced_by="schema",
        check=_together,
    ),
    _rule(
        "lws.role-partition",
        title="Roles have no partition",
        why="the controller updates all roles in step",
        fix="remove partition",
        check=_partition,
    ),
    _rule(
        "lws.placement-topology",
        title="A placement policy names a topology",
        why="the label of nodes by which groups are kept apart has to be known",
        fix="write the node label, as topology: topology.kubernetes.io/zone",
        check=_topology,
        since="0.10",
    ),
    _rule(
        "lws.placement-annotations",
        title="A placement policy and annotations on topology exclude each other",
        why="both would place the same groups",
        fix="remove the annotation",
        check=_annotations,
        since="0.10",
    ),
    _rule(
        "lws.slices-external",
        title="Sets of several slices have no role that is scaled from outside",
        why="the scaler of a role knows one slice",
        fix="write slices: 1 or mode: Static",
        check=_slices,
        since="0.10",
    ),
)
