"""Rules of an LLMInferenceService: what its webhook or controller refuses, and where its presets get in the way.

Source: kserve/kserve v0.16.0 to v0.20.0, pkg/apis/serving (webhooks), pkg/controller (llmisvc), config/llmisvcconfig.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from shardwright.core import target_options
from shardwright.kubernetes.render import expose, patches, sources
from shardwright.kubernetes.rules import group_rules
from shardwright.kubernetes.rules import rules as shared
from shardwright.kubernetes.rules.findings import error, info, unknown
from shardwright.targets.llmisvc import files, options, pod_rules, releases, render, way_in_rules
from shardwright.targets.llmisvc.wiring import INJECTED

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shardwright.core.deployment import Deployment
    from shardwright.core.rules import Finding

__all__ = ["RULES", "findings_of", "longest_name"]

_LONGEST_LABEL = 63
_LONGEST_SET_NAME = 51
"""Characters of a LeaderWorkerSet's name, less the digits of its last replica: its pods' labels end at 63."""


def findings_of(deployment: Deployment) -> tuple[Finding, ...]:
    """Findings of this target's rules, then of those that hold for all pods; of patches only where nothing else is wrong."""
    own = tuple(finding for rule in RULES for finding in rule(deployment))
    group = group_rules.findings_of(deployment, defined=INJECTED if deployment.group.size > 1 else ())
    way_in = expose.findings_of(deployment, platform_auth=("llmisvc",))
    of_pods = (finding for finding in shared.findings_of(deployment) if not _is_the_platforms(deployment, finding))
    found = (*own, *group, *way_in, *of_pods)
    release = releases.release_of(deployment.recipe)
    if release is None or any(finding.severity == "error" for finding in found):
        return found
    return (*found, *patches.findings_of(deployment.recipe, render.unpatched(deployment, release)))


def _is_the_platforms(deployment: Deployment, finding: Finding) -> bool:
    """Findings on ways of storage that are the platform's here: it mounts images and copies from buckets itself."""
    is_brought = (
        files.way_of(deployment.recipe) == "platform" and sources.source_of(deployment.recipe).kind != "request"
    )
    return is_brought and finding.id in {"model.source-needs-claim", "model.image-layout"}


def longest_name(deployment: Deployment) -> int:
    """Characters that the name may have: those of the Service and, for several pods, of the set are derived from it."""
    names = releases.names()
    longest = _LONGEST_LABEL - len(names.service_suffix)
    if deployment.group.size == 1:
        return longest
    digits = len(str(max(deployment.recipe.replicas - 1, 0)))
    return min(longest, _LONGEST_SET_NAME - digits - len(names.set_suffix))


def known_version(deployment: Deployment) -> Iterator[Finding]:
    """What a release accepts must be known before something is written for it."""
    asked = deployment.recipe.target.version if deployment.recipe.target else None
    release = releases.release_of(deployment.recipe)
    if release is None:
        yield error(
            "llmisvc.version-unknown",
            path="target.version",
            value=str(asked),
            message=f"LLMInferenceService of KServe {asked} is not known; known: {', '.join(releases.known_versions())}",
            fix="give the version of KServe in your cluster as major.minor, or leave it out for the newest",
        )
    elif asked is None:
        yield unknown(
            "llmisvc.version-assumed",
            path="target.version",
            message=f"target.version is not given: written for KServe {release.version} ({release.api_version})",
            why="releases before 0.17 have v1alpha1 alone, and drop fields that came later without a word",
            fix="give the version of KServe in your cluster",
        )


def name(deployment: Deployment) -> Iterator[Finding]:
    """The controller derives names of sets, Services and labels from the object's name."""
    text, longest = deployment.recipe.metadata.name, longest_name(deployment)
    if not group_rules.is_service_name(text):
        yield error(
            "llmisvc.name-invalid",
            path="metadata.name",
            value=text,
            message=f"{text!r} is no DNS-1035 label",
            why="it also becomes the beginning of a Service's name",
            fix="use a-z, 0-9 and -, first a letter, last a letter or digit",
        )
    if len(text) > longest:
        yield error(
            "llmisvc.name-too-long",
            path="metadata.name",
            value=text,
            message=f"the name has {len(text)} characters; {longest} are possible here",
            why="names that grow beyond 63 characters are replaced by a digest, and labels of pods end there",
            fix="shorten it",
        )


def missing_preset(deployment: Deployment) -> Iterator[Finding]:
    """Several pods without data parallelism need a configuration that no release has."""
    recipe, release = deployment.recipe, releases.release_of(deployment.recipe)
    if deployment.group.size == 1 or release is None or render.parallelism_of(deployment).pipeline is None:
        return
    config, namespace = options.config_name(recipe), recipe.metadata.namespace
    yield info(
        "llmisvc.pipeline-preset",
        path="parallelism.pipeline",
        value=str(deployment.group.size),
        message=f"the controller goes no further without LLMInferenceServiceConfig {config}; namespace {namespace} gets an empty one",
        why="KServe looks for it wherever spec.parallelism.pipeline comes with spec.worker, and ships none (kserve#5047)",
        fix="keep it as long as any LLMInferenceService of the namespace has a pipeline; "
        "target.options.pipelineConfig: expected leaves it to another deployment",
        requirements=("R042",),
    )
    if deployment.plan.layout.pipeline != deployment.group.size:
        yield info(
            "llmisvc.pipeline-is-pods",
            path="parallelism",
            value=str(deployment.plan.layout),
            message=f"spec.parallelism says pipeline: {deployment.group.size}, the number of pods; the engine runs {deployment.plan.layout}",
            why="the controller makes one pod of each stage; the engine's sizes are in its own command",
        )


def fixed_size(deployment: Deployment) -> Iterator[Finding]:
    """A group keeps its number of pods for as long as it is there."""
    yield info(
        "llmisvc.size-fixed",
        path="parallelism",
        value=str(deployment.group.size),
        message="the number of pods that spec.parallelism stands for cannot be changed later",
        why="the webhook refuses an update with another total",
        fix="delete the object before you apply it with another number of nodes",
    )


def needed_controllers(deployment: Deployment) -> Iterator[Finding]:
    """A group of several pods is a LeaderWorkerSet; a router needs the kinds of the Gateway API and its extension."""
    recipe = deployment.recipe
    if deployment.group.size > 1:
        yield unknown(
            "llmisvc.lws-expected",
            path="target.kind",
            message="LeaderWorkerSet must be installed, before the controller of KServe starts",
            why="the controller never watches kinds that were not there when it started",
            fix="kubectl get crd leaderworkersets.leaderworkerset.x-k8s.io; install it and restart llmisvc-controller-manager",
            requirements=("R118",),
        )
    if options.has_router(recipe):
        yield unknown(
            "llmisvc.gateway-expected",
            path="expose.kind",
            message="the Gateway API, its inference extension and a Gateway must be there",
            why="route, pool and scheduler are the platform's",
            fix="kubectl get crd httproutes.gateway.networking.k8s.io inferencepools.inference.networking.k8s.io",
        )


RULES = (
    known_version,
    target_options.known_options("llmisvc", options.OPTIONS),
    name,
    missing_preset,
    fixed_size,
    needed_controllers,
    *pod_rules.RULES,
    *way_in_rules.RULES,
)
"""All rules of this target."""
