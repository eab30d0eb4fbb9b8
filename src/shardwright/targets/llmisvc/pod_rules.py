"""Rules on the pods of an LLMInferenceService: what a release cannot carry, and what presets and controller do to pods.

Source: kserve/kserve v0.16.0 to v0.20.0, pkg/controller (llmisvc), config/llmisvcconfig.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from shardwright.core import target_options
from shardwright.core.recipe.model import PodOverrides
from shardwright.kubernetes.render import sources
from shardwright.kubernetes.rules.findings import error, info, warning
from shardwright.targets.llmisvc import files, members, releases

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shardwright.core.deployment import Deployment
    from shardwright.core.rules import Finding
    from shardwright.kubernetes.render.podspec import Tree

__all__ = ["RULES"]


def template_marks(deployment: Deployment) -> Iterator[Finding]:
    """The controller reads the whole object as a template of Go."""
    for launch in (deployment.leader, deployment.worker):
        if launch is None:
            continue
        given = [*launch.argv, *(entry.value for entry in launch.environment if isinstance(entry.value, str))]
        for text in given:
            if "{{" in text:
                yield error(
                    "llmisvc.template-marks",
                    path="engine.args",
                    value=text,
                    message=f"the {launch.role}'s command or environment has two opening braces in a row",
                    why="the controller fills in what stands between {{ and }}, and fails where it cannot",
                    fix="put a space between the braces, or give the text in a file",
                )


def pod_metadata(deployment: Deployment) -> Iterator[Finding]:
    """Labels and annotations of pods: none before 0.17, the same for all pods from then on, and not the controller's."""
    recipe, release = deployment.recipe, releases.release_of(deployment.recipe)
    asked = recipe.pods
    taken = sorted(set(asked.labels) & set(releases.names().own_labels))
    if taken:
        yield error(
            "llmisvc.label-taken",
            path="pods.labels",
            value=", ".join(taken),
            message=f"{', '.join(taken)} are labels by which the controller's Service finds the leaders",
            fix="use labels of your own",
        )
    if release is not None and not release.has_pod_metadata:
        yield from _without_metadata(deployment, release.version)
    for role, own in (("leader", asked.leader), ("worker", asked.worker)):
        given = own or PodOverrides()
        if given.labels or given.annotations:
            yield error(
                "llmisvc.metadata-by-role",
                path=f"pods.{role}",
                message=f"labels and annotations of the {role} alone cannot be carried: spec.labels is for all pods",
                fix="give them under pods, for all, or use the target lws",
            )


def _without_metadata(deployment: Deployment, version: str) -> Iterator[Finding]:
    asked = deployment.recipe.pods
    if asked.labels or asked.annotations:
        yield error(
            "llmisvc.metadata-dropped",
            path="pods.labels" if asked.labels else "pods.annotations",
            message=f"KServe {version} has no labels and annotations for pods; 0.17 is the first that has",
            fix="remove them, or install 0.17",
        )
    if deployment.group.size > 1:
        yield warning(
            "llmisvc.mesh-not-switched-off",
            path="target.version",
            value=version,
            message="pods cannot be told to have no sidecar of a mesh with this release",
            why="a sidecar blocks the random ports on which the members of a group meet, and the group hangs at its start",
            fix=f"kubectl label namespace {deployment.recipe.metadata.namespace} istio-injection- ; or install KServe 0.17",
            requirements=("R128",),
        )


def user(deployment: Deployment) -> Iterator[Finding]:
    """Presets from 0.19 on refuse root without naming another user."""
    given: Tree = deployment.recipe.pods.security_context or {}
    if not {"runAsUser", "runAsNonRoot"} & set(given):
        yield info(
            "llmisvc.runs-as-image-user",
            path="pods.securityContext",
            message="containers run as the image's user; for images of engines that is root, unless the cluster chooses",
            why="presets demand a user who is not root and name none, which keeps such images from being started",
            fix="give pods.securityContext: {runAsUser: 1000}; OpenShift chooses a user itself",
        )
    if members.is_data_parallel(deployment) and deployment.group.size > 1:
        capabilities: object = given.get("capabilities")
        if not isinstance(capabilities, Mapping) or "add" not in capabilities:
            yield info(
                "llmisvc.preset-rights",
                path="pods.securityContext.capabilities",
                message="containers get the capability IPC_LOCK",
                why=f"the preset adds {', '.join(releases.names().preset_capabilities)}; only another list that is not empty replaces it",
                fix="give capabilities: {drop: [ALL], add: [...]} where the namespace allows others",
                requirements=("R130",),
            )


def restarts(deployment: Deployment) -> Iterator[Finding]:
    """The controller chooses how groups are made again and updated; nothing in the object does."""
    recipe = deployment.recipe
    if deployment.group.size > 1:
        yield info(
            "llmisvc.restart-policy",
            path="target.kind",
            message="a group is made again whenever one of its containers restarts, also while the others still start",
            why="the controller writes RecreateGroupOnPodRestart (lws#725)",
            fix="have the image on all nodes before; the target lws can wait until a group has started",
            requirements=("R126",),
        )
    elif recipe.replicas:
        yield info(
            "llmisvc.update-surges",
            path="target.kind",
            message=f"an update starts a new pod before an old one ends: {deployment.plan.layout.world_size} more GPUs",
            why="one pod is a Deployment, whose strategy the object does not have",
            fix="have them free, or set replicas: 0 before an update",
        )


def platform_download(deployment: Deployment) -> Iterator[Finding]:
    """The platform's own download happens in every pod, with credentials of the service account."""
    recipe = deployment.recipe
    found = sources.source_of(recipe)
    if files.way_of(recipe) != "platform":
        return
    if found.kind == "image":
        yield info(
            "llmisvc.model-image",
            path="model.source",
            value=found.name,
            message="the platform runs the image beside the engine, or mounts it; it must hold the model in /models",
            why="clusters must have this switched on (enableModelcar), which is the default since 0.14",
        )
    elif found.kind == "bucket":
        yield info(
            "llmisvc.platform-bucket",
            path="model.source",
            value=found.name,
            message="every pod copies the whole model before it starts, with the keys that its service account names",
            why="the platform reads no keys of the recipe",
            fix="give storage.claim, so that one Job copies it once with the keys in engine.env",
        )
    elif found.kind == "hub":
        yield (warning if recipe.model.token else info)(
            "llmisvc.platform-download",
            path="model.token" if recipe.model.token else "model.source",
            value=found.name,
            message="every pod downloads the whole model before it starts, with the token of its service account if it has one",
            why="this release always acts on model.uri; model.token reaches the engine, which then reads a folder",
            fix="give storage.claim, so that one Job downloads it once with model.token",
            requirements=("R157",),
        )


def options_without_use(deployment: Deployment) -> Iterator[Finding]:
    """What concerns groups of several pods does nothing to one."""
    if deployment.group.size == 1 and target_options.text_of(deployment.recipe, "exclusiveTopology"):
        yield error(
            "llmisvc.option-needs",
            path="target.options.exclusiveTopology",
            message="exclusiveTopology is for groups of several pods; this one has one",
            fix="remove it",
        )


RULES = (template_marks, pod_metadata, user, restarts, platform_download, options_without_use)
"""All rules on pods."""
