"""Rules on the nodes of a blueprint: their shape, GPUs, disks, and the model's files on them."""

from __future__ import annotations

import difflib
import posixpath
import re
from typing import TYPE_CHECKING

from shardwright import units
from shardwright.core.marked import secret_values
from shardwright.core.rules.rule import Breach, Rule
from shardwright.facts import load as facts
from shardwright.formats.oci_blueprints import asked, keys
from shardwright.formats.oci_blueprints.documents import KIND
from shardwright.formats.oci_blueprints.key_rules import SOURCE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shardwright.core.manifests.objects import Context, Object

__all__ = ["RULES"]

_STORAGE = "input_object_storage"
_BOOT, _EPHEMERAL = "recipe_node_boot_volume_size_in_gbs", "recipe_ephemeral_storage_size"
_HEADROOM = 1.5
_GB = 10**9
_WITHOUT_GPUS = re.compile(r"(VM|BM)\.(?!GPU)[A-Za-z0-9]+.*", re.ASCII)
_ADDRESS = re.compile(r"https?://[^\s]*/p/[^/\s]+/n/")
_REPLACED = re.compile(r"\$\{|<|%[A-Z]")


def _cpu_shape(blueprint: Object, _: Context) -> Iterator[Breach]:
    path = asked.shape_path(blueprint)
    name = asked.text(blueprint, path)
    is_for_model = asked.mode(blueprint) == "raycluster" or asked.is_over_nodes(blueprint)
    if is_for_model and _WITHOUT_GPUS.fullmatch(name):
        yield Breach((path,), f"{secret_values.shown(name)} has no GPUs", name)


def _shape(blueprint: Object, _: Context) -> Iterator[Breach]:
    path = asked.shape_path(blueprint)
    name = asked.text(blueprint, path)
    if not name or _WITHOUT_GPUS.fullmatch(name) or asked.shape_of(blueprint) is not None:
        return
    known = [each.name for each in facts.node_shapes() if each.name.startswith(("VM.", "BM."))]
    near = difflib.get_close_matches(name[:60], known, n=1)
    fix = f'did you mean "{near[0]}"?' if near else f"known: {', '.join(known)}"
    yield Breach((path,), f"{secret_values.shown(name)} is not in the catalogue of shapes", name[:60], fix)


def _unusable(blueprint: Object, _: Context) -> Iterator[Breach]:
    path = asked.shape_path(blueprint)
    name = asked.text(blueprint, path)
    if name in keys.table("shapes")["unusable"]:
        yield Breach((path,), f"nodes of {name} do not join a cluster of OKE", name)


def _gpus(blueprint: Object, _: Context) -> Iterator[Breach]:
    shape, count, key = asked.shape_of(blueprint), asked.gpus_per_node(blueprint), asked.gpu_key(blueprint)
    if shape is None or count is None:
        return
    if asked.mode(blueprint) == "raycluster" and count != shape.gpus:
        yield Breach((key,), f"{key} is {count}; {shape.name} has {shape.gpus} GPUs", str(count), f"write {shape.gpus}")
    elif count > shape.gpus or count < 1:
        message = f"{key} is {count}; {shape.name} has {shape.gpus} GPUs"
        yield Breach((key,), message, str(count), f"write 1 to {shape.gpus}")


def _disks(blueprint: Object, _: Context) -> Iterator[Breach]:
    boot, ephemeral = asked.number(blueprint, _BOOT), asked.number(blueprint, _EPHEMERAL)
    if boot is not None and ephemeral is not None and ephemeral > boot:
        message = f"pods ask for {ephemeral} GB of a boot volume that has {boot} GB"
        yield Breach((_EPHEMERAL,), message, str(ephemeral), f"write {boot} at most, or make the boot volume larger")


def _small_disks(blueprint: Object, _: Context) -> Iterator[Breach]:
    model = asked.model_bytes(blueprint)
    needed = round(model * _HEADROOM / _GB)
    if asked.mode(blueprint) != "raycluster" or not model:
        return
    for key in (_BOOT, _EPHEMERAL):
        size = asked.number(blueprint, key)
        if size is not None and size < needed:
            message = f"{key} is {size} GB; the model has {units.format_bytes(model)}, 1.5 times that are {needed} GB"
            yield Breach((key,), message, str(size), f"write at least {needed}")


def _small_volume(blueprint: Object, _: Context) -> Iterator[Breach]:
    model = asked.model_bytes(blueprint)
    size = asked.number(blueprint, _STORAGE, 0, "volume_size_in_gbs")
    if size is not None and model > size * _GB:
        message = f"the volume has {size} GB; the model alone has {units.format_bytes(model)}"
        needed = round(model * _HEADROOM / _GB)
        yield Breach((_STORAGE, 0, "volume_size_in_gbs"), message, str(size), f"write about {needed}")


def _one_source(blueprint: Object, _: Context) -> Iterator[Breach]:
    storages = blueprint.get(_STORAGE)
    if isinstance(storages, list) and not storages:
        yield Breach((_STORAGE,), "input_object_storage is empty", fix="add an object with par or bucket_name")
    for index, _each in enumerate(blueprint.list_at(_STORAGE)):
        given = [key for key in ("par", "bucket_name") if asked.has(blueprint, _STORAGE, index, key)]
        if len(given) != 1:
            message = f"{'both par and bucket_name are' if given else 'neither par nor bucket_name is'} given"
            yield Breach((_STORAGE, index), message)


def _model_path(blueprint: Object, _: Context) -> Iterator[Breach]:
    path = asked.text(blueprint, asked.CLUSTER, "model_path_in_container")
    mounts = [asked.text(blueprint, _STORAGE, i, "mount_location") for i, _ in enumerate(blueprint.list_at(_STORAGE))]
    if not path or not any(mounts):
        return
    at = (asked.CLUSTER, "model_path_in_container")
    normal = posixpath.normpath(path)
    if not any(normal == mount or normal.startswith(f"{mount.rstrip('/')}/") for mount in _absolute(mounts)):
        message = f"{secret_values.shown(path)} is not below {' or '.join(mounts)}, where the bucket is mounted"
        yield Breach(at, message, path[:200], f"begin it with {mounts[0]}")
        return
    included = [each for each in blueprint.list_at(_STORAGE, 0, "include") if isinstance(each, str)]
    inner = asked.model_path(blueprint)
    if included and inner and not any(_covers(each, inner) for each in included):
        yield Breach(at, f"{inner} is not among what is fetched: {', '.join(included)[:200]}", inner[:200])


def _absolute(mounts: list[str]) -> list[str]:
    return [posixpath.normpath(mount) for mount in mounts if mount.startswith("/")]


def _covers(included: str, inner: str) -> bool:
    wanted = included.strip("/").rstrip("*").rstrip("/")
    return not wanted or inner == wanted or inner.startswith(f"{wanted}/") or wanted.startswith(f"{inner}/")


def _clear_request(blueprint: Object, _: Context) -> Iterator[Breach]:
    for index, _each in enumerate(blueprint.list_at(_STORAGE)):
        address = asked.text(blueprint, _STORAGE, index, "par")
        if _ADDRESS.match(address) and not _REPLACED.search(address):
            yield Breach(
                (_STORAGE, index, "par"), "the address of a pre-authenticated request stands here in clear text"
            )


RULES = (
    Rule(
        "blueprint.shape-without-gpus",
        "error",
        (KIND,),
        "Models are served on shapes with GPUs",
        "there is no inference on CPUs in this mode",
        "write a shape with GPUs, as VM.GPU.A10.2",
        "operator",
        SOURCE,
        _cpu_shape,
        requirements=("R104",),
    ),
    Rule(
        "blueprint.shape-unknown",
        "warning",
        (KIND,),
        "Shapes are in the catalogue",
        "GPUs and memory of other shapes are not known, so nothing can be planned on them",
        "write a shape of the catalogue",
        "practice",
        SOURCE,
        _shape,
        requirements=("R087",),
    ),
    Rule(
        "blueprint.shape-unusable",
        "warning",
        (KIND,),
        "Shapes work on OKE",
        "the project lists it among its known issues",
        "use BM.GPU.B4.8 or BM.GPU.A100-v2.8",
        "practice",
        SOURCE,
        _unusable,
    ),
    Rule(
        "blueprint.gpu-count",
        "error",
        (KIND,),
        "GPUs of a node are those of its shape",
        "a node of a Ray cluster is used as a whole; no node has more GPUs than its shape",
        "write the number of GPUs of the shape",
        "operator",
        SOURCE,
        _gpus,
        requirements=("R092", "R103"),
    ),
    Rule(
        "blueprint.disk-exceeded",
        "error",
        (KIND,),
        "What pods ask of the boot volume fits on it",
        "no node could take such a pod",
        "lower recipe_ephemeral_storage_size",
        "kubernetes",
        SOURCE,
        _disks,
        requirements=("R090", "R091"),
    ),
    Rule(
        "blueprint.disk-small",
        "warning",
        (KIND,),
        "Boot volume and ephemeral storage hold the model 1.5 times",
        "files that are not finished yet and the engine's own need room too",
        "make it larger",
        "practice",
        SOURCE,
        _small_disks,
        requirements=("R090", "R091"),
    ),
    Rule(
        "blueprint.volume-small",
        "error",
        (KIND,),
        "The volume of a bucket holds the model",
        "fetching it ends when the volume is full",
        "make it about 1.5 times the model",
        "practice",
        SOURCE,
        _small_volume,
        requirements=("R088",),
    ),
    Rule(
        "blueprint.one-source",
        "error",
        (KIND,),
        "Object storage names a pre-authenticated request or a bucket",
        "the schema wants exactly one of them",
        "give par or bucket_name",
        "operator",
        SOURCE,
        _one_source,
        requirements=("R088",),
    ),
    Rule(
        "blueprint.model-path",
        "error",
        (KIND,),
        "The model's path leads into what is fetched",
        "the engine would find no model there",
        "write mount_location and the folder of the bucket",
        "engine",
        SOURCE,
        _model_path,
        requirements=("R094",),
    ),
    Rule(
        "blueprint.request-clear",
        "warning",
        (KIND,),
        "Addresses of pre-authenticated requests are kept secret",
        "whoever has the address can read the bucket; as a recipe it is kept in a Secret",
        "do not share or commit the file, or name the bucket with bucket_name",
        "practice",
        SOURCE,
        _clear_request,
        requirements=("R088",),
    ),
)
"""All rules on nodes and storage."""
