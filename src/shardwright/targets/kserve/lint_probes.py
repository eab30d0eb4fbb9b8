"""Runtimes for several nodes whose scripts and probes break groups: ranks, waits, probes, executors.

Source: opendatahub-io/odh-model-controller config/runtimes/vllm/vllm-multinode-template.yaml (2026-07) and its versions
on Ray, kserve/kserve v0.18.0 PR#5366, issues kserve#5062 and kserve#5063.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from shardwright.core.rules.rule import Breach, Rule
from shardwright.kubernetes import manifest_pods
from shardwright.targets.kserve import components, groups

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shardwright.core.manifests.objects import Context, Object
    from shardwright.core.marked.paths import Path

__all__ = ["RULES"]

_TEMPLATE = "opendatahub-io/odh-model-controller config/runtimes/vllm/vllm-multinode-template.yaml"
_WORKER: Path = ("spec", "workerSpec")
_LEAST_SECONDS = 1200
_PATIENT_SECONDS = 300
"""What a liveness probe is given where it is mended."""
_VERSION = re.compile(r"v?(\d+\.\d+\.\d+)")
_RUNTIME_VERSION = "opendatahub.io/runtime-version"
_RAY_WAIT = re.compile(r"ray\s+status[^\n]*-eq\s+\"?\$\{?PIPELINE_PARALLEL_SIZE")


def _members(manifest: Object) -> Iterator[Path]:
    if components.has_workers(manifest):
        yield from (each for each in (groups.head_of(manifest), groups.worker_container(manifest)) if each is not None)


def _script(manifest: Object, container: Path) -> str:
    return "\n".join(manifest_pods.arguments(manifest, container))


def _probe_script(manifest: Object, container: Path, probe: str) -> str:
    words = manifest.list_at(*container, probe, "exec", "command")
    return "\n".join(word for word in words if isinstance(word, str))


def _busy_head(manifest: Object, _: Context) -> Iterator[Breach]:
    for container in _members(manifest):
        if "/completions" in _probe_script(manifest, container, "livenessProbe"):
            yield Breach((*container, "livenessProbe"), "the liveness probe waits for a generated answer")


def _worker_liveness(manifest: Object, _: Context) -> Iterator[Breach]:
    worker = groups.worker_container(manifest)
    if worker is None:
        return
    script = _probe_script(manifest, worker, "livenessProbe")
    failures, period = (
        manifest.number_at(*worker, "livenessProbe", name) or default
        for name, default in (("failureThreshold", 3), ("periodSeconds", 10))
    )
    if "HEAD_SVC" in script and (failures * period < _PATIENT_SECONDS or "/completions" in script):
        message = f"the worker's liveness probe asks the head and gives up after {failures * period} s"
        yield Breach((*worker, "livenessProbe"), message, str(failures * period))


def _ranks(manifest: Object, _: Context) -> Iterator[Breach]:
    worker = groups.worker_container(manifest)
    if worker is None:
        return
    text = _script(manifest, worker)
    if "getent" in text and "sort" in text and "rank" in text.lower():
        yield Breach(worker, "the worker takes its rank from the sorted addresses that it sees at its start")


def _ray_wait(manifest: Object, _: Context) -> Iterator[Breach]:
    head = groups.head_of(manifest)
    if head is not None and components.has_workers(manifest) and _RAY_WAIT.search(_script(manifest, head)):
        message = "the head waits for PIPELINE_PARALLEL_SIZE nodes for ever, and KServe may make another number of them"
        yield Breach(head, message)


def _executor(manifest: Object, context: Context) -> Iterator[Breach]:
    """Processes without Ray need KServe to make a pod for each stage."""
    misplaced = ("metadata", "annotations", groups.EXECUTOR)
    if components.annotation(manifest, groups.EXECUTOR) is not None:
        yield Breach(misplaced, f"{groups.EXECUTOR} is read from spec.annotations of the runtime, not from metadata")
    head = groups.head_of(manifest)
    if head is None or not components.has_workers(manifest):
        return
    is_mp = re.search(r"--distributed[-_]executor[-_]backend[= \n]+mp\b|--node[-_]rank", _script(manifest, head))
    executor = groups.executor_of(manifest, context)
    # Releases before 0.18 count pods as for Ray, whatever is written; kserve.group-shape tells where that goes wrong.
    if is_mp and executor != "mp" and components.at_release(context, "0.18"):
        yield Breach(
            head, "the head runs without Ray, and spec.annotations does not say so: KServe counts pods as for Ray"
        )
    elif executor == "mp" and re.search(r"\bray (start|status)\b", _script(manifest, head)):
        yield Breach(head, f"spec.annotations says {groups.EXECUTOR}: mp, and the head starts Ray")


def _start(manifest: Object, _: Context) -> Iterator[Breach]:
    for container in _members(manifest):
        probe = manifest.map_at(*container, "startupProbe")
        if not probe:
            if manifest.map_at(*container, "livenessProbe"):
                yield Breach(container, "there is a liveness probe and no startup probe")
            continue
        delay, failures, period = (
            manifest.number_at(*container, "startupProbe", name) or default
            for name, default in (("initialDelaySeconds", 0), ("failureThreshold", 3), ("periodSeconds", 10))
        )
        budget_seconds = delay + failures * period
        if budget_seconds < _LEAST_SECONDS:
            yield Breach((*container, "startupProbe"), f"the start may take {budget_seconds} s", str(budget_seconds))


def _versions(manifest: Object, _: Context) -> Iterator[Breach]:
    said = components.annotation(manifest, _RUNTIME_VERSION)
    head = groups.head_of(manifest)
    if said is None or head is None:
        return
    image, _separator, tag = manifest.text_at(*head, "image").rpartition(":")
    # Images of platforms bear the platform's version.
    if not image.endswith("vllm-openai"):
        return
    theirs, ours = _VERSION.fullmatch(said), _VERSION.match(tag)
    if theirs and ours and theirs[1] != ours[1]:
        at = ("metadata", "annotations", _RUNTIME_VERSION)
        yield Breach(at, f"the runtime says version {said}, and its image is {tag}", said)


RULES = (
    Rule(
        "kserve.busy-head",
        "warning",
        components.RUNTIMES,
        "A liveness probe does not ask for a generated answer.",
        "Under load the answer waits behind the queue, and the kubelet kills a head that works.",
        "ask /health with httpGet, and watch generation by metrics",
        "practice",
        _TEMPLATE,
        _busy_head,
        requirements=("R143",),
    ),
    Rule(
        "kserve.worker-liveness",
        "info",
        components.RUNTIMES,
        "A worker's liveness probe that asks the head does so patiently.",
        "It brings a group together again after the head restarts, and takes all workers down while the head is only slow.",
        "give it a failureThreshold x periodSeconds that outlasts a busy head, and a question that needs no generation",
        "practice",
        _TEMPLATE + "; kserve#5063",
        _worker_liveness,
        requirements=("R143",),
    ),
    Rule(
        "kserve.unstable-ranks",
        "warning",
        components.RUNTIMES,
        "Ranks do not depend on which addresses are known at a moment.",
        "A worker that starts late or anew sorts another list: ranks come twice or change while others keep theirs.",
        "take ranks from a StatefulSet's or LeaderWorkerSet's index, or write a rank for each worker",
        "practice",
        _TEMPLATE,
        _ranks,
    ),
    Rule(
        "kserve.ray-wait",
        "warning",
        components.RUNTIMES,
        "The head waits for RAY_NODE_COUNT nodes, and not for ever.",
        "With Ray the number of pods comes from GPU requests; where it is not the number of stages, the head never starts.",
        "compare with RAY_NODE_COUNT, with a limit of time",
        "practice",
        "opendatahub-io/odh-model-controller v2.21 to v3.4, the template on Ray",
        _ray_wait,
        requirements=("R001",),
    ),
    Rule(
        "kserve.executor",
        "warning",
        components.RUNTIMES,
        "What runs the processes agrees with spec.annotations multinode/executor-backend.",
        "The annotation decides whether a pod is made for each stage (mp), or by GPU requests (Ray).",
        "write spec.annotations multinode/executor-backend: mp exactly where the engine runs without Ray",
        "practice",
        "kserve/kserve PR#5366",
        _executor,
        requirements=("R001", "R071"),
    ),
    Rule(
        "kserve.start-time",
        "warning",
        components.RUNTIMES,
        "A group has 20 minutes or more for its start.",
        "Weights are loaded and the workers waited for; a probe that gives up earlier restarts the pod again and again.",
        "give startupProbe a failureThreshold x periodSeconds of 1200 s or more, by the model's size",
        "practice",
        "kserve#5062; config/runtimes/kserve-huggingfaceserver-multinode.yaml has 1260 s",
        _start,
        requirements=("R026", "R142", "R143"),
    ),
    Rule(
        "kserve.runtime-version",
        "warning",
        components.RUNTIMES,
        "The version that a runtime says is that of its image.",
        "Flags and defaults are chosen by it.",
        "write the version of the image, or take the image of that version",
        "practice",
        _TEMPLATE + " (opendatahub.io/runtime-version)",
        _versions,
        requirements=("R006",),
    ),
)
