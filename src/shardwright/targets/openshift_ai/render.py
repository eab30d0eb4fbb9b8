"""From a deployment to manifests: namespace and add-ons if asked for, then what KServe is given, marked for OpenShift AI.

The runtime is ours and for this deployment alone, as a ServingRuntime or as a Template that holds it; the service that
uses it is always rendered.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from shardwright.core import target_options
from shardwright.core.plugins import Manifest
from shardwright.kubernetes.render import dump, labels, members, patches
from shardwright.targets.openshift_ai import addons, objects, options, platform

if TYPE_CHECKING:
    from shardwright.core.deployment import Deployment

__all__ = ["RUNTIME", "SERVICE", "render_deployment", "template_name", "unpatched"]

RUNTIME = "ServingRuntime"
SERVICE = "InferenceService"
_DASHBOARD = "opendatahub.io/dashboard"
_VISIBILITY = "networking.kserve.io/visibility"
_TOKENS = "security.opendatahub.io/enable-auth"
_SHOWN_NAME = "openshift.io/display-name"


def render_deployment(deployment: Deployment) -> tuple[Manifest, ...]:
    """All manifests as the recipe's patches leave them, in the order in which they are applied."""
    return patches.patched(deployment.recipe, unpatched(deployment))


def unpatched(deployment: Deployment) -> tuple[Manifest, ...]:
    """All manifests before any patch."""
    made = platform.beneath().render(platform.deployment_beneath(deployment))
    return (*addons.rendered(deployment), *(_marked(deployment, manifest) for manifest in made))


def template_name(deployment: Deployment) -> str:
    """Name of the Template that holds the runtime."""
    return f"{options.runtime_name(deployment.recipe)}-template"


def _marked(deployment: Deployment, manifest: Manifest) -> Manifest:
    """The manifest with what OpenShift AI reads of it."""
    body: dict[str, Any] = dict(manifest.body)
    if manifest.kind == RUNTIME:
        return _runtime(deployment, body)
    if manifest.kind == SERVICE:
        return _service(deployment, body)
    return manifest


def _runtime(deployment: Deployment, body: dict[str, Any]) -> Manifest:
    name, recipe = options.runtime_name(deployment.recipe), deployment.recipe
    annotations = {
        _SHOWN_NAME: f"{deployment.plan.engine.name} {deployment.plan.layout} for {recipe.metadata.name}",
        "opendatahub.io/apiProtocol": "REST",
        "opendatahub.io/runtime-version": f"v{deployment.plan.engine.version}",
    }
    resource = members.gpu_resource(deployment)
    if resource:
        annotations["opendatahub.io/recommended-accelerators"] = f'["{resource}"]'
    body["metadata"] = _metadata(body, name, _shown(deployment), annotations)
    spec: dict[str, Any] = dict(body["spec"])
    spec["annotations"] = {**spec.get("annotations", {}), "opendatahub.io/kserve-runtime": deployment.plan.engine.name}
    body["spec"] = spec
    if target_options.text_of(recipe, "runtime") != "template":
        return Manifest(kind=RUNTIME, name=name, body=body)
    template = objects.Template(
        metadata=labels.metadata(
            deployment, template_name(deployment), "runtime", {_SHOWN_NAME: annotations[_SHOWN_NAME]}
        ),
        objects=(body,),
    )
    return dump.as_manifest(template)


def _service(deployment: Deployment, body: dict[str, Any]) -> Manifest:
    recipe = deployment.recipe
    checks = platform.checks_tokens(recipe)
    annotations = {_SHOWN_NAME: recipe.metadata.name, _TOKENS: "true" if checks else "false"}
    visible = {_VISIBILITY: "exposed"} if checks else {}
    body["metadata"] = _metadata(body, recipe.metadata.name, {**_shown(deployment), **visible}, annotations)
    spec = cast("dict[str, Any]", body["spec"])
    predictor: dict[str, Any] = dict(spec["predictor"])
    predictor["model"] = {**predictor["model"], "runtime": options.runtime_name(recipe)}
    body["spec"] = {**spec, "predictor": predictor}
    return Manifest(kind=SERVICE, name=recipe.metadata.name, body=body)


def _metadata(
    body: dict[str, Any], name: str, more_labels: dict[str, str], more_annotations: dict[str, str]
) -> dict[str, Any]:
    given: dict[str, Any] = body["metadata"]
    return {
        **given,
        "name": name,
        "labels": dict(sorted({**given.get("labels", {}), **more_labels}.items())),
        "annotations": dict(sorted({**more_annotations, **given.get("annotations", {})}.items())),
    }


def _shown(deployment: Deployment) -> dict[str, str]:
    return {_DASHBOARD: "true" if target_options.is_on(deployment.recipe, "dashboard") else "false"}
