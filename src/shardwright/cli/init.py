"""`shardwright init`: write a recipe for a model."""

from __future__ import annotations

import click

from shardwright.cli import recipes

__all__ = ["init"]


@click.command(short_help="Write a recipe for a model.")
@click.option("--name", help="Name of the deployment; made from the model if omitted.")
@click.option("--out", metavar="FILE|-", default="-", show_default=True, help="File to write, or standard output.")
@click.option("--force", is_flag=True, help="Replace a file that is there.")
@recipes.model_options
def init(name: str | None, out: str, *, force: bool, **short: object) -> None:
    """Write a recipe that serves MODEL, with what a plan decides left to the plan.

    \b
    shardwright init llama-3.3-70b --target lws > recipe.yaml
    shardwright init ./model --gpu L40S --gpus-per-node 4 --target lws --out recipe.yaml
    """
    if not short.get("model"):
        raise click.UsageError("name a model: shardwright init MODEL --target lws")
    from shardwright.service import initialising
    from shardwright.settings import load_hub_settings

    written = initialising.initialise({**short, "name": name}, load_hub_settings())
    for note in written.notes:
        click.echo(note, err=True)
    if out == "-":
        click.echo(written.text, nl=False)
        return
    initialising.write(written.text, out, replace=force)
    click.echo(f"{out} written; next: shardwright plan -f {out}", err=True)
