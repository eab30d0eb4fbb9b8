"""The recipe as typed values: one place for each thing, each field documented with unit and default.

This file is the single source: the reader, the JSON schema and the reference page are made from these classes.
In a document the names are written in camelCase (`storage_class` is `class` there). All sizes of `hardware`, `pods` and `parallelism` describe one replica.
"""

from __future__ import annotations

import dataclasses
from typing import Any, Literal, NewType

from shardwright.values import frozen

__all__ = [
    "API_VERSION",
    "Auth",
    "Bytes",
    "Draft",
    "Engine",
    "Expose",
    "Hardware",
    "Json",
    "KeyRef",
    "LatencyGoal",
    "Metadata",
    "Model",
    "Network",
    "Parallelism",
    "Patch",
    "PatchTarget",
    "PodOverrides",
    "Pods",
    "Pool",
    "Prices",
    "Quantity",
    "Rdma",
    "Recipe",
    "Storage",
    "Target",
    "Tls",
    "Workload",
]

API_VERSION = "shardwright.dev/v1"

Bytes = NewType("Bytes", int)
"""A size: written `24Gi`, kept as bytes."""
Quantity = NewType("Quantity", str)
"""A Kubernetes quantity that is passed on as written: `500m`, `16Gi`."""
Json = Any
"""A piece that is passed on as it is (tolerations, affinity, patches)."""


def setting(
    doc: str, default: Any = dataclasses.MISSING, *, later: bool = False, minimum: int | None = None, form: str = ""
) -> Any:
    """A field with its documentation.

    `later` marks what is read and checked but not used yet; `minimum` holds for every number in the field; `form` names
    what a text, or the keys and texts of a mapping, look like (`forms.py`).
    """
    metadata = {"doc": doc, "later": later, "minimum": minimum, "form": form}
    if default is dataclasses.MISSING:
        return dataclasses.field(metadata=metadata)
    if callable(default):
        return dataclasses.field(default_factory=default, metadata=metadata)
    return dataclasses.field(default=default, metadata=metadata)


@frozen
class Metadata:
    """Which deployment this is."""

    name: str = setting("Name of the deployment: a DNS label.", form="dns-label")
    namespace: str = setting(
        "Namespace it belongs to; on a cluster the context's, if it is left out.", "default", form="dns-label"
    )
    labels: dict[str, str] = setting("Labels for every object.", dict, form="labels")
    annotations: dict[str, str] = setting("Annotations for every object.", dict, form="annotations")


@frozen
class KeyRef:
    """One key of a Secret; the value itself never stands in a recipe."""

    secret: str = setting("Name of the Secret.", form="dns-name")
    key: str = setting("Key in the Secret.", form="secret-key")


@frozen
class Draft:
    """A smaller model that proposes tokens."""

    source: str = setting("The draft model, written as `model.source`.")
    tokens: int = setting("Tokens proposed at a time.", 1, minimum=1)


@frozen
class Model:
    """The model to serve."""

    source: str = setting(
        "`hf://owner/name`, `pvc://claim/path`, `oci://image`, `s3://bucket/path`, `par://bucket/path` (a pre-authenticated request of OCI Object Storage), a directory, or a name in the catalogue."
    )
    shape: str | None = setting(
        "Where the plan reads the model's shape if not from `source`: a directory, `hf://owner/name` or a catalogue name.",
        None,
    )
    revision: str | None = setting("Branch, tag or commit on the hub.", None, form="word")
    served_name: str | None = setting("Name in requests; the recipe's name if omitted.", None)
    token: KeyRef | None = setting("Where the hub's token is kept; of `par://`, the address of the request.", None)
    dtype: Literal["bfloat16", "float16", "float32"] | None = setting(
        "Type of weights and activations; that of the checkpoint if omitted.", None
    )
    trust_remote_code: bool = setting("Run code that comes with the model.", default=False)
    lora_slots: int = setting("Adapters held at once.", 0, minimum=0)
    draft: Draft | None = setting(
        "A draft model for speculation; the model itself as its source means its own layers that guess further tokens.",
        None,
    )


@frozen
class Engine:
    """What serves the model."""

    name: str = setting("The engine.", "vllm", form="engine-name")
    version: str | None = setting("Its version; the newest known if omitted.", None, form="version")
    image: str | None = setting("Container image; the engine's own of that version if omitted.", None, form="word")
    executor: Literal["mp", "ray"] | None = setting("How the engine spans nodes; the engine's best if omitted.", None)
    entrypoint: Literal["serve", "llm"] = setting("Whose defaults hold: those of the server or of the class.", "serve")
    args: dict[str, Json] = setting("The engine's own flags, without leading dashes.", dict, form="args")
    env: dict[str, str | KeyRef] = setting("Environment variables: a text, or `{secret, key}`.", dict, form="env")


@frozen
class LatencyGoal:
    """What a request may take."""

    time_to_first_token_seconds: float | None = setting("Seconds to the first token.", None, minimum=0)
    inter_token_seconds: float | None = setting("Seconds between tokens.", None, minimum=0)


@frozen
class Workload:
    """What will be asked of the model."""

    max_model_len: int | None = setting(
        "Tokens of prompt and answer together; the model's own limit if omitted.", None, minimum=1
    )
    concurrency: int = setting("Requests at once.", 1, minimum=1)
    input_tokens: int = setting("Tokens of a typical prompt.", 512, minimum=1)
    output_tokens: int = setting("Tokens of a typical answer.", 128, minimum=1)
    latency_goal: LatencyGoal | None = setting("Limits to keep, by the expected speed.", None)
    objective: Literal["fewest-gpus", "latency", "throughput", "price"] = setting(
        "What `auto` seeks; of the layouts with the fewest GPUs the fastest.", "fewest-gpus"
    )


@frozen
class Parallelism:
    """How the model is split."""

    tensor: int = setting("Tensor parallel size: GPUs that share each layer.", 1, minimum=1)
    pipeline: int = setting("Pipeline parallel size: stages of layers.", 1, minimum=1)
    data: int = setting("Data parallel size.", 1, minimum=1)
    expert: bool = setting("Spread experts over the ranks instead of splitting each.", default=False)
    layer_partition: tuple[int, ...] = setting(
        "Layers of each stage; the engine's own split if omitted.", (), minimum=1
    )


@frozen
class Pool:
    """Nodes of one kind in an inventory of several."""

    gpu: str | None = setting("GPU of the catalogue.", None)
    gpus_per_node: int | None = setting("GPUs on each node.", None, minimum=1)
    nodes: int = setting("Nodes of this kind.", 1, minimum=1)
    gpu_memory: Bytes | None = setting(
        "Memory of one GPU as the runtime reports it; that of the catalogue if omitted.", None
    )
    node_shape: str | None = setting("Node shape of the catalogue instead of `gpu`.", None)


@frozen
class Hardware:
    """What one replica may use."""

    gpu: str | None = setting("GPU of the catalogue.", None)
    gpus_per_node: int | None = setting("GPUs on each node; 1, or those of `nodeShape`, if omitted.", None, minimum=1)
    nodes: int | Literal["auto"] = setting("Nodes that may be used, or `auto`: as many as needed.", 1, minimum=1)
    gpu_memory: Bytes | None = setting(
        "Memory of one GPU as the runtime reports it; that of the catalogue if omitted.", None
    )
    resource: str | None = setting("Kubernetes resource of a GPU; the catalogue's if omitted.", None, form="resource")
    node_shape: str | None = setting("Node shape of the catalogue instead of `gpu`.", None)
    pools: tuple[Pool, ...] = setting("An inventory of several kinds of nodes, instead of the fields above.", ())


@frozen
class PodOverrides:
    """What differs for the leader or the workers."""

    cpu: Quantity | None = setting("CPUs of the pod.", None, form="quantity")
    memory: Bytes | None = setting("Memory of the pod.", None)
    node_selector: dict[str, str] = setting("Labels a node must have, besides those of all pods.", dict, form="labels")
    labels: dict[str, str] = setting("Labels of the pod, besides those of all pods.", dict, form="labels")
    annotations: dict[str, str] = setting(
        "Annotations of the pod, besides those of all pods.", dict, form="annotations"
    )


@frozen
class Pods:
    """What a cluster's owner asks of pods."""

    cpu: Quantity | None = setting("CPUs requested for each pod.", None, form="quantity")
    memory: Bytes | None = setting("Memory requested and allowed for each pod.", None)
    shared_memory: Bytes | None = setting("Size of /dev/shm; counts against `memory`.", None)
    service_account: str | None = setting("Service account of the pods.", None, form="dns-name")
    node_selector: dict[str, str] = setting("Labels a node must have.", dict, form="labels")
    tolerations: tuple[Json, ...] = setting("Tolerations, as Kubernetes has them.", ())
    affinity: Json = setting("Affinity, as Kubernetes has it.", None)
    image_pull_secrets: tuple[str, ...] = setting("Secrets for pulling images.", (), form="dns-name")
    priority_class: str | None = setting("Priority class of the pods.", None, form="dns-name")
    labels: dict[str, str] = setting("Labels of the pods.", dict, form="labels")
    annotations: dict[str, str] = setting("Annotations of the pods.", dict, form="annotations")
    security_context: Json = setting("Security context of containers and their pod, as Kubernetes has it.", None)
    leader: PodOverrides | None = setting("What differs for the leader.", None)
    worker: PodOverrides | None = setting("What differs for the workers.", None)


@frozen
class Rdma:
    """Devices and networks for RDMA, paired in order."""

    devices: tuple[str, ...] = setting(
        "Kubernetes resources of the devices, as `rdma/rdma_shared_device_a`.", form="resource"
    )
    networks: tuple[str, ...] = setting("Secondary networks, as `namespace/name`.", (), form="network-name")
    ip_family: Literal["ipv4", "ipv6"] | None = setting("Addresses on the fabric.", None)


@frozen
class Network:
    """How nodes reach each other."""

    rdma: Rdma | None = setting("RDMA devices and networks.", None)
    interface: str | None = setting("Interface between nodes; the engine's choice if omitted.", None, form="word")
    ip_family: Literal["ipv4", "ipv6"] | None = setting("Addresses of pods; the cluster's if omitted.", None)
    debug: bool = setting("Let the collective library log its choices (NCCL_DEBUG=INFO).", default=False)


@frozen
class Storage:
    """Where the model's files are kept."""

    claim: str | None = setting(
        "PersistentVolumeClaim to use; one is rendered if it is ours to make.", None, form="dns-name"
    )
    storage_class: str | None = setting("Storage class of a new claim.", None, form="dns-name")
    size: Bytes | None = setting("Size of a new claim; 1.5 times the model if omitted.", None)
    access_mode: Literal["ReadWriteMany", "ReadOnlyMany", "ReadWriteOnce"] = setting(
        "Access mode of a new claim.", "ReadWriteMany"
    )
    download: Literal["auto", "never"] = setting("`auto`: a Job fetches the model before the group starts.", "auto")
    cache_dir: str = setting(
        "Where the claim is mounted; the hub's cache is `hub` below it.", "/models", form="absolute-path"
    )


@frozen
class PatchTarget:
    """Which manifest a patch changes."""

    kind: str = setting("Kind of the object, as LeaderWorkerSet.", form="word")
    name: str | None = setting("Its name; needed where several objects of the kind are rendered.", None, form="word")


@frozen
class Patch:
    """One change of one manifest, applied last."""

    target: PatchTarget = setting("The manifest to change.")
    patch: Json = setting("A mapping is a JSON merge patch (RFC 7386), a list is a JSON patch (RFC 6902).")


@frozen
class Target:
    """The platform."""

    kind: str = setting("The platform.", form="target-kind")
    version: str | None = setting("Its version; detected, or the newest known, if omitted.", None, form="version")
    options: dict[str, Json] = setting("Options of this kind of target.", dict)
    patches: tuple[Patch, ...] = setting("Changes applied to manifests last, in order.", ())


@frozen
class Tls:
    """How requests from outside are encrypted; `{}` uses the platform's own certificate."""

    secret: str | None = setting("Secret of type kubernetes.io/tls with the certificate.", None, form="dns-name")


@frozen
class Auth:
    """Who may ask; one of the two."""

    api_key: KeyRef | None = setting("Key that requests carry as a bearer token; the engine checks it.", None)
    platform: bool = setting("The platform checks a token of its own before the engine is asked.", default=False)


@frozen
class Expose:
    """How the model is reached from outside."""

    kind: Literal["none", "service", "ingress", "gateway", "route"] = setting("The way in.", "service")
    host: str | None = setting("Host name.", None, form="dns-name")
    path: str = setting(
        "Path under which it is reached; removed before the engine is asked.", "/", form="absolute-path"
    )
    ingress_class: str | None = setting(
        "Class of the Ingress; the cluster's default if omitted.", None, form="dns-name"
    )
    gateway: str | None = setting("Gateway of an HTTPRoute, as NAMESPACE/NAME or NAME.", None, form="network-name")
    tls: Tls | None = setting("How requests are encrypted; in clear text if omitted.", None)
    auth: Auth | None = setting("Who may ask; everybody who reaches it if omitted.", None)
    dashboard: bool = setting(
        "Expose the platform's dashboard too, on the host `dashboard.` before `host`.", default=False
    )


@frozen
class Prices:
    """What GPUs cost, for the objective `price`."""

    currency: str = setting("Currency of the prices.", "USD")
    gpu_hour: dict[str, float] = setting("Price of one GPU for an hour, by its name.", dict, minimum=0)


@frozen
class Recipe:
    """One deployment, as asked."""

    metadata: Metadata = setting("Name and namespace.")
    model: Model = setting("The model to serve.")
    target: Target | None = setting("The platform; needed for rendering, not for planning.", None)
    engine: Engine = setting("What serves it.", Engine)
    workload: Workload = setting("What will be asked of it.", Workload)
    parallelism: Parallelism | Literal["auto"] = setting("How it is split; `auto`: planned.", "auto")
    hardware: Hardware = setting("What one replica may use.", Hardware)
    pods: Pods = setting("What the cluster's owner asks of pods.", Pods)
    network: Network = setting("How nodes reach each other.", Network)
    storage: Storage = setting("Where the model's files are kept.", Storage)
    expose: Expose = setting("How it is reached from outside.", Expose)
    replicas: int = setting("Groups of the same kind.", 1, minimum=0)
    prices: Prices | None = setting("What GPUs cost.", None)

    @property
    def served_name(self) -> str:
        """The model's name in requests."""
        return self.model.served_name or self.metadata.name
