"""What puts plain workloads right: pods as everywhere, members that start together, Jobs that a mesh would keep alive."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shardwright.core.rules.rule import Change
from shardwright.kubernetes.rules import mend_pods
from shardwright.targets.kubernetes_plain import workloads

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shardwright.core.manifests.objects import Context, Object
    from shardwright.core.rules.rule import Breach, Mend

__all__ = ["MENDS"]

_MESH = "sidecar.istio.io/inject"


def _parallel(_: Object, __: Context, breach: Breach) -> tuple[Change, ...]:
    return (Change(breach.path, "Parallel"),)


def _no_mesh(manifest: Object, _: Context, __: Breach) -> tuple[Change, ...]:
    """Where the proxy is asked for, it is declined."""
    at = workloads.template_metadata(manifest)
    return tuple(
        Change((*at, part, _MESH), "false")
        for part in ("labels", "annotations")
        if str(manifest.map_at(*at, part).get(_MESH)).lower() == "true"
    )


def _download(manifest: Object, _: Context, breach: Breach) -> tuple[Change, ...]:
    """A variable that forbids the download, or asks for what is gone, goes; a script is a person's matter."""
    is_variable = len(breach.path) > 1 and breach.path[-2] == "env"
    return (Change(breach.path, is_removal=True),) if is_variable and manifest.get(*breach.path) else ()


MENDS: Mapping[str, Mend] = {
    **mend_pods.MENDS,
    "kubernetes.ordered-start": _parallel,
    "kubernetes.job-mesh": _no_mesh,
    "kubernetes.download": _download,
}
"""By the ids of rules."""
