"""`shardwright render`: the manifests of a recipe, to a folder or to standard output."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from shardwright.cli import options, recipes

if TYPE_CHECKING:
    from shardwright.core.plan.types import Plan
    from shardwright.core.plugins import Manifest
    from shardwright.core.rules import Finding

__all__ = ["render"]

EXIT_FINDINGS = 4


@click.command(short_help="Write the manifests of a recipe.")
@options.files
@options.overrides
@click.option("--out", metavar="DIR|-", default="-", show_default=True, help="Folder to write to, or standard output.")
@click.option("--strict", is_flag=True, help="Warnings fail (exit code 4), and nothing is written.")
@recipes.model_options
def render(paths: tuple[str, ...], sets: tuple[str, ...], out: str, *, strict: bool, **short: object) -> None:
    """Render a recipe, or MODEL, for its target. What does not fit is not rendered.

    \b
    shardwright render -f recipe.yaml --out manifests/
    shardwright render -f recipe.yaml | kubectl apply -f -
    """
    from shardwright.service import rendering
    from shardwright.settings import load_hub_settings

    rendered = [_render(plan) for plan in recipes.plans(paths, sets, short, load_hub_settings())]
    if strict and any(found.severity == "warning" for _, remarks in rendered for found in remarks):
        click.echo("nothing is written: --strict, and there are warnings", err=True)
        raise click.exceptions.Exit(EXIT_FINDINGS)
    manifests = tuple(manifest for made, _ in rendered for manifest in made)
    if out == "-":
        click.echo(rendering.as_stream(manifests), nl=False)
        return
    for path in rendering.write_directory(manifests, out):
        click.echo(path)


def _render(plan: Plan) -> tuple[tuple[Manifest, ...], tuple[Finding, ...]]:
    """The manifests, and the findings that were shown on the way."""
    from shardwright.cli.plan_view import finding_line
    from shardwright.service import deploying, rendering

    target = deploying.target_of(plan)
    deployment = deploying.deployment_of(plan, target)
    manifests = rendering.render(deployment, target)
    of_the_plan = (finding for finding in plan.findings if finding.severity != "info")
    findings = rendering.told_once(of_the_plan, rendering.remarks(deployment, target))
    for finding in findings:
        click.echo(finding_line(finding), err=True)
    return manifests, findings
