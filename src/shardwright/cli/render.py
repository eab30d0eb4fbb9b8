"""`shardwright render`: the manifests of a recipe, to a folder or to standard output."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from shardwright.cli import options, recipes
from shardwright.values import frozen

if TYPE_CHECKING:
    from shardwright.core.plan.types import Plan
    from shardwright.core.plugins import Manifest
    from shardwright.core.rules import Finding
    from shardwright.kubernetes.render.prerequisites import Prerequisite

__all__ = ["render"]

EXIT_FINDINGS = 4


@frozen
class _Rendered:
    """What became of one plan; its findings were shown on the way."""

    manifests: tuple[Manifest, ...]
    findings: tuple[Finding, ...]
    prerequisites: tuple[Prerequisite, ...]


@click.command(short_help="Write the manifests of a recipe.")
@options.files
@options.overrides
@options.output("yaml", "kustomize", "helm", "json", "blueprint")
@click.option("--out", metavar="DIR|-", default="-", show_default=True, help="Folder to write to, or standard output.")
@click.option(
    "--with",
    "extras",
    multiple=True,
    type=click.Choice(("prerequisites",)),
    help="Also the steps that install what the cluster must have.",
)
@click.option("--strict", is_flag=True, help="Warnings fail (exit code 4), and nothing is written.")
@recipes.model_options
def render(
    paths: tuple[str, ...],
    sets: tuple[str, ...],
    output: str,
    out: str,
    extras: tuple[str, ...],
    *,
    strict: bool,
    **short: object,
) -> None:
    """Render a recipe, or MODEL, for its target. What does not fit is not rendered.

    \b
    shardwright render -f recipe.yaml --out manifests/
    shardwright render -f recipe.yaml -o kustomize --out gitops/   # kubectl apply -k, Argo CD, Flux
    shardwright render -f recipe.yaml -o helm --out chart/         # a chart with namespace, replicas, image
    shardwright render -f recipe.yaml --with prerequisites | kubectl apply -f -
    shardwright render -f recipe.yaml -o blueprint > blueprint.json   # for OCI AI Blueprints
    """
    from shardwright.settings import load_hub_settings

    _check_place(output, out)
    if output == "blueprint":
        _blueprint(recipes.plans(paths, sets, short, load_hub_settings()), strict=strict)
        return
    rendered = [_render(plan) for plan in recipes.plans(paths, sets, short, load_hub_settings())]
    if strict and any(found.severity == "warning" for each in rendered for found in each.findings):
        click.echo("nothing is written: --strict, and there are warnings", err=True)
        raise click.exceptions.Exit(EXIT_FINDINGS)
    wanted = tuple(dict.fromkeys(entry for each in rendered for entry in each.prerequisites)) if extras else ()
    _write(tuple(made for each in rendered for made in each.manifests), output, out, wanted)


def _check_place(output: str, out: str) -> None:
    """Formats of several files need a folder, and one List needs none."""
    if output in {"kustomize", "helm"} and out == "-":
        raise click.UsageError(f"-o {output} writes several files: give --out DIR")
    if output in {"json", "blueprint"} and out != "-":
        raise click.UsageError(f"-o {output} is one text for standard output: leave --out away, or use -o yaml")


def _blueprint(plans: list[Plan], *, strict: bool) -> None:
    """Print the one plan as a blueprint, its findings before it."""
    from shardwright.cli.plan_view import finding_line
    from shardwright.service import blueprints, rendering

    if len(plans) > 1:
        raise click.UsageError("-o blueprint is one text: name one recipe")
    made = blueprints.write_blueprint(plans[0])
    of_the_plan = (finding for finding in plans[0].findings if finding.severity != "info")
    findings = rendering.told_once(of_the_plan, made.findings)
    for finding in findings:
        click.echo(finding_line(finding), err=True)
    if strict and any(finding.severity == "warning" for finding in findings):
        click.echo("nothing is written: --strict, and there are warnings", err=True)
        raise click.exceptions.Exit(EXIT_FINDINGS)
    click.echo(blueprints.as_text(made), nl=False)


def _write(manifests: tuple[Manifest, ...], output: str, out: str, wanted: tuple[Prerequisite, ...]) -> None:
    from shardwright.service import prerequisites, rendering

    if output == "json":
        click.echo(prerequisites.as_comments(wanted), nl=False, err=True)
        click.echo(rendering.as_json(manifests), nl=False)
    elif out == "-":
        click.echo(prerequisites.as_comments(wanted) + rendering.as_stream(manifests), nl=False)
    else:
        more = (prerequisites.as_file(wanted, manifests),) if wanted else ()
        for path in rendering.write_directory(manifests, out, rendering.form_of(output), more):
            click.echo(path)


def _render(plan: Plan) -> _Rendered:
    from shardwright.cli.plan_view import finding_line
    from shardwright.service import deploying, prerequisites, rendering

    target = deploying.target_of(plan)
    deployment = deploying.deployment_of(plan, target)
    manifests = rendering.render(deployment, target)
    of_the_plan = (finding for finding in plan.findings if finding.severity != "info")
    findings = rendering.told_once(of_the_plan, rendering.remarks(deployment, target))
    for finding in findings:
        click.echo(finding_line(finding), err=True)
    return _Rendered(manifests, findings, prerequisites.needed(deployment, target))
