"""`shardwright plan`: does it fit, with which layout, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from shardwright.cli import options, recipes

if TYPE_CHECKING:
    from shardwright.core.plan.types import Infeasible, Plan

__all__ = ["plan"]


@click.command(short_help="Does it fit? Memory rank by rank, the layout and the reasons.")
@options.files
@options.overrides
@options.output("table", "wide", "json", "yaml", "name")
@click.option("--strict", is_flag=True, help="Warnings fail (exit code 4).")
@click.option("--all", "with_front", is_flag=True, help="Also the layouts that no other beats in every respect.")
@click.option("--explain", is_flag=True, help="Every number with its formula, its inputs and its source.")
@recipes.model_options
def plan(
    paths: tuple[str, ...],
    sets: tuple[str, ...],
    output: str,
    *,
    strict: bool,
    with_front: bool,
    explain: bool,
    **short: object,
) -> None:
    """Plan a recipe, or MODEL on given hardware.

    \b
    shardwright plan -f recipe.yaml
    shardwright plan llama-3.3-70b --gpu L40S --gpus-per-node 4 --nodes 2
    """
    from shardwright.service.planning import plan_loaded
    from shardwright.settings import load_hub_settings

    settings = load_hub_settings()
    loaded = recipes.read(paths, sets, short)
    results = [plan_loaded(each, settings, with_front=with_front) for each in loaded]
    _print(results, "explain" if explain and output in {"table", "wide"} else output)
    raise click.exceptions.Exit(_exit_code(results, strict=strict))


def _print(results: list[Plan | Infeasible], output: str) -> None:
    from shardwright.cli import plan_view
    from shardwright.cli.output import print_data, print_text
    from shardwright.core.plan.document import plan_document
    from shardwright.core.plan.types import Plan

    if output in {"json", "yaml"}:
        documents = [plan_document(result) for result in results]
        print_data(documents[0] if len(documents) == 1 else documents, output)
        return
    for index, result in enumerate(results):
        if output == "name":
            click.echo(f"recipe/{result.recipe.metadata.name}")
            continue
        if isinstance(result, Plan):
            text = plan_view.plan_text(result, wide=output == "wide", explain=output == "explain")
        else:
            text = plan_view.infeasible_text(result)
        print_text(f"\n{text}" if index else text)


def _exit_code(results: list[Plan | Infeasible], *, strict: bool) -> int:
    from shardwright.core.plan.types import Infeasible

    if any(isinstance(result, Infeasible) for result in results):
        return recipes.EXIT_NOTHING_FITS
    severities = {finding.severity for result in results for finding in result.findings}
    return 4 if "error" in severities or (strict and "warning" in severities) else 0
