"""`shardwright import`: a recipe out of manifests, and what differs between them and what the recipe renders."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from shardwright.cli import options
from shardwright.cli import output as printing

if TYPE_CHECKING:
    from shardwright.service.importing import ImportResult

__all__ = ["import_"]

EXIT_DIFFERENCES = 5


@click.command("import", short_help="Make a recipe of manifests, and list what it does not carry.")
@click.argument("paths", nargs=-1, metavar="FILE|DIR|-...")
@click.option("--name", default="", metavar="NAME", help="The deployment's name, where there are several.")
@click.option("--model", default="", metavar="DIR|hf://..|NAME", help="Where the model's shape is read: model.shape.")
@click.option("--gpu", default="", metavar="NAME", help="GPU of the nodes, where no label says it: L40S.")
@click.option("--target-version", default="", metavar="VERSION", help="Release of the platform; the newest if omitted.")
@click.option("--keep-differences", "keeps", is_flag=True, help="Write differences into the recipe, as target.patches.")
@click.option("--strict", is_flag=True, help="Exit code 5 where differences remain or nothing could be compared.")
@click.option("--out", default="-", metavar="FILE|-", show_default=True, help="Where the recipe is written.")
@options.output("yaml", "json")
def import_(paths: tuple[str, ...], out: str, output: str, *, keeps: bool, strict: bool, **words: str) -> None:
    """Read a deployment of any platform and write the recipe that renders it again.

    The recipe is planned and rendered, and compared with what was imported, after defaults: every difference is listed
    on standard error. `-o json` gives the recipe, the differences and the notes as one object.

    \b
    shardwright import manifests/ > recipe.yaml
    kubectl get lws,service -o yaml | shardwright import - --gpu L40S --keep-differences
    """
    from shardwright.cli import import_view
    from shardwright.service import importing as service
    from shardwright.settings import load_hub_settings

    wish = service.Wish(**words, keeps_differences=keeps)
    result = service.import_manifests(paths, wish, load_hub_settings())
    click.echo(import_view.text(result), err=True)
    _write(result, output, out)
    if strict and (result.differences or not result.is_compared):
        raise click.exceptions.Exit(EXIT_DIFFERENCES)


def _write(result: ImportResult, output: str, out: str) -> None:
    from shardwright.cli import import_view

    data = import_view.as_data(result) if output == "json" else result.document
    if out == "-":
        printing.print_data(data, output)
        return
    from shardwright.service import importing as service

    service.write(printing.as_text(data, output), out)
