"""`shardwright lint --fix` and `--write`: the product on standard output, what was done and what remains on standard error."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from shardwright import errors
from shardwright.cli import lint_view

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from shardwright.service.linting import Linted
    from shardwright.service.mending import Mended

__all__ = ["run"]

_BOM = b"\xef\xbb\xbf"
_SHOWN_ADVICE = "a person has to decide"


def run(
    paths: tuple[str, ...],
    old: str,
    versions: Mapping[str, str],
    gates: Mapping[str, bool],
    *,
    is_write: bool,
    form: str,
) -> Linted:
    """Mend and show; with `is_write` put the files in place, and print what remains in a format other than the table."""
    from shardwright.service import linting
    from shardwright.service import mending as service

    if is_write and linting.STDIN in paths:
        raise errors.InputError(
            "--write cannot put standard input in place", hint="use --fix, which prints the manifest"
        )
    if form != "table" and not is_write:
        raise errors.InputError(f"--fix prints manifests, not -o {form}", hint="use --write with -o, or --fix alone")
    mended = service.mend(paths, old=old, assumed=versions, gates=gates)
    if is_write:
        service.write(mended)
        click.echo(mended.difference(), nl=False, err=form != "table")
        if form != "table":
            lint_view.show(mended.linted, form)
    else:
        _print(mended)
        click.echo(mended.difference(), nl=False, err=True)
    for line in _notes(mended, is_write=is_write, has_findings=form == "table"):
        click.echo(line, err=True)
    return mended.linted


def _print(mended: Mended) -> None:
    """All manifests, byte for byte; between files a separator where one is missing."""
    before = b""
    for data in mended.after.values():
        if before:
            is_apart = data.removeprefix(_BOM).startswith(b"---") or before.rstrip().endswith(b"\n---")
            click.echo((b"" if before.endswith(b"\n") else b"\n") + (b"" if is_apart else b"---\n"), nl=False)
        click.echo(data.removeprefix(_BOM) if before else data, nl=False)
        before = data or before


def _notes(mended: Mended, *, is_write: bool, has_findings: bool) -> Iterator[str]:
    for each in sorted(mended.done, key=lambda each: (each.file, each.line)):
        yield f"{each.file}:{each.line}: mended {each.rule}: {each.path}: {each.message}"
    for each in mended.left:
        yield f"{each.file}:{each.line}: nothing is mended in this file: {each.message}"
    for kept in mended.kept:
        each = kept.proposal
        yield f"{each.file}:{each.line}: not mended {each.rule}: {each.path}: {kept.reason}; {_SHOWN_ADVICE}"
    for command in mended.secrets:
        yield f"make the Secret first: {command}"
    if has_findings:
        yield lint_view.text(mended.linted)
    written = f"{len(mended.changed)} of {len(mended.after)} files"
    if mended.changed:
        yield f"{written} {'written' if is_write else 'would change'}"
    else:
        yield "nothing to mend"
