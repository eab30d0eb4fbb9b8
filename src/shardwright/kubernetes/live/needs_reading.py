"""What manifests need of a cluster: their pods with what they ask for, claims, Secrets, accounts, networks, names.

Pure. A pod is a map with a list of containers wherever it stands; how many of it there are follows from the parts of the
root object, which its platform tells. Source: API core/v1; what operators make of their objects: LeaderWorkerSet 0.8,
KServe 0.20, KubeRay 1.5.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from shardwright.core.lifecycle.bodies import text_at
from shardwright.core.preflight import access, surge, trees
from shardwright.core.preflight.needs import ClaimNeed, Needs, ObjectNeed, PodNeed, SecretNeed
from shardwright.kubernetes import amounts
from shardwright.kubernetes.live import secret_references, ways_in_reading

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from shardwright.core.lifecycle.parts import Parts

__all__ = ["needs_of", "pod_need", "resource_of"]

_NETWORKS = "k8s.v1.cni.cncf.io/networks"
_TOPOLOGY = "leaderworkerset.sigs.k8s.io/exclusive-topology"
_ONCE = frozenset({"Job", "CronJob"})
_ROLES = {
    **dict.fromkeys(("leaderTemplate", "leader", "headGroupSpec"), "leader"),
    **dict.fromkeys(("workerTemplate", "worker", "workerSpec", "workerGroupSpecs"), "worker"),
    "prefill": "prefill",
    "router": "router",
}
"""Role by the field of an object in which its pods stand."""
_NO_PODS = frozenset({"LLMInferenceServiceConfig", "ServingRuntime"})
"""Parts of other objects' pods, not pods of their own."""
_MADE: dict[str, tuple[tuple[str, str, str], ...]] = {
    "LeaderWorkerSet": (("v1", "Service", "{}"),),
    "InferenceService": (("v1", "Service", "{}-predictor"), ("apps/v1", "Deployment", "{}-predictor")),
    "RayCluster": (("v1", "Service", "{}-head-svc"),),
}
"""What operators make under names that follow from an object's."""
_WITH_SERVICE = frozenset({"RayCluster", "RayService"})
"""Their operator makes a Service with ports; that of LeaderWorkerSets makes one without."""


def needs_of(
    namespace: str, name: str, target: str, manifests: Sequence[Mapping[str, Any]], parts: Parts | None
) -> Needs:
    """What these objects need; what only a plan or a recipe says is added by whoever has it."""
    objects = tuple(_object(body) for body in manifests)
    pods = tuple(_pods_of(manifests, parts))
    resources = [(resource_of(each.api_version, each.kind), bool(each.namespace)) for each in objects]
    roots = [resource_of(parts.root.api_version, parts.root.kind)] if parts else []
    made = tuple(_made(objects))
    keys = (SecretNeed(secret, key) for secret, key in secret_references.references_in(manifests))
    asks = access.asks_of(namespace, name, resources, roots)
    return Needs(
        namespace=namespace,
        name=name,
        target=target,
        objects=objects,
        made_by_others=made,
        made_resources=tuple((each, resource_of(each.api_version, each.kind)) for each in made),
        pods=pods,
        claims=tuple(_claims(manifests, pods)),
        secrets=tuple(dict.fromkeys((*(each for pod in pods for each in _secrets(pod)), *keys))),
        service_accounts=_named(pods, "serviceAccountName"),
        priority_classes=_named(pods, "priorityClassName"),
        networks=tuple(dict.fromkeys(each for pod in pods for each in _networks(pod, namespace))),
        routes=tuple(dict.fromkeys(each for body in manifests for each in ways_in_reading.routes_of(body))),
        ingress_classes=tuple(dict.fromkeys(each for body in manifests for each in ways_in_reading.classes_of(body))),
        certificates=tuple(dict.fromkeys(each for body in manifests for each in ways_in_reading.certificates_of(body))),
        topology_keys=tuple(sorted({key for body in manifests for key in _topology_keys(body)})),
        own_pods=parts.pod_selector if parts else "",
        spare=surge.spare_pods(pods, parts.replicas, parts.update.surge) if parts else (),
        is_spread=parts is not None and parts.size > 1,
        asks=(*asks, *access.way_in_asks(namespace, has_service=_has_service(objects, parts))),
    )


def _has_service(objects: Iterable[ObjectNeed], parts: Parts | None) -> bool:
    """Whether a Service with a port leads to the leaders: a rendered one, or one that the platform makes."""
    if parts is None or parts.service:
        return True
    return any(each.kind in {"Service", *_WITH_SERVICE} for each in objects)


def resource_of(api_version: str, kind: str) -> str:
    """As rules of access write a kind: `leaderworkersets.leaderworkerset.x-k8s.io`; by the usual way to make plurals."""
    lower = kind.lower()
    plural = f"{lower}es" if lower.endswith("s") else re.sub("([^aeiou])y$", r"\1ies", f"{lower}")
    plural = plural if plural != lower else f"{lower}s"
    group = api_version.rpartition("/")[0]
    return f"{plural}.{group}" if group else plural


def _object(body: Mapping[str, Any]) -> ObjectNeed:
    return ObjectNeed(
        text_at(body, "apiVersion"),
        text_at(body, "kind"),
        text_at(body, "metadata", "name"),
        text_at(body, "metadata", "namespace"),
    )


def _made(objects: Iterable[ObjectNeed]) -> Iterator[ObjectNeed]:
    for each in objects:
        for api_version, kind, form in _MADE.get(each.kind, ()):
            yield ObjectNeed(api_version, kind, form.format(each.name), each.namespace)


def _pods_of(manifests: Sequence[Mapping[str, Any]], parts: Parts | None) -> Iterator[PodNeed]:
    for body in manifests:
        kind = text_at(body, "kind")
        if kind in _NO_PODS:
            continue
        found = list(_templates(body, ()))
        for path, template in found:
            is_alone = len(found) == 1
            name = _name(kind, path)
            if name == "pod" and parts is not None and parts.size > 1:
                name = "member" if is_alone else "leader"
            yield pod_need(name, _count(kind, body, path, parts, is_alone=is_alone), template)


def _templates(value: object, path: tuple[str | int, ...]) -> Iterator[tuple[tuple[str | int, ...], dict[str, Any]]]:
    """Path and template (metadata and spec) of every pod in an object; some platforms have a spec alone."""
    if isinstance(value, dict):
        tree: dict[str, Any] = value  # pyright: ignore[reportUnknownVariableType] - JSON
        if trees.items(trees.part(tree, "spec"), "containers"):
            yield path, tree
        elif trees.items(tree, "containers"):
            yield path, {"spec": tree}
        else:
            for key, inner in tree.items():
                yield from _templates(inner, (*path, key))
    elif isinstance(value, list):
        entries: list[object] = value  # pyright: ignore[reportUnknownVariableType] - JSON
        for index, inner in enumerate(entries):
            yield from _templates(inner, (*path, index))


def _name(kind: str, path: tuple[str | int, ...]) -> str:
    """The role of a pod by where it stands."""
    if kind in _ONCE:
        return "download Job"
    return next((_ROLES[str(each)] for each in path if str(each) in _ROLES), "pod")


def _count(
    kind: str, body: Mapping[str, Any], path: tuple[str | int, ...], parts: Parts | None, *, is_alone: bool
) -> int:
    if kind in _ONCE or parts is None:
        return 1
    if "workerGroupSpecs" in path:
        at = path.index("workerGroupSpecs")
        index = path[at + 1]
        groups = trees.items(trees.part(body, *map(str, path[:at])), "workerGroupSpecs")
        group = groups[index] if isinstance(index, int) and index < len(groups) else {}
        return int(group.get("replicas") or 0) * int(group.get("numOfHosts") or 1)
    name = _name(kind, path)
    if is_alone:
        return parts.replicas * parts.size
    return parts.replicas * (parts.size - 1) if name == "worker" else 1 if name == "router" else parts.replicas


def pod_need(name: str, count: int, template: Mapping[str, Any]) -> PodNeed:
    """Pods of one template."""
    spec = trees.part(template, "spec")
    main = [_resources(one) for one in trees.items(spec, "containers")]
    first = trees.items(spec, "initContainers")
    beside = [_resources(one) for one in first if one.get("restartPolicy") == "Always"]
    before = [_resources(one) for one in first if one.get("restartPolicy") != "Always"]
    requests, limits = (
        amounts.largest([amounts.total(each[part] for each in (*main, *beside)), *(each[part] for each in before)])
        for part in (0, 1)
    )
    every = (*main, *beside, *before)
    lacks = {f"requests.{key}" for key in ("cpu", "memory") if any(key not in each[0] for each in every)}
    lacks |= {f"limits.{key}" for key in ("cpu", "memory") if any(key not in each[1] for each in every)}
    return PodNeed(
        name=name,
        count=count,
        spec=spec,
        annotations={str(key): str(value) for key, value in trees.part(template, "metadata", "annotations").items()},
        requests={**requests, "pods": 1.0},
        limits=limits,
        lacks=frozenset(lacks),
        largest=amounts.largest({**each[0], **each[1]} for each in every),
        is_member=name != "download Job",
    )


def _resources(container: Mapping[str, Any]) -> tuple[dict[str, float], dict[str, float]]:
    requests, limits = trees.part(container, "resources", "requests"), trees.part(container, "resources", "limits")
    return amounts.requested(requests, limits), amounts.amounts_of(limits)


def _claims(manifests: Sequence[Mapping[str, Any]], pods: Sequence[PodNeed]) -> Iterator[ClaimNeed]:
    made = {
        text_at(body, "metadata", "name"): body for body in manifests if body.get("kind") == "PersistentVolumeClaim"
    }
    mounts = [(pod, *each) for pod in pods for each in _mounted(pod)]
    for name in dict.fromkeys([*made, *(claim for _, claim, _ in mounts)]):
        spec = trees.part(made.get(name, {}), "spec")
        own = [(pod, is_read_only) for pod, claim, is_read_only in mounts if claim == name]
        yield ClaimNeed(
            name=name,
            is_made=name in made,
            storage_class=spec.get("storageClassName"),
            size_bytes=amounts.amount_of(trees.part(spec, "resources", "requests").get("storage") or 0),
            access_modes=tuple(trees.texts(spec, "accessModes")),
            pods=max(1, sum(pod.count for pod, _ in own if pod.is_member)),
            writes=any(not pod.is_member and not is_read_only for pod, is_read_only in own),
        )


def _mounted(pod: PodNeed) -> Iterator[tuple[str, bool]]:
    """Claims of a pod, each with whether it is mounted read-only."""
    for volume in trees.items(pod.spec, "volumes"):
        source = trees.part(volume, "persistentVolumeClaim")
        if source.get("claimName"):
            yield str(source["claimName"]), bool(source.get("readOnly"))


def _secrets(pod: PodNeed) -> Iterator[SecretNeed]:
    for part in ("initContainers", "containers"):
        for container in trees.items(pod.spec, part):
            for variable in trees.items(container, "env"):
                key = trees.part(variable, "valueFrom", "secretKeyRef")
                if key.get("name") and not key.get("optional"):
                    yield SecretNeed(str(key["name"]), str(key.get("key") or ""))
            for source in trees.items(container, "envFrom"):
                found = trees.part(source, "secretRef")
                if found.get("name") and not found.get("optional"):
                    yield SecretNeed(str(found["name"]))
    for volume in trees.items(pod.spec, "volumes"):
        found = trees.part(volume, "secret")
        if found.get("secretName") and not found.get("optional"):
            yield SecretNeed(str(found["secretName"]))
    for each in trees.items(pod.spec, "imagePullSecrets"):
        yield SecretNeed(str(each.get("name", "")), is_for_images=True)


def _named(pods: Iterable[PodNeed], field: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(str(pod.spec[field]) for pod in pods if pod.spec.get(field)))


def _networks(pod: PodNeed, namespace: str) -> Iterator[tuple[str, str]]:
    """Networks of the annotation, `namespace/name@interface`; its JSON form is not read."""
    given = pod.annotations.get(_NETWORKS, "")
    for text in () if given.lstrip().startswith("[") else given.split(","):
        place = text.strip().partition("@")[0]
        inside, _, name = place.rpartition("/")
        if name:
            yield inside or namespace, name


def _topology_keys(value: object) -> Iterator[str]:
    """Labels by which groups and pods are placed: LeaderWorkerSet's annotation and required affinity between pods."""
    if isinstance(value, dict):
        tree: dict[str, Any] = value  # pyright: ignore[reportUnknownVariableType] - JSON
        for key, inner in tree.items():
            if key == _TOPOLOGY and isinstance(inner, str):
                yield inner
            elif key == "requiredDuringSchedulingIgnoredDuringExecution" and isinstance(inner, list):
                terms = trees.items(tree, key)
                yield from (str(term["topologyKey"]) for term in terms if term.get("topologyKey"))
            else:
                yield from _topology_keys(inner)
    elif isinstance(value, list):
        entries: list[object] = value  # pyright: ignore[reportUnknownVariableType] - JSON
        for inner in entries:
            yield from _topology_keys(inner)
