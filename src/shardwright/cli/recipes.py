"""Recipes of a command line: from `-f`, or the short form MODEL with a few options."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from shardwright.core.plan.types import Plan
    from shardwright.kubernetes.place import Place
    from shardwright.service.recipes import LoadedRecipe
    from shardwright.settings import HubSettings

__all__ = ["EXIT_NOTHING_FITS", "model_options", "plans", "read"]

EXIT_NOTHING_FITS = 3
_COUNT = click.IntRange(min=1)


def model_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """MODEL and the options that stand for a recipe."""
    decorators = [
        click.argument("model", required=False),
        click.option("--gpu", metavar="NAME", help="GPU of the catalogue, as L40S."),
        click.option("--gpus-per-node", type=_COUNT, metavar="N", help="GPUs on each node."),
        click.option("--nodes", metavar="N|auto", help="Number of nodes, or auto."),
        click.option("--node-shape", metavar="NAME", help="Node shape of the catalogue instead of --gpu."),
        click.option("--tensor", type=_COUNT, metavar="N", help="Tensor parallel size; planned if omitted."),
        click.option("--pipeline", type=_COUNT, metavar="N", help="Pipeline parallel size; planned if omitted."),
        click.option("--max-model-len", type=_COUNT, metavar="TOKENS", help="Tokens of prompt and answer together."),
        click.option("--engine-version", metavar="VERSION", help="Version of the engine; the newest known if omitted."),
        click.option("--target", metavar="KIND", help="Platform, as lws."),
    ]
    for decorator in reversed(decorators):
        command = decorator(command)
    return command


def read(
    paths: Sequence[str], sets: Sequence[str], short: dict[str, object], place: Place | None = None
) -> tuple[LoadedRecipe, ...]:
    """The recipes that were asked for; a usage error if there is none, or both forms were mixed.

    `place`: of the cluster that they are for, which says their namespace where they name none.
    """
    from shardwright.service import recipes, short_form

    given = [f"--{name.replace('_', '-')}" for name, value in short.items() if value is not None and name != "model"]
    if paths and (short.get("model") or given):
        named = "MODEL" if short.get("model") else given[0]
        raise click.UsageError(f"{named} cannot be used together with -f; change a recipe with --set")
    if paths:
        return recipes.load_recipes(paths, sets, place=place)
    if not short.get("model"):
        raise click.UsageError("name a recipe (-f FILE), or a model and its GPU (MODEL --gpu L40S)")
    return (short_form.load_options(short, sets),)


def plans(
    paths: Sequence[str],
    sets: Sequence[str],
    short: dict[str, object],
    settings: HubSettings,
    place: Place | None = None,
) -> list[Plan]:
    """The plans of all recipes; leaves with exit code 3 and the reasons if one does not fit. `place`: as for `read`."""
    from shardwright.cli.plan_view import infeasible_text
    from shardwright.core.plan.types import Plan
    from shardwright.service.planning import plan_loaded

    fitting: list[Plan] = []
    for loaded in read(paths, sets, short, place):
        result = plan_loaded(loaded, settings)
        if not isinstance(result, Plan):
            click.echo(infeasible_text(result), err=True)
            raise click.exceptions.Exit(EXIT_NOTHING_FITS)
        fitting.append(result)
    return fitting
