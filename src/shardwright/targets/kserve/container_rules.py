"""Rules on containers: variables that KServe sets or refuses, templates, names of the model, devices, the server.

Source: kserve/kserve v0.13.1 to v0.20.0, pkg/apis/serving/v1beta1/component.go, pkg/validation/env_policy.go,
pkg/controller/v1beta1/inferenceservice/utils/utils.go and components/predictor.go.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from shardwright.kubernetes.render import members
from shardwright.kubernetes.rules.findings import error, info, unknown
from shardwright.targets.kserve import gpu_resources, options, releases, resources, server, wiring

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shardwright.core.deployment import Deployment
    from shardwright.core.rules import Finding

__all__ = ["OWN", "RULES"]

_SIZES = ("TENSOR_PARALLEL_SIZE", "PIPELINE_PARALLEL_SIZE")
OWN = (
    wiring.HEAD,
    wiring.INDEX,
    "WORKER_SVC",
    "ISVC_NAME",
    "MODEL_NAME",
    "MODEL_DIR",
    "RAY_NODE_COUNT",
    "REQUEST_GPU_COUNT",
)
"""Variables of a group's members that are not the recipe's to set."""


def variables(deployment: Deployment) -> Iterator[Finding]:
    """Sizes are fields since 0.15, and what KServe sets it sets over what is given."""
    release = releases.release_of(deployment.recipe)
    refused = release.refused_env if release else ()
    is_group = deployment.group.size > 1
    for entry in deployment.recipe.engine.env:
        path = f"engine.env.{entry}"
        if entry in _SIZES:
            yield error(
                "kserve.size-variable",
                path=path,
                value=entry,
                message=f"{entry} cannot be set",
                why="the webhook refuses it: sizes are fields of workerSpec, and the controller sets the variables from them",
                fix="remove it and give parallelism: {tensor: N, pipeline: N}",
                requirements=("R033", "R065", "R069"),
            )
        elif entry in refused or (is_group and entry in OWN):
            yield error(
                "kserve.variable-taken",
                path=path,
                value=entry,
                message=f"{entry} cannot be set: KServe {'refuses it' if entry in refused else 'sets it itself'}",
                fix="remove it, or use another name",
            )


def templates(deployment: Deployment) -> Iterator[Finding]:
    """KServe fills `{{...}}` of the head's container in, as a template of Go."""
    launch = deployment.leader
    texts = (*launch.argv, *(entry.value for entry in launch.environment if isinstance(entry.value, str)))
    for text in texts:
        if "{{" in text:
            yield error(
                "kserve.template",
                path="engine",
                value=text[:80],
                message="the head's command or environment has {{, which KServe takes for a template of its own",
                why="the whole container is run through Go's text/template, and the pod is not made where that fails",
                fix="put the text into a file of the model's claim or of an image, and give its path",
            )


def served_name(deployment: Deployment) -> Iterator[Finding]:
    """Platform, dashboards and shipped probes ask for the model by the service's name."""
    recipe = deployment.recipe
    is_served = recipe.metadata.name in deployment.leader.argv and not options.is_server(recipe)
    if recipe.served_name != recipe.metadata.name and not is_served:
        yield error(
            "kserve.served-name",
            path="model.servedName",
            value=recipe.served_name,
            message=f"the server answers to {recipe.served_name} only; KServe asks for {recipe.metadata.name}",
            fix=f"leave model.servedName out, or give metadata.name: {recipe.served_name}",
            requirements=("R031",),
        )


def device_types(deployment: Deployment) -> Iterator[Finding]:
    """Devices that KServe does not know have to be named to it in groups; how many nodes there are it reads from known ones."""
    release, own = releases.release_of(deployment.recipe), members.gpu_resource(deployment)
    types = resources.unknown_types(deployment)
    if release is None or deployment.group.size == 1 or release.workers != "sizes" or not types:
        return
    yield info(
        "kserve.gpu-types",
        path="network.rdma" if own not in types else "hardware.resource",
        value=", ".join(types),
        message=f"annotation serving.kserve.io/gpu-resource-types names {', '.join(types)}",
        why="the webhook refuses groups with devices that it does not take for GPUs",
        requirements=("R038", "R133"),
    )
    is_counted = release.has_executor and deployment.plan.engine.executor != "ray"
    if own in types and deployment.plan.layout.gpus_per_node > 1 and not is_counted:
        yield error(
            "kserve.gpu-type",
            path="hardware.resource",
            value=own,
            message=f"KServe would make one pod for each {own}, not {deployment.group.size} nodes",
            why=f"it counts nodes by requests of {', '.join(gpu_resources.KNOWN)}",
            fix="use one of these, one GPU on each node, or engine.executor: mp with KServe 0.18 or newer",
            requirements=("R038", "R039"),
        )


def hugging_face(deployment: Deployment) -> Iterator[Finding]:
    """The server brings its own engine, of one version, and no members without an API."""
    recipe, release = deployment.recipe, releases.release_of(deployment.recipe)
    if release is None or not options.is_server(recipe):
        return
    path = "target.options.runtime"
    if deployment.plan.engine.name != server.ENGINE:
        yield error(
            "kserve.server-engine",
            path=path,
            value=deployment.plan.engine.name,
            message=f"KServe's Hugging Face server runs {server.ENGINE}, not {deployment.plan.engine.name}",
            fix="leave runtime out, or use that engine",
        )
        return
    if (
        deployment.worker is not None
        and not server.is_translatable(deployment.worker.argv or deployment.leader.argv)
        and (deployment.plan.engine.executor != "ray")
    ):
        yield error(
            "kserve.server-executor",
            path="engine.executor",
            value=str(deployment.plan.engine.executor),
            message="KServe's Hugging Face server spans nodes with Ray only",
            why="it has no form that serves no API, which all members but the first need",
            fix="use engine.executor: ray, or leave runtime out",
        )
    auth = recipe.expose.auth
    if auth is not None and auth.api_key is not None:
        yield error(
            "kserve.server-auth",
            path="expose.auth.apiKey",
            value=f"{auth.api_key.secret}/{auth.api_key.key}",
            message="KServe's Hugging Face server checks no key: everybody would be let in",
            fix="leave runtime out, so that the engine's own server checks it, or remove expose.auth",
        )
    yield from _server_image(deployment, release)
    yield info(
        "kserve.server-route",
        path=path,
        value=options.HUGGING_FACE,
        message=f"requests go to {server.ROUTE}/v1/completions and {server.ROUTE}/v1/chat/completions",
        fix=f"give clients the address with {server.ROUTE}/v1 as its base",
        requirements=("R082",),
    )


def _server_image(deployment: Deployment, release: releases.Release) -> Iterator[Finding]:
    given, version = deployment.recipe.engine.image, deployment.plan.engine.version
    if given is not None:
        yield unknown(
            "kserve.server-image",
            path="engine.image",
            value=given,
            message=f"{given} must hold KServe's Hugging Face server with {server.ENGINE} {version}",
            fix=f"docker run --rm --entrypoint python3 {given} -c 'import huggingfaceserver, vllm; print(vllm.__version__)'",
        )
    elif not release.server_image:
        yield error(
            "kserve.server-image",
            path="engine.image",
            message=f"which engine is in the server's image of KServe {release.version} is not known",
            fix="give engine.image and engine.version, or leave runtime out",
        )
    elif deployment.plan.gpu.device != "cuda":
        yield error(
            "kserve.server-image",
            path="engine.image",
            value=release.server_image,
            message=f"{release.server_image} is for NVIDIA's devices; the plan is for {deployment.plan.gpu.device}",
            fix="name an image with KServe's Hugging Face server for that device in engine.image, or leave runtime out",
            requirements=("R038",),
        )
    elif release.server_engine != version:
        yield error(
            "kserve.server-version",
            path="engine.version",
            value=version,
            message=f"{release.server_image} has {server.ENGINE} {release.server_engine}; {version} is planned",
            why="memory and flags differ between versions, so the plan would not hold",
            fix=f"give engine.version: {release.server_engine}, or engine.image with the server and {version}",
        )


RULES = (variables, templates, served_name, device_types, hugging_face)
"""All rules on containers."""
