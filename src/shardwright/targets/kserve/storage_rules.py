"""Rules on where a model is, as KServe reads it: by storageUri, which groups must have.

Source: kserve/kserve v0.14.1 to v0.20.0, pkg/apis/serving/v1beta1/inference_service_validation.go and
config/configmap/inferenceservice.yaml.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from shardwright.kubernetes.render import sources
from shardwright.kubernetes.rules.findings import error, unknown
from shardwright.targets.kserve import model_files, releases, wiring

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shardwright.core.deployment import Deployment
    from shardwright.core.rules import Finding

__all__ = ["RULES", "is_answered"]


def is_answered(deployment: Deployment, finding: Finding) -> bool:
    """Whether a finding of all targets does not hold here: KServe mounts images that hold a model by itself."""
    ids = {"model.source-needs-claim", "model.image-layout"}
    return wiring.is_mounted_image(deployment.recipe) and finding.id in ids


def group_storage(deployment: Deployment) -> Iterator[Finding]:
    """The webhook takes a group only with a model that all of its pods see."""
    release = releases.release_of(deployment.recipe)
    if release is None or deployment.group.size == 1 or not release.schemes:
        return
    uri, listed = model_files.storage_uri(deployment.recipe), " or ".join(f"{name}://" for name in release.schemes)
    if uri is None:
        yield error(
            "kserve.storage-needed",
            path="storage.claim",
            value=deployment.recipe.model.source,
            message=f"a group needs a storageUri ({listed}), and nothing holds the model for all of its pods",
            why="the webhook refuses an InferenceService with workerSpec and without storageUri",
            fix="give storage.claim, and storage.size if it is to be made: a Job fetches the model into it",
            requirements=("R013", "R041"),
        )
    elif uri.partition("://")[0] not in release.schemes:
        yield error(
            "kserve.storage-scheme",
            path="model.source",
            value=uri,
            message=f"KServe {release.version} takes groups with {listed} only, not {uri}",
            fix="give storage.claim, into which a Job copies the model, or use KServe 0.16 or newer",
            requirements=("R013", "R041"),
        )


def mounted_image(deployment: Deployment) -> Iterator[Finding]:
    """An image that holds a model is mounted where the installation allows it."""
    release = releases.release_of(deployment.recipe)
    if release is None or not wiring.is_mounted_image(deployment.recipe):
        return
    default = "the default" if release.has_modelcars else "not the default in this release"
    yield unknown(
        "kserve.image-mounted",
        path="model.source",
        value=deployment.recipe.model.source,
        message=f"KServe must mount images: enableModelcar of its ConfigMap must be true ({default})",
        why=f"the image is started beside the engine, which reads its /models through {wiring.MODEL_FOLDER}",
        fix="kubectl get configmap inferenceservice-config -n kserve -o jsonpath='{.data.storageInitializer}'; or give"
        " storage.claim, into which a Job copies the model",
    )


def direct_volumes(deployment: Deployment) -> Iterator[Finding]:
    """Up to 0.15 a switch decides whether claims are mounted or copied from."""
    release = releases.release_of(deployment.recipe)
    if release is None or release.has_direct_volumes or sources.mounted_claim(deployment.recipe) is None:
        return
    yield unknown(
        "kserve.direct-volumes",
        path="storage.claim",
        value=str(sources.mounted_claim(deployment.recipe)),
        message="enableDirectPvcVolumeMount of KServe's ConfigMap must be true (the default)",
        why="without it KServe adds a second volume of the same name, and the pods are refused",
        fix="kubectl get configmap inferenceservice-config -n kserve -o jsonpath='{.data.storageInitializer}'",
    )


RULES = (group_storage, mounted_image, direct_volumes)
"""All rules on storage."""
