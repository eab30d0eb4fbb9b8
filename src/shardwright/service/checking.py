"""Use case: a preflight: what a recipe, or an object that is there, needs of a cluster, and whether the cluster has it."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from shardwright import errors, registry
from shardwright.core import preflight
from shardwright.core.lifecycle.bodies import text_at
from shardwright.core.preflight import access, trees
from shardwright.core.preflight.needs import Ask, GpuNeed, Operator
from shardwright.facts import load as catalogue
from shardwright.kubernetes import image_cuda
from shardwright.kubernetes.live import needs_reading
from shardwright.kubernetes.render import prerequisites as platform
from shardwright.service import deploying, prerequisites, rendering, seeing

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from shardwright.core.deployment import Deployment
    from shardwright.core.hardware import Gpu
    from shardwright.core.lifecycle.parts import Parts
    from shardwright.core.plan.types import Plan
    from shardwright.core.plugins import Target
    from shardwright.core.preflight.needs import Needs
    from shardwright.core.rules import Finding
    from shardwright.kubernetes.client import Client

__all__ = ["check", "failing", "needs_of_object", "needs_of_plan", "needs_of_rendered", "rbac", "roles"]

_OWN = "app.kubernetes.io/managed-by"


def needs_of_plan(plan: Plan, *, create_namespace: bool = False) -> Needs:
    """What a planned recipe needs; InputError as `render` has it, and for a target without a cluster."""
    target = deploying.target_of(plan)
    if target.kind == "local":
        raise errors.InputError(
            "target.kind: local runs on this machine: there is no cluster to check",
            hint="shardwright rehearse shows whether this machine can run it",
        )
    deployment = deploying.deployment_of(plan, target)
    bodies = [dict(each.body) for each in rendering.render(deployment, target)]
    metadata = plan.recipe.metadata
    needs = needs_of_rendered((metadata.namespace, metadata.name, target.kind), bodies)
    asked = plan.recipe.target
    release = (asked.version or "") if asked else ""
    return dataclasses.replace(
        needs,
        bodies=tuple(bodies),
        gpu=_gpu_need(plan, needs),
        image=deployment.image,
        cuda=image_cuda.cuda_of(deployment.image),
        claims=tuple(dataclasses.replace(each, model_bytes=_model_bytes(plan)) for each in needs.claims),
        operators=tuple(_operators(deployment, target, release)),
        ip_family=plan.recipe.network.ip_family or "",
        distribution=platform.distribution_of(registry.package_of(target.kind)),
        may_make_namespace=create_namespace,
        release=release,
        releases=target.versions,
    )


def _model_bytes(plan: Plan) -> float:
    """What the files take; 0 where the claim holds what a path on it names, which the plan did not read."""
    return float(plan.shape.checkpoint_bytes or plan.shape.weights_bytes)


def _root_of(bodies: Sequence[Mapping[str, Any]]) -> tuple[Mapping[str, Any] | None, Parts | None]:
    """The object that serves, and its parts."""
    for kind in registry.PARTS:
        for body in bodies:
            if body.get("kind") == kind:
                return body, registry.load_parts(kind)(body)
    return None, None


def needs_of_rendered(who: tuple[str, str, str], bodies: Sequence[Mapping[str, Any]]) -> Needs:
    """Needs of a deployment's manifests, of whom by namespace, name and target; what only a plan says is left out."""
    return _needs_of(who, bodies, *_root_of(bodies))


def _needs_of(
    who: tuple[str, str, str],
    bodies: Sequence[Mapping[str, Any]],
    root: Mapping[str, Any] | None,
    parts: Parts | None,
) -> Needs:
    """Needs of manifests, of whom by namespace, name and target.

    The pods of an object that does not have them as they are, are put together first.
    """
    put_together = registry.load_templates(text_at(root, "kind")) if root else None
    if root is None or put_together is None:
        return needs_reading.needs_of(*who, bodies, parts)
    others = [body for body in bodies if body is not root]
    whole = {**root, "spec": put_together(root, others)}
    return needs_reading.needs_of(*who, [*others, whole], parts)


def _gpu_need(plan: Plan, needs: Needs) -> GpuNeed | None:
    gpu: Gpu = plan.gpu
    if gpu.device == "cpu":
        return None
    asked = plan.recipe.hardware
    return GpuNeed(
        resource=_device_of(needs, asked.resource or gpu.resource),
        name=gpu.name,
        aliases=next((one.aliases for one in catalogue.gpu_facts() if one.gpu.name == gpu.name), ()),
        memory_bytes=float(asked.gpu_memory or gpu.memory_bytes),
    )


def _device_of(needs: Needs, resource: str) -> str:
    """The resource as pods ask for it: a platform may call it otherwise."""
    asked = {key for pod in needs.members for key in pod.requests}
    vendor = resource.partition("/")[0]
    return (
        resource
        if resource in asked
        else next((key for key in sorted(asked) if key.startswith(f"{vendor}/")), resource)
    )


def _operators(deployment: Deployment, target: Target, release: str) -> Iterable[Operator]:
    for entry in prerequisites.needed(deployment, target):
        pairs = (kind.partition("/") for kind in entry.kinds)
        yield Operator(
            name=entry.name,
            install=entry.install,
            kinds=tuple((group, kind) for group, _, kind in pairs),
            deployments=entry.deployments,
            devices=entry.devices,
            is_shared=entry.is_shared,
            asserted=release if entry.is_platform else "",
            is_platform=entry.is_platform,
        )


def needs_of_object(client: Client, namespace: str, name: str) -> Needs:
    """What the object KIND/NAME of the cluster needs, by its own templates; NotFound if it is not there.

    What only a plan says is not looked at: the kind of GPU, the driver, the model's size. Nor are rights: it is there.
    """
    from shardwright.kubernetes.client import Ref  # noqa: PLC0415 - see clusters

    subject = seeing.find(client, namespace, name)
    root = subject.parts.root
    body = client.get(Ref(root.api_version, root.kind, root.name, namespace))
    beside = list(_runtimes(client, body, namespace)) if registry.load_templates(root.kind) else []
    needs = _needs_of((namespace, root.name, subject.target), [*beside, body], body, subject.parts)
    devices = sorted({key for pod in needs.members for key in pod.requests if _is_device(key)})
    objects = tuple(each for each in needs.objects if each.kind == root.kind)
    return dataclasses.replace(
        needs,
        objects=objects,
        made_by_others=(),
        asks=(),
        gpu=GpuNeed(resource=devices[0]) if devices else None,
    )


def _is_device(resource: str) -> bool:
    from shardwright.kubernetes import accelerators  # noqa: PLC0415 - needed here alone

    return accelerators.accelerator_of(resource) is not None


def _runtimes(client: Client, body: Mapping[str, Any], namespace: str) -> Iterable[Mapping[str, Any]]:
    """The runtime that an InferenceService names, of its namespace or of the cluster."""
    from shardwright.kubernetes.client import Ref  # noqa: PLC0415 - see clusters

    wanted = str(trees.part(body, "spec", "predictor", "model").get("runtime") or "")
    for kind, inside in (("ServingRuntime", namespace), ("ClusterServingRuntime", "")):
        if wanted and client.kinds.served("serving.kserve.io", kind):
            found = client.find(Ref("serving.kserve.io/v1alpha1", kind, wanted, inside))
            if found is not None:
                yield found
                return


def check(client: Client, needs: Needs) -> tuple[Finding, ...]:
    """What the cluster has and lacks; nothing is created."""
    from shardwright.kubernetes.live import facts_reading  # noqa: PLC0415 - see clusters

    return preflight.check(needs, facts_reading.read_facts(client, needs))


def failing(findings: Iterable[Finding], *, strict: bool) -> bool:
    """Whether a preflight fails: by errors, and if `strict` by warnings and by what could not be told."""
    bad = {"fail", "warn", "unknown"} if strict else {"fail"}
    return any(finding.status in bad for finding in findings)


def rbac(
    needs: Needs, subject: Mapping[str, str], *, with_probe: bool = False, with_secrets: bool = False
) -> list[dict[str, Any]]:
    """Roles and bindings that allow a subject to check, apply and follow this, and nothing else; one Role a namespace.

    `with_probe`: also what `check --probe` needs; `with_secrets`: what `apply --secret-from-env` needs.
    """
    wanted = (*needs.asks, *access.reading_asks(needs))
    wanted += access.probing_asks(needs) if with_probe else ()
    wanted += access.secret_asks(needs) if with_secrets else ()
    return roles(wanted, (needs.namespace, needs.name), subject)


def roles(
    wanted: Iterable[Ask], who: tuple[str, str], subject: Mapping[str, str], *, purpose: str = ""
) -> list[dict[str, Any]]:
    """Roles and bindings that allow just this: one in each namespace, one for the whole cluster.

    `who`: namespace and name of the deployment, after which they are named; `purpose` ends their names.
    """
    by_place: dict[str, list[Ask]] = {}
    for ask in wanted:
        by_place.setdefault(ask.namespace, []).append(ask)
    ending = f"-{purpose}" if purpose else ""
    parts = {place: who[1:] if place else filter(None, who) for place in by_place}
    named = {place: f"shardwright-{'-'.join(each)}{ending}" for place, each in parts.items()}
    return [
        body for place in sorted(by_place) for body in _role((place, named[place], who[1]), by_place[place], subject)
    ]


def _role(place: tuple[str, str, str], asks: Sequence[Ask], subject: Mapping[str, str]) -> list[dict[str, Any]]:
    """A role and its binding, by namespace, name and deployment; for the whole cluster where no namespace is given."""
    namespace, own, instance = place
    prefix = "" if namespace else "Cluster"
    metadata: dict[str, Any] = {"name": own} | ({"namespace": namespace} if namespace else {})
    metadata["labels"] = {"app.kubernetes.io/instance": instance, _OWN: "shardwright"}
    group = "rbac.authorization.k8s.io"
    role: dict[str, Any] = {"apiVersion": f"{group}/v1", "kind": f"{prefix}Role", "metadata": metadata}
    role["rules"] = list(access.rules_of(asks))
    binding: dict[str, Any] = {"apiVersion": f"{group}/v1", "kind": f"{prefix}RoleBinding", "metadata": metadata}
    binding["roleRef"] = {"apiGroup": group, "kind": f"{prefix}Role", "name": own}
    binding["subjects"] = [dict(subject)]
    return [role, binding]
