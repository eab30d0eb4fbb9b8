"""`shardwright render`: the manifests of a recipe, to a folder or to standard output."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from shardwright.cli import options, recipes

if TYPE_CHECKING:
    from shardwright.core.plan.types import Plan
    from shardwright.core.plugins import Manifest

__all__ = ["render"]


@click.command(short_help="Write the manifests of a recipe.")
@options.files
@options.overrides
@click.option("--out", metavar="DIR|-", default="-", show_default=True, help="Folder to write to, or standard output.")
@recipes.model_options
def render(paths: tuple[str, ...], sets: tuple[str, ...], out: str, **short: object) -> None:
    """Render a recipe, or MODEL, for its target. What does not fit is not rendered.

    \b
    shardwright render -f recipe.yaml --out manifests/
    shardwright render -f recipe.yaml | kubectl apply -f -
    """
    from shardwright.service import rendering
    from shardwright.settings import load_hub_settings

    manifests = tuple(
        manifest for plan in recipes.plans(paths, sets, short, load_hub_settings()) for manifest in _render(plan)
    )
    if out == "-":
        click.echo(rendering.as_stream(manifests), nl=False)
        return
    for path in rendering.write_directory(manifests, out):
        click.echo(path)


def _render(plan: Plan) -> tuple[Manifest, ...]:
    from shardwright.cli.plan_view import finding_line
    from shardwright.service import deploying, rendering

    target = deploying.target_of(plan)
    deployment = deploying.deployment_of(plan, target)
    manifests = rendering.render(deployment, target)
    of_the_plan = (finding for finding in plan.findings if finding.severity != "info")
    for finding in (*of_the_plan, *rendering.remarks(deployment, target)):
        click.echo(finding_line(finding), err=True)
    return manifests
