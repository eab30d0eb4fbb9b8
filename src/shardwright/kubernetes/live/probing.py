"""Probe pods: one a node, which mounts a claim read-only, looks at its folder and ends. They are removed in any case.

A probe has no rights, no service account token and no device; it runs `ls` of the engine's own image, which the node needs
anyway, under the pod's own tolerations and security context. It is bound to its node by name, so taints that only the
scheduler minds do not keep it away.
"""

from __future__ import annotations

import contextlib
import secrets
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from shardwright import errors
from shardwright.core.preflight import trees
from shardwright.kubernetes.client import Ref
from shardwright.values import frozen

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from shardwright.kubernetes.client import Client, Tree

__all__ = ["Probe", "Probed", "run"]

_LOOK_SECONDS = 1.0
_LABEL = "app.kubernetes.io/component"
_PLACE = "/claim"
_SMALL = {"cpu": "50m", "memory": "64Mi"}


@frozen
class Probe:
    """What is tried."""

    namespace: str
    claim: str
    image: str
    spec: Mapping[str, Any]
    """Of a pod that will mount the claim: its tolerations, pull secrets and security contexts are those of the probe."""


@frozen
class Probed:
    """What came of it on one node."""

    node: str
    is_mounted: bool
    message: str = ""


def run(client: Client, probe: Probe, nodes: Sequence[str], timeout_seconds: float) -> tuple[Probed, ...]:
    """Try the claim on each node; Forbidden if no pods may be made, Invalid if the server refuses them."""
    label = f"probe-{secrets.token_hex(4)}"
    bodies = {f"shardwright-{label}-{index}": node for index, node in enumerate(nodes)}
    try:
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(client.create, [_body(probe, name, node, label) for name, node in bodies.items()]))
        return _watched(client, probe.namespace, bodies, label, timeout_seconds)
    finally:
        _remove(client, probe.namespace, bodies)


def _watched(
    client: Client, namespace: str, bodies: Mapping[str, str], label: str, timeout_seconds: float
) -> tuple[Probed, ...]:
    deadline = time.monotonic() + timeout_seconds
    while True:
        listed = client.list(Ref("v1", "Pod", namespace=namespace), labels=f"{_LABEL}={label}")
        pods = {str(each["metadata"]["name"]): each for each in listed}
        phases = {name: str(trees.part(pods.get(name, {}), "status").get("phase", "")) for name in bodies}
        if all(phase in {"Succeeded", "Failed"} for phase in phases.values()) or time.monotonic() > deadline:
            return tuple(
                Probed(node, phases[name] == "Succeeded", _said(client, namespace, pods.get(name, {}), phases[name]))
                for name, node in bodies.items()
            )
        time.sleep(_LOOK_SECONDS)


def _said(client: Client, namespace: str, pod: Tree, phase: str) -> str:
    """What stood in the way: the warning that names the volume, else the state."""
    if phase == "Succeeded":
        return ""
    name = str(trees.part(pod, "metadata").get("name", ""))
    ref = Ref("v1", "Event", namespace=namespace)
    with contextlib.suppress(errors.ShardwrightError):
        found = list(client.list(ref, fields=f"involvedObject.name={name},type=Warning"))
        if found:
            return str(found[-1].get("message", ""))
    status = trees.part(pod, "status")
    return str(status.get("message") or f"it is {phase or 'gone'}")


def _remove(client: Client, namespace: str, names: Mapping[str, str]) -> None:
    for name in names:
        with contextlib.suppress(errors.ShardwrightError):
            client.delete(Ref("v1", "Pod", name, namespace), propagation="Background")


def _body(probe: Probe, name: str, node: str, label: str) -> Tree:
    spec = probe.spec
    kept = {key: spec[key] for key in ("tolerations", "imagePullSecrets", "securityContext") if spec.get(key)}
    container = trees.items(spec, "containers")[0]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": name,
            "namespace": probe.namespace,
            "labels": {
                _LABEL: label,
                "app.kubernetes.io/managed-by": "shardwright",
                "sidecar.istio.io/inject": "false",
            },
        },
        "spec": {
            **kept,
            "nodeName": node,
            "restartPolicy": "Never",
            "automountServiceAccountToken": False,
            "enableServiceLinks": False,
            "activeDeadlineSeconds": 600,
            "containers": [
                {
                    "name": "probe",
                    "image": probe.image,
                    "command": ["ls", _PLACE],
                    "resources": {"requests": _SMALL, "limits": _SMALL},
                    "securityContext": _context(container),
                    "volumeMounts": [{"name": "claim", "mountPath": _PLACE, "readOnly": True}],
                }
            ],
            "volumes": [{"name": "claim", "persistentVolumeClaim": {"claimName": probe.claim}}],
        },
    }


def _context(container: Mapping[str, Any]) -> dict[str, Any]:
    """The container's own context without what it adds: a probe needs no capability."""
    context = dict(trees.part(container, "securityContext"))
    context["capabilities"] = {"drop": ["ALL"]}
    return {**context, "allowPrivilegeEscalation": False, "privileged": False}
