"""Blueprints become recipes: documents whose values stand where the blueprint has them, with what is to be known of it.

What has no field in a recipe is kept in an annotation, so that it can be written out again; addresses of pre-authenticated
requests and keys never are. What the rules call an error is a fault of the recipe. Pure.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from shardwright import errors
from shardwright.core.manifests import judge
from shardwright.core.manifests.objects import Context
from shardwright.core.marked.tree import Document
from shardwright.core.recipe.model import API_VERSION
from shardwright.formats.oci_blueprints import asked, documents, keys, placing, remarks, served
from shardwright.formats.oci_blueprints.documents import KIND
from shardwright.formats.oci_blueprints.lint import LINT
from shardwright.formats.oci_blueprints.placing import placed
from shardwright.values import frozen

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shardwright.core.manifests.objects import Object, Value
    from shardwright.core.rules import Finding
    from shardwright.formats.oci_blueprints.placing import Tree

__all__ = ["ANNOTATION", "INSTANCE_TYPE", "OPTION_PORTS", "ReadRecipe", "read_objects", "read_recipes"]

ANNOTATION = "shardwright.dev/blueprint"
"""Keys of the blueprint that a recipe has no field for, as JSON."""
INSTANCE_TYPE = "node.kubernetes.io/instance-type"
"""Label of nodes that holds their shape."""

_DEPLOYED = ("raycluster", "service")
OPTION_PORTS = {
    "gcsPort": "redis_port",
    "dashboardPort": "dashboard_port",
    "metricsPort": "metrics_export_port",
    "clientPort": "rayclient_server_port",
}
"""Options of the target that are ports, with the key that sets each."""
_CARRIED = {
    "recipe_mode",
    "deployment_name",
    "recipe_node_shape",
    "recipe_nvidia_gpu_count",
    "recipe_amd_gpu_count",
    "input_object_storage",
    "service_endpoint_domain",
    "recipe_container_env",
    "recipe_environment_secrets",
    "recipe_container_secret_name",
    "recipe_shared_memory_volume_size_limit_in_mb",
    "recipe_node_labels",
}
_CARRIED_BY_MODE = {
    "raycluster": {"recipe_node_pool_size", asked.CLUSTER},
    "service": {
        asked.SPANNED,
        "recipe_replica_count",
        "recipe_container_command_args",
        "recipe_container_memory_size",
        "recipe_container_cpu_count",
    },
}
_NOT_KEPT = {"par", "api_key"}


@frozen
class ReadRecipe:
    """A recipe that a blueprint means."""

    document: Document
    findings: tuple[Finding, ...]
    """What is to be known besides: of the blueprint, and of what became of it."""


def read_recipes(document: Document) -> tuple[ReadRecipe, ...]:
    """The recipes of a document's blueprints; RecipeError with all faults."""
    found = documents.objects_of(document.root) if document.root is not None else ()
    if document.faults or not found:
        raise errors.RecipeError(document.faults)
    return read_objects(found)


def read_objects(found: tuple[Object, ...]) -> tuple[ReadRecipe, ...]:
    """The recipes of blueprints that were read as objects; RecipeError with all faults."""
    findings = judge.judge(found, (LINT,), Context())
    faults = tuple(_fault(each) for each in findings if each.severity == "error")
    if faults:
        raise errors.RecipeError(faults)
    served_ones = [each for each in found if each.kind == KIND and asked.mode(each) in _DEPLOYED]
    if not served_ones:
        mark = found[0].root.mark
        modes = ", ".join(dict.fromkeys(asked.mode(each) for each in found if each.kind == KIND))
        hint = (
            "name the blueprint of the service too, or alone: nodes are not made here, they are chosen by their shape"
        )
        message = f"nothing is served by this blueprint (mode {modes})"
        raise errors.RecipeError((errors.Fault(message, "recipe_mode", mark.file, mark.line, hint),))
    pools = [each for each in found if asked.mode(each) == "shared_node_pool"]
    kept = tuple(each for each in findings if each.severity != "error")
    return tuple(_read(each, pools, kept) for each in served_ones)


def _fault(finding: Finding) -> errors.Fault:
    return errors.Fault(f"{finding.message} [{finding.id}]", finding.path, finding.file, finding.line, finding.fix)


def _read(blueprint: Object, pools: list[Object], findings: tuple[Finding, ...]) -> ReadRecipe:
    left = _left_over(blueprint, pools)
    mark = blueprint.root.mark
    recipe: dict[str, Tree] = {
        "apiVersion": API_VERSION,
        "kind": "Recipe",
        "metadata": _metadata(blueprint, left),
        "model": served.model(blueprint),
        "engine": served.engine(blueprint),
        "workload": served.workload(blueprint),
        "parallelism": served.parallelism(blueprint),
        "hardware": _hardware(blueprint),
        "pods": _pods(blueprint),
        "storage": served.storage(blueprint),
        "expose": _expose(blueprint),
        "replicas": _replicas(blueprint),
        "target": _target(blueprint),
    }
    made = Document(mark, placing.tree_of(recipe, mark))
    return ReadRecipe(made, (*findings, *remarks.remarks_of(blueprint, left)))


def _metadata(blueprint: Object, left: dict[str, Value]) -> Tree:
    text = json.dumps(left, separators=(",", ":"), ensure_ascii=False)
    return {
        "name": placed(blueprint, ("deployment_name",), blueprint.name),
        "annotations": {ANNOTATION: text} if left else {},
    }


def _left_over(blueprint: Object, pools: list[Object]) -> dict[str, Value]:
    """What a recipe has no field for, without what is secret."""
    carried = _CARRIED | _CARRIED_BY_MODE[asked.mode(blueprint)]
    left = {key: _open(value) for key, value in blueprint.value.items() if key not in carried and value is not None}
    if served.keeps_image(blueprint):
        left.pop("recipe_image_uri", None)
    if left.get("recipe_container_port") in ("8000", 8000):
        left.pop("recipe_container_port")
    if asked.is_over_nodes(blueprint):
        left.pop("recipe_use_shared_node_pool", None)
    storages = [_open(each) for each in blueprint.list_at("input_object_storage")]
    if _says_more(blueprint, storages):
        left["input_object_storage"] = list(storages)
    shape = asked.text(blueprint, "recipe_node_shape")
    fitting = [each for each in pools if asked.text(each, "shared_node_pool_shape") == shape]
    if fitting and asked.is_over_nodes(blueprint):
        left["shared_node_pool"] = {
            key: _open(value) for key, value in fitting[0].value.items() if key != "recipe_mode"
        }
    return left


def _says_more(blueprint: Object, storages: list[Value]) -> bool:
    """Whether the object storage has more than the model's folder."""
    first = storages[0] if storages and isinstance(storages[0], dict) else {}
    path = asked.model_path(blueprint)
    plain = first.get("include") in (None, [path]) and "exclude" not in first
    return len(storages) > 1 or not plain or (bool(path) and "include" not in first)


def _open(value: Value) -> Value:
    """A value without what must not stand in a recipe."""
    if isinstance(value, dict):
        return {key: _open(each) for key, each in value.items() if key not in _NOT_KEPT and each is not None}
    return [_open(each) for each in value] if isinstance(value, list) else value


def _hardware(blueprint: Object) -> Tree:
    count, key = asked.gpus_per_node(blueprint), asked.gpu_key(blueprint)
    nodes_at = (asked.SPANNED,) if asked.is_over_nodes(blueprint) else ("recipe_node_pool_size",)
    return {
        "nodeShape": placed(blueprint, ("recipe_node_shape",), asked.text(blueprint, "recipe_node_shape") or None),
        "gpusPerNode": placed(blueprint, (key,), count),
        "nodes": placed(blueprint, nodes_at, asked.nodes(blueprint)),
    }


def _pods(blueprint: Object) -> Tree:
    is_cluster = asked.mode(blueprint) == "raycluster"
    shape = asked.text(blueprint, "recipe_node_shape")
    resource = "amd.com/gpu" if asked.gpu_key(blueprint) == "recipe_amd_gpu_count" else "nvidia.com/gpu"
    shared = "recipe_shared_memory_volume_size_limit_in_mb"
    pull = asked.text(blueprint, "recipe_container_secret_name")
    labels: dict[str, Tree] = {
        key: str(value) for key, value in blueprint.map_at("recipe_node_labels").items() if isinstance(value, str)
    }
    cpus_at = (asked.CLUSTER, "head_node_num_cpus") if is_cluster else ("recipe_container_cpu_count",)
    memory_at = (asked.CLUSTER, "head_node_cpu_mem_in_gbs") if is_cluster else ("recipe_container_memory_size",)
    cpus = asked.number(blueprint, *cpus_at)
    threads = keys.table("ocpu")["threads"] if is_cluster else 1
    return {
        "cpu": placed(blueprint, cpus_at, None if cpus is None else str(cpus * threads)),
        "memory": placed(blueprint, memory_at, _memory(asked.number(blueprint, *memory_at))),
        "sharedMemory": placed(blueprint, (shared,), _sized(asked.number(blueprint, shared), "Mi")),
        "imagePullSecrets": [placed(blueprint, ("recipe_container_secret_name",), pull)] if pull else [],
        "nodeSelector": placed(
            blueprint, ("recipe_node_shape",), {**({INSTANCE_TYPE: shape} if shape else {}), **labels}
        ),
        "tolerations": [{"key": resource, "operator": "Exists", "effect": "NoSchedule"}],
    }


def _memory(gigabytes: int | None) -> str | None:
    """In Mi, as Kubernetes counts, and never more than is meant."""
    return None if gigabytes is None else f"{gigabytes * 10**9 // 2**20}Mi"


def _sized(count: int | None, unit: str) -> str | None:
    return None if count is None else f"{count}{unit}"


def _expose(blueprint: Object) -> Tree:
    path = ("service_endpoint_domain",)
    domain = asked.text(blueprint, *path)
    if not domain:
        path = ("service_endpoint", "domain")
        domain = asked.text(blueprint, *path)
    dashboard = True if asked.mode(blueprint) == "raycluster" else None
    if not domain:
        return {"kind": "service", "dashboard": dashboard}
    name = blueprint.name
    host = domain if domain.startswith(f"{name}.") else f"{name}.{domain}"
    return placed(
        blueprint, path, {"kind": "ingress", "host": host, "tls": {"secret": f"{name}-tls"}, "dashboard": dashboard}
    )


def _replicas(blueprint: Object) -> Tree:
    is_service = asked.mode(blueprint) == "service"
    count = asked.number(blueprint, "recipe_replica_count") if is_service else None
    return None if count is None or count == 1 else placed(blueprint, ("recipe_replica_count",), count)


def _target(blueprint: Object) -> Tree:
    if asked.mode(blueprint) == "raycluster":
        return placed(blueprint, ("recipe_mode",), {"kind": "kuberay", "options": dict(_ports(blueprint))})
    return placed(blueprint, ("recipe_mode",), {"kind": "lws" if asked.is_over_nodes(blueprint) else "kubernetes"})


def _ports(blueprint: Object) -> Iterator[tuple[str, Tree]]:
    for name, key in OPTION_PORTS.items():
        port = asked.number(blueprint, asked.CLUSTER, key)
        if port is not None:
            yield name, placed(blueprint, (asked.CLUSTER, key), port)
