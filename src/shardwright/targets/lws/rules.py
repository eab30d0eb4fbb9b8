"""Rules of LeaderWorkerSet: what its API, webhook or controller refuses, and what they accept but should not be given.

Source: webhook and controller of kubernetes-sigs/lws v0.5.1 to v0.10.0.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from shardwright.core import target_options
from shardwright.kubernetes.render import expose, patches
from shardwright.kubernetes.rules import group_rules
from shardwright.kubernetes.rules import rules as shared
from shardwright.kubernetes.rules.findings import error, info, unknown, warning
from shardwright.targets.lws import options, placement_rules, releases, render
from shardwright.targets.lws.wiring import INJECTED

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shardwright.core.deployment import Deployment
    from shardwright.core.rules import Finding

__all__ = ["RULES", "findings_of", "longest_name"]

_LARGEST_INT32 = 2147483647


def findings_of(deployment: Deployment) -> tuple[Finding, ...]:
    """Findings of this target's rules, then of those that hold for all pods; of patches only where nothing else is wrong."""
    own = (finding for rule in RULES for finding in rule(deployment))
    group = group_rules.findings_of(deployment, defined=INJECTED)
    found = (*own, *group, *expose.findings_of(deployment), *shared.findings_of(deployment))
    release = releases.release_of(deployment.recipe)
    if release is None or any(finding.severity == "error" for finding in found):
        return found
    return (*found, *patches.findings_of(deployment.recipe, render.unpatched(deployment, release)))


def longest_name(replicas: int) -> int:
    """Characters that a set's name may have.

    The label `controller-revision-hash` of its pods, `<name>-<index>-<hash of up to 10>`, ends at 63; the formula in
    the controller's documentation counts tens of replicas where digits are meant.
    """
    return 51 - len(str(max(replicas - 1, 0)))


def known_version(deployment: Deployment) -> Iterator[Finding]:
    """What a release accepts must be known before something is written for it."""
    asked = deployment.recipe.target.version if deployment.recipe.target else None
    release = releases.release_of(deployment.recipe)
    if release is None:
        yield error(
            "lws.version-unknown",
            path="target.version",
            value=str(asked),
            message=f"LeaderWorkerSet {asked} is not known; known: {', '.join(releases.known_versions())}",
            fix="give the version of the controller in your cluster as major.minor, or leave it out for the newest",
        )
    elif asked is None:
        yield unknown(
            "lws.version-assumed",
            path="target.version",
            message=f"target.version is not given: written for LeaderWorkerSet {release.version}",
            why=f"releases before 0.9 refuse restartPolicy {options.AFTER_START}",
            fix="give the version of the controller in your cluster",
        )
    elif not release.is_size_mutable:
        yield info(
            "lws.size-fixed",
            path="target.version",
            value=asked,
            message=f"with LeaderWorkerSet {release.version} the number of nodes cannot be changed later",
            why="the webhook refuses another leaderWorkerTemplate.size up to 0.6",
            fix="delete the set before you apply it with another number of nodes, or install 0.7 or newer",
        )


def controller(deployment: Deployment) -> Iterator[Finding]:
    """The resource, its controller and the right to use it must be there before."""
    release, namespace = releases.release_of(deployment.recipe), deployment.recipe.metadata.namespace
    if release is not None:
        yield unknown(
            "lws.controller-expected",
            path="target.kind",
            value="lws",
            message=f"LeaderWorkerSet {release.version} must be installed (Kubernetes 1.27 or newer), and you may use it",
            why="its resource is leaderworkersets.leaderworkerset.x-k8s.io, version v1",
            fix="helm install lws oci://registry.k8s.io/lws/charts/lws -n lws-system --create-namespace"
            f" --version {release.version}.0; kubectl auth can-i create leaderworkersets.leaderworkerset.x-k8s.io"
            f" -n {namespace}",
            requirements=("R118", "R119", "R121"),
        )


def startup_policy(deployment: Deployment) -> Iterator[Finding]:
    """A leader that is ready only when its workers have joined must not be waited for before they are made."""
    asked = target_options.options_of(deployment.recipe).get("startupPolicy")
    if isinstance(asked, str) and asked != options.LEADER_CREATED:
        yield error(
            "lws.startup-policy",
            path="target.options.startupPolicy",
            value=asked,
            message=f"startupPolicy {asked} would keep the group from ever starting",
            why="with LeaderReady workers are made when the leader is ready, and it is ready when they have joined",
            fix="leave it out: LeaderCreated is written, and members wait for each other",
        )


def known_restart_policy(deployment: Deployment) -> Iterator[Finding]:
    """Other policies leave a group without one of its members, for ever."""
    release = releases.release_of(deployment.recipe)
    asked = target_options.options_of(deployment.recipe).get("restartPolicy")
    if release is None or not isinstance(asked, str):
        return
    usable = [options.ON_RESTART] if release.after_start == "none" else [options.AFTER_START, options.ON_RESTART]
    if asked not in usable:
        yield error(
            "lws.option-value",
            path="target.options.restartPolicy",
            value=asked,
            message=f"restartPolicy {asked!r} cannot be used with LeaderWorkerSet {release.version}; usable: {', '.join(usable)}",
            why=f"{options.AFTER_START} came with 0.8; with None a group that lost a member is never made whole",
            fix="leave it out: the best that the release has is chosen",
            requirements=("R126",),
        )


def name(deployment: Deployment) -> Iterator[Finding]:
    """The controller derives names of pods, Services and labels from the set's name."""
    text = deployment.recipe.metadata.name
    longest = longest_name(deployment.recipe.replicas)
    if not group_rules.is_service_name(text):
        yield error(
            "lws.name-invalid",
            path="metadata.name",
            value=text,
            message=f"{text!r} is no DNS-1035 label",
            why="the webhook refuses it: it also becomes the name of a Service",
            fix="use a-z, 0-9 and -, first a letter, last a letter or digit",
        )
    if len(text) > longest:
        yield error(
            "lws.name-too-long",
            path="metadata.name",
            value=text,
            message=f"the name has {len(text)} characters; {longest} are possible with {deployment.recipe.replicas} replicas",
            why="a label of the pods holds name, index and a hash, and ends at 63 characters",
            fix="shorten it",
        )


def service_name(deployment: Deployment) -> Iterator[Finding]:
    """The controller reuses any Service that has the set's name, and members then do not find each other."""
    text = deployment.recipe.metadata.name
    stem = text.removesuffix("-api")
    if stem and render.service_name(stem) == text:
        yield warning(
            "lws.service-name-taken",
            path="metadata.name",
            value=text,
            message=f"a deployment named {stem} in this namespace would have a Service {text}, the name of this set",
            why="LeaderWorkerSet makes a headless Service of its own name, and uses one that exists as it is",
            fix="choose a name that does not end with -api",
            requirements=("R148",),
        )


def replicas(deployment: Deployment) -> Iterator[Finding]:
    """Replicas, and replicas times size, have limits."""
    count, size = deployment.recipe.replicas, deployment.group.size
    release = releases.release_of(deployment.recipe)
    largest = min(release.largest_replicas if release else _LARGEST_INT32, _LARGEST_INT32 // size)
    if count > largest:
        yield error(
            "lws.too-many-replicas",
            path="replicas",
            value=str(count),
            message=f"{count} replicas of {size} pods; at most {largest} replicas are accepted",
            fix="lower replicas",
        )


RULES = (
    known_version,
    controller,
    target_options.known_options("lws", options.OPTIONS),
    known_restart_policy,
    name,
    service_name,
    replicas,
    startup_policy,
    *placement_rules.RULES,
)
"""All rules of this target."""
