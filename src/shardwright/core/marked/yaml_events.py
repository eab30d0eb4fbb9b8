"""The events of a text in YAML, each with its place; what is no YAML becomes a fault in plain words."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, cast

import yaml

from shardwright import errors
from shardwright.core.marked.tree import Mark, fault_at

if TYPE_CHECKING:
    from collections.abc import Callable

    from yaml.events import Event

__all__ = ["Events"]

# The parser in C where the library was built with it: ten times as fast.
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_SPECIAL_STARTS = ("@", "`", "%")


class Events:
    """The events of one text, one after the other; the last one ends the stream."""

    def __init__(self, text: str, file: str, *, is_option: bool) -> None:
        self._lines = re.split("\r\n|[\n\r\x85\u2028\u2029]", text)
        self._file = file
        self._is_option = is_option
        loader: Any = _LOADER(text)  # its methods carry no types
        self._get = cast("Callable[[], Event]", loader.get_event)

    def next(self) -> Event:
        """The next event; RecipeError where the text stops being YAML."""
        try:
            return self._get()
        except yaml.MarkedYAMLError as error:
            raise errors.RecipeError((self._syntax_fault(error),)) from error

    def mark(self, event: Event) -> Mark:
        """Where an event starts."""
        start = event.start_mark
        if start is None or self._is_option:
            return Mark(self._file, 0)
        return Mark(self._file, start.line + 1, start.column + 1)

    def _syntax_fault(self, error: yaml.MarkedYAMLError) -> errors.Fault:
        at, start = error.problem_mark or error.context_mark, error.context_mark
        line, column = (min(at.line, len(self._lines) - 1), at.column) if at else (0, 0)
        # What is missing at the end is missing in the last line that is written.
        while line and not self._lines[line].strip():
            line, column = line - 1, len(self._lines[line - 1])
        message = f"this cannot be read as YAML: {error.problem or error.context}"
        hint = _hint(self._lines[line], column, message)
        if self._is_option:
            return fault_at(Mark(self._file, 0), (), message, hint)
        message += f" (column {column + 1})"
        if error.context and start and start.line != line:
            message += f", {error.context} that starts in line {start.line + 1}"
        return fault_at(Mark(self._file, line + 1), (), message, hint)


def _hint(line: str, column: int, message: str) -> str:
    if "\t" in line[: len(line) - len(line.lstrip())]:
        return "indent with spaces, not with tabs"
    if "mapping values are not allowed" in message:
        return "quote a text that holds ': '"
    if line[column:].startswith(_SPECIAL_STARTS):
        return f"quote a text that starts with {line[column]}"
    return ""
