"""Make the page on `target.options` from the tables of the targets: `tools/options.py > docs/reference/options.md`."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from typing import TYPE_CHECKING

from shardwright import registry

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from shardwright.core.target_options import Option

_TYPES = {"text": "text", "switch": "true or false", "count": "whole number above 0", "port": "port, 1 to 65535"}
_HEAD = """<!-- Made by tools/options.py from the tables that check them; make it anew when these change. -->
# Options of targets

What `target.options` of a recipe takes, target by target. An option that is not listed, or a value that is not of its type,
is an error: `<target>.option-unknown`, `<target>.option-value`.
"""


def page() -> str:
    """The whole page."""
    return "\n".join([_HEAD, *(line for kind in registry.TARGETS for line in _section(kind, options_of(kind)))])


def options_of(kind: str) -> Mapping[str, Option]:
    """The table of one target; empty for a target without options."""
    name = f"{registry.package_of(kind)}.options"
    return importlib.import_module(name).OPTIONS if importlib.util.find_spec(name) else {}


def _section(kind: str, table: Mapping[str, Option]) -> Iterator[str]:
    yield f"## `{kind}`\n"
    if not table:
        yield "None.\n"
        return
    yield "| option | type | if left out | meaning |"
    yield "| --- | --- | --- | --- |"
    for name, option in table.items():
        yield f"| `{name}` | {_type_of(option)} | {option.default or '-'} | {option.meaning} |"
    yield ""


def _type_of(option: Option) -> str:
    if option.choices:
        return ", ".join(f"`{each}`" for each in option.choices)
    if option.keys:
        return f"mapping of {', '.join(f'`{key}`' for key in option.keys)} to texts"
    return option.form_name or _TYPES[option.kind]


if __name__ == "__main__":
    sys.stdout.write(page())
