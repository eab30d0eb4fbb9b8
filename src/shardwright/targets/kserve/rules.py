"""Rules of this target: release, options, names, and what KServe does with groups, sizes and replicas.

Source: API, webhooks and controller of kserve/kserve v0.13.1 to v0.20.0, read and compared release by release.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from shardwright.core import target_options
from shardwright.kubernetes.render import expose, patches
from shardwright.kubernetes.rules import group_rules
from shardwright.kubernetes.rules import rules as shared
from shardwright.kubernetes.rules.findings import error, info, unknown, warning
from shardwright.targets.kserve import container_rules, launches, options, releases, render, resources, storage_rules

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shardwright.core.deployment import Deployment
    from shardwright.core.rules import Finding

__all__ = ["RULES", "findings_of", "longest_name"]

_NAME = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")
_LONGEST_LABEL = 63


def findings_of(deployment: Deployment) -> tuple[Finding, ...]:
    """Findings of this target's rules, then of those that hold for all pods; of patches only where nothing else is wrong."""
    own = (finding for rule in RULES for finding in rule(deployment))
    group = group_rules.findings_of(deployment, defined=container_rules.OWN)
    common = (
        finding for finding in shared.findings_of(deployment) if not storage_rules.is_answered(deployment, finding)
    )
    found = (*own, *group, *expose.findings_of(deployment), *common)
    release = releases.release_of(deployment.recipe)
    if release is None or any(finding.severity == "error" for finding in found):
        return found
    return (*found, *patches.findings_of(deployment.recipe, render.unpatched(deployment, release)))


def longest_name(*, is_group: bool) -> int:
    """Characters that a name may have: the label `app` of a worker is `isvc.NAME-predictor-worker`, and ends at 63."""
    return _LONGEST_LABEL - len("isvc.-predictor-worker" if is_group else "isvc.-predictor")


def known_version(deployment: Deployment) -> Iterator[Finding]:
    """What a release accepts must be known before something is written for it."""
    asked = deployment.recipe.target.version if deployment.recipe.target else None
    release = releases.release_of(deployment.recipe)
    if release is None:
        yield error(
            "kserve.version-unknown",
            path="target.version",
            value=str(asked),
            message=f"KServe {asked} is not known; known: {', '.join(releases.known_versions())}",
            fix="give the version of KServe in your cluster, or leave it out for the newest",
        )
    elif asked is None:
        yield unknown(
            "kserve.version-assumed",
            path="target.version",
            message=f"target.version is not given: written for KServe {release.version}",
            why="the deployment mode, the autoscaler's class and the sizes of a group are written differently before 0.16",
            fix="give the version of KServe in your cluster",
            requirements=("R009", "R012"),
        )


def name(deployment: Deployment) -> Iterator[Finding]:
    """The controller derives names of Deployments, Services and labels from the service's name."""
    text = deployment.recipe.metadata.name
    longest = longest_name(is_group=deployment.group.size > 1)
    if not _NAME.fullmatch(text):
        yield error(
            "kserve.name-invalid",
            path="metadata.name",
            value=text,
            message=f"{text!r} is no name of an InferenceService",
            why="the webhook refuses it",
            fix="use a-z, 0-9 and -, first a letter, last a letter or digit",
        )
    if len(text) > longest:
        yield error(
            "kserve.name-too-long",
            path="metadata.name",
            value=text,
            message=f"the name has {len(text)} characters; {longest} are possible",
            why="the label app of the pods holds it between `isvc.` and `-predictor-worker`, and ends at 63 characters",
            fix="shorten it",
        )


def workers(deployment: Deployment) -> Iterator[Finding]:
    """Groups came with 0.15; what came before has no controller behind it."""
    release = releases.release_of(deployment.recipe)
    if release is None or deployment.group.size == 1:
        return
    if not release.workers:
        yield error(
            "kserve.no-groups",
            path="parallelism",
            value=str(deployment.plan.layout),
            message=f"KServe {release.version} runs a model on one node only; {deployment.plan.layout} is planned",
            fix="update KServe to 0.15 or newer, use target.kind: lws, or plan one node",
            requirements=("R063", "R077"),
        )
    elif release.workers == "size":
        yield warning(
            "kserve.workers-not-made",
            path="target.version",
            value=release.version,
            message=f"upstream's controller of KServe {release.version} makes no workers of workerSpec.size: its head would wait for ever",
            why="0.14 has the field alone; what reads it came with 0.15, in other fields",
            fix="update KServe to 0.15 or newer, or use target.kind: lws, unless your 0.14 was changed to make them",
            requirements=("R067", "R068"),
        )
    if release.defect:
        yield warning(
            "kserve.known-defect",
            path="target.version",
            value=release.version,
            message=release.defect,
            fix="run a release without it (0.19) and say so in target.version, or use target.kind: llmisvc or lws",
        )


def replicas(deployment: Deployment) -> Iterator[Finding]:
    """A group has one head: a second one would answer to the same name, and workers would join either."""
    count, release = deployment.recipe.replicas, releases.release_of(deployment.recipe)
    if count > 1 and deployment.group.size > 1:
        yield error(
            "kserve.one-group",
            path="replicas",
            value=str(count),
            message=f"an InferenceService has one group; {count} are asked for",
            why="more replicas are more heads behind one name, with the workers of one group between them",
            fix="use target.kind: lws or llmisvc, which make whole groups, or one recipe for each group",
            requirements=("R010", "R061", "R062"),
        )
    if count == 0 and release is not None and not release.is_stoppable:
        yield error(
            "kserve.not-stoppable",
            path="replicas",
            value="0",
            message=f"KServe {release.version} cannot keep a service without pods",
            why="the annotation that stops a service of plain Deployments came with 0.16",
            fix="delete the service, or give replicas: 1",
        )


def even_members(deployment: Deployment) -> Iterator[Finding]:
    """KServe divides GPUs by nodes; all nodes of a group have the same number."""
    counts = resources.gpus_of(deployment)
    if len(set(counts)) > 1:
        yield error(
            "kserve.nodes-uneven",
            path="parallelism",
            value=", ".join(str(count) for count in counts),
            message=f"nodes would need different numbers of GPUs ({min(counts)} to {max(counts)})",
            why="KServe makes head and workers of one number of GPUs for each node",
            fix="choose tensor x pipeline so that every node uses the same number of GPUs",
            requirements=("R066", "R071"),
        )


def sizes(deployment: Deployment) -> Iterator[Finding]:
    """The sizes of workerSpec count nodes and GPUs, whichever way the engine divides the model."""
    layout, size = deployment.plan.layout, deployment.group.size
    if size > 1 and (layout.pipeline, layout.tensor) != (size, layout.gpus_per_node):
        yield info(
            "kserve.sizes-are-nodes",
            path="parallelism",
            value=str(layout),
            message=f"workerSpec says pipelineParallelSize {size} and tensorParallelSize {layout.gpus_per_node}; the engine"
            f" is told {layout}",
            why="KServe takes the sizes for nodes and for GPUs on each; the engine reads its own from its command",
            requirements=("R071",),
        )


def indices(deployment: Deployment) -> Iterator[Finding]:
    """Workers of a Deployment have no numbers; of more than one, each has to find its own."""
    release = releases.release_of(deployment.recipe)
    if release is None or not launches.finds_index(deployment):
        return
    if not release.has_worker_service:
        yield error(
            "kserve.no-member-index",
            path="engine.executor",
            value=str(deployment.plan.engine.executor),
            message=f"with KServe {release.version} a group without Ray has two nodes; {deployment.group.size} are planned",
            why="workers are pods of a Deployment, which numbers nothing, and before 0.18 they cannot find each other",
            fix="use engine.executor: ray with an image that has Ray, KServe 0.18 or newer, or target.kind: lws",
        )
    else:
        yield warning(
            "kserve.member-index-by-address",
            path="engine.executor",
            value=str(deployment.plan.engine.executor),
            message=f"each of {deployment.group.size - 1} workers takes its index from the order of their addresses",
            why="KServe numbers no workers; a worker that comes back with another address may change the others' indices,"
            " so all are made again when their head does not answer for five minutes",
            fix="use target.kind: lws or llmisvc, where members have numbers and groups restart as a whole",
        )


def group_life(deployment: Deployment) -> Iterator[Finding]:
    """Head and workers are two Deployments, which know nothing of each other."""
    if deployment.group.size > 1:
        yield info(
            "kserve.no-group-restart",
            path="target.kind",
            value="kserve",
            message="KServe does not restart a group as a whole, and ends it while it is updated",
            why="head and workers are two Deployments; a lost member is noticed by the others after minutes, and an update"
            " beside the old group would need its GPUs twice",
            fix="use target.kind: lws for a group that restarts together",
        )


RULES = (
    known_version,
    target_options.known_options("kserve", options.OPTIONS),
    name,
    workers,
    replicas,
    even_members,
    sizes,
    indices,
    group_life,
    *storage_rules.RULES,
    *container_rules.RULES,
)
"""All rules of this target."""
