"""`shardwright lint`: manifests from anywhere against the rules of their platforms."""

from __future__ import annotations

import click

from shardwright.cli import lint_fix, lint_view, options

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
@click.option(
    "--fix", "is_fix", is_flag=True, help="Print the manifests with all mended that can be; the diff on stderr."
)
@click.option("--write", "is_write", is_flag=True, help="Put the mended manifests in place and print the diff.")
@options.output("table", "json", "yaml", "sarif", "github")
def lint(  # noqa: PLR0913 - the command's options
    paths: tuple[str, ...],
    old: str,
    assumed: tuple[str, ...],
    gates: tuple[str, ...],
    *,
    strict: bool,
    is_fix: bool,
    is_write: bool,
    output: str,
) -> None:
    """Judge manifests: several documents, lists of objects, folders. Errors end with exit code 4.

    With --fix or --write what can be mended is mended, comments kept, and what remains is judged.

    \b
    shardwright lint manifests/
    kustomize build overlays/prod | shardwright lint - -o github
    shardwright lint new.yaml --old deployed.yaml --assume lws=0.6
    shardwright lint isvc.yaml --fix --assume kserve=0.20 > migrated.yaml
    shardwright lint manifests/ --write
    """
    from shardwright.service import linting as service

    versions, switches = service.parse_versions(assumed), service.parse_gates(gates)
    if is_fix or is_write:
        linted = lint_fix.run(paths, old, versions, switches, is_write=is_write, form=output)
    else:
        linted = service.lint(paths, old=old, assumed=versions, gates=switches)
        lint_view.show(linted, output)
    failing = {"error", "warning"} if strict else {"error"}
    if any(finding.severity in failing for finding in linted.findings):
        raise click.exceptions.Exit(EXIT_FINDINGS)
