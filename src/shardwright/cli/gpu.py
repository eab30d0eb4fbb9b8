"""`shardwright gpu`: the catalogue of GPUs and node shapes, each figure with its source."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import click

from shardwright.cli import options

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["gpu"]

_UNITS = (("BytesPerSecond", 1e9, "GB/s"), ("BitsPerSecond", 1e9, "Gbit/s"), ("Flops", 1e12, "TFLOPS"))


@click.group(short_help="Show the catalogue of GPUs and nodes.")
def gpu() -> None:
    """Show what is known of GPUs and of the nodes that clouds sell."""


@gpu.command("list")
@options.output("table", "wide", "json", "yaml", "name")
@click.option("--nodes", is_flag=True, help="List node shapes instead.")
def list_(output: str, *, nodes: bool) -> None:
    """List GPUs by memory, as the runtime reports it; or node shapes."""
    from shardwright.cli.output import print_data
    from shardwright.service import gpus

    found = gpus.node_documents() if nodes else gpus.gpu_documents()
    if output in {"json", "yaml"}:
        print_data(found, output)
    elif output == "name":
        for one in found:
            click.echo(f"{'node' if nodes else 'gpu'}/{one['name']}")
    else:
        click.echo((_node_table if nodes else _gpu_table)(found, wide=output == "wide"))


@gpu.command("show")
@click.argument("name")
@options.output("table", "json", "yaml")
def show(name: str, output: str) -> None:
    """Show the GPU or node shape NAME, with the sources of its figures."""
    from shardwright.cli.output import print_data
    from shardwright.service import gpus

    found = gpus.find(name)
    if output in {"json", "yaml"}:
        print_data(found, output)
        return
    rows = [(_words(key), _value(key, value)) for key, value in found.items() if value not in (None, [])]
    width = max(len(key) for key, _ in rows)
    click.echo("\n".join(f"{key.ljust(width)}   {value}" for key, value in rows))


def _gpu_table(found: list[dict[str, Any]], *, wide: bool) -> str:
    from shardwright.cli.tables import table

    headings = ["NAME", "MEMORY", "BANDWIDTH", "BF16", "LINK", "CAPABILITY", "KNOWN BY"]
    rows = [
        [
            one["name"],
            _value("memoryBytes", one["memoryBytes"]) if one["memoryBytes"] else "-",
            _value("bandwidthBytesPerSecond", one["bandwidthBytesPerSecond"]),
            _value("denseFlops", one["denseFlops"]),
            one["link"] or "-",
            one["computeCapability"] or "-",
            one["memoryEvidence"],
        ]
        for one in found
    ]
    if wide:
        headings += ["RESOURCE", "MEMORY FROM", "DATA SHEET"]
        rows = [
            [*row, one["resource"], one["memorySource"], one["dataSheet"] or "-"]
            for row, one in zip(rows, found, strict=True)
        ]
    return table(headings, rows, right=(1, 2, 3))


def _node_table(found: list[dict[str, Any]], *, wide: bool) -> str:
    from shardwright.cli.tables import table

    headings = ["NAME", "GPUS", "GPU", "CPUS", "MEMORY", "NETWORK", "RDMA"]
    rows = [_node_row(one) for one in found]
    if wide:
        headings.append("FROM")
        rows = [[*row, one["source"]] for row, one in zip(rows, found, strict=True)]
    return table(headings, rows, right=(1, 3, 4, 5, 6))


def _node_row(one: Mapping[str, Any]) -> list[str]:
    return [
        one["name"],
        str(one["gpus"]),
        one["gpu"],
        str(one["cpus"]),
        _value("memoryBytes", one["memoryBytes"]),
        _value("networkBitsPerSecond", one["networkBitsPerSecond"]),
        _value("rdmaBitsPerSecond", one["rdmaBitsPerSecond"]),
    ]


def _words(key: str) -> str:
    """`memoryBytes` as people read it: `memory`."""
    spaced = "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in key)
    for unit in (" bytes per second", " bits per second", " bytes", " flops"):
        spaced = spaced.removesuffix(unit)
    return {"gpus": "GPUs", "gpu": "GPU", "dense bf16": "dense bf16"}.get(spaced, spaced)


def _value(key: str, value: object) -> str:
    from shardwright import units

    if value is None:
        return "-"
    if isinstance(value, list):
        return ", ".join(str(one) for one in cast("list[object]", value))
    if not isinstance(value, (int, float)):
        return str(value)
    for suffix, scale, unit in _UNITS:
        if key.endswith(suffix):
            return f"{value / scale:,.{2 if value < 100 * scale and value % scale else 0}f} {unit}"
    return units.format_bytes(value) if key.endswith("Bytes") else str(value)
