"""`shardwright calibrate`: what an engine printed against what was planned, and the calibrations that later plans use."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from shardwright.cli import options, recipes

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from shardwright.settings import Settings

__all__ = ["calibrate"]


class _WithDefault(click.Group):
    """A group whose first command may be left out."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Arguments that name no subcommand are those of `compare`."""
        if args and args[0] not in {*self.commands, *ctx.help_option_names}:
            args = ["compare", *args]
        return super().parse_args(ctx, args)


def _folder(command: Callable[..., Any]) -> Callable[..., Any]:
    return click.option(
        "--calibrations",
        "folder",
        metavar="DIR",
        help="Folder of calibrations instead of your own, as one that a team shares.",
    )(command)


def _settings(folder: str | None) -> Settings:
    from dataclasses import replace

    from shardwright.settings import load_settings

    settings = load_settings()
    if folder is None:
        return settings
    return replace(settings, hub=replace(settings.hub, calibration_dirs=(Path(folder).expanduser(),)))


@click.group(cls=_WithDefault, short_help="Learn from what an engine printed.")
def calibrate() -> None:
    """Compare an engine's log with the plan of its recipe; later plans use the difference, and say so.

    \b
    shardwright calibrate --from engine.log -f recipe.yaml
    kubectl logs POD | shardwright calibrate --from - -f recipe.yaml --dry-run

    A calibration is a small file. To share one, copy it, or name a common folder in SHARDWRIGHT_CALIBRATIONS.
    """


@calibrate.command("compare")
@click.option(
    "--from", "place", required=True, metavar="LOG|-|NAME", help="A log, standard input, or a deployment here."
)
@options.files
@options.overrides
@options.output("table", "json", "yaml", "name")
@click.option("--dry-run", is_flag=True, help="Compare, but keep nothing.")
@_folder
@recipes.model_options
def compare(
    place: str,
    paths: tuple[str, ...],
    sets: tuple[str, ...],
    output: str,
    folder: str | None,
    *,
    dry_run: bool,
    **short: object,
) -> None:
    """Compare a log with the plan of a recipe, or of MODEL, and keep the difference. `compare` may be left out."""
    from shardwright.cli import calibrate_view
    from shardwright.cli.output import print_data
    from shardwright.service import calibrating

    loaded = recipes.read(paths, sets, short)
    if len(loaded) != 1:
        raise click.UsageError(f"a log is of one recipe; -f names {len(loaded)}")
    settings = _settings(folder)
    found = calibrating.compare(loaded[0], place, settings)
    kept = None if dry_run or not found.is_lesson else calibrating.save(found, settings.hub)
    if output in {"json", "yaml"}:
        print_data(calibrate_view.document(found, kept), output)
    elif output == "name":
        click.echo(f"calibration/{found.calibration.name}")
    else:
        click.echo(calibrate_view.text(found, kept))


@calibrate.command("list")
@options.output("table", "json", "yaml", "name")
@_folder
def list_(output: str, folder: str | None) -> None:
    """List the calibrations that plans use."""
    from shardwright.cli import calibrate_view
    from shardwright.cli.output import print_data
    from shardwright.service import calibrating

    shelf = calibrating.load_shelf(_settings(folder).hub)
    if output in {"json", "yaml"}:
        print_data([calibrate_view.calibration_document(one, path) for path, one in shelf.calibrations], output)
    elif output == "name":
        for _, one in shelf.calibrations:
            click.echo(f"calibration/{one.name}")
    elif shelf.calibrations:
        click.echo(calibrate_view.list_text(shelf))
    else:
        click.echo("there are no calibrations; make one: shardwright calibrate --from LOG -f FILE", err=True)
    for _, fault in shelf.faults:
        click.echo(f"not used: {fault}", err=True)


@calibrate.command("remove")
@click.argument("name")
@_folder
def remove(name: str, folder: str | None) -> None:
    """Forget the calibration NAME."""
    from shardwright.service import calibrating

    click.echo(f"removed {calibrating.remove(name, _settings(folder).hub)}")


@calibrate.command("import")
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@_folder
def import_(files: tuple[str, ...], folder: str | None) -> None:
    """Check calibrations that others made, and keep them."""
    from shardwright.service import calibrating

    settings = _settings(folder)
    for file in files:
        click.echo(calibrating.import_file(file, settings.hub))
