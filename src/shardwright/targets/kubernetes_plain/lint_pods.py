"""Pods as the API server accepts them: containers, restart and pull policies, tolerations, volumes and their mounts.

Names that stand twice in one list are told by the fields' table, whose lists have keys.

Source: Kubernetes v1.36 pkg/apis/core/validation.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from shardwright.core.rules.rule import Breach
from shardwright.kubernetes import manifest_pods, names
from shardwright.kubernetes.manifest_pods import items, mapping
from shardwright.targets.kubernetes_plain import workloads
from shardwright.targets.kubernetes_plain.lint_names import api_rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shardwright.core.manifests.objects import Context, Object, Value
    from shardwright.core.marked.paths import Path
    from shardwright.kubernetes.manifest_pods import Pod

__all__ = ["RULES"]

_CHOICES = {
    "restartPolicy": ("Always", "OnFailure", "Never"),
    "dnsPolicy": ("ClusterFirst", "ClusterFirstWithHostNet", "Default", "None"),
    "preemptionPolicy": ("PreemptLowerPriority", "Never"),
}
_OPERATORS = ("Exists", "Equal", "Lt", "Gt")
_EFFECTS = ("NoSchedule", "PreferNoSchedule", "NoExecute")
_SHOWN = 80


def _all(pod: Pod) -> Iterator[tuple[Path, dict[str, Value]]]:
    for field in ("containers", "initContainers"):
        for each in manifest_pods.containers_of(pod, field):
            yield each.path, each.value


def _containers(pod: Pod) -> Iterator[Breach]:
    if not items(pod.spec.get("containers")):
        yield Breach((*pod.path, "containers"), "a pod needs a container")
    own = {str(each.value.get("name")) for each in pod.containers}
    for path, value in _all(pod):
        name = value.get("name")
        if not isinstance(name, str):
            continue
        if not names.is_dns_1123_label(name):
            yield Breach((*path, "name"), f"{name[:_SHOWN]!r} is no DNS label: small letters, digits and -", name)
        elif path[-2] == "initContainers" and name in own:
            yield Breach((*path, "name"), f"another container of the pod is called {name}", name)


def _images(pod: Pod) -> Iterator[Breach]:
    for path, value in _all(pod):
        image, policy = value.get("image"), value.get("imagePullPolicy")
        if image is None or image == "":
            yield Breach((*path, "image"), "the image is missing")
        elif isinstance(image, str) and image != image.strip():
            yield Breach((*path, "image"), "blanks stand before or after the image", image.strip()[:_SHOWN])
        if isinstance(policy, str) and policy not in {"", "Always", "IfNotPresent", "Never"}:
            message = f"{policy[:_SHOWN]!r} is not one of: Always, IfNotPresent, Never"
            yield Breach((*path, "imagePullPolicy"), message, policy)


def _choices(pod: Pod) -> Iterator[Breach]:
    for name, allowed in _CHOICES.items():
        value = pod.spec.get(name)
        if isinstance(value, str) and value and value not in allowed:
            yield Breach((*pod.path, name), f"{value[:_SHOWN]!r} is not one of: {', '.join(allowed)}", value)
    if pod.spec.get("dnsPolicy") == "None" and not mapping(pod.spec.get("dnsConfig")).get("nameservers"):
        yield Breach((*pod.path, "dnsConfig"), "dnsPolicy None needs dnsConfig.nameservers")
    seconds = pod.spec.get("activeDeadlineSeconds")
    if isinstance(seconds, int) and seconds < 1:
        yield Breach((*pod.path, "activeDeadlineSeconds"), f"{seconds} seconds; 1 is the least", str(seconds))
    account = pod.spec.get("serviceAccountName")
    if isinstance(account, str) and account and not names.is_subdomain(account):
        yield Breach((*pod.path, "serviceAccountName"), f"{account[:_SHOWN]!r} is no DNS name", account)


def _tolerations(pod: Pod) -> Iterator[Breach]:
    for index, each in enumerate(items(pod.spec.get("tolerations"))):
        if isinstance(each, dict):
            yield from _toleration(each, (*pod.path, "tolerations", index))


def _toleration(each: dict[str, Value], at: Path) -> Iterator[Breach]:
    operator, effect = each.get("operator") or "Equal", each.get("effect")
    key = each.get("key")
    if isinstance(key, str) and key and not names.is_qualified_name(key):
        yield Breach(
            (*at, "key"), f"{key[:_SHOWN]!r} is no key of a taint: a name, with a domain and / before it or not", key
        )
    if operator not in _OPERATORS:
        yield Breach((*at, "operator"), f"{operator!r} is not one of: Exists, Equal", str(operator))
    elif operator == "Exists" and each.get("value"):
        yield Breach((*at, "value"), "the operator Exists has no value", str(each.get("value")))
    elif not each.get("key") and operator != "Exists":
        yield Breach((*at, "operator"), "without a key the operator is Exists", str(operator))
    if effect and effect not in _EFFECTS:
        yield Breach((*at, "effect"), f"{effect!r} is not one of: {', '.join(_EFFECTS)}", str(effect))
    if each.get("tolerationSeconds") is not None and effect != "NoExecute":
        yield Breach((*at, "effect"), "tolerationSeconds goes with the effect NoExecute", str(effect or ""))


def _node_labels(pod: Pod) -> Iterator[Breach]:
    for key, value in mapping(pod.spec.get("nodeSelector")).items():
        if not names.is_qualified_name(key) or (isinstance(value, str) and not names.is_label_value(value)):
            yield Breach(
                (*pod.path, "nodeSelector", key), f"{key[:_SHOWN]}={str(value)[:_SHOWN]} is no label of a node", key
            )


def _volumes(pod: Pod) -> Iterator[Breach]:
    for index, each in enumerate(items(pod.spec.get("volumes"))):
        name = each.get("name") if isinstance(each, dict) else None
        if not isinstance(each, dict) or not isinstance(name, str):
            continue
        at = (*pod.path, "volumes", index)
        if not names.is_dns_1123_label(name):
            yield Breach((*at, "name"), f"{name[:_SHOWN]!r} is no DNS label: small letters, digits and -", name)
        if mapping(each.get("persistentVolumeClaim")).get("claimName") == "":
            yield Breach((*at, "persistentVolumeClaim", "claimName"), "claimName is empty")
        sources = [key for key, value in each.items() if key != "name" and value is not None]
        if len(sources) > 1:
            yield Breach(
                at, f"the volume {name[:_SHOWN]} has {' and '.join(sources)}; one may be there", ", ".join(sources)
            )


def _mounts(each: Object, _: Context) -> Iterator[Breach]:
    claims = each.list_at("spec", "volumeClaimTemplates") if each.kind == "StatefulSet" else []
    made = {str(mapping(mapping(claim).get("metadata")).get("name")) for claim in claims}
    for pod in each.once(manifest_pods.pods_of):
        known = {str(mapping(volume).get("name")) for volume in items(pod.spec.get("volumes"))} | made
        for path, value in _all(pod):
            yield from _mounts_of(value, path, known)


def _mounts_of(container: dict[str, Value], path: Path, known: set[str]) -> Iterator[Breach]:
    for index, mount in enumerate(items(container.get("volumeMounts"))):
        if not isinstance(mount, dict):
            continue
        at, name, place = (*path, "volumeMounts", index), mount.get("name"), mount.get("mountPath")
        if isinstance(name, str) and name not in known:
            yield Breach((*at, "name"), f"the pod has no volume {name[:_SHOWN]!r}", name)
        if place == "":
            yield Breach((*at, "mountPath"), "mountPath is empty")
        if ".." in str(mount.get("subPath") or "").split("/") or str(mount.get("subPath") or "").startswith("/"):
            yield Breach((*at, "subPath"), "subPath is a path inside the volume, without ..", str(mount.get("subPath")))


def _spread(pod: Pod) -> Iterator[Breach]:
    for index, each in enumerate(items(pod.spec.get("topologySpreadConstraints"))):
        if not isinstance(each, dict):
            continue
        at, skew, when = (
            (*pod.path, "topologySpreadConstraints", index),
            each.get("maxSkew"),
            each.get("whenUnsatisfiable"),
        )
        if isinstance(skew, int) and skew < 1:
            yield Breach((*at, "maxSkew"), f"maxSkew {skew}; 1 is the least", str(skew))
        if isinstance(when, str) and when not in {"DoNotSchedule", "ScheduleAnyway"}:
            yield Breach(
                (*at, "whenUnsatisfiable"), f"{when[:_SHOWN]!r} is not one of: DoNotSchedule, ScheduleAnyway", when
            )


_WHY = "the API server refuses it"
_ROWS = (
    (
        "kubernetes.containers",
        "A pod has containers with names of their own",
        "give each a DNS label as name",
        _containers,
    ),
    ("kubernetes.image", "Each container has an image", "write the image and its version", _images),
    ("kubernetes.pod-value", "Policies and times of a pod are ones that there are", "write one of those", _choices),
    ("kubernetes.toleration", "Tolerations are whole", "write key and operator: Exists", _tolerations),
    (
        "kubernetes.volumes",
        "Each volume has a name and one source at most",
        "write one source, as emptyDir: {}",
        _volumes,
    ),
    (
        "kubernetes.node-selector",
        "Nodes are selected by labels that can be",
        "correct the key or the value",
        _node_labels,
    ),
    ("kubernetes.spread", "Constraints on the spread of pods are ones that there are", "write one of those", _spread),
)
RULES = (
    *(
        api_rule(name, kinds=workloads.WORKLOADS, title=title, why=_WHY, fix=fix, check=workloads.in_pods(look))
        for name, title, fix, look in _ROWS
    ),
    api_rule(
        "kubernetes.mounts",
        kinds=workloads.WORKLOADS,
        title="What is mounted is a volume of the pod, each at a place of its own",
        why=_WHY,
        fix="add the volume, or correct its name",
        check=_mounts,
    ),
)
