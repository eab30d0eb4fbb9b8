"""`shardwright lint`: manifests from anywhere against the rules of their platforms."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from shardwright.cli import lint_view, options
from shardwright.cli import output as printing

if TYPE_CHECKING:
    from shardwright.service.linting import Linted

__all__ = ["lint"]

EXIT_FINDINGS = 4


@click.command(short_help="Judge manifests, whoever wrote them.")
@click.argument("paths", nargs=-1, metavar="FILE|DIR|-...")
@click.option("--old", metavar="FILE", default="", help="The objects as they are now: judge an update of them.")
@click.option(
    "--assume",
    "assumed",
    multiple=True,
    metavar="PLATFORM=VERSION",
    help="Judge for that release: lws=0.8. Repeatable.",
)
@click.option("--feature-gate", "gates", multiple=True, metavar="NAME=BOOL", help="A gate of the operator. Repeatable.")
@click.option("--strict", is_flag=True, help="Warnings fail too.")
@options.output("table", "json", "yaml", "sarif", "github")
def lint(
    paths: tuple[str, ...], old: str, assumed: tuple[str, ...], gates: tuple[str, ...], *, strict: bool, output: str
) -> None:
    """Judge manifests: several documents, lists of objects, folders. Errors end with exit code 4.

    \b
    shardwright lint manifests/
    kustomize build overlays/prod | shardwright lint - -o github
    shardwright lint new.yaml --old deployed.yaml --assume lws=0.6
    """
    from shardwright.service import linting as service

    linted = service.lint(paths, old=old, assumed=service.parse_versions(assumed), gates=service.parse_gates(gates))
    _print(linted, output)
    failing = {"error", "warning"} if strict else {"error"}
    if any(finding.severity in failing for finding in linted.findings):
        raise click.exceptions.Exit(EXIT_FINDINGS)


def _print(linted: Linted, form: str) -> None:
    if form == "table":
        printing.print_text(lint_view.text(linted))
    elif form == "github":
        if linted.findings:
            click.echo(lint_view.github(linted))
    else:
        printing.print_data(
            lint_view.sarif(linted) if form == "sarif" else lint_view.as_data(linted),
            "yaml" if form == "yaml" else "json",
        )
