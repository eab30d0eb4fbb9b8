"""The parts of an LLMInferenceService as paths into it, and the size of the group that its parallelism makes.

Source: kserve/kserve v0.20.0 pkg/apis/serving/v1alpha2/llm_inference_service_types.go and _types_func.go.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from shardwright.core.manifests import versions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from shardwright.core.manifests.objects import Context, Object
    from shardwright.core.marked.paths import Path
    from shardwright.core.rules.rule import Breach

    Check = Callable[[Object, Context], Iterator[Breach]]

__all__ = [
    "ALL",
    "CONFIG",
    "SERVICE",
    "at_release",
    "group_size",
    "is_data_parallel",
    "is_pipeline_parallel",
    "live",
    "pods",
    "workloads",
]

SERVICE = ("LLMInferenceService",)
CONFIG = ("LLMInferenceServiceConfig",)
ALL = (*SERVICE, *CONFIG)
NEWEST = "0.20"


def at_release(context: Context, since: str, until: str = "") -> bool:
    """Whether the release at hand is from `since` to before `until`."""
    return versions.holds(context.versions.get("kserve", NEWEST), since, until)


def live(check: Check) -> Check:
    """The check of a webhook, which asks nothing of what is being deleted."""

    def checked(manifest: Object, context: Context) -> Iterator[Breach]:
        if context.old is None or not manifest.get("metadata", "deletionTimestamp"):
            yield from check(manifest, context)

    return checked


def workloads(manifest: Object) -> Iterator[Path]:
    """Paths of the decoding workload, which is the specification itself, and of prefill if it is there."""
    yield ("spec",)
    if isinstance(manifest.get("spec", "prefill"), dict):
        yield ("spec", "prefill")


def pods(manifest: Object) -> Iterator[Path]:
    """Paths of the pods' specifications of all workloads."""
    for workload in workloads(manifest):
        for field in ("template", "worker"):
            if isinstance(manifest.get(*workload, field), dict):
                yield (*workload, field)


def is_data_parallel(manifest: Object, workload: Path) -> bool:
    """Whether `data` or `dataLocal` is set."""
    return any((_size(manifest, workload, name) or 0) > 0 for name in ("data", "dataLocal"))


def is_pipeline_parallel(manifest: Object, workload: Path) -> bool:
    """Whether `pipeline` is set."""
    return (_size(manifest, workload, "pipeline") or 0) > 0


def group_size(manifest: Object, workload: Path) -> int:
    """Pods of a group; data is divided by dataLocal with the remainder dropped."""
    if is_data_parallel(manifest, workload):
        data, local = _size(manifest, workload, "data") or 1, _size(manifest, workload, "dataLocal") or 1
        return max(max(data, 1) // max(local, 1), 1)
    if is_pipeline_parallel(manifest, workload):
        return _size(manifest, workload, "pipeline") or 1
    return 1


def _size(manifest: Object, workload: Path, name: str) -> int | None:
    return manifest.number_at(*workload, "parallelism", name)
