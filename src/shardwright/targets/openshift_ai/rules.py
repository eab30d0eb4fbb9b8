"""Rules of OpenShift AI: its releases, its engine, its images and its add-ons; those of KServe come from the target beneath.

Source: `facts.toml`; the guides that `examples/` follows, and their repositories.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from shardwright.core import target_options
from shardwright.core.plan.version import parse_version
from shardwright.kubernetes.render import expose, patches
from shardwright.kubernetes.rules.findings import error, info, unknown, warning
from shardwright.targets.openshift_ai import addon_rules, options, platform, releases, render

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shardwright.core.deployment import Deployment
    from shardwright.core.rules import Finding
    from shardwright.targets.openshift_ai.releases import Release

__all__ = ["RULES", "findings_of"]


def findings_of(deployment: Deployment) -> tuple[Finding, ...]:
    """Findings of this target's rules, then of KServe's; of patches only where nothing else is wrong."""
    own = tuple(finding for rule in RULES for finding in rule(deployment))
    found = (*own, *platform.beneath().findings(platform.deployment_beneath(deployment)))
    if any(finding.severity == "error" for finding in found):
        return found
    return (*found, *patches.findings_of(deployment.recipe, render.unpatched(deployment)))


def known_version(deployment: Deployment) -> Iterator[Finding]:
    """What a release brings must be known before something is written for it."""
    asked = deployment.recipe.target.version if deployment.recipe.target else None
    release = releases.release_of(deployment.recipe)
    if release is None:
        yield error(
            "openshift-ai.version-unknown",
            path="target.version",
            value=str(asked),
            message=f"OpenShift AI {asked} is not known; known: {', '.join(releases.known_versions())}",
            fix="give the version that kubectl get csv -A shows for rhods-operator, as major.minor",
            requirements=("R006",),
        )
    elif asked is None:
        yield unknown(
            "openshift-ai.version-assumed",
            path="target.version",
            message=f"target.version is not given: written for OpenShift AI {release.version}, with the rules of KServe {release.kserve}",
            why="autoscaler class, deployment mode, executor and engine differ between releases",
            fix="give the version that kubectl get csv -A shows for rhods-operator, as major.minor",
            requirements=("R006",),
        )
    elif not asked.removeprefix("v").startswith(release.version):
        yield info(
            "openshift-ai.version-between",
            path="target.version",
            value=asked,
            message=f"OpenShift AI {asked} is not listed; {release.version}, the nearest older one that is, stands for it",
            fix="compare the annotation opendatahub.io/runtime-version of the platform's templates with engine.version",
        )


def engine(deployment: Deployment) -> Iterator[Finding]:
    """The plan must be for the engine that runs: the platform's, unless the recipe brings an image."""
    release = releases.release_of(deployment.recipe)
    if release is None:
        return
    if not platform.is_ours(deployment):
        yield info(
            "openshift-ai.own-image",
            path="engine.image",
            value=deployment.image,
            message=f"{deployment.image} is used, and not the platform's image; the plan is for {_engine(deployment)}",
            fix="compare the version that the engine logs when it starts",
        )
        return
    yield from _platform_engine(deployment, release)


def _platform_engine(deployment: Deployment, release: Release) -> Iterator[Finding]:
    chosen, name = deployment.plan.engine, releases.names().engine_name
    template = f"oc get template vllm-cuda-runtime-template -n {releases.names().templates} -o yaml"
    if chosen.name != name:
        yield error(
            "openshift-ai.engine-missing",
            path="engine.name",
            value=chosen.name,
            message=f"OpenShift AI {release.version} has no image with {chosen.name}; it has {name}",
            fix=f"give engine.image, or engine.name: {name}",
        )
    elif not release.engine:
        yield error(
            "openshift-ai.engine-unknown",
            path="engine.image",
            value=release.version,
            message=f"which {name} OpenShift AI {release.version} has is not known, so nothing is planned for it",
            why="memory, flags and defaults of the engine differ between its versions",
            fix=f"give engine.version and engine.image as the cluster has them: {template}",
            requirements=("R006", "R024"),
        )
    elif parse_version(chosen.version) != parse_version(release.engine):
        yield error(
            "openshift-ai.engine-version",
            path="engine.version",
            value=chosen.version,
            message=f"OpenShift AI {release.version} has {name} {release.engine}; the plan is for {chosen.version}",
            why="memory, flags and defaults of the engine differ between its versions",
            fix=f"write engine.version: {release.engine}, or give engine.image with {name} {chosen.version}",
            requirements=("R006", "R024"),
        )
    else:
        yield unknown(
            "openshift-ai.platform-image",
            path="engine.image",
            value=release.image,
            message=f"the image {release.image} is written by its tag; the cluster's own Template has it by digest",
            fix=f"{template} shows it; give it as engine.image where tags are not allowed",
            requirements=("R024",),
        )


def executor(deployment: Deployment) -> Iterator[Finding]:
    """The platform's own runtime for several nodes used Ray up to 3.4."""
    release = releases.release_of(deployment.recipe)
    if release is None or deployment.group.size == 1:
        return
    chosen = deployment.plan.engine.executor
    if chosen != release.executor:
        yield warning(
            "openshift-ai.executor",
            path="engine.executor",
            value=chosen,
            message=f"the platform's own {releases.names().runtime} of {release.version} spans nodes by {release.executor}, this one by {chosen}",
            why="what differs from the platform's own runtime was not tested by its maker",
            fix=f"write engine.executor: {release.executor} if the image has it",
            requirements=("R001",),
        )


def untested(deployment: Deployment) -> Iterator[Finding]:
    """Groups over several nodes are a preview there, and no screen of the dashboard makes them."""
    if deployment.group.size > 1:
        yield info(
            "openshift-ai.several-nodes",
            path="target.kind",
            message="the dashboard does not make services over several nodes; these manifests do, and it was not tested on every cluster",
            why="the guide behind it was tried on OpenShift 4.16 on AWS with A10G",
            fix="rehearse the layout, then try it with a small model",
            requirements=("R002", "R003"),
        )


def way_in(deployment: Deployment) -> Iterator[Finding]:
    """The platform makes the Route where it checks tokens; else ours is rendered, and nobody is asked for a token."""
    recipe = deployment.recipe
    if not platform.checks_tokens(recipe):
        return
    given = {"host": recipe.expose.host, "tls": recipe.expose.tls, "path": recipe.expose.path.strip("/")}
    for name in (name for name, value in given.items() if value):
        yield error(
            "openshift-ai.route-is-the-platforms",
            path=f"expose.{name}",
            message=f"with auth.platform the platform makes the Route itself; {name} cannot be chosen",
            fix=f"remove expose.{name}, or use auth.apiKey",
        )
    yield from (
        finding for finding in expose.findings_of(deployment, platform_auth=("openshift-ai",)) if _is_new(finding)
    )


def _is_new(finding: Finding) -> bool:
    return finding.id == "expose.auth"


def not_validated(deployment: Deployment) -> Iterator[Finding]:
    """Kinds for which no definition was at hand are held against lists of their fields alone."""
    known = target_options.known_options("openshift-ai", options.OPTIONS)
    if releases.release_of(deployment.recipe) is None or any(known(deployment)):
        return
    kinds = addon_rules.listed_kinds(deployment)
    if kinds:
        yield info(
            "openshift-ai.not-validated",
            path="target.kind",
            value=", ".join(kinds),
            message=f"{', '.join(kinds)}: held against lists of fields, not validated by a server",
            fix="kubectl apply --dry-run=server -f DIR",
        )


def _engine(deployment: Deployment) -> str:
    return f"{deployment.plan.engine.name} {deployment.plan.engine.version}"


RULES = (
    known_version,
    target_options.known_options("openshift-ai", options.OPTIONS),
    engine,
    executor,
    untested,
    way_in,
    not_validated,
    *addon_rules.RULES,
)
"""All rules of this target."""
