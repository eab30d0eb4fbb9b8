"""The parts of an InferenceService as paths into it: components, what implements each, its mode and annotations.

Knows where things stand, not what is right. Source: kserve/kserve v0.20.0 pkg/apis/serving/v1beta1 (predictor.go,
explainer.go, transformer.go, inference_service_defaults.go) and pkg/constants.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from shardwright.core.manifests import versions
from shardwright.kubernetes import manifest_pods
from shardwright.values import frozen

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from shardwright.core.manifests.objects import Context, Object
    from shardwright.core.marked.paths import Path
    from shardwright.core.rules.rule import Breach

    Check = Callable[[Object, Context], Iterator[Breach]]

__all__ = [
    "AUTOSCALER",
    "DEPLOYMENT_MODE",
    "FRAMEWORKS",
    "GPU_TYPES",
    "ISVC",
    "PREDICTOR",
    "RUNTIMES",
    "WORKER",
    "Implementation",
    "annotation",
    "at_release",
    "canaries",
    "components",
    "has_workers",
    "head_container",
    "implementations",
    "is_going",
    "live",
    "mode_of",
    "model_of",
]

ISVC = ("InferenceService",)
RUNTIMES = ("ServingRuntime", "ClusterServingRuntime")
NEWEST = "0.20"

PREDICTOR: Path = ("spec", "predictor")
WORKER: Path = ("spec", "predictor", "workerSpec")
DEPLOYMENT_MODE = "serving.kserve.io/deploymentMode"
AUTOSCALER = "serving.kserve.io/autoscalerClass"
GPU_TYPES = "serving.kserve.io/gpu-resource-types"

FRAMEWORKS = (
    *("xgboost", "pytorch", "triton", "sklearn", "tensorflow", "onnx", "pmml", "lightgbm", "paddle", "huggingface"),
    "model",
)
_BECOME_MODEL = (
    *("sklearn", "tensorflow", "xgboost", "pytorch", "triton"),
    *("onnx", "huggingface", "pmml", "lightgbm", "paddle"),
)
_HEAD = "kserve-container"
_STORAGE_URI = "STORAGE_URI"

Mode = Literal["standard", "knative", "modelmesh"]


@frozen
class Implementation:
    """What implements a component: one of the frameworks, or containers of the user's own."""

    name: str
    path: Path
    storage_uri: str | None = None
    storage_path: Path = ()


def at_release(context: Context, since: str, until: str = "") -> bool:
    """Whether the release at hand is from `since` to before `until`."""
    return versions.holds(context.versions.get("kserve", NEWEST), since, until)


def is_going(manifest: Object, context: Context) -> bool:
    """Whether an update only lets go of an object that is being deleted; webhooks then ask nothing."""
    return context.old is not None and bool(manifest.get("metadata", "deletionTimestamp"))


def live(check: Check) -> Check:
    """The check of a webhook, which asks nothing of what is being deleted."""

    def checked(manifest: Object, context: Context) -> Iterator[Breach]:
        if not is_going(manifest, context):
            yield from check(manifest, context)

    return checked


def annotation(manifest: Object, name: str, at: Path = ("metadata",)) -> str | None:
    """The value of an annotation; None where it is not set."""
    value = manifest.map_at(*at, "annotations").get(name)
    return value if isinstance(value, str) else None


def mode_of(manifest: Object, context: Context) -> Mode:
    """How it is deployed, as the webhook takes the annotation; Knative is what it takes for anything it does not know."""
    text = annotation(manifest, DEPLOYMENT_MODE)
    if text == "ModelMesh":
        return "modelmesh"
    raw = {"Standard", "RawDeployment"} if at_release(context, "0.16") else {"RawDeployment"}
    return "standard" if text in raw else "knative"


def model_of(manifest: Object) -> Path:
    """Where predictor.model comes from: the mutating webhook makes it of a framework's own field, the first of these."""
    is_mesh = annotation(manifest, DEPLOYMENT_MODE) == "ModelMesh"
    for name in () if is_mesh else _BECOME_MODEL:
        if isinstance(manifest.get(*PREDICTOR, name), dict):
            return (*PREDICTOR, name)
    return (*PREDICTOR, "model")


def has_workers(manifest: Object) -> bool:
    """Whether an InferenceService or runtime is for several nodes: its workerSpec is there, be it empty."""
    at = WORKER if manifest.kind == "InferenceService" else ("spec", "workerSpec")
    return isinstance(manifest.get(*at), dict)


def components(manifest: Object) -> Iterator[Path]:
    """Paths of predictor, transformer and explainer, those that are there."""
    for name in ("predictor", "transformer", "explainer"):
        if isinstance(manifest.get("spec", name), dict):
            yield ("spec", name)


def canaries(manifest: Object) -> Iterator[Path]:
    """Paths of the canary entries."""
    for index, each in enumerate(manifest.list_at("spec", "canary")):
        if isinstance(each, dict):
            yield ("spec", "canary", index)


def implementations(manifest: Object, component: Path) -> list[Implementation]:
    """Everything that would implement a component, in the order in which KServe looks; right is exactly one."""
    if component[-1] == "predictor":
        return _predictors(manifest, component)
    made: list[Implementation] = []
    art = (*component, "art")
    if component[-1] == "explainer" and isinstance(manifest.get(*art), dict):
        made.append(Implementation("art", art, manifest.text_at(*art, "storageUri") or None, (*art, "storageUri")))
    first = next(manifest_pods.containers(manifest, component), None)
    if first is not None:
        made.append(_custom(manifest, component, first))
    return made


def head_container(manifest: Object, component: Path) -> Path | None:
    """The container of the user's own that answers, by its name."""
    for each in manifest_pods.containers(manifest, component):
        if manifest.text_at(*each, "name") == _HEAD:
            return each
    return None


def _predictors(manifest: Object, component: Path) -> list[Implementation]:
    made = [
        Implementation(
            name,
            path,
            uri if isinstance(uri := manifest.get(*path, "storageUri"), str) else None,
            (*path, "storageUri"),
        )
        for name in FRAMEWORKS
        if isinstance(manifest.get(*(path := (*component, name))), dict)
    ]
    own = list(manifest_pods.containers(manifest, component))
    heads = [each for each in own if manifest.text_at(*each, "name") == _HEAD]
    made.extend(_custom(manifest, component, each) for each in heads)
    if own and not made:
        made.append(Implementation("containers", (*component, "containers")))
    return made


def _custom(manifest: Object, component: Path, container: Path) -> Implementation:
    for path, name in manifest_pods.variables(manifest, container):
        if name == _STORAGE_URI:
            return Implementation("containers", (*component, "containers"), manifest.text_at(*path, "value"), path)
    return Implementation("containers", (*component, "containers"))
