"""What goes wrong with InferenceServices and runtimes that are accepted: names, updates, claims, credentials, memory.

Source: reference manifests of OpenShift AI and KServe and what users report of them (issues named at each rule).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from shardwright.core.rules.rule import Breach, Rule
from shardwright.kubernetes import manifest_pods
from shardwright.kubernetes.rules import pod_checks
from shardwright.targets.kserve import components, groups

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from shardwright.core.manifests.objects import Context, Object
    from shardwright.core.marked.paths import Path

__all__ = ["RULES"]

_MODEL: Path = (*components.PREDICTOR, "model")
_NAME_FLAGS = ("--served-model-name", "--served_model_name", "--model-name", "--model_name")
_BUNDLE = {"PersistentVolumeClaim", "Secret", "Route", "Job", "Ingress"}


def _mode_name(manifest: Object, context: Context) -> Iterator[Breach]:
    at = ("metadata", "annotations", components.DEPLOYMENT_MODE)
    written = getattr(manifest.node(at), "text", "")
    if components.at_release(context, "0.16"):
        if written in {"RawDeployment", "Serverless"}:
            today = {"RawDeployment": "Standard", "Serverless": "Knative"}[written]
            yield Breach(at, f"{written} is called {today} since 0.16; the old name is still understood", written)
    elif written in {"Standard", "Knative"}:
        yield Breach(at, f"{written} is a name of 0.16; before, it is taken for the mode Serverless", written)


def _surge(manifest: Object, _: Context) -> Iterator[Breach]:
    kind = manifest.text_at(*components.PREDICTOR, "deploymentStrategy", "type")
    if components.has_workers(manifest) and kind != "Recreate":
        message = "an update starts the new group next to the old one, so it needs twice the GPUs"
        yield Breach((*components.PREDICTOR, "deploymentStrategy"), message, kind)


def _served_name(manifest: Object, _: Context) -> Iterator[Breach]:
    """Probes of the shipped runtimes, and clients of the platform, ask for the object's name."""
    for container in _serving_containers(manifest):
        for path, given in _given_names(manifest, container):
            if not any(name == manifest.name or "{{.Name}}" in name or name.startswith("$") for name in given):
                message = f"the model is served as {', '.join(given)}, not as {manifest.name}"
                yield Breach(path, message, ", ".join(given))


def _serving_containers(manifest: Object) -> Iterator[Path]:
    if isinstance(manifest.get(*_MODEL), dict):
        yield _MODEL
    yield from manifest_pods.containers(manifest, components.WORKER)


def _given_names(manifest: Object, container: Path) -> Iterator[tuple[Path, list[str]]]:
    words = manifest.list_at(*container, "args")
    for index, word in enumerate(words):
        if not isinstance(word, str):
            continue
        flag, separator, value = word.partition("=")
        if flag in _NAME_FLAGS:
            given = [value] if separator else _until_flag(words[index + 1 :])
            yield (*container, "args", index), given


def _until_flag(words: Sequence[object]) -> list[str]:
    found: list[str] = []
    for word in words:
        if not isinstance(word, str) or word.startswith("-"):
            break
        found.append(word)
    return found


def _claim(manifest: Object, context: Context) -> Iterator[Breach]:
    uri = manifest.text_at(*_MODEL, "storageUri")
    if not components.has_workers(manifest) or not uri.startswith("pvc://"):
        return
    name = uri.removeprefix("pvc://").split("/", maxsplit=1)[0]
    claims = groups.nearest(manifest, context.named("PersistentVolumeClaim", name, manifest.namespace))
    at = (*_MODEL, "storageUri")
    if not claims:
        yield Breach(
            at, f"the claim {name} must be ReadWriteMany or ReadOnlyMany; it is not here", name, can_tell=False
        )
    for claim in claims:
        modes = claim.list_at("spec", "accessModes")
        if not {"ReadWriteMany", "ReadOnlyMany"} & {str(mode) for mode in modes}:
            yield Breach(at, f"the claim {name} can be mounted on one node only: {', '.join(map(str, modes))}", name)


def _runtime_name(manifest: Object, _: Context) -> Iterator[Breach]:
    name = manifest.text_at(*_MODEL, "runtime")
    if name == "huggingface-server-multinode":
        yield Breach((*_MODEL, "runtime"), "no release ever had a runtime huggingface-server-multinode", name)
    form = manifest.text_at(*_MODEL, "modelFormat", "name")
    if components.has_workers(manifest) and "triton" in {form.lower(), *name.lower().split("-")}:
        yield Breach((*_MODEL, "runtime"), "Triton does not run on several nodes with workerSpec", name or form)


def _bundle(manifest: Object, context: Context) -> Iterator[Breach]:
    if not components.has_workers(manifest) or context.of_kind("InferenceService"):
        return
    if any(context.of_kind(kind) for kind in _BUNDLE):
        yield Breach(
            ("metadata", "name"), "these files prepare a deployment and hold no InferenceService", manifest.name
        )


def _pods(manifest: Object) -> Iterator[Path]:
    if manifest.kind == "InferenceService":
        yield from components.components(manifest)
        worker = components.WORKER
    else:
        yield ("spec",)
        worker = ("spec", "workerSpec")
    if isinstance(manifest.get(*worker), dict):
        yield worker


def _tokens(manifest: Object, _: Context) -> Iterator[Breach]:
    for pod in _pods(manifest):
        yield from pod_checks.all_credentials(manifest_pods.pod_at(manifest, pod))
    if manifest.kind == "InferenceService":
        for name in components.FRAMEWORKS:
            at = (*components.PREDICTOR, name)
            pod = manifest_pods.pod_at(manifest, components.PREDICTOR)
            yield from pod_checks.credentials(manifest_pods.Container(at, manifest.map_at(*at), pod))


def _tolerations(manifest: Object, _: Context) -> Iterator[Breach]:
    for pod in _pods(manifest):
        yield from pod_checks.unmatched_tolerations(manifest_pods.pod_at(manifest, pod))


def _memory(manifest: Object, _: Context) -> Iterator[Breach]:
    """Only a runtime shows the whole container; an InferenceService writes over parts of one."""
    if not components.has_workers(manifest):
        return
    head = groups.head_of(manifest)
    worker = groups.worker_container(manifest)
    for pod, container in ((("spec",), head), (("spec", "workerSpec"), worker)):
        if container is not None and _has_small_memory(manifest, pod, container):
            yield Breach(container, "its shared memory is left at 64 MiB, or smaller than 1 GiB")


def _has_small_memory(manifest: Object, pod: Path, container: Path) -> bool:
    found = manifest_pods.Container(container, manifest.map_at(*container), manifest_pods.pod_at(manifest, pod))
    return pod_checks.has_small_memory(found)


RULES = (
    Rule(
        "kserve.mode-name",
        "info",
        components.ISVC,
        "Deployment modes have the names of the release.",
        "RawDeployment and Serverless became Standard and Knative with 0.16.",
        "write the name that the release has",
        "practice",
        "kserve/kserve v0.16.0 pkg/constants (ParseDeploymentMode)",
        _mode_name,
        requirements=("R009", "R058"),
    ),
    Rule(
        "kserve.update-surge",
        "info",
        components.ISVC,
        "A group is updated by Recreate.",
        "Workers surge by 100 % and wait for GPUs that the old group holds.",
        "write predictor.deploymentStrategy.type: Recreate; serving stops during an update",
        "practice",
        "kserve/kserve PR#4188, deployment_reconciler.go",
        _surge,
        since="0.14",
    ),
    Rule(
        "kserve.served-name",
        "warning",
        components.ISVC,
        "The object's name is among the names under which the model is served.",
        "Probes of the workers look for it in /v1/models, and clients ask for it.",
        "give the object's name first, then others",
        "practice",
        "kserve/kserve config/runtimes/kserve-huggingfaceserver-multinode.yaml (health_check.py)",
        _served_name,
        requirements=("R031",),
    ),
    Rule(
        "kserve.claim-mode",
        "warning",
        components.ISVC,
        "A model for several nodes lies in a claim that several nodes can mount.",
        "ReadWriteOnce mounts on one node; the workers stay in ContainerCreating.",
        "make the claim ReadWriteMany (NFS, CephFS, EFS, FSS), or ReadOnlyMany once it is filled",
        "practice",
        "Kubernetes: access modes of volumes",
        _claim,
        since="0.14",
        requirements=("R014", "R060", "R165"),
    ),
    Rule(
        "kserve.runtime-name",
        "warning",
        components.ISVC,
        "The runtime exists and runs on several nodes.",
        "Pages on multi-node serving name a runtime that never was, and Triton has no such runtime.",
        "write runtime: kserve-huggingfaceserver-multinode",
        "practice",
        "kserve/kserve config/runtimes",
        _runtime_name,
        requirements=("R063", "R064"),
    ),
    Rule(
        "kserve.bundle",
        "warning",
        components.RUNTIMES,
        "Files that prepare a runtime for several nodes, claim and route also hold the InferenceService.",
        "Without it nothing is started.",
        "add the InferenceService",
        "practice",
        "rh-aiservices-bu/multi-node-multi-gpu-poc (its README leaves the last folder out)",
        _bundle,
        requirements=("R030",),
    ),
    Rule(
        "kserve.literal-token",
        "warning",
        (*components.ISVC, *components.RUNTIMES),
        "Credentials are referred to, not written out.",
        "Everybody who may read the object can read them, and they end in version control.",
        "put it into a Secret and refer to it: valueFrom.secretKeyRef",
        "practice",
        "Kubernetes: good practices for Secrets",
        _tokens,
        requirements=("R074", "R123"),
    ),
    Rule(
        "kserve.toleration",
        "warning",
        (*components.ISVC, *components.RUNTIMES),
        "A toleration without a value has the operator Exists.",
        "Without it the toleration means an empty value and does not match a taint that has one.",
        "add operator: Exists",
        "practice",
        "Kubernetes: taints and tolerations; rh-aiservices-bu/multi-node-multi-gpu-poc",
        _tolerations,
        requirements=("R019",),
    ),
    Rule(
        "kserve.shared-memory",
        "warning",
        components.RUNTIMES,
        "Containers of a group have shared memory of 1 GiB or more.",
        "NCCL and the engine's processes exchange data there; with 64 MiB they end with a bus error or hang.",
        "mount an emptyDir with medium Memory and a sizeLimit such as 16Gi at /dev/shm",
        "practice",
        "nccl#525, vllm#7466, production-stack#276",
        _memory,
        since="0.14",
        requirements=("R135",),
    ),
)
