"""What goes wrong with an engine in plain workloads that the API server accepts: GPUs, groups, updates, claims, downloads.

Rules on pods of every platform are in `kubernetes/rules/pod_lint.py`. Source: failures that users of vLLM and SGLang report
(issues named at each rule) and the documentation of Kubernetes.
"""

from __future__ import annotations

import math
import re
from functools import partial
from typing import TYPE_CHECKING

from shardwright.core.rules.rule import Breach, Rule
from shardwright.kubernetes import engine_words, manifest_pods
from shardwright.kubernetes.manifest_pods import flag_value, items, mapping
from shardwright.targets.kubernetes_plain import workloads

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shardwright.core.manifests.objects import Context, Object
    from shardwright.core.marked.paths import Path
    from shardwright.kubernetes.manifest_pods import Container

__all__ = ["RULES"]

_MESH = "sidecar.istio.io/inject"
_FETCHES = re.compile(r"snapshot_download|hf\s+download|huggingface-cli\s+download|hf_hub_download")
_PIP = re.compile(r"\bpip3?\s+install\b")
_RESUME = re.compile(r"resume_download\s*=\s*True|--resume-download")
_TRUE = {"1", "true", "yes", "on"}
_DEFAULT_DEADLINE_SECONDS = 600
_LARGE_GPUS = 1


def _where(container: Container) -> Path:
    return (*container.path, "args" if container.value.get("args") else "command")


def _engines(each: Object) -> Iterator[tuple[Container, str]]:
    for pod in each.once(manifest_pods.pods_of):
        for container in pod.containers:
            if engine := engine_words.engine_of(container.words):
                yield container, engine


def _nodes(container: Container) -> int:
    return engine_words.whole(flag_value(container.words, "--nnodes")) or 1


def _too_few_gpus(each: Object, _: Context) -> Iterator[Breach]:
    for container, engine in _engines(each):
        degrees = engine_words.world_of(container.words, engine)
        has_ray = "ray" in (flag_value(container.words, "--distributed-executor-backend") or "")
        if degrees is None or not container.gpus or has_ray:
            continue
        world, gpus = math.prod(degrees), container.gpus * _nodes(container)
        if world > gpus:
            tensor, stages, copies = degrees
            message = f"tensor {tensor} x pipeline {stages} x data {copies} = {world} GPUs; there are {gpus}"
            yield Breach(_where(container), message, str(world))


def _same_rank(each: Object, _: Context) -> Iterator[Breach]:
    for container, _engine in _engines(each):
        rank = engine_words.whole(flag_value(container.words, "--node-rank"))
        if rank is not None and _nodes(container) > 1 and workloads.pods_made(each) > 1:
            message = f"each of the {each.kind}'s pods has the rank {rank}, and each needs one of its own"
            yield Breach(_where(container), message, str(rank))


def _group(each: Object, _: Context) -> Iterator[Breach]:
    for container, _engine in _engines(each):
        if (nodes := _nodes(container)) > 1:
            message = f"the engine runs on {nodes} nodes, and a {each.kind} does not restart them together"
            yield Breach(_where(container), message, str(nodes))


def _ordered(each: Object, _: Context) -> Iterator[Breach]:
    if each.get("spec", "podManagementPolicy") == "Parallel" or workloads.pods_made(each) < 2:
        return
    for container, _engine in _engines(each):
        if _nodes(container) > 1 and "readinessProbe" in container.value:
            message = (
                "the second pod is made when the first is ready, and the first is ready when the second has joined"
            )
            yield Breach(("spec", "podManagementPolicy"), message)
            return


def _surge(each: Object, _: Context) -> Iterator[Breach]:
    if each.get("spec", "strategy", "type") == "Recreate":
        return
    surge = each.get("spec", "strategy", "rollingUpdate", "maxSurge")
    gpus = sum(container.gpus for pod in each.once(manifest_pods.pods_of) for container in pod.containers)
    if gpus and surge not in (0, "0%"):
        message = f"an update starts a new pod of {gpus} GPUs before an old one ends"
        yield Breach(("spec", "strategy"), message, str(surge or "25%"))


def _deadline(each: Object, _: Context) -> Iterator[Breach]:
    deadline = each.number_at("spec", "progressDeadlineSeconds") or _DEFAULT_DEADLINE_SECONDS
    for container, _engine in _engines(each):
        at = (*container.path, "startupProbe")
        if not each.map_at(*at):
            continue
        period, times = each.number_at(*at, "periodSeconds"), each.number_at(*at, "failureThreshold")
        seconds = (period or 10) * (times or 3) + (each.number_at(*at, "initialDelaySeconds") or 0)
        if seconds > deadline:
            message = f"a start may take {seconds} s, and after {deadline} s the rollout counts as failed"
            yield Breach(("spec", "progressDeadlineSeconds"), message, str(deadline))


def _links(each: Object, context: Context) -> Iterator[Breach]:
    if not any(context.named("Service", "vllm", each.namespace)):
        return
    for container, engine in _engines(each):
        if engine == "vllm" and container.pod.spec.get("enableServiceLinks") is not False:
            message = (
                "the Service vllm gives every pod of the namespace VLLM_PORT=tcp://.., which the engine cannot read"
            )
            yield Breach((*container.pod.path, "enableServiceLinks"), message, "vllm")


def _mesh(each: Object, _: Context) -> Iterator[Breach]:
    at = workloads.template_metadata(each)
    marks = {part: each.map_at(*at, part).get(_MESH) for part in ("labels", "annotations")}
    if "true" in {str(value).lower() for value in marks.values()}:
        yield Breach((*at, "annotations"), f"{_MESH} is true: the proxy never ends, so the Job never completes", "true")
    elif not any(str(value).lower() == "false" for value in marks.values()):
        message = f"in a namespace with Istio the proxy never ends and the Job never completes; {_MESH} is not set"
        yield Breach(at, message, can_tell=False)


def _downloads(each: Object) -> Iterator[tuple[Container, str]]:
    for pod in each.once(manifest_pods.pods_of):
        for container in (*pod.containers, *manifest_pods.containers_of(pod, "initContainers")):
            text = " ".join(container.words)
            script = " ".join(str(word) for name in ("command", "args") for word in items(container.value.get(name)))
            if _FETCHES.search(text) or _FETCHES.search(script):
                yield container, script


def _download(each: Object, _: Context) -> Iterator[Breach]:
    for container, script in _downloads(each):
        if _PIP.search(script):
            yield Breach(
                _where(container),
                "it installs packages when it runs: another version each time, and it needs the index",
            )
        if _RESUME.search(script):
            yield Breach(_where(container), "resume_download is ignored: downloads always go on where they stopped")
        for index, entry in enumerate(items(container.value.get("env"))):
            name, value = mapping(entry).get("name"), str(mapping(entry).get("value") or "").lower()
            if name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE") and value in _TRUE:
                yield Breach((*container.path, "env", index), f"{name} is on, so nothing is downloaded", value)
            if name == "HF_HUB_ENABLE_HF_TRANSFER" and value in _TRUE:
                yield Breach(
                    (*container.path, "env", index),
                    "hf_transfer is gone; HF_XET_HIGH_PERFORMANCE took its place",
                    value,
                )


def _claims_of(context: Context) -> dict[tuple[str, str], list[tuple[Object, int]]]:
    """Objects that mount a claim, with the pods that do so at once, by the claim's namespace and name."""
    found: dict[tuple[str, str], list[tuple[Object, int]]] = {}
    for each in context.others:
        for pod in each.once(manifest_pods.pods_of):
            many = workloads.pods_made(each) if each.kind in workloads.WORKLOADS else manifest_pods.copies_of(each, pod)
            for name in set(_mounted(pod.spec)):
                found.setdefault((each.namespace, name), []).append((each, many))
    return found


def _mounted(spec: dict[str, manifest_pods.Value]) -> Iterator[str]:
    for volume in items(spec.get("volumes")):
        name = mapping(mapping(volume).get("persistentVolumeClaim")).get("claimName")
        if isinstance(name, str):
            yield name


def _claim_mode(each: Object, context: Context) -> Iterator[Breach]:
    modes = [mode for mode in each.list_at("spec", "accessModes") if isinstance(mode, str)]
    if not modes or {"ReadWriteMany", "ReadOnlyMany"} & set(modes):
        return
    users = context.once(_claims_of).get((each.namespace, each.name), [])
    lasting = [(user, pods) for user, pods in users if user.kind not in workloads.JOBS]
    if sum(pods for _, pods in lasting) > 1:
        names = ", ".join(dict.fromkeys(f"{user.kind} {user.name}" for user, _ in lasting[:3]))
        message = f"several pods mount it ({names}), and {', '.join(modes)} allows one node"
        yield Breach(("spec", "accessModes"), message, ", ".join(modes))


_rule = partial(
    Rule,
    severity="warning",
    enforced_by="practice",
    source="issues of vllm-project/vllm and the documentation of Kubernetes",
)
RULES = (
    _rule(
        "kubernetes.too-few-gpus",
        kinds=workloads.WORKLOADS,
        severity="error",
        enforced_by="engine",
        title="A pod has the GPUs that its parallelism asks for",
        why="the engine refuses to start",
        fix="raise the GPUs of the container, or lower the parallelism",
        source="vLLM 0.32.0 config/parallel.py; SGLang 0.5 arguments",
        check=_too_few_gpus,
        requirements=("R125",),
    ),
    _rule(
        "kubernetes.same-rank",
        kinds=workloads.CONTROLLERS,
        severity="error",
        enforced_by="engine",
        title="Each pod of a group has a rank of its own",
        why="all pods are made from one template, so a fixed rank is that of each; the group never forms",
        fix="use a LeaderWorkerSet and write --node-rank $(LWS_WORKER_INDEX)",
        source="vLLM and SGLang, multi-node arguments",
        check=_same_rank,
        requirements=("R137",),
    ),
    _rule(
        "kubernetes.group",
        kinds=workloads.CONTROLLERS,
        title="Groups over several nodes are made by something that restarts them together",
        why="when one member dies the others wait for it for ever, and addresses and ranks change when it comes back",
        fix="use a LeaderWorkerSet, a RayCluster or an InferenceService with workerSpec",
        source="vllm#32136, aibrix#1157; LeaderWorkerSet, concepts",
        check=_group,
        requirements=("R117",),
    ),
    _rule(
        "kubernetes.ordered-start",
        kinds=("StatefulSet",),
        title="Members of a group are made at the same time",
        why="neither side ever starts",
        fix="write podManagementPolicy: Parallel",
        check=_ordered,
    ),
    _rule(
        "kubernetes.update-surge",
        kinds=("Deployment",),
        severity="info",
        title="An update needs no GPUs on top",
        why="where all GPUs are in use the new pod stays pending and the update stands still",
        fix="write strategy.type: Recreate, which stops serving during an update, or maxSurge: 0",
        check=_surge,
    ),
    _rule(
        "kubernetes.rollout-deadline",
        kinds=("Deployment",),
        severity="info",
        title="The deadline of a rollout covers the start of the engine",
        why="kubectl rollout status and Argo CD report a failure while the model still loads",
        fix="raise progressDeadlineSeconds above the time that the startup probe allows",
        check=_deadline,
        requirements=("R142",),
    ),
    _rule(
        "kubernetes.service-links",
        kinds=workloads.WORKLOADS,
        severity="error",
        enforced_by="engine",
        title="No Service called vllm sets the engine's variables",
        why="Kubernetes gives each pod a variable for each Service: VLLM_PORT becomes an address, and vLLM ends at its start",
        fix="give the Service another name, or write enableServiceLinks: false",
        source="vLLM 0.32.0 envs.py (VLLM_PORT)",
        check=_links,
    ),
    _rule(
        "kubernetes.job-mesh",
        kinds=workloads.JOBS,
        title="Jobs have no proxy of a service mesh beside them",
        why="the proxy goes on when the Job's own container has ended",
        fix=f'set the label and annotation {_MESH}: "false" in the template',
        source="Istio, sidecar injection; source document 004",
        check=_mesh,
        requirements=("R159", "R128"),
    ),
    _rule(
        "kubernetes.download",
        kinds=workloads.WORKLOADS,
        severity="info",
        title="A download uses what its image has, and the hub's settings of today",
        why="what is installed or set otherwise changes without notice, or has no effect",
        fix="use an image that holds huggingface_hub and run hf download",
        source="huggingface_hub 1.0 and 2.4",
        check=_download,
        requirements=("R160", "R161"),
    ),
    _rule(
        "kubernetes.claim-mode",
        kinds=("PersistentVolumeClaim",),
        title="A claim that pods on several nodes mount can be mounted there",
        why="ReadWriteOnce mounts on one node; the other pods stay in ContainerCreating",
        fix="write ReadWriteMany (NFS, CephFS, EFS, FSS), or ReadOnlyMany once it is filled",
        source="Kubernetes: access modes of volumes",
        check=_claim_mode,
        requirements=("R014", "R165"),
    ),
)
