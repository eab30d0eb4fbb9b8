"""What is to be known of a blueprint that was read as a recipe: what is to be made first, and what was not carried."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from shardwright.core.marked import paths
from shardwright.core.rules import Finding
from shardwright.formats.oci_blueprints import asked, served

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shardwright.core.manifests.objects import Object, Value
    from shardwright.core.marked.paths import Path

__all__ = ["remarks_of"]

_OF_NODES = frozenset(
    {
        "recipe_id",
        "pre_filled_sample_name",
        "recipe_compartment_ocid",
        "recipe_node_boot_volume_size_in_gbs",
        "recipe_ephemeral_storage_size",
        "recipe_container_port",
        "recipe_host_port",
        "recipe_availability_domain",
        "recipe_node_image_ocid",
        "recipe_public_ssh_key",
        "recipe_worker_subnet_nsg_ocid",
        "recipe_pod_subnet_ocid",
        "recipe_pod_subnet_nsg_ocid",
        "recipe_node_pool_name",
        "recipe_node_pool_size",
        "recipe_max_pods_per_node",
        "recipe_image_uri",
        "recipe_container_command",
        "recipe_replica_count",
        "recipe_prometheus_enabled",
        "recipe_use_shared_node_pool",
        "service_endpoint",
        "shared_node_pool",
        "multinode_rdma_enabled_in_shared_pool",
        "skip_capacity_validation",
        "skip_quota_validation",
        "input_object_storage",
    }
)
"""Keys that make nodes or name things: a recipe does without."""
_STORAGE = "input_object_storage"


def remarks_of(blueprint: Object, left: dict[str, Value]) -> Iterator[Finding]:
    """Findings on one blueprint; `left` is what its recipe has no field for."""
    yield from _not_carried(blueprint, left)
    yield from _secrets(blueprint)
    yield from _engine(blueprint)
    yield from _stand_in(blueprint)
    yield from _rdma(blueprint, left)
    yield from _nodes(blueprint)
    yield from _endpoint(blueprint)


def _not_carried(blueprint: Object, left: dict[str, Value]) -> Iterator[Finding]:
    """Keys with an effect that a recipe has no field for are named, and kept."""
    lost = [key for key in left if key not in _OF_NODES]
    if lost:
        yield _placed(
            blueprint,
            (lost[0],),
            Finding(
                "blueprint.not-carried",
                "warn",
                "warning",
                f"there is no field of a recipe for {', '.join(lost)}",
                why="they are kept as an annotation and written out again as a blueprint; manifests do without them",
                fix="look at what they did, and add it with target.patches if it is needed",
            ),
        )


def _secrets(blueprint: Object) -> Iterator[Finding]:
    """Credentials of the model's storage are named; the Secret must be made."""
    name = blueprint.name
    if asked.has(blueprint, _STORAGE, 0, "par"):
        yield _placed(
            blueprint,
            (_STORAGE, 0, "par"),
            Finding(
                "blueprint.request-secret",
                "unknown",
                "info",
                f"the address of the pre-authenticated request is read from Secret {name}-request, key address",
                fix=f"kubectl create secret generic {name}-request --from-literal=address=ADDRESS",
                requirements=("R088",),
            ),
        )
    elif asked.has(blueprint, _STORAGE, 0, "bucket_name"):
        literals = " ".join(f"--from-literal={key}=VALUE" for key in served.BUCKET_VARIABLES.values())
        yield _placed(
            blueprint,
            (_STORAGE, 0, "bucket_name"),
            Finding(
                "blueprint.bucket-secret",
                "unknown",
                "info",
                f"the bucket is read by its Amazon S3 compatible address, with the customer secret key in Secret {name}-bucket",
                why="outside the control plane nothing reads a bucket by the rights of the node",
                fix=f"kubectl create secret generic {name}-bucket {literals}",
                requirements=("R088",),
            ),
        )


def _engine(blueprint: Object) -> Iterator[Finding]:
    """An image whose engine is older than what plans know is replaced, and so is the image of the removed mode."""
    image = asked.text(blueprint, "recipe_image_uri")
    if asked.mode(blueprint) == "raycluster" or (image and not served.keeps_image(blueprint)):
        held = (
            f"the image has vLLM {served.engine_version(blueprint)}" if image else "the mode's own image had vLLM 0.7.2"
        )
        yield _placed(
            blueprint,
            ("recipe_image_uri",) if image else ("recipe_mode",),
            Finding(
                "blueprint.engine-old",
                "warn" if image else "pass",
                "warning" if image else "info",
                f"{held}, older than what plans know; another image is used",
                fix="set engine.image and engine.version to what you run",
            ),
        )


def _stand_in(blueprint: Object) -> Iterator[Finding]:
    """A folder that is named like a model of the catalogue is taken for it."""
    inner, shape = served.folder(blueprint), served.shape_name(blueprint)
    if asked.has(blueprint, _STORAGE) and inner:
        message = (
            f"the plan takes the model in {inner} for {shape}" if shape else f"what model {inner} holds is not known"
        )
        yield _placed(
            blueprint,
            (_STORAGE, 0),
            Finding(
                "blueprint.model-assumed",
                "unknown",
                "info",
                message,
                why="a bucket is not read for a plan; its folder is named so",
                fix="set model.shape to a directory with its config.json, hf://owner/name or a name of the catalogue",
            ),
        )


def _rdma(blueprint: Object, left: dict[str, Value]) -> Iterator[Finding]:
    """The control plane chooses the devices of a pool with RDMA; a recipe names them."""
    pool = left.get("shared_node_pool")
    key = "multinode_rdma_enabled_in_shared_pool"
    if left.get(key) is True or (isinstance(pool, dict) and pool.get(key) is True):
        yield _placed(
            blueprint,
            (asked.SPANNED,),
            Finding(
                "blueprint.rdma-open",
                "warn",
                "warning",
                "the pool has RDMA; a blueprint does not name its devices, so none are asked for",
                why="without devices the nodes talk over their ordinary network, which is many times slower",
                fix="give network.rdma: {devices: [...]} as the nodes offer them: kubectl get nodes -o yaml",
            ),
        )


def _nodes(blueprint: Object) -> Iterator[Finding]:
    """Nodes are chosen, not made."""
    shape = asked.text(blueprint, "recipe_node_shape")
    count = asked.nodes(blueprint)
    if shape:
        yield _placed(
            blueprint,
            ("recipe_node_shape",),
            Finding(
                "blueprint.nodes-expected",
                "unknown",
                "info",
                f"{'a node' if count == 1 else f'{count} nodes'} of the shape {shape} must be in the cluster; none is made",
                fix=f"kubectl get nodes -l node.kubernetes.io/instance-type={shape}",
                requirements=("R089",),
            ),
        )


def _endpoint(blueprint: Object) -> Iterator[Finding]:
    """The control plane gives the part of host names that a blueprint leaves open."""
    if asked.has(blueprint, "service_endpoint_domain") or asked.has(blueprint, "service_endpoint", "domain"):
        return
    name = blueprint.name
    dashboard = f", the dashboard on dashboard.{name}.ENDPOINT" if asked.mode(blueprint) == "raycluster" else ""
    yield _placed(
        blueprint,
        ("deployment_name",),
        Finding(
            "blueprint.endpoint-open",
            "unknown",
            "info",
            f"no endpoint is named, so no host is rendered: the model would be reached on {name}.ENDPOINT{dashboard}",
            fix=f"--set expose.kind=ingress --set expose.host={name}.ENDPOINT, or add service_endpoint_domain",
            requirements=("R107", "R108"),
        ),
    )


def _placed(blueprint: Object, path: Path, finding: Finding) -> Finding:

    mark = blueprint.mark(path)
    return dataclasses.replace(finding, path=paths.path_text(path), file=mark.file, line=mark.line)
