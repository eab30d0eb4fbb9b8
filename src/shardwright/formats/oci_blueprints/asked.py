"""What a blueprint asks for, in numbers and texts: each where it stands, with texts of digits read as numbers.

What has another form than expected reads as missing: its form is the matter of the rules on keys.
"""

from __future__ import annotations

import posixpath
import re
from typing import TYPE_CHECKING

from shardwright import errors
from shardwright.facts import load as facts

if TYPE_CHECKING:
    from shardwright.core.manifests.objects import Object
    from shardwright.facts.load import CatalogueModel, NodeShape

__all__ = [
    "CLUSTER",
    "SPANNED",
    "bucket_of",
    "gpu_key",
    "gpus_per_node",
    "has",
    "is_over_nodes",
    "known_model",
    "mode",
    "model_bytes",
    "model_path",
    "nodes",
    "number",
    "shape_of",
    "shape_path",
    "text",
]

CLUSTER = "recipe_raycluster_params"
SPANNED = "multinode_num_nodes_to_use_from_shared_pool"
_DIGITS = re.compile(r"\+?0*([0-9]{1,12})")
_BUCKET = re.compile(r"/b/([^/\s]+)/o(?:/|$)")
_HALF = 2
"""Bytes of a parameter as most checkpoints have them."""


def has(blueprint: Object, *path: str | int) -> bool:
    """Whether a key is there with a value."""
    return blueprint.get(*path) is not None


def number(blueprint: Object, *path: str | int) -> int | None:
    """A whole number, also where it is written as a text; None where there is none."""
    value = blueprint.get(*path)
    if isinstance(value, str):
        match = _DIGITS.fullmatch(value)
        return int(match[1]) if match else None
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def text(blueprint: Object, *path: str | int) -> str:
    """A text; empty where there is none."""
    value = blueprint.get(*path)
    return value if isinstance(value, str) else ""


def mode(blueprint: Object) -> str:
    """The mode as written; where none is written, the one whose own keys are there."""
    written = text(blueprint, "recipe_mode")
    return written or ("raycluster" if has(blueprint, CLUSTER) else "")


def is_over_nodes(blueprint: Object) -> bool:
    """Whether a service asks for nodes of a shared pool."""
    return mode(blueprint) == "service" and has(blueprint, SPANNED)


def nodes(blueprint: Object) -> int:
    """Nodes of one replica."""
    if mode(blueprint) == "raycluster":
        workers = number(blueprint, CLUSTER, "num_worker_nodes")
        return number(blueprint, "recipe_node_pool_size") or (1 if workers is None else workers + 1)
    return number(blueprint, SPANNED) or 1


def gpu_key(blueprint: Object) -> str:
    """The key that says how many GPUs of a node are used."""
    is_amd = has(blueprint, "recipe_amd_gpu_count") and not has(blueprint, "recipe_nvidia_gpu_count")
    return "recipe_amd_gpu_count" if is_amd else "recipe_nvidia_gpu_count"


def gpus_per_node(blueprint: Object) -> int | None:
    """GPUs of each node."""
    return number(blueprint, gpu_key(blueprint))


def shape_path(blueprint: Object) -> str:
    """The key that names the node's shape."""
    return "shared_node_pool_shape" if mode(blueprint) == "shared_node_pool" else "recipe_node_shape"


def shape_of(blueprint: Object) -> NodeShape | None:
    """The node's shape as the catalogue has it; None where it has not."""
    name = text(blueprint, shape_path(blueprint))
    try:
        return facts.node_shape(name) if name else None
    except errors.InputError:
        return None


def model_path(blueprint: Object) -> str:
    """The model's folder below the place where the bucket is mounted; empty: its root, or not known."""
    mount = text(blueprint, "input_object_storage", 0, "mount_location").rstrip("/")
    path = posixpath.normpath(text(blueprint, CLUSTER, "model_path_in_container") or mount or "/")
    if mount and path.startswith(f"{mount}/"):
        return path.removeprefix(f"{mount}/")
    included = blueprint.list_at("input_object_storage", 0, "include")
    only = included[0] if len(included) == 1 else ""
    return only.strip("/*") if isinstance(only, str) and mode(blueprint) != "raycluster" else ""


def bucket_of(blueprint: Object) -> str:
    """The bucket of the first object storage: by its name, or as the pre-authenticated request says."""
    named = text(blueprint, "input_object_storage", 0, "bucket_name")
    match = _BUCKET.search(text(blueprint, "input_object_storage", 0, "par"))
    return named or (match[1] if match else "")


def known_model(path: str) -> CatalogueModel | None:
    """The model of the catalogue that a folder is named after, by OWNER/NAME or by NAME alone; None if there is none."""
    for name in (path, path.rpartition("/")[2]):
        try:
            return facts.catalogue_model(name)
        except errors.NotFound:
            continue
    return None


def model_bytes(blueprint: Object) -> int:
    """About what the model's files take, where the catalogue knows it; else 0."""
    known = known_model(model_path(blueprint)) if model_path(blueprint) else None
    return known.parameters * _HALF if known else 0
