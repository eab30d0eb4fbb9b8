"""`shardwright status`: what runs here, how far its start-up is, and how to ask it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from shardwright.cli import options

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["status"]


@click.command(short_help="What runs, and how far its start-up is.")
@click.argument("name", required=False)
@click.option("-n", "--namespace", help="Namespace; `default` for one deployment, all for the list.")
@options.output("table", "wide", "json", "yaml", "name")
def status(name: str | None, namespace: str | None, output: str) -> None:
    """Show the deployment NAME, or all of this machine."""
    from shardwright.cli.output import print_data
    from shardwright.service import observing
    from shardwright.settings import load_settings

    settings = load_settings()
    if name is not None:
        found = [observing.status(namespace or "default", name, settings)]
    else:
        found = observing.all_statuses(namespace, settings)
    if output in {"json", "yaml"}:
        print_data(found[0] if name is not None else found, output)
    elif output == "name":
        for one in found:
            click.echo(f"deployment/{one['name']}")
    elif name is not None:
        click.echo(_one(found[0], wide=output == "wide"))
    elif found:
        click.echo(_list(found))
    else:
        click.echo("nothing is deployed on this machine", err=True)


def _list(found: Sequence[Mapping[str, Any]]) -> str:
    from shardwright.cli.tables import table

    headings = ("NAMESPACE", "NAME", "STATE", "HOSTS", "LAYOUT", "URL")
    rows = [
        (one["namespace"], one["name"], one["state"], str(len(one["hosts"])), one["layout"], one["url"] or "")
        for one in found
    ]
    return table(headings, rows)


def _one(one: Mapping[str, Any], *, wide: bool) -> str:
    from shardwright.cli.tables import table

    head = f"{one['namespace']}/{one['name']}: {one['state']}, {one['layout']}, revision {one['revision']}"
    lines = [head]
    if one["message"]:
        lines.append(f"  {one['message']}")
    death = one.get("firstDeath")
    if death:
        lines += [f"  first to end: {death['text']}", *(f"    {line}" for line in death.get("log", ())[-8:])]
    headings = ("RANK", "HOST", "ADDRESS", "PHASE", "%")
    rows = [
        (str(rank["rank"]), rank["host"], rank["address"], rank["phase"], str(rank["percent"])) for rank in one["ranks"]
    ]
    lines += ["", table(headings, rows, right=(0, 4))]
    if wide:
        lines += ["", f"logs: {one['logs']}", f"ready after: {one['readySeconds'] or '-'} s"]
    if one["state"] == "ready":
        lines += ["", f"ask it: {one['curl']}"]
    return "\n".join(lines)
