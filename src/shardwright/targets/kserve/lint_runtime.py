"""What KServe's webhook asks of ServingRuntime and ClusterServingRuntime.

A runtime that is disabled is not asked anything. Source: kserve/kserve v0.13.1 to v0.20.0
pkg/webhook/admission/servingruntime/servingruntime_webhook.go.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from shardwright.core.rules.rule import Breach, Rule
from shardwright.kubernetes import manifest_pods
from shardwright.targets.kserve import components, groups, lint_workers

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shardwright.core.manifests.objects import Context, Object
    from shardwright.core.marked.paths import Path
    from shardwright.targets.kserve.components import Check

__all__ = ["RULES"]

_SOURCE = "kserve/kserve v0.20.0 pkg/webhook/admission/servingruntime/servingruntime_webhook.go"
_WORKER: Path = ("spec", "workerSpec")
_FORMATS: Path = ("spec", "supportedModelFormats")
_MOST_RIVALS = 10
"""Those that are named for one format."""
_Choice: TypeAlias = "tuple[str, str, str, str | None, int | None]"


class _Format(NamedTuple):
    """A format that a runtime is chosen for by itself."""

    path: Path
    name: str
    version: str | None
    priority: int | None


def _asked(check: Check) -> Check:
    """The check of a webhook that passes by what is disabled or being deleted."""

    def checked(manifest: Object, context: Context) -> Iterator[Breach]:
        if manifest.get("spec", "disabled") is not True and not components.is_going(manifest, context):
            yield from check(manifest, context)

    return checked


def _formats(manifest: Object) -> Iterator[_Format]:
    for index, each in enumerate(manifest.list_at(*_FORMATS)):
        if isinstance(each, dict) and each.get("autoSelect") is True:
            at = (*_FORMATS, index)
            version = manifest.get(*at, "version")
            shown = version if isinstance(version, str) else None
            yield _Format(at, manifest.text_at(*at, "name"), shown, manifest.number_at(*at, "priority"))


def _own_priorities(manifest: Object, _: Context) -> Iterator[Breach]:
    first: dict[str, int | None] = {}
    for each in _formats(manifest):
        before = first.setdefault(each.name, each.priority)
        if before is not None and each.priority is not None and before != each.priority:
            message = f'"{each.name}" has the priorities {before} and {each.priority} in one runtime'
            yield Breach((*each.path, "priority"), message, str(each.priority))


def _other_priorities(manifest: Object, context: Context) -> Iterator[Breach]:
    mine = [each for each in _formats(manifest) if each.priority is not None]
    index = context.once(_by_choice)
    old = context.old
    for each in mine:
        same = index.get(_choice(manifest, each), ())
        if old is not None and _choice(manifest, each) in {_choice(old, theirs) for theirs in _formats(old)}:
            same = (*same, old)
        rivals = (other for other in same if _is_rival(manifest, other))
        for other in itertools.islice(rivals, _MOST_RIVALS):
            message = f'{other.kind} {other.name} has the same priority {each.priority} for "{each.name}"'
            yield Breach((*each.path, "priority"), message, str(each.priority))
    if mine:
        message = "another runtime on the cluster must not have the same priority for the same format"
        yield Breach(mine[0].path, message, can_tell=False)


def _choice(manifest: Object, found: _Format) -> _Choice:
    """What two runtimes must not have in common."""
    return manifest.kind, manifest.namespace, found.name.casefold(), found.version, found.priority


def _by_choice(context: Context) -> dict[_Choice, tuple[Object, ...]]:
    found: dict[_Choice, dict[int, Object]] = {}
    for kind in components.RUNTIMES:
        for other in context.of_kind(kind):
            for each in _formats(other):
                found.setdefault(_choice(other, each), {})[id(other)] = other
    return {choice: tuple(others.values()) for choice, others in found.items()}


def _is_rival(manifest: Object, other: Object) -> bool:
    """Whether the webhook compares two runtimes."""
    is_other = other.kind == manifest.kind and other.name != manifest.name and other.namespace == manifest.namespace
    if not is_other or other.get("spec", "disabled") is True:
        return False
    if (manifest.get("spec", "multiModel") is True) != (other.get("spec", "multiModel") is True):
        return False
    spoken = other.list_at("spec", "protocolVersions")
    return any(each in spoken for each in manifest.list_at("spec", "protocolVersions"))


def _worker_kept(manifest: Object, context: Context) -> Iterator[Breach]:
    if context.old is not None and components.has_workers(context.old) and not components.has_workers(manifest):
        yield Breach(("spec",), "workerSpec is there now and cannot be removed")


def _worker_containers(manifest: Object, _: Context) -> Iterator[Breach]:
    if components.has_workers(manifest):
        found = len(manifest.list_at(*_WORKER, "containers"))
        if found != 1:
            yield Breach((*_WORKER, "containers"), f"workerSpec has {found} containers; exactly one must be there")


def _variables(manifest: Object, _: Context) -> Iterator[Breach]:
    if not components.has_workers(manifest):
        return
    for container in manifest_pods.containers(manifest, ("spec",)):
        if manifest.text_at(*container, "name") == "kserve-container":
            for path, name in manifest_pods.variables(manifest, container):
                if name in lint_workers.PARALLEL_VARIABLES:
                    field = lint_workers.PARALLEL_VARIABLES[name]
                    yield Breach(path, f"{name} cannot be set by a variable; spec.workerSpec.{field} sets it", name)


def _gpu_types(manifest: Object, _: Context) -> Iterator[Breach]:
    if not components.has_workers(manifest):
        return
    heads = manifest_pods.containers(manifest, ("spec",))
    checked = [each for each in heads if manifest.text_at(*each, "name") == "kserve-container"]
    first = next(manifest_pods.containers(manifest, _WORKER), None)
    if first is not None and manifest.text_at(*first, "name") == "worker-container":
        checked.append(first)
    yield from lint_workers.unknown_gpus(manifest, ("spec",), checked)


def _sizes(manifest: Object, context: Context) -> Iterator[Breach]:
    if not components.has_workers(manifest):
        return
    yield from lint_workers.sizes(manifest, _WORKER, context)
    if not components.at_release(context, "0.15.1"):
        for field in lint_workers.PARALLEL_VARIABLES.values():
            if manifest.get(*_WORKER, field) is None:
                yield Breach(_WORKER, f"{field} is not set; with 0.15.0 it must be")


def _replicas(manifest: Object, _: Context) -> Iterator[Breach]:
    count = manifest.number_at("spec", "replicas")
    if count is not None and not 0 <= count < 2**16:
        yield Breach(("spec", "replicas"), f"replicas are {count}; the webhook reads 0 to 65535", str(count))


def _blocked(manifest: Object, _: Context) -> Iterator[Breach]:
    for pod in (("spec",), _WORKER):
        for container in manifest_pods.containers(manifest, pod):
            for path, name in manifest_pods.variables(manifest, container):
                if name == "PYTHONPATH":
                    yield Breach((*path, "name"), "PYTHONPATH must not be set in a container", name)


def _container_names(manifest: Object, _: Context) -> Iterator[Breach]:
    if not components.has_workers(manifest):
        return
    if manifest.list_at("spec", "containers") and groups.head_of(manifest) is None:
        yield Breach(("spec", "containers"), "no container is named kserve-container")
    if manifest.list_at(*_WORKER, "containers") and groups.worker_container(manifest) is None:
        yield Breach((*_WORKER, "containers"), "the container of workerSpec is not named worker-container")


RULES = (
    Rule(
        "kserve.format-priority",
        "error",
        components.RUNTIMES,
        "A runtime gives all versions of a format that it is chosen for by itself the same priority.",
        "The webhook refuses it wherever there is another runtime in the namespace (or cluster).",
        "write one priority for the format",
        "webhook",
        _SOURCE,
        _asked(_own_priorities),
    ),
    Rule(
        "kserve.runtime-priority",
        "error",
        components.RUNTIMES,
        "No two runtimes have the same priority for the same format, version and protocol.",
        "KServe could not tell which one to choose.",
        "change the priority, or take autoSelect away",
        "webhook",
        _SOURCE,
        _asked(_other_priorities),
    ),
    Rule(
        "kserve.runtime-worker-kept",
        "error",
        components.RUNTIMES,
        "A runtime's workerSpec is not removed.",
        "InferenceServices on several nodes could be using it.",
        "make a runtime of another name",
        "webhook",
        _SOURCE + " (validateMultiNodeSpec)",
        _asked(_worker_kept),
        since="0.15",
    ),
    Rule(
        "kserve.runtime-worker-containers",
        "error",
        components.RUNTIMES,
        "A runtime's workerSpec has exactly one container.",
        "The webhook refuses several, and fails over none.",
        "keep the container worker-container",
        "webhook",
        _SOURCE + " (validateMultiNodeSpec)",
        _asked(_worker_containers),
        since="0.15",
    ),
    Rule(
        "kserve.runtime-variables",
        "error",
        components.RUNTIMES,
        "Sizes are not set by variables of kserve-container.",
        "KServe sets both variables itself, from the sizes in workerSpec.",
        "remove the variable and set the field in spec.workerSpec",
        "webhook",
        _SOURCE + " (validateMultiNodeSpec)",
        _asked(_variables),
        since="0.15",
        requirements=("R033", "R034", "R065"),
    ),
    Rule(
        "kserve.runtime-gpu-types",
        "error",
        components.RUNTIMES,
        "Every extended resource of head and worker is a known GPU or listed in spec.annotations.",
        "The webhook takes anything but cpu, memory and storage for a GPU.",
        """list it in spec.annotations, serving.kserve.io/gpu-resource-types: '["NAME"]'""",
        "webhook",
        _SOURCE + " (validateMultiNodeSpec)",
        _asked(_gpu_types),
        since="0.15",
        requirements=("R038",),
    ),
    Rule(
        "kserve.runtime-sizes",
        "error",
        components.RUNTIMES,
        "The sizes of a runtime are at least 1; 0.15.0 wants both, and pipelineParallelSize at least 2.",
        "A group has at least one GPU and one stage.",
        "write both sizes",
        "webhook",
        "kserve/kserve v0.15.0 and v0.20.0 servingruntime_webhook.go (validateMultiNodeSpec)",
        _asked(_sizes),
        since="0.15",
        requirements=("R035", "R036", "R037"),
    ),
    Rule(
        "kserve.runtime-replicas",
        "error",
        components.RUNTIMES,
        "The replicas of a runtime fit in 16 bits.",
        "The webhook cannot read a larger or a negative number, and refuses the runtime.",
        "write a smaller number, or leave it to the InferenceService",
        "webhook",
        "kserve/kserve v0.20.0 pkg/apis/serving/v1alpha1/servingruntime_types.go",
        components.live(_replicas),
    ),
    Rule(
        "kserve.runtime-blocked-variable",
        "error",
        components.RUNTIMES,
        "PYTHONPATH is not set in any container of a runtime.",
        "The webhook refuses it: it would let code be put before the server's own.",
        "remove the variable and install what is needed into the image",
        "webhook",
        _SOURCE + " (validateBlockedEnvVars)",
        _asked(_blocked),
        since="0.19",
    ),
    Rule(
        "kserve.runtime-container-names",
        "warning",
        components.RUNTIMES,
        "A runtime for several nodes names its containers kserve-container and worker-container.",
        "The reconciler looks for both names and fails every InferenceService that uses the runtime without them.",
        "rename the containers",
        "operator",
        "kserve/kserve v0.20.0 pkg/controller/v1beta1/inferenceservice/utils/utils.go",
        _container_names,
        since="0.14",
    ),
)
