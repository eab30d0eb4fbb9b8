"""What puts Ray objects right: settings that have another place since a release, that exclude each other, or that are left out.

Source: ray-operator/controllers/ray/utils/validation.go of KubeRay v1.5.1 to v1.7.0, as named at each rule.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from shardwright.core.rules.rule import Change
from shardwright.kubernetes.rules import mend_pods
from shardwright.targets.kuberay import ray_objects

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shardwright.core.manifests.objects import Context, Object, Value
    from shardwright.core.marked.paths import Path
    from shardwright.core.rules.rule import Breach, Mend

__all__ = ["MENDS"]

_OPTIONS = "gcsFaultToleranceOptions"
_SERVE_PORT = 8000
_NAMESPACE = "ray.io/external-storage-namespace"
_RESTART = "restartPolicy"
_USELESS = {"submitterPodTemplate", "submitterConfig"}


def _never(_: Object, __: Context, breach: Breach) -> tuple[Change, ...]:
    return (Change(breach.path, "Never"),)


def _sidecar(_: Object, __: Context, breach: Breach) -> tuple[Change, ...]:
    """What SidecarMode does without goes; where the job runs is a person's matter."""
    if breach.path[-1] == _RESTART:
        return (Change(breach.path, "Never"),)
    return (Change(breach.path, is_removal=True),) if breach.path[-1] in _USELESS else ()


def _shutdown(_: Object, __: Context, breach: Breach) -> tuple[Change, ...]:
    """The older switch goes: deletionStrategy says more."""
    job = breach.path[: breach.path.index("deletionStrategy")]
    return (Change((*job, "shutdownAfterJobFinishes"), is_removal=True),)


def _serve_port(manifest: Object, _: Context, breach: Breach) -> tuple[Change, ...]:
    """A port of that name, unless the number has another name there."""
    ports = manifest.list_at(*breach.path)
    if any(isinstance(port, dict) and port.get("containerPort") == _SERVE_PORT for port in ports):
        return ()
    return (Change((*breach.path, len(ports)), {"name": "serve", "containerPort": _SERVE_PORT}),)


def _labels(manifest: Object, _: Context, breach: Breach) -> tuple[Change, ...]:
    """`a=b,c=d` of rayStartParams becomes the group's labels."""
    group = breach.path[:-2]
    pairs = [part.strip().partition("=") for part in manifest.text_at(*breach.path).split(",")]
    if not all(name and equals for name, equals, _ in pairs):
        return ()
    known = manifest.map_at(*group, "labels")
    moved = [(name, value) for name, _, value in pairs if name not in known]
    return (
        Change(breach.path, is_removal=True),
        *(Change((*group, "labels", name), value) for name, value in moved),
    )


def _upgrade_owned(_: Object, __: Context, breach: Breach) -> tuple[Change, ...]:
    return (Change(breach.path[:-1], is_removal=True),)


def _outside_options(manifest: Object, _: Context, breach: Breach) -> tuple[Change, ...]:
    """Variables and the annotation move into the options; a password moves with its reference only."""
    cluster = ray_objects.cluster_of(manifest)
    if cluster is None:
        return ()
    removal = Change(breach.path, is_removal=True)
    if breach.path[-1] == _NAMESPACE:
        moved: tuple[str, Value] = ("externalStorageNamespace", manifest.text_at(*breach.path))
    elif breach.value == "RAY_REDIS_ADDRESS":
        moved = ("redisAddress", manifest.text_at(*breach.path, "value"))
    elif breach.value == "REDIS_PASSWORD":
        source = manifest.map_at(*breach.path, "valueFrom")
        moved = ("redisPassword", {"valueFrom": source} if source else None)
    else:
        return ()
    field, value = moved
    at: Path = cluster.at(_OPTIONS, field)
    if manifest.get(*at):
        return (removal,)
    return (removal, Change(at, value)) if value else ()


MENDS: Mapping[str, Mend] = {
    **mend_pods.MENDS,
    "kuberay.autoscaler-restart-policy": _never,
    "kuberay.autoscaler-version-twice": mend_pods.removal,
    "kuberay.autoscaler-start-command": mend_pods.removal,
    "kuberay.gcs-annotation": mend_pods.removal,
    "kuberay.gcs-outside-options": _outside_options,
    "kuberay.gcs-embedded-fields": mend_pods.removal,
    "kuberay.gcs-embedded-pod": mend_pods.removal,
    "kuberay.head-service-name": mend_pods.removal,
    "kuberay.history-variables": mend_pods.removal,
    "kuberay.job-retries": mend_pods.removal,
    "kuberay.job-retries-elsewhere": mend_pods.removal,
    "kuberay.job-sidecar": _sidecar,
    "kuberay.deletion-shutdown": _shutdown,
    "kuberay.labels-parameter": _labels,
    "kuberay.upgrade-strategy-owned": _upgrade_owned,
    "kuberay.shared-memory": mend_pods.removal,
    "kuberay.serve-port": _serve_port,
    "kuberay.toleration-empty": mend_pods.toleration,
}
"""By the ids of rules."""
