"""Plans are written as blueprints: a Ray cluster where the target is one, else a service and the pool that it needs.

What a blueprint has no key for is said, and what cannot be said in one is an error. Addresses of pre-authenticated requests
are credentials: marks stand in their place. Pure.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, cast

from shardwright.core.recipe import source
from shardwright.formats.oci_blueprints import keys, written_container, written_findings
from shardwright.formats.oci_blueprints.reading import ANNOTATION, INSTANCE_TYPE, OPTION_PORTS
from shardwright.formats.oci_blueprints.written_findings import shape_of
from shardwright.kubernetes.render.storage import claim_bytes
from shardwright.units import GIB
from shardwright.values import frozen

if TYPE_CHECKING:
    from shardwright.core.deployment import Deployment
    from shardwright.core.manifests.objects import Value
    from shardwright.core.recipe import Recipe
    from shardwright.core.rules import Finding
    from shardwright.facts.load import NodeShape

__all__ = ["WrittenBlueprint", "written"]

_GB = 10**9
_POOL_KEY = "shared_node_pool"
_HEADROOM = 1.5
_LEAST_DISK_GB = 200
_REQUEST = "https://objectstorage.${REGION}.oraclecloud.com/p/${TOKEN}/n/${NAMESPACE}/b/"
"""Marks that are filled in before the blueprint is sent."""

Blueprint = dict[str, Any]


@frozen
class WrittenBlueprint:
    """A blueprint, or the group of one and its pool, with what is to be known of it."""

    document: Blueprint
    findings: tuple[Finding, ...]


def written(deployment: Deployment) -> WrittenBlueprint:
    """What a blueprint says of a deployment; with a finding of severity error the document is empty."""
    kept = _kept(deployment.recipe)
    found = tuple(written_findings.findings_of(deployment))
    shape = shape_of(deployment)
    if shape is None or any(finding.severity == "error" for finding in found):
        return WrittenBlueprint({}, found)
    if written_findings.is_ray_cluster(deployment):
        return WrittenBlueprint(_with_kept(_ray_cluster(deployment, shape, kept), kept), found)
    pool: Blueprint = kept.pop(_POOL_KEY, {})
    service = _with_kept(_service(deployment, shape), kept)
    if deployment.group.size == 1:
        return WrittenBlueprint(service, found)
    return WrittenBlueprint(_group(deployment, service, _with_kept(_pool(deployment, shape), pool)), found)


def _kept(recipe: Recipe) -> Blueprint:
    """Keys that came with a blueprint and that a recipe has no field for."""
    text = recipe.metadata.annotations.get(ANNOTATION, "")
    try:
        found: object = json.loads(text) if text else {}
    except (ValueError, RecursionError):
        return {}
    known = {*keys.keys_of(), _POOL_KEY}
    return (
        {key: value for key, value in cast("Blueprint", found).items() if key in known}
        if isinstance(found, dict)
        else {}
    )


def _with_kept(made: Blueprint, kept: Blueprint) -> Blueprint:
    """Keys in the order of the schema, what was kept in place of what was made up."""
    storages = _storages(made.get("input_object_storage"), kept.get("input_object_storage"))
    joined = {**made, **kept, **({"input_object_storage": storages} if storages else {})}
    order = [*keys.keys_of(), *joined]
    return {key: joined[key] for key in dict.fromkeys(order) if joined.get(key) is not None}


def _storages(made: object, kept: object) -> list[Blueprint]:
    """Object storage as it was, with where the first one is read from as it is now."""
    ours = cast("list[Blueprint]", made) if isinstance(made, list) else []
    theirs = cast("list[Value]", kept) if isinstance(kept, list) else []
    whole = [cast("Blueprint", each) for each in theirs if isinstance(each, dict)]
    if not ours or not whole:
        return ours
    place = {name: ours[0][name] for name in ("par", "bucket_name", "mount_location") if name in ours[0]}
    others = [each if "bucket_name" in each else {"par": f"{_REQUEST}${{BUCKET}}/o/", **each} for each in whole[1:]]
    return [{**place, **whole[0], **place}, *others]


def _ray_cluster(deployment: Deployment, shape: NodeShape, kept: Blueprint) -> Blueprint:
    recipe, disk = deployment.recipe, _disk_gb(deployment)
    boot = kept.get("recipe_node_boot_volume_size_in_gbs")
    return {
        **_common(deployment, shape),
        "recipe_mode": "raycluster",
        "recipe_node_pool_size": deployment.group.size,
        "recipe_node_boot_volume_size_in_gbs": disk + _LEAST_DISK_GB,
        "recipe_ephemeral_storage_size": min(disk, boot) if isinstance(boot, int) else disk,
        "recipe_container_port": "8000",
        "recipe_raycluster_params": _cluster_params(deployment, shape, _ports(recipe)),
    }


def _cluster_params(deployment: Deployment, shape: NodeShape, ports: dict[str, str]) -> dict[str, str]:
    """All values are texts there."""
    pods, gpus = deployment.recipe.pods, str(len(deployment.group.leader.ranks))
    threads = keys.table("ocpu")["threads"]
    cpus = str(written_container.whole_cpus(pods.cpu) // threads if pods.cpu else shape.cpus // threads * 7 // 8)
    memory = str(-(-(pods.memory or shape.memory_bytes * 7 // 8) // _GB))
    return {
        "model_path_in_container": written_container.model_path(deployment.recipe),
        "head_node_num_cpus": cpus,
        "head_node_num_gpus": gpus,
        "head_node_cpu_mem_in_gbs": memory,
        "num_worker_nodes": str(deployment.group.size - 1),
        "worker_node_num_cpus": cpus,
        "worker_node_num_gpus": gpus,
        "worker_node_cpu_mem_in_gbs": memory,
        **ports,
    }


def _ports(recipe: Recipe) -> dict[str, str]:
    given = recipe.target.options if recipe.target else {}
    return {key: str(given[name]) for name, key in OPTION_PORTS.items() if name in given}


def _common(deployment: Deployment, shape: NodeShape) -> Blueprint:
    recipe = deployment.recipe
    labels = {key: value for key, value in recipe.pods.node_selector.items() if key != INSTANCE_TYPE}
    count_key = (
        "recipe_amd_gpu_count" if deployment.plan.gpu.resource.startswith("amd.com/") else "recipe_nvidia_gpu_count"
    )
    name = f"{recipe.metadata.name}."
    host, shared = recipe.expose.host or "", recipe.pods.shared_memory
    return {
        "deployment_name": recipe.metadata.name,
        "recipe_node_shape": shape.name,
        count_key: len(deployment.group.leader.ranks),
        "recipe_node_labels": labels or None,
        "recipe_shared_memory_volume_size_limit_in_mb": -(-shared // 2**20) if shared else None,
        **written_container.container_keys(deployment),
        "service_endpoint_domain": host.removeprefix(name) or None,
        "input_object_storage": _object_storage(deployment) or None,
    }


def _object_storage(deployment: Deployment) -> list[Blueprint]:
    recipe = deployment.recipe
    found = source.parse_source(recipe.model.source)
    if found.scheme not in {"par", "s3"}:
        return []
    bucket, _, path = found.place.partition("/")
    path = path.strip("/")
    place = {"par": f"{_REQUEST}{bucket}/o/"} if found.scheme == "par" else {"bucket_name": bucket}
    return [
        {
            **place,
            "mount_location": recipe.storage.cache_dir,
            "volume_size_in_gbs": -(-claim_bytes(deployment) // GIB),
            **({"include": [path]} if path else {}),
        }
    ]


def _service(deployment: Deployment, shape: NodeShape) -> Blueprint:
    recipe, is_over_nodes = deployment.recipe, deployment.group.size > 1
    pods = recipe.pods
    nodes: Blueprint = {
        "recipe_use_shared_node_pool": True,
        "multinode_num_nodes_to_use_from_shared_pool": deployment.group.size,
    }
    alone: Blueprint = {
        "recipe_node_pool_size": 1,
        "recipe_node_boot_volume_size_in_gbs": _disk_gb(deployment) + _LEAST_DISK_GB,
    }
    return {
        **_common(deployment, shape),
        "recipe_mode": "service",
        "recipe_image_uri": deployment.image,
        "recipe_container_port": "8000",
        "recipe_replica_count": recipe.replicas,
        "recipe_ephemeral_storage_size": _disk_gb(deployment) if is_over_nodes else None,
        "recipe_container_memory_size": -(-pods.memory // _GB) if pods.memory else None,
        "recipe_container_cpu_count": written_container.whole_cpus(pods.cpu) if pods.cpu else None,
        "recipe_container_command_args": list(written_container.arguments_of(deployment)),
        **(nodes if is_over_nodes else alone),
    }


def _pool(deployment: Deployment, shape: NodeShape) -> Blueprint:
    return {
        "recipe_mode": "shared_node_pool",
        "deployment_name": f"{deployment.recipe.metadata.name}-pool",
        "shared_node_pool_size": deployment.group.size * max(deployment.recipe.replicas, 1),
        "shared_node_pool_shape": shape.name,
        "shared_node_pool_boot_volume_size_in_gbs": _disk_gb(deployment) + _LEAST_DISK_GB,
    }


def _group(deployment: Deployment, service: Blueprint, pool: Blueprint) -> Blueprint:
    deployments: list[Blueprint] = [
        {"name": "pool", "recipe": pool},
        {"name": "service", "recipe": service, "depends_on": ["pool"]},
    ]
    return {"deployment_group": {"name": deployment.recipe.metadata.name, "deployments": deployments}}


def _disk_gb(deployment: Deployment) -> int:
    """1.5 times the model, in gigabytes."""
    shape = deployment.plan.shape
    return max(_LEAST_DISK_GB, -(-round((shape.checkpoint_bytes or shape.weights_bytes) * _HEADROOM) // _GB))
