"""Rules on placement: topology, subgroups and gangs.

Source: webhook and controller of kubernetes-sigs/lws v0.5.1 to v0.10.0; Kueue 0.16; Volcano 1.12.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from shardwright.core import target_options
from shardwright.kubernetes.rules.findings import error, info, unknown
from shardwright.targets.lws import options, placement, releases

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shardwright.core.deployment import Deployment
    from shardwright.core.rules import Finding

__all__ = ["RULES"]


def subgroups(deployment: Deployment) -> Iterator[Finding]:
    """Subgroups divide the group, with the leader or besides it, and stay as they are."""
    size, nodes = placement.subgroup_size(deployment), deployment.group.size
    topology = target_options.text_of(deployment.recipe, "subgroupExclusiveTopology")
    if size is None:
        if topology:
            yield error(
                "lws.subgroup-missing",
                path="target.options.subgroupExclusiveTopology",
                value=topology,
                message="a place for each subgroup is asked for, but the group has no subgroups",
                fix="give subgroupSize, or exclusiveTopology for the whole group",
                requirements=("R155",),
            )
    elif not 1 <= size <= nodes or (nodes % size and (nodes - 1) % size):
        possible = [number for number in range(1, nodes + 1) if not nodes % number or not (nodes - 1) % number]
        yield error(
            "lws.subgroup-size",
            path="target.options.subgroupSize",
            value=str(size),
            message=f"subgroups of {size} do not divide a group of {nodes} nodes, with the leader or without it",
            fix=f"use one of {', '.join(str(number) for number in possible)}",
        )
    else:
        yield info(
            "lws.subgroup-fixed",
            path="target.options.subgroupSize",
            value=str(size),
            message=f"the group has subgroups of {size} nodes; their size cannot be changed later",
            why="the webhook refuses to add, remove or resize subgroups",
            fix="delete the set before you apply it with another size",
        )


def one_scheduler(deployment: Deployment) -> Iterator[Finding]:
    """Kueue admits what the cluster's scheduler places; Volcano places by itself."""
    given = target_options.options_of(deployment.recipe)
    if "queue" in given and "gang" in given:
        yield error(
            "lws.two-schedulers",
            path="target.options.gang",
            value=str(given["gang"]),
            message="queue is Kueue's and gang is Volcano's; one of them places a group as a whole",
            fix="keep one of them",
        )
    needs = {"volcanoQueue": "gang", "requiredTopology": "queue", "preferredTopology": "queue"}
    for name, needed in needs.items():
        if name in given and needed not in given:
            yield error(
                "lws.option-needs",
                path=f"target.options.{name}",
                value=str(given[name]),
                message=f"{name} has no effect without {needed}",
                fix=f"give target.options.{needed}: {options.OPTIONS[needed].meaning}",
            )
    topologies = [name for name in ("exclusiveTopology", "requiredTopology", "preferredTopology") if name in given]
    if len(topologies) > 1:
        yield error(
            "lws.two-topologies",
            path=f"target.options.{topologies[1]}",
            value=str(given[topologies[1]]),
            message=f"{' and '.join(topologies)} ask two controllers for the place of one group",
            fix="keep requiredTopology with Kueue, exclusiveTopology without it",
            requirements=("R155",),
        )


def gang(deployment: Deployment) -> Iterator[Finding]:
    """A group that is placed in part holds GPUs and serves nothing."""
    recipe, release = deployment.recipe, releases.release_of(deployment.recipe)
    if target_options.text_of(recipe, "gang") == "volcano" and release is not None:
        yield from _volcano(release)
    elif queue := target_options.text_of(recipe, "queue"):
        yield unknown(
            "lws.queue-expected",
            path="target.options.queue",
            value=queue,
            message=f"LocalQueue {queue} must be in namespace {recipe.metadata.namespace}, and Kueue must know LeaderWorkerSet",
            why="Kueue has the integration on by default from 0.16; before, its configuration must list it",
            fix=f"kubectl get localqueue {queue} -n {recipe.metadata.namespace}",
        )
    elif deployment.group.size > 1 and recipe.replicas > 1:
        yield info(
            "lws.no-gang",
            path="target.options",
            message=f"{recipe.replicas} groups of {deployment.group.size} pods are placed pod by pod",
            why="where GPUs are short, groups that are placed in part hold them and wait for each other",
            fix="give target.options.queue (Kueue) or target.options.gang: volcano",
        )


def _volcano(release: releases.Release) -> Iterator[Finding]:
    if "volcano" not in release.gang_providers:
        yield error(
            "lws.gang-release",
            path="target.options.gang",
            value="volcano",
            message=f"LeaderWorkerSet {release.version} makes no pod groups for Volcano; 0.7 is the first that does",
            fix="install 0.7 or newer, or use target.options.queue with Kueue",
        )
        return
    yield unknown(
        "lws.gang-expected",
        path="target.options.gang",
        value="volcano",
        message="Volcano must be installed, and the controller told to make pod groups for it",
        why="without that, pods wait for the scheduler volcano and nothing makes their group",
        fix="set gangSchedulingManagement.schedulerProvider: volcano in the controller's configuration",
    )


def exclusive_place(deployment: Deployment) -> Iterator[Finding]:
    """A label that nodes do not have leaves pods pending for ever."""
    for name in ("exclusiveTopology", "subgroupExclusiveTopology"):
        label = target_options.text_of(deployment.recipe, name)
        if label:
            yield unknown(
                "lws.topology-label",
                path=f"target.options.{name}",
                value=label,
                message=f"every node that may be used must have the label {label}",
                fix=f"kubectl get nodes -L {label}",
                requirements=("R155",),
            )


RULES = (subgroups, one_scheduler, gang, exclusive_place)
