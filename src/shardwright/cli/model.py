"""`shardwright model`: the shape of a model, from a folder, the hub or the catalogue."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from shardwright.cli import options

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["model"]


@click.command(short_help="Show a model's shape: parameters, layers, weights, cache.")
@click.argument("source")
@click.option("--revision", metavar="NAME", help="Branch, tag or commit on the hub.")
@options.output("table", "wide", "json", "yaml", "name")
def model(source: str, revision: str | None, output: str) -> None:
    """Show the shape of the model at SOURCE: a folder, hf://owner/name, or a name of the catalogue.

    \b
    shardwright model llama-3.3-70b
    shardwright model hf://Qwen/Qwen3-30B-A3B -o json
    """
    from shardwright.cli.output import print_data
    from shardwright.service import models
    from shardwright.settings import load_hub_settings

    found = models.describe(source, revision, load_hub_settings())
    if output in {"json", "yaml"}:
        print_data(found, output)
    elif output == "name":
        click.echo(f"model/{found['name']}")
    else:
        click.echo(_text(found, wide=output == "wide"))


def _text(found: Mapping[str, Any], *, wide: bool) -> str:
    from shardwright.cli.tables import table

    lines = [f"{found['name']}: {found['architecture']}, read from {found['source']}", ""]
    rows = [*_size_rows(found), *(_more_rows(found) if wide else ())]
    width = max(len(name) for name, _ in rows)
    lines += [f"{name.ljust(width)}   {value}" for name, value in rows]
    kinds = [
        (
            kind["kind"] + (", experts" if kind["hasExperts"] else ""),
            str(kind["count"]),
            f"{kind['windowTokens']:,}" if kind["windowTokens"] else "-",
            f"{kind['kvBytesPerToken']:,}",
        )
        for kind in found["layerKinds"]
    ]
    lines += ["", table(("LAYERS", "COUNT", "WINDOW", "KV BYTES PER TOKEN"), kinds, right=(1, 2, 3))]
    if found["bound"]:
        lines += ["", f"memory is only bounded: {found['bound']}"]
    return "\n".join([*lines, *(f"note: {note}" for note in found["notes"])])


def _size_rows(found: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    from shardwright import units

    active = f", {found['activeParameters']:,} of them for a token" if found["experts"] else ""
    yield "parameters", f"{found['parameters']:,}{active}"
    if found["encoderParameters"]:
        yield "encoder", f"{found['encoderParameters']:,} parameters, counted apart"
    yield "weights", f"{units.format_bytes(found['weightsBytes'])}, {found['quantization'] or found['dtype']}"
    yield "KV cache", f"{found['kvBytesPerToken']:,} bytes a token in {found['dtype']}"
    if found["stateBytesPerRequest"]:
        yield "state", f"{units.format_bytes(found['stateBytesPerRequest'])} a request"
    yield "hidden size", f"{found['hiddenSize']:,}"
    heads = f"{found['attentionHeads']}, {found['kvHeads']} for keys and values"
    yield "heads", f"{heads}, of {found['headSize']}"
    yield "vocabulary", f"{found['vocabularySize']:,}" + (", tied" if found["tiedEmbeddings"] else "")
    yield "context", f"{found['maxPositions']:,} tokens" if found["maxPositions"] else "not stated"
    experts = found["experts"]
    if experts:
        shared = (
            f", {experts['sharedIntermediateSize']} wide for all tokens" if experts["sharedIntermediateSize"] else ""
        )
        yield (
            "experts",
            f"{experts['experts']}, {experts['expertsPerToken']} a token, {experts['intermediateSize']} wide{shared}",
        )


def _more_rows(found: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    from shardwright import units

    yield "family", found["family"]
    yield "intermediate size", f"{found['intermediateSize']:,}"
    checkpoint = found["checkpointBytes"]
    yield "checkpoint", "headers not read" if checkpoint is None else units.format_bytes(checkpoint)
    if found["draftLayers"]:
        yield "draft layers", str(found["draftLayers"])
    latent = found["latentAttention"]
    if latent:
        sizes = f"keys and values {latent['kvRank']}, rotated {latent['rotatedSize']}"
        yield "latent attention", f"{sizes}, queries {latent['queryRank'] or 'not compressed'}"
