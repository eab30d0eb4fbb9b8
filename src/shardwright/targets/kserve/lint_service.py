"""What KServe's webhook asks of every InferenceService: name, variables, one implementation for each component.

Source: kserve/kserve v0.13.1 to v0.20.0 pkg/apis/serving/v1beta1/inference_service_validation.go, component.go and the
files of the implementations.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from shardwright.core.rules.rule import Breach, Rule
from shardwright.kubernetes import manifest_pods
from shardwright.targets.kserve import components

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shardwright.core.manifests.objects import Context, Object
    from shardwright.core.marked.paths import Path

__all__ = ["RULES"]

_SOURCE = "kserve/kserve v0.20.0 pkg/apis/serving/v1beta1/inference_service_validation.go"
_NAME = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")
_LONGEST_NAME = 253
_BLOCKED = "PYTHONPATH"
_STORAGE = "storageUri"
_OWN = ("containers", "initContainers")


def _name(manifest: Object, _: Context) -> Iterator[Breach]:
    if manifest.name and not (_NAME.fullmatch(manifest.name) and len(manifest.name) <= _LONGEST_NAME):
        yield Breach(
            ("metadata", "name"),
            "a name starts with a small letter and goes on with small letters, digits and '-', with no '-' at the end",
            manifest.name[:80],
        )


def _long_name(manifest: Object, _: Context) -> Iterator[Breach]:
    """Services of a name that is too long cannot be made."""
    own = manifest.text_at(*components.PREDICTOR, "name")
    service = f"{manifest.name}-{own}-predictor" if own else f"{manifest.name}-predictor"
    if len(service) > 63:
        yield Breach(
            ("metadata", "name"),
            f"the Service {service} would have {len(service)} characters; at most 63 are allowed",
            manifest.name,
        )


def _blocked_variables(manifest: Object, _: Context) -> Iterator[Breach]:
    for container in _checked_containers(manifest):
        for path, name in manifest_pods.variables(manifest, container):
            if name == _BLOCKED:
                yield Breach((*path, "name"), f"{_BLOCKED} must not be set in a container", name)


def _checked_containers(manifest: Object) -> Iterator[Path]:
    for part in (*components.components(manifest), components.WORKER):
        for field in _OWN:
            yield from manifest_pods.containers(manifest, part, field)
    frameworks = (*((*components.PREDICTOR, name) for name in components.FRAMEWORKS), ("spec", "explainer", "art"))
    for path in frameworks:
        if isinstance(manifest.get(*path), dict):
            yield path


def _one_implementation(manifest: Object, _: Context) -> Iterator[Breach]:
    for component in components.components(manifest):
        yield from one_implementation(manifest, component)


def one_implementation(manifest: Object, component: Path) -> Iterator[Breach]:
    """A component is implemented by exactly one thing."""
    found = components.implementations(manifest, component)
    names = [each.name for each in found]
    if not found:
        yield Breach(component, f"nothing implements the {component[-1]}: no model, no framework, no containers")
    elif len(found) > 1:
        yield Breach(component, f"{len(found)} things implement the {component[-1]}: {', '.join(names)}; one may")


def _container_name(manifest: Object, _: Context) -> Iterator[Breach]:
    for name in components.FRAMEWORKS:
        path = (*components.PREDICTOR, name, "name")
        if manifest.text_at(*path):
            yield Breach(path, f"the container of predictor.{name} cannot be named", manifest.text_at(*path))


def _protocol(manifest: Object, _: Context) -> Iterator[Breach]:
    found = components.implementations(manifest, components.PREDICTOR)
    if not found or found[0].name != "containers":
        return
    first = next(manifest_pods.containers(manifest, components.PREDICTOR))
    for path, name in manifest_pods.variables(manifest, first):
        if name == "PROTOCOL":
            value = manifest.text_at(*path, "value")
            if value not in {"v1", "v2"}:
                yield Breach((*path, "value"), f'PROTOCOL is "{value}"; a custom predictor speaks v1 or v2', value)
            return


def _transformer_storage(manifest: Object, _: Context) -> Iterator[Breach]:
    for container in manifest_pods.containers(manifest, components.PREDICTOR):
        if manifest.text_at(*container, "name") == "transformer-container":
            for path, name in manifest_pods.variables(manifest, container):
                if name == "STORAGE_URI":
                    yield Breach((*path, "name"), "STORAGE_URI stands in the transformer's container")
            return


def _storage_spec(manifest: Object, _: Context) -> Iterator[Breach]:
    art: Path = ("spec", "explainer", "art")
    if isinstance(manifest.get(*art), dict):
        yield from storage_spec(manifest, art)


def storage_spec(manifest: Object, path: Path) -> Iterator[Breach]:
    """`storage` reaches object stores and HDFS only."""
    if not isinstance(manifest.get(*path, "storage"), dict):
        return
    allowed = ("s3://", "hdfs://", "webhdfs://")
    uri = manifest.get(*path, _STORAGE)
    kind = manifest.get(*path, "storage", "parameters", "type")
    if isinstance(uri, str) and (uri or path[-1] != "art"):
        if not uri.startswith(allowed):
            yield Breach((*path, _STORAGE), f"next to storage, storageUri is one of {', '.join(allowed)}", uri)
    elif isinstance(kind, str) and f"{kind}://" not in allowed:
        at = (*path, "storage", "parameters", "type")
        yield Breach(at, f'storage of type "{kind}" is not known; s3, hdfs and webhdfs are', kind)


RULES = (
    Rule(
        "kserve.name",
        "error",
        components.ISVC,
        "The name of an InferenceService is a DNS label that starts with a letter.",
        "Services and Deployments are named after it.",
        "rename the object",
        "webhook",
        _SOURCE,
        components.live(_name),
        requirements=("R086",),
    ),
    Rule(
        "kserve.name-length",
        "warning",
        components.ISVC,
        "The names that KServe makes of the object's name are at most 63 characters long.",
        "A Service name is a DNS label; the reconciler cannot make a longer one.",
        "choose a shorter name",
        "kubernetes",
        "kserve/kserve v0.20.0 pkg/constants (PredictorServiceName)",
        _long_name,
    ),
    Rule(
        "kserve.blocked-variable",
        "error",
        components.ISVC,
        "PYTHONPATH is not set in any container.",
        "The webhook refuses it: it would let code be put before the server's own.",
        "remove the variable and install what is needed into the image",
        "webhook",
        _SOURCE + " (validateBlockedEnvVars)",
        components.live(_blocked_variables),
        since="0.19",
    ),
    Rule(
        "kserve.one-implementation",
        "error",
        components.ISVC,
        "Predictor, transformer and explainer are each implemented by exactly one thing.",
        "With none or several KServe cannot tell what is to run.",
        "keep either predictor.model or containers with one named kserve-container",
        "webhook",
        _SOURCE,
        components.live(_one_implementation),
    ),
    Rule(
        "kserve.container-name",
        "error",
        components.ISVC,
        "The container of a standard predictor has no name.",
        "KServe names it kserve-container and merges it with the runtime's container by that name.",
        "remove the field name",
        "webhook",
        _SOURCE,
        components.live(_container_name),
        since="0.16",
    ),
    Rule(
        "kserve.custom-protocol",
        "error",
        components.ISVC,
        "The variable PROTOCOL of a custom predictor is v1 or v2.",
        "The webhook refuses other values.",
        "write v1 or v2",
        "webhook",
        "kserve/kserve v0.20.0 pkg/apis/serving/v1beta1/predictor_custom.go",
        components.live(_protocol),
    ),
    Rule(
        "kserve.transformer-storage",
        "error",
        components.ISVC,
        "A transformer next to the predictor in one pod has no STORAGE_URI.",
        "The model belongs to the predictor's container.",
        "move the variable to kserve-container",
        "webhook",
        _SOURCE,
        components.live(_transformer_storage),
    ),
    Rule(
        "kserve.storage-type",
        "error",
        components.ISVC,
        "The storage of an explainer is S3, HDFS or WebHDFS.",
        "The webhook refuses others.",
        "use storageUri alone, or a storage of one of these types",
        "webhook",
        "kserve/kserve v0.20.0 pkg/apis/serving/v1beta1/component.go",
        components.live(_storage_spec),
    ),
)
