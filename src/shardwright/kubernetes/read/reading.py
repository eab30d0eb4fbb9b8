"""Pods of manifests from anywhere become fields of a recipe: the way back from `members`, `pods`, `network` and `storage`.

    leader = reading.pod_of(template, surroundings)         # a pod template; or any mapping with `metadata` and `spec`
    worker = reading.pod_of(other_template, surroundings)
    fields, findings = reading.fields_of(reading.Group(leader, worker, nodes=2), reading.Place(name, namespace, surroundings))

`fields_of` gives all that pods say: `engine.*` and `parallelism.*` by the command, `model.source`, `model.token`,
`storage.*`, `hardware.*`, `network.*`, `pods.*`, `expose.auth.apiKey`. Its parts are in `reading_storage` (source, claim,
download Job), `reading_variables` (environment, secrets) and `reading_devices` (GPUs, RDMA). `way_in_of` reads Service and
way in (`expose.*`); `metadata_of` name, namespace, labels and annotations of an object.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from shardwright.core.importing import Started
from shardwright.core.recipe.model import Pods
from shardwright.kubernetes.read import reading_devices, reading_storage, reading_variables
from shardwright.kubernetes.read.reading_pods import Group, Place, ReadPod, items_of, maps_of, size_text, texts_of
from shardwright.kubernetes.read.reading_way_in import way_in_of
from shardwright.kubernetes.render import network, pods

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shardwright.core.importing import Command, Fields, Surroundings
    from shardwright.core.manifests.objects import Object, Value
    from shardwright.core.rules.finding import Finding

__all__ = ["Group", "Place", "ReadPod", "fields_of", "metadata_of", "pod_of", "way_in_of"]

_IDENTITY = frozenset(
    f"app.kubernetes.io/{name}" for name in ("name", "instance", "version", "component", "managed-by")
)
_OURS = "shardwright.dev/"
_SIDECAR = "sidecar.istio.io/inject"


def pod_of(template: Value, surroundings: Surroundings) -> ReadPod | None:
    """A pod template with the container that starts an engine, else the one with GPUs, else the first; None without any."""
    if not isinstance(template, dict):
        return None
    metadata, spec = maps_of(template, "metadata"), maps_of(template, "spec")
    listed: list[dict[str, Value]] = items_of(spec.get("containers"))
    if not listed:
        return None
    started = [(each, surroundings.started(_started(each))) for each in listed]
    found = next((pair for pair in started if pair[1]), None)
    with_gpus = next((pair for pair in started if reading_devices.gpus_of(pair[0])[1]), None)
    container, command = found or with_gpus or started[0]
    labels, annotations = texts_of(metadata.get("labels")), texts_of(metadata.get("annotations"))
    return ReadPod(labels, annotations, spec, container, command)


def _started(container: dict[str, Value]) -> Started:
    variables = reading_variables.entries_of(container)
    return Started(
        command=_words(container.get("command")),
        args=_words(container.get("args")),
        environment={name: str(entry["value"]) for name, entry in variables.items() if "value" in entry},
        image=str(container.get("image") or ""),
    )


def _words(value: Value) -> tuple[str, ...]:
    return tuple(str(each) for each in value) if isinstance(value, list) else ()


def metadata_of(main: Object, *, own: tuple[str, ...] = ()) -> Fields:
    """`metadata.*`; `own`: how names of labels and annotations begin that the platform's target writes by itself."""
    return {
        "metadata.name": main.name,
        "metadata.namespace": main.namespace,
        "metadata.labels": _carried(texts_of(main.get("metadata", "labels")), own),
        "metadata.annotations": _carried(
            texts_of(main.get("metadata", "annotations")), (*own, "kubectl.kubernetes.io/")
        ),
    }


def _carried(texts: Mapping[str, str], own: tuple[str, ...]) -> dict[str, str]:
    return {
        name: text
        for name, text in texts.items()
        if name not in _IDENTITY and not name.startswith((_OURS, *own)) and name != network.NETWORKS
    }


def fields_of(group: Group, place: Place) -> tuple[Fields, tuple[Finding, ...]]:
    """All fields that pods say, and what has to be known; a group without an engine's command says what its pods say."""
    command = group.leader.command
    devices, device_findings = reading_devices.fields_of(group)
    storage, storage_findings = reading_storage.fields_of(group.leader, place)
    variables, variable_findings = reading_variables.fields_of(group.leader, place, storage)
    fields: Fields = {
        **_engine(command),
        **storage,
        **devices,
        **variables,
        **_pods(group, place, has_rdma="network.rdma.devices" in devices),
    }
    said = command.findings if command else ()
    return fields, (*said, *device_findings, *storage_findings, *variable_findings)


def _engine(command: Command | None) -> Fields:
    """What the command says; sizes of the layout are pinned even where it leaves them at 1."""
    if command is None:
        return {}
    return {"parallelism.tensor": 1, "parallelism.pipeline": 1, **command.fields}


def _pods(group: Group, place: Place, *, has_rdma: bool) -> Fields:
    leader, worker = group.leader, group.worker
    spec = leader.spec
    common: Fields = {
        "pods.sharedMemory": reading_storage.shared_memory_of(leader),
        "pods.serviceAccount": spec.get("serviceAccountName") or spec.get("serviceAccount"),
        "pods.tolerations": spec.get("tolerations"),
        "pods.affinity": spec.get("affinity"),
        "pods.imagePullSecrets": [str(each.get("name")) for each in items_of(spec.get("imagePullSecrets"))],
        "pods.priorityClass": spec.get("priorityClassName"),
        "pods.securityContext": _security(leader, has_rdma=has_rdma),
    }
    if worker is None:
        return {**common, **{f"pods.{name}": value for name, value in _own(leader, place).items()}}
    return {**common, **_shared(_own(leader, place), _own(worker, place))}


def _own(pod: ReadPod, place: Place) -> dict[str, Any]:
    """What leader and workers may have each for itself."""
    resources = maps_of(pod.container, "resources")
    requests, limits = maps_of(resources, "requests"), maps_of(resources, "limits")
    mesh = (_SIDECAR,) if place.is_group else ()
    return {
        "cpu": _cpu(requests.get("cpu", limits.get("cpu"))),
        "memory": size_text(limits.get("memory") or requests.get("memory")),
        "nodeSelector": texts_of(pod.spec.get("nodeSelector")),
        "labels": _carried(pod.labels, (*place.own, *mesh)),
        "annotations": _carried(pod.annotations, (*place.own, *mesh)),
    }


def _cpu(value: Value) -> str | None:
    text = str(value) if value is not None else ""
    return text if text.removesuffix("m").replace(".", "", 1).isdigit() else None


def _shared(leader: dict[str, Any], worker: dict[str, Any]) -> Fields:
    """What both have stands in `pods`, what one has alone or otherwise in its own part."""
    made: Fields = {}
    for name in ("cpu", "memory"):
        ours, theirs = leader[name], worker[name]
        if ours and theirs:
            made[f"pods.{name}"] = theirs
            made[f"pods.leader.{name}"] = ours if ours != theirs else None
        else:
            made[f"pods.leader.{name}"], made[f"pods.worker.{name}"] = ours, theirs
    for name in ("nodeSelector", "labels", "annotations"):
        ours, theirs = leader[name], worker[name]
        both = {key: text for key, text in ours.items() if theirs.get(key) == text}
        made[f"pods.{name}"] = both
        made[f"pods.leader.{name}"] = {key: text for key, text in ours.items() if key not in both}
        made[f"pods.worker.{name}"] = {key: text for key, text in theirs.items() if key not in both}
    return made


def _security(pod: ReadPod, *, has_rdma: bool) -> dict[str, Any]:
    """What counts for the container, by its own context or its pod's, more than what is written for every pod."""
    of_the_pod = maps_of(pod.spec, "securityContext")
    inherited = {name: value for name, value in of_the_pod.items() if name not in pods.OF_PODS}
    asked: dict[str, Any] = {**inherited, **maps_of(pod.container, "securityContext")}
    if has_rdma and isinstance(asked.get("capabilities"), dict):
        capabilities = dict(maps_of(asked, "capabilities"))
        given = capabilities.pop("add", None)
        added = (
            [each for each in cast("list[Any]", given) if each != network.LOCKING] if isinstance(given, list) else []
        )
        asked["capabilities"] = {**capabilities, **({"add": added} if added else {})}
    least = pods.security_context(Pods())
    said = {name: value for name, value in asked.items() if value != least.get(name) and value != {}}
    follows: Mapping[str, Any] = pods.pod_context(Pods(security_context=said)) or {}
    own = {name: value for name, value in of_the_pod.items() if name in pods.OF_PODS and value != follows.get(name)}
    if own.keys() == {"fsGroupChangePolicy"}:  # it says how, and nothing says whose
        own = {}
    return {**said, **own}
