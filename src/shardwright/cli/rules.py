"""`shardwright rules`: what each rule demands and each finding means."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from shardwright.cli import options, tables
from shardwright.cli import output as printing

if TYPE_CHECKING:
    from shardwright.service.explaining import Explained

__all__ = ["rules"]

_HEADINGS = ("ID", "SEVERITY", "MENDED", "DEMANDS")


@click.command(short_help="Explain rules and findings.")
@click.argument("name", required=False, metavar="[ID]")
@options.output("table", "json")
def rules(name: str | None, output: str) -> None:
    """List all rules and findings, or explain the one with that ID.

    \b
    shardwright rules
    shardwright rules lws.rank-fixed
    """
    from shardwright.service import explaining

    found = (explaining.explain(name),) if name else explaining.explained_rules()
    if output == "json":
        data = [_document(each) for each in found]
        printing.print_data(data[0] if name else data, "json")
    elif name:
        printing.print_text(_text(found[0]))
    else:
        printing.print_text(
            tables.table(_HEADINGS, ((e.id, e.severity, "yes" if e.can_mend else "", e.title) for e in found))
        )


def _document(each: Explained) -> dict[str, object]:
    values: dict[str, object] = asdict(each)
    values["usedIn"], values["enforcedBy"] = values.pop("used_in"), values.pop("enforced_by")
    values["canMend"] = values.pop("can_mend")
    return {**values, "kinds": list(each.kinds), "requirements": list(each.requirements)}


def _text(each: Explained) -> str:
    rows = (
        ("why", each.why),
        ("fix", each.fix),
        ("mended by", "shardwright lint --fix, where the right value can be told" if each.can_mend else ""),
        ("severity", each.severity),
        ("enforced by", each.enforced_by),
        ("kinds", ", ".join(each.kinds)),
        ("releases", each.versions),
        ("used in", each.used_in),
        ("source", each.source),
        ("requirements", ", ".join(each.requirements)),
    )
    return "\n".join([f"{each.id}: {each.title}", *(f"  {name}: {value}" for name, value in rows if value)])
