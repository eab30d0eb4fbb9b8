"""Rules of plain Kubernetes: one pod a replica, on one node; fields that a release must have.

Source: Kubernetes API reference 1.36 and its validation of Deployments and Services.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from shardwright.core import target_options
from shardwright.kubernetes.render import expose, patches
from shardwright.kubernetes.rules import rules as shared
from shardwright.kubernetes.rules.findings import error, info, unknown
from shardwright.targets.kubernetes_plain import options, releases, render

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shardwright.core.deployment import Deployment
    from shardwright.core.recipe import Recipe
    from shardwright.core.rules import Finding

__all__ = ["RULES", "findings_of"]

_LABEL = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")


def findings_of(deployment: Deployment) -> tuple[Finding, ...]:
    """Findings of this target's rules, then of those that hold for all pods; of patches only where nothing else is wrong."""
    own = (finding for rule in RULES for finding in rule(deployment))
    found = (*own, *expose.findings_of(deployment), *shared.findings_of(deployment))
    if any(finding.severity == "error" for finding in found):
        return found
    return (*found, *patches.findings_of(deployment.recipe, render.unpatched(deployment)))


def one_node(deployment: Deployment) -> Iterator[Finding]:
    """A Deployment's pods know nothing of each other: no group, no index, no common restart."""
    nodes = deployment.group.size
    if nodes > 1:
        yield error(
            "kubernetes.several-nodes",
            path="target.kind",
            value="kubernetes",
            message=f"{deployment.plan.layout} needs a group of {nodes} pods; a Deployment makes single ones",
            why="members of a group need stable addresses and indices, and must be restarted together",
            fix="use target.kind: lws, kuberay or llmisvc, or plan it on one node with hardware.nodes: 1",
            requirements=("R117",),
        )


def known_version(deployment: Deployment) -> Iterator[Finding]:
    """What a release has must be known before something is written for it."""
    asked = deployment.recipe.target.version if deployment.recipe.target else None
    release = releases.release_of(deployment.recipe)
    known = releases.known_versions()
    if release is None:
        yield error(
            "kubernetes.version-unknown",
            path="target.version",
            value=str(asked),
            message=f"Kubernetes {asked} is not known; known: {known[0]} to {known[-1]}",
            fix="give the release of your cluster as major.minor, or leave it out for the newest",
        )
        return
    if asked is None:
        yield unknown(
            "kubernetes.version-assumed",
            path="target.version",
            message=f"target.version is not given: written for Kubernetes {release}",
            fix="give the server's version as kubectl version shows it",
        )
    for path, field in _gated_fields(deployment.recipe).items():
        if not releases.has(release, field):
            yield error(
                "kubernetes.field-too-new",
                path=path,
                value=release,
                message=f"{field} came with Kubernetes {releases.since(field)}; the cluster has {release}",
                fix=f"leave {path} out, or use a cluster with {releases.since(field)} or newer",
            )


def _gated_fields(recipe: Recipe) -> dict[str, str]:
    """Fields that older releases lack, by what in the recipe asks for them."""
    asked = recipe.expose
    wanted = {
        "network.ipFamily": (recipe.network.ip_family is not None and asked.kind != "none", "ipFamilies"),
        "expose.kind": (asked.kind == "gateway", "HTTPRoute"),
        "expose.tls.secret": (
            asked.kind == "route" and asked.tls is not None and asked.tls.secret is not None,
            "externalCertificate",
        ),
    }
    return {path: field for path, (is_asked, field) in wanted.items() if is_asked}


def deadline(deployment: Deployment) -> Iterator[Finding]:
    """A deadline below the time that a start may take reports healthy updates as failed."""
    asked = target_options.options_of(deployment.recipe).get("progressDeadlineSeconds")
    probe = deployment.leader.probe
    if isinstance(asked, int) and probe is not None and asked <= probe.startup_budget_seconds:
        yield error(
            "kubernetes.deadline-short",
            path="target.options.progressDeadlineSeconds",
            value=str(asked),
            message=f"an update would be reported as failed after {asked} s; a start may take {probe.startup_budget_seconds} s",
            fix="leave it out, or give more seconds than a start may take",
        )


def name(deployment: Deployment) -> Iterator[Finding]:
    """The Service has the deployment's name."""
    text = deployment.recipe.metadata.name
    if deployment.recipe.expose.kind != "none" and not (_LABEL.fullmatch(text) and len(text) <= 63):
        yield error(
            "kubernetes.name-invalid",
            path="metadata.name",
            value=text,
            message=f"{text!r} is no DNS-1035 label, which the name of a Service must be",
            fix="use a-z, 0-9 and -, at most 63, first a letter, last a letter or digit",
        )


def queue(deployment: Deployment) -> Iterator[Finding]:
    """Pods of a Deployment that waits for a queue that is not there are never made."""
    asked = target_options.text_of(deployment.recipe, "queue")
    if asked:
        namespace = deployment.recipe.metadata.namespace
        yield unknown(
            "kubernetes.queue-expected",
            path="target.options.queue",
            value=asked,
            message=f"LocalQueue {asked} must be in namespace {namespace}, and Kueue must know Deployments",
            why="Kueue admits each pod of a Deployment by itself, where its integration `deployment` is enabled",
            fix=f"kubectl get localqueue {asked} -n {namespace}",
        )


def update(deployment: Deployment) -> Iterator[Finding]:
    """An update takes no further GPUs, so with one replica nothing serves while it runs."""
    if deployment.recipe.replicas == 1:
        yield info(
            "kubernetes.update-interrupts",
            path="replicas",
            value="1",
            message="an update ends the pod before it starts the next one, which may use its GPUs",
            why="maxSurge is 0: a second pod beside it would need as many GPUs again",
            fix="use two replicas where an update must not be noticed",
        )


RULES = (
    one_node,
    known_version,
    target_options.known_options("kubernetes", options.OPTIONS),
    deadline,
    name,
    queue,
    update,
)
"""All rules of this target."""
