"""What a blueprint cannot say of a deployment, and what is to be done before it is sent."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from shardwright import errors
from shardwright.core.recipe import canonical, source
from shardwright.core.rules import Finding
from shardwright.facts import load as facts
from shardwright.formats.oci_blueprints import keys
from shardwright.formats.oci_blueprints.reading import ANNOTATION, OPTION_PORTS
from shardwright.formats.oci_blueprints.served import ENGINE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shardwright.core.deployment import Deployment
    from shardwright.facts.load import NodeShape

__all__ = ["findings_of", "is_ray_cluster", "shape_of"]

_WITHOUT_EFFECT = {"hardware", "prices"}
_WRITTEN: dict[str, tuple[str, ...]] = {
    "metadata": ("name", "annotations"),
    "model": ("source", "shape", "token"),
    "engine": ("name", "version", "image", "executor", "env"),
    "workload": ("concurrency", "inputTokens", "outputTokens", "latencyGoal", "objective"),
    "parallelism": ("tensor", "pipeline"),
    "pods": ("cpu", "memory", "sharedMemory", "imagePullSecrets", "nodeSelector", "tolerations"),
    "storage": ("claim", "size", "cacheDir"),
    "expose": ("kind", "host", "tls"),
    "target": ("kind", "version", "options"),
}
"""Fields by section that every blueprint carries, or that only a plan needs."""
_BY_CLUSTER: dict[str, tuple[str, ...]] = {"expose": ("dashboard",)}
_BY_SERVICE: dict[str, tuple[str, ...]] = {
    "model": ("servedName", "dtype", "revision", "trustRemoteCode", "loraSlots"),
    "engine": ("args",),
    "workload": ("maxModelLen",),
    "parallelism": ("data", "expert"),
}
_RAY_CLUSTER = "kuberay"
_CLOUD = ("VM.", "BM.")
_FETCHED = ("par", "s3")


def is_ray_cluster(deployment: Deployment) -> bool:
    """Whether the target is written in the mode of Ray clusters; one node needs none."""
    target = deployment.recipe.target
    return target is not None and target.kind == _RAY_CLUSTER and deployment.group.size > 1


def shape_of(deployment: Deployment) -> NodeShape | None:
    """The shape that the recipe names, else the one with these GPUs and no others; None where there is none of this cloud."""
    named = deployment.recipe.hardware.node_shape
    if named:
        try:
            found = facts.node_shape(named)
        except errors.InputError:
            return None
        return found if found.name.startswith(_CLOUD) else None
    count, unusable = len(deployment.group.leader.ranks), keys.table("shapes")["unusable"]
    fitting = [
        each
        for each in facts.node_shapes()
        if each.name.startswith(_CLOUD) and each.gpu == deployment.plan.gpu.name and each.name not in unusable
    ]
    whole = [each for each in fitting if each.gpus == count]
    larger = sorted((each for each in fitting if each.gpus > count), key=lambda each: each.gpus)
    return next(iter([*whole, *([] if is_ray_cluster(deployment) else larger)]), None)


def findings_of(deployment: Deployment) -> Iterator[Finding]:
    """All findings; errors first."""
    yield from _hardware(deployment)
    yield from _engine(deployment)
    yield from _source(deployment)
    yield from _cluster(deployment)
    yield from _not_written(deployment)
    yield from _spanned(deployment)


def _wrong(name: str, path: str, message: str, fix: str) -> Finding:
    return Finding(name, "fail", "error", message, fix=fix, path=path)


def _hardware(deployment: Deployment) -> Iterator[Finding]:
    """Nodes are named by their shape, and all are alike."""
    shape, plan = shape_of(deployment), deployment.plan
    if len({gpu.name for gpu in plan.gpus}) > 1 or deployment.recipe.hardware.pools:
        fix = "use one kind of node"
        yield _wrong("blueprint.write-pools", "hardware.pools", "a blueprint has nodes of one shape", fix)
    elif shape is None:
        known = [each.name for each in facts.node_shapes() if each.name.startswith(_CLOUD)]
        count = len(deployment.group.leader.ranks)
        message = f"no shape of the catalogue has {count} x {plan.gpu.name} on a node of OCI"
        yield _wrong(
            "blueprint.write-shape",
            "hardware.nodeShape",
            message,
            f"set hardware.nodeShape to one of {', '.join(known)}",
        )
    elif is_ray_cluster(deployment) and shape.gpus != len(deployment.group.leader.ranks):
        message = (
            f"{shape.name} has {shape.gpus} GPUs, the layout uses {len(deployment.group.leader.ranks)} of each node"
        )
        yield _wrong("blueprint.write-gpus", "parallelism", message, "use all GPUs of a node")


def _engine(deployment: Deployment) -> Iterator[Finding]:
    """Blueprints over several nodes know one engine."""
    name = deployment.plan.engine.name
    if name != ENGINE:
        yield _wrong(
            "blueprint.write-engine",
            "engine.name",
            f"{name} cannot be written as a blueprint",
            f"use engine.name: {ENGINE}",
        )


def _source(deployment: Deployment) -> Iterator[Finding]:
    """Over several nodes the model is read from object storage, which the control plane copies to a volume."""
    recipe = deployment.recipe
    found = source.parse_source(recipe.model.source)
    needs_bucket = deployment.group.size > 1
    if found.scheme not in (*_FETCHED, *(() if needs_bucket else ("hf",))):
        allowed = "par://BUCKET/PATH or s3://BUCKET/PATH" + ("" if needs_bucket else ", or hf://OWNER/NAME")
        message = f"{recipe.model.source} cannot be read by a blueprint{' over several nodes' if needs_bucket else ''}"
        yield _wrong("blueprint.write-source", "model.source", message, f"put the model into a bucket: {allowed}")
    if found.scheme == "par":
        yield Finding(
            "blueprint.write-request",
            "unknown",
            "info",
            "the address of the pre-authenticated request is not written: ${REGION}, ${TOKEN} and ${NAMESPACE} stand there",
            why="the address is a credential",
            fix="fill it in before the blueprint is sent, and keep that file to yourself",
            path="model.source",
            requirements=("R088",),
        )


def _cluster(deployment: Deployment) -> Iterator[Finding]:
    """The mode of Ray clusters has one layout and one replica."""
    if not is_ray_cluster(deployment):
        return
    layout, recipe = deployment.plan.layout, deployment.recipe
    if (layout.tensor, layout.pipeline, layout.data) != (layout.gpus_per_node, layout.nodes, 1):
        message = f"the mode raycluster always has TP{layout.gpus_per_node} x PP{layout.nodes}; planned is {layout}"
        fix = f"set parallelism: {{tensor: {layout.gpus_per_node}, pipeline: {layout.nodes}}}, or target.kind: lws"
        yield _wrong("blueprint.write-layout", "parallelism", message, fix)
    if recipe.replicas != 1:
        yield _wrong(
            "blueprint.write-replicas", "replicas", "the mode raycluster has one replica", "use target.kind: lws"
        )


def _not_written(deployment: Deployment) -> Iterator[Finding]:
    """Fields without a key in a blueprint are named."""
    lost = list(_lost(deployment))
    if lost:
        yield Finding(
            "blueprint.not-written",
            "warn",
            "warning",
            f"a blueprint has no key for {', '.join(lost)}",
            why="what is deployed from it does without, so it is not quite what was planned",
            fix="render manifests instead, or leave these fields out",
            path=lost[0],
        )


def _lost(deployment: Deployment) -> Iterator[str]:
    """Paths of fields that are set, have an effect, and are not written."""
    recipe, is_cluster = deployment.recipe, is_ray_cluster(deployment)
    more = _BY_CLUSTER if is_cluster else _BY_SERVICE
    for section, held in canonical.to_document(recipe).items():
        if isinstance(held, dict) and section not in _WITHOUT_EFFECT:
            for name in cast("dict[str, object]", held):
                if name not in (*_WRITTEN.get(section, ()), *more.get(section, ())):
                    yield f"{section}.{name}"
    if set(recipe.metadata.annotations) - {ANNOTATION}:
        yield "metadata.annotations"
    if set(recipe.target.options if recipe.target else ()) - set(OPTION_PORTS if is_cluster else ()):
        yield "target.options"


def _spanned(deployment: Deployment) -> Iterator[Finding]:
    """The control plane has nodes joined by Ray; an image without it starts nothing."""
    executor = deployment.plan.engine.executor
    if deployment.group.size > 1 and executor != "ray":
        yield Finding(
            "blueprint.write-executor",
            "warn",
            "warning",
            f"planned with executor {executor}; the control plane starts Ray on all nodes, and its own image has vLLM 0.8.3",
            fix="set engine.executor: ray and an engine.image with Ray in it",
            path="engine.executor",
            value=executor,
        )
