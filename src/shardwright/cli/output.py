"""What goes to standard output: data as JSON or YAML; text, whose long lines a terminal breaks between words."""

from __future__ import annotations

import json
import re
import shutil
import sys
import textwrap

import click

__all__ = ["as_text", "fitted", "print_data", "print_text"]

_INDENT = re.compile(r" *(- )?")
_COLUMNS = re.compile(r"\S {3,}[^ (]")
"""A row of a table, which is not broken."""
_NARROWEST = 60


def print_text(text: str) -> None:
    """Print text; on a terminal long lines are broken between words, elsewhere a line stays one line for `grep`."""
    is_terminal = sys.stdout.isatty()
    click.echo(fitted(text, shutil.get_terminal_size().columns) if is_terminal else text)


def fitted(text: str, columns: int) -> str:
    """Text in so many columns; what follows in a broken line stands under its beginning."""
    width = max(columns, _NARROWEST)
    return "\n".join(_broken(line, width) for line in text.split("\n"))


def _broken(line: str, width: int) -> str:
    if len(line) <= width or _COLUMNS.search(line):
        return line
    begin = _INDENT.match(line)
    indent = " " * (len(begin[0]) if begin and begin[1] else (len(begin[0]) + 2 if begin else 0))
    return textwrap.fill(line, width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)


def print_data(data: object, form: str) -> None:
    """Print a tree of JSON values as `json` or `yaml`."""
    click.echo(as_text(data, form), nl=False)


def as_text(data: object, form: str) -> str:
    """A tree of JSON values as `json` or `yaml`."""
    if form == "json":
        return json.dumps(data, indent=2, ensure_ascii=False) + "\n"
    from shardwright.core.marked import writing

    return writing.as_yaml(data, width=110)
