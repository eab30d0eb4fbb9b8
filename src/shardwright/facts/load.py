"""The only reader of the facts: GPUs, node shapes and configurations of known models, each with its source and date.

Every table is parsed when first asked for, and once. Names are matched without regard to case, hyphens and dots.
Where a value is not known it is missing, never invented.
"""

from __future__ import annotations

import re
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shardwright import errors, units
from shardwright.core.hardware import Gpu
from shardwright.facts import files
from shardwright.values import frozen

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

__all__ = [
    "CatalogueModel",
    "GpuFacts",
    "NodeShape",
    "catalogue_model",
    "catalogue_models",
    "gpu",
    "gpu_facts",
    "gpus",
    "is_listed",
    "node_shape",
    "node_shapes",
]

_FOLDER = Path(__file__).parent
_EVIDENCE = {"measured": "measured", "source": "not measured by this project", "given": "given"}
_MAKERS = re.compile(r"^(nvidia|tesla|amd|instinct)+")


@frozen
class GpuFacts:
    """A GPU with what is known about its figures."""

    gpu: Gpu
    aliases: tuple[str, ...]
    """What drivers, clouds and node labels call it."""
    memory_seen_bytes: tuple[int, int] | None
    """The smallest and the largest total that was seen."""
    memory_evidence: str
    """`measured` by this project, `source`: a public log, or `given` by the recipe."""
    memory_source: str
    data_sheet: str | None
    """Where bandwidth, operations and links stand; None where there is none."""


@frozen
class NodeShape:
    """A kind of node as a cloud sells it."""

    name: str
    gpu: str
    """Name of the GPU in the catalogue."""
    gpus: int
    cpus: int
    """Hardware threads."""
    memory_bytes: int
    network_bits_per_second: int
    """All network cards together, at best."""
    rdma_bits_per_second: int | None
    """A fabric of its own; None where there is none."""
    source: str


@frozen
class CatalogueModel:
    """A model whose configuration is known without asking the hub."""

    name: str
    hub_id: str
    config: Mapping[str, Any]
    gated: bool
    """The hub gives its files only to those who accepted its licence."""
    parameters: int
    source: str


def gpu(name: str, memory_bytes: int | None = None) -> Gpu:
    """The GPU of that name; `memory_bytes` replaces its total, and is all that is known of a GPU that is not listed.

    InputError for a name that is not listed where no memory is given.
    """
    index = _gpu_index()
    found = index.get(_gpu_key(name))
    if found is not None:
        listed = _gpus()[found]
        return listed if memory_bytes is None else replace(listed, memory_bytes=memory_bytes, source="given")
    if memory_bytes is not None:
        return _unlisted(name, memory_bytes)
    raise errors.InputError(
        f"GPU {name!r} is not in the catalogue; {_suggestion(name, _gpus(), _gpu_key)}",
        hint="for another GPU give its total memory as the runtime reports it: hardware.gpuMemory: 24Gi",
    )


def is_listed(name: str) -> bool:
    """Whether the catalogue has a GPU of that name."""
    return _gpu_key(name) in _gpu_index()


def gpus() -> tuple[Gpu, ...]:
    """All GPUs of the catalogue."""
    return tuple(_gpus().values())


def gpu_facts() -> tuple[GpuFacts, ...]:
    """All GPUs of the catalogue with the origin of their figures."""
    return tuple(_facts_of(_gpus()[name], row) for name, row in _table("gpus").items())


def _facts_of(known: Gpu, row: Mapping[str, Any]) -> GpuFacts:
    seen = row.get("memory_seen_gib")
    sheet = row.get("data_sheet")
    return GpuFacts(
        gpu=known,
        aliases=tuple(row["aliases"]),
        memory_seen_bytes=(round(seen[0] * units.GIB), round(seen[1] * units.GIB)) if seen else None,
        memory_evidence=row["memory_evidence"],
        memory_source=f"{row['memory_source']}, {row['memory_date']}",
        data_sheet=f"{sheet}, {row['data_sheet_date']}" if sheet else None,
    )


def node_shape(name: str) -> NodeShape:
    """The node shape of that name; InputError names those that are nearest."""
    shapes = _node_shapes()
    found = next((shape for shape in shapes.values() if shape.name.lower() == name.strip().lower()), None)
    if found is None:
        raise errors.InputError(
            f"node shape {name!r} is not in the catalogue; {_suggestion(name, shapes, str.lower)}",
            hint="for another node give hardware.gpu and hardware.gpusPerNode instead of hardware.nodeShape",
        )
    return found


def node_shapes() -> tuple[NodeShape, ...]:
    """All node shapes of the catalogue."""
    return tuple(_node_shapes().values())


def catalogue_model(name: str) -> CatalogueModel:
    """The model of that name (`llama-3-8b`) or identifier on the hub (`owner/name`); NotFound if it is not listed."""
    found = _model_index().get(_model_key(name))
    if found is None:
        raise errors.NotFound(
            f"model {name!r} is not in the catalogue; {_suggestion(name, _models(), _model_key)}",
            hint="give a directory with its config.json, or hf://owner/name",
        )
    return _models()[found]


def catalogue_models() -> tuple[CatalogueModel, ...]:
    """All models of the catalogue."""
    return tuple(_models().values())


@cache
def _table(name: str) -> dict[str, Any]:
    return files.read_toml(_FOLDER / f"{name}.toml")


@cache
def _gpus() -> dict[str, Gpu]:
    return {name: _gpu_of(name, row) for name, row in _table("gpus").items()}


def _gpu_of(name: str, row: Mapping[str, Any]) -> Gpu:
    return Gpu(
        name=name,
        memory_bytes=round(row["memory_gib"] * units.GIB),
        bandwidth_bytes_per_second=_scaled(row, "bandwidth_gb_per_second", 1e9),
        dense_flops=_scaled(row, "dense_bf16_tflops", 1e12) or _scaled(row, "dense_fp16_tflops", 1e12),
        compute_capability=row.get("compute_capability"),
        link=row.get("link"),
        link_bytes_per_second=_scaled(row, "link_gb_per_second", 1e9),
        resource=row.get("resource", "nvidia.com/gpu"),
        device=row.get("device", "cuda"),
        source=f"{_EVIDENCE[row['memory_evidence']]}: {row['memory_source']}, {row['memory_date']}{_spread(row)}",
    )


def _spread(row: Mapping[str, Any]) -> str:
    low, high = row.get("memory_seen_gib", (0, 0))
    return f" ({low:.2f} to {high:.2f} GiB seen)" if high > low else ""


def _scaled(row: Mapping[str, Any], key: str, factor: float) -> float | None:
    value = row.get(key)
    return None if value is None else value * factor


@cache
def _gpu_index() -> dict[str, str]:
    rows = _table("gpus")
    return {_gpu_key(alias): name for name, row in rows.items() for alias in (name, *row["aliases"])}


def _gpu_key(name: str) -> str:
    """What is left of a name without its maker: `NVIDIA-A100-SXM4-80GB` gives `a100sxm480gb`."""
    return _MAKERS.sub("", _plain(name))


def _unlisted(name: str, memory_bytes: int) -> Gpu:
    return Gpu(
        name=name,
        memory_bytes=memory_bytes,
        bandwidth_bytes_per_second=None,
        dense_flops=None,
        compute_capability=None,
        link=None,
        link_bytes_per_second=None,
        resource="nvidia.com/gpu",
        source="given",
    )


@cache
def _node_shapes() -> dict[str, NodeShape]:
    return {name: _node_shape_of(name, row) for name, row in _table("nodes").items()}


def _node_shape_of(name: str, row: Mapping[str, Any]) -> NodeShape:
    memory_bytes = row["memory_gib"] * units.GIB if "memory_gib" in row else row["memory_gb"] * 10**9
    rdma = row.get("rdma_gbit_per_second")
    return NodeShape(
        name=name,
        gpu=row["gpu"],
        gpus=row["gpus"],
        cpus=row["cpus"],
        memory_bytes=memory_bytes,
        network_bits_per_second=row["network_gbit_per_second"] * 10**9,
        rdma_bits_per_second=None if rdma is None else rdma * 10**9,
        source=f"{row['source']}, {row['date']}",
    )


@cache
def _models() -> dict[str, CatalogueModel]:
    return {
        name: CatalogueModel(
            name=name,
            hub_id=hub_id,
            config=row["config"],
            gated=row["gated"],
            parameters=row["parameters"],
            source=f"{row['source']}, {row['date']}",
        )
        for row in _table("models").values()
        for name, hub_id in row["hub_ids"].items()
    }


@cache
def _model_index() -> dict[str, str]:
    index: dict[str, str] = {}
    for row in _table("models").values():
        for hub_id, name in (
            *((hub_id, name) for name, hub_id in row["hub_ids"].items()),
            *row.get("renamed", {}).items(),
        ):
            for key in (name, hub_id, hub_id.partition("/")[2]):
                index.setdefault(_model_key(key), name)
    return index


def _model_key(name: str) -> str:
    """Owner and name apart, so that another owner's model of the same name is not taken for a known one."""
    owner, slash, model = name.rpartition("/")
    return f"{_plain(owner)}{slash}{_plain(model)}"


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _suggestion(name: str, known: Iterable[str], key: Callable[[str], str]) -> str:
    """The names that begin alike, else the nearest, else all."""
    import difflib  # noqa: PLC0415 - only needed on the way to an error

    by_key = {key(candidate): candidate for candidate in known}
    wanted = key(name)
    near = [by_key[candidate] for candidate in by_key if wanted and candidate.startswith(wanted)]
    near = near or [by_key[candidate] for candidate in difflib.get_close_matches(wanted, by_key, n=3, cutoff=0.5)]
    return f"nearest: {', '.join(near)}" if near else f"known: {', '.join(by_key.values())}"
