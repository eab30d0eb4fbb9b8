"""Canaries of an InferenceService, and what may change in an update.

Source: kserve/kserve v0.20.0 pkg/apis/serving/v1beta1/inference_service_validation.go (validateCanarySpecs,
validateDeploymentMode, validatePredictorNameChange) and the files of the frameworks.
"""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING

from shardwright.core.rules.rule import Breach, Rule
from shardwright.kubernetes import manifest_pods
from shardwright.targets.kserve import components, lint_scaling, lint_service

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shardwright.core.manifests.objects import Context, Object
    from shardwright.core.marked.paths import Path

__all__ = ["RULES"]

_SOURCE = "kserve/kserve v0.20.0 pkg/apis/serving/v1beta1/inference_service_validation.go"
_FIXED = ("scaleTarget", "scaleMetric", "autoScaling")
_MODES = {"RawDeployment": "Standard", "Serverless": "Knative"}


def _canaries(manifest: Object, context: Context) -> Iterator[Breach]:
    if not manifest.list_at("spec", "canary"):
        return
    if components.mode_of(manifest, context) != "standard":
        at = ("spec", "canary")
        yield Breach(at, f"canaries are for the mode Standard; write the annotation {components.DEPLOYMENT_MODE}")
    stable = components.implementations(manifest, components.PREDICTOR)
    if stable and stable[0].storage_uri is None and all(each.name == "containers" for each in stable):
        yield Breach(("spec", "canary"), "a canary needs a stable predictor with a model")
    yield from _names(manifest)
    for canary in components.canaries(manifest):
        yield from _canary(manifest, (*canary, "predictor"))


def _names(manifest: Object) -> Iterator[Breach]:
    seen: set[str] = set()
    traffic = 0
    for canary in components.canaries(manifest):
        at = (*canary, "predictor", "name")
        name = manifest.text_at(*at)
        if not name:
            yield Breach(at[:-1], "the predictor of a canary needs a name")
        elif name in seen:
            yield Breach(at, f'two canaries are named "{name}"', name)
        elif name == manifest.text_at(*components.PREDICTOR, "name"):
            yield Breach(at, f'"{name}" is the name of the stable predictor', name)
        seen.add(name)
        share = manifest.number_at(*canary, "trafficPercent") or 0
        traffic += share
        if not 0 <= share <= 100:
            yield Breach((*canary, "trafficPercent"), f"{share} is no percentage from 0 to 100", str(share))
    if traffic > 100:
        yield Breach(("spec", "canary"), f"the canaries get {traffic} % of the traffic; at most 100 can be given")


def _canary(manifest: Object, predictor: Path) -> Iterator[Breach]:
    yield from lint_service.one_implementation(manifest, predictor)
    yield from lint_scaling.extensions(manifest, predictor)
    for each in components.implementations(manifest, predictor)[:1]:
        yield from _framework(manifest, each)
    if isinstance(manifest.get(*predictor, "workerSpec"), dict):
        yield Breach((*predictor, "workerSpec"), "a canary cannot have workers on other nodes")
    if (manifest.number_at(*predictor, "maxReplicas") or 0) > 0:
        yield Breach((*predictor, "maxReplicas"), "a canary has a fixed number of replicas: minReplicas alone")
    for field in _FIXED:
        if manifest.get(*predictor, field) is not None:
            yield Breach((*predictor, field), f"a canary is not scaled, so {field} cannot be set")
    least = manifest.number_at(*predictor, "minReplicas")
    stable = manifest.number_at(*components.PREDICTOR, "minReplicas")
    stable = 1 if stable is None else stable
    if least is not None and least > stable:
        message = f"a canary has {least} replicas, more than the {stable} of the stable predictor"
        yield Breach((*predictor, "minReplicas"), message, str(least))


def _framework(manifest: Object, found: components.Implementation) -> Iterator[Breach]:
    """What a framework's own field is asked; in the stable predictor it has become predictor.model before that."""
    if found.name in {"huggingface", "onnx", "pmml", "tensorflow", "pytorch"}:
        yield from lint_service.storage_spec(manifest, found.path)
    if found.name == "onnx" and posixpath.splitext(found.storage_uri or "")[1] not in {"", ".onnx"}:
        yield Breach(found.storage_path, "a model for onnx is a file .onnx or a directory", found.storage_uri or "")
    version = manifest.get(*found.path, "runtimeVersion")
    if found.name in {"tensorflow", "pytorch"} and isinstance(version, str):
        limits = manifest_pods.requested(manifest, found.path, "limits")
        has_gpu = any(name == "nvidia.com/gpu" or name.startswith("nvidia.com/mig") for name in limits)
        if has_gpu != ("-gpu" in version):
            message = f'runtimeVersion "{version}" and the GPU under limits do not belong together'
            yield Breach((*found.path, "runtimeVersion"), message, version)


def _mode_change(manifest: Object, context: Context) -> Iterator[Breach]:
    if context.old is None:
        return
    before = context.old.text_at("status", "deploymentMode")
    before = _MODES.get(before, before) if components.at_release(context, "0.16") else before
    now = components.annotation(manifest, components.DEPLOYMENT_MODE)
    if before and now is not None and now != before:
        at = ("metadata", "annotations", components.DEPLOYMENT_MODE)
        yield Breach(at, f'the deployment mode is "{before}" and cannot become "{now}"', now)


def _name_change(manifest: Object, context: Context) -> Iterator[Breach]:
    if context.old is None:
        return
    at = (*components.PREDICTOR, "name")
    if manifest.text_at(*at) != context.old.text_at(*at) and _uri(manifest) == _uri(context.old):
        yield Breach(at, "the predictor's name changes and its model does not", manifest.text_at(*at))


def _uri(manifest: Object) -> str:
    own = manifest.get(*components.PREDICTOR, "model", "storageUri")
    if isinstance(own, str):
        return own
    found = components.implementations(manifest, components.PREDICTOR)
    return (found[0].storage_uri or "") if found else ""


RULES = (
    Rule(
        "kserve.canary",
        "error",
        components.ISVC,
        "Canaries have names of their own, fixed replicas, no workers and at most 100 % of the traffic together.",
        "Each becomes a Deployment of its own behind the same address, in the mode Standard only.",
        "put the entry right, or roll out by canaryTrafficPercent in the mode Knative",
        "webhook",
        _SOURCE + " (validateCanarySpecs)",
        components.live(_canaries),
        since="0.20",
    ),
    Rule(
        "kserve.mode-change",
        "error",
        components.ISVC,
        "The deployment mode of an InferenceService does not change.",
        "The objects of the other mode would stay behind.",
        "delete the InferenceService and apply it anew, or give the new one another name",
        "webhook",
        _SOURCE + " (validateDeploymentMode)",
        components.live(_mode_change),
        since="0.15.1",
        requirements=("R009",),
    ),
    Rule(
        "kserve.predictor-name-change",
        "error",
        components.ISVC,
        "The predictor's name changes together with its model.",
        "A new name is how a canary is made the stable predictor.",
        "change storageUri too, or keep the name",
        "webhook",
        _SOURCE + " (validatePredictorNameChange)",
        components.live(_name_change),
        since="0.20",
    ),
)
