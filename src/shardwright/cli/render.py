"""`shardwright render`: the manifests of a recipe, to a folder or to standard output."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from shardwright.cli import options, recipes

if TYPE_CHECKING:
    from shardwright.core.plan.types import Infeasible, Plan

__all__ = ["render"]


@click.command(short_help="Write the manifests of a recipe.")
@options.files
@options.overrides
@click.option("--out", metavar="DIR|-", default="-", show_default=True, help="Folder to write to, or standard output.")
@recipes.model_options
def render(paths: tuple[str, ...], sets: tuple[str, ...], out: str, **short: Any) -> None:
    """Render a recipe, or MODEL, for its target. What does not fit is not rendered.

    \b
    shardwright render -f recipe.yaml --out manifests/
    shardwright render -f recipe.yaml | kubectl apply -f -
    """
    from shardwright.core.plan.types import Infeasible
    from shardwright.service import deploying, rendering
    from shardwright.service.planning import plan_recipe
    from shardwright.settings import load_settings

    settings = load_settings()
    plans = [plan_recipe(recipe, settings) for recipe in recipes.read(paths, sets, short)]
    for result in plans:
        if isinstance(result, Infeasible):
            _refuse(result)
    manifests = [
        rendering.render(deploying.deployment_of(result), deploying.target_of(result))
        for result in plans
        if not isinstance(result, Infeasible)
    ]
    for result in plans:
        _warn(result)
    flat = tuple(manifest for group in manifests for manifest in group)
    if out == "-":
        click.echo(rendering.as_stream(flat), nl=False)
        return
    for path in rendering.write_directory(flat, out):
        click.echo(path)


def _refuse(result: Infeasible) -> None:
    from shardwright.cli.plan import EXIT_NOTHING_FITS
    from shardwright.cli.plan_view import infeasible_text

    click.echo(infeasible_text(result), err=True)
    raise click.exceptions.Exit(EXIT_NOTHING_FITS)


def _warn(result: Plan | Infeasible) -> None:
    for finding in result.findings:
        if finding.severity != "info":
            click.echo(f"{finding.severity}: {finding.message} [{finding.id}]", err=True)
