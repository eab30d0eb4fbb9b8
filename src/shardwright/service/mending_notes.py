"""What is shown of mended manifests: the difference, with secrets hidden, and the commands that make Secrets.

A secret is a value of a Secret, a variable or field with a secret's name, or a text that holds a token; it is hidden where it
stands, by its place in the text, so that neither the old nor the new side shows it.
"""

from __future__ import annotations

import difflib
import itertools
import re
import shlex
from typing import TYPE_CHECKING

from shardwright import errors
from shardwright.core.manifests import mending_spans
from shardwright.core.manifests.mending_spans import Items, Text
from shardwright.core.marked import document, secret_values

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from shardwright.core.manifests.mendable import Proposal
    from shardwright.core.manifests.mending_spans import Span

__all__ = ["difference", "secret_commands"]

_HIDDEN = "(a secret, not shown)"
_INSIDE = r"(?<![A-Za-z0-9])(?:hf|api_org)_[A-Za-z0-9]{20,}"
"""A token inside of a longer text, as in a script."""
_FIELDS = {"data", "stringData"}


def difference(file: str, before: bytes, after: bytes) -> str:
    """A unified diff of one file, from `a/` to `b/`."""
    old, new = (_masked(data, file).splitlines(keepends=True) for data in (before, after))
    name = file.lstrip("/")
    lines = [f"--- a/{name}\n", f"+++ b/{name}\n", *_hunks(old, new)]
    # A last line without an end would run into what follows.
    return "".join(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines)


def _hunks(old: list[str], new: list[str]) -> Iterator[str]:
    """Document by document, for mends add and remove none: the whole would take time by the square of its length."""
    parts = list(zip(_documents(old), _documents(new), strict=False))
    if sum(len(one) for one, _ in parts) != len(old) or sum(len(other) for _, other in parts) != len(new):
        parts = [(old, new)]
    at_old = at_new = 0
    for one, other in parts:
        if one != other:
            for group in difflib.SequenceMatcher(None, one, other).get_grouped_opcodes():
                yield from _hunk(group, one, other, at_old, at_new)
        at_old += len(one)
        at_new += len(other)


def _documents(lines: list[str]) -> Iterator[list[str]]:
    starts = [0, *(index for index, line in enumerate(lines) if index and line.startswith("---")), len(lines)]
    yield from (lines[start:end] for start, end in itertools.pairwise(starts))


def _hunk(
    group: Sequence[tuple[str, int, int, int, int]], old: list[str], new: list[str], at_old: int, at_new: int
) -> Iterator[str]:
    (_, first, _, other, _), (_, _, last, _, end) = group[0], group[-1]
    yield f"@@ -{_range(at_old + first, last - first)} +{_range(at_new + other, end - other)} @@\n"
    for tag, start, stop, begin, until in group:
        if tag == "equal":
            yield from (f" {line}" for line in old[start:stop])
        else:
            yield from (f"-{line}" for line in old[start:stop])
            yield from (f"+{line}" for line in new[begin:until])


def _range(start: int, length: int) -> str:
    """Lines as a hunk's head has them: counted from 1, and the line before where there are none."""
    return f"{start + 1}" if length == 1 else f"{start + 1 if length else start},{length}"


def secret_commands(done: Sequence[Proposal]) -> tuple[str, ...]:
    """`kubectl create secret` for each Secret that mends refer to; values are the shell's variables, never written out."""
    keys: dict[tuple[str, str], list[str]] = {}
    for proposal in done:
        for change in proposal.changes:
            source = change.value.get("secretKeyRef") if isinstance(change.value, dict) else None
            if change.path[-1:] == ("valueFrom",) and isinstance(source, dict):
                name, key = str(source.get("name")), str(source.get("key"))
                keys.setdefault((proposal.namespace, name), []).append(key)
    return tuple(_command(namespace, name, listed) for (namespace, name), listed in keys.items())


def _command(namespace: str, name: str, keys: list[str]) -> str:
    literals = " ".join(f'--from-literal={key}="${_variable(key)}"' for key in dict.fromkeys(keys))
    place = f" --namespace {shlex.quote(namespace)}" if namespace else ""
    return f"kubectl create secret generic {shlex.quote(name)}{place} {literals}"


def _variable(key: str) -> str:
    return re.sub(r"[^A-Za-z0-9_]", "_", key)


def _masked(data: bytes, file: str) -> str:
    """A text with its secrets hidden where they stand."""
    try:
        text = document.decode(data, file)
        walked = mending_spans.read_spans(text)
    except (errors.RecipeError, ValueError):
        return re.sub(_INSIDE, _HIDDEN, data.decode(errors="replace"))
    parts: list[str] = []
    at = 0
    for start, end in sorted({place for root in walked.roots for place in _secrets(text, root)}):
        if start >= at:
            parts.extend((text[at:start], _HIDDEN))
            at = end
    return re.sub(_INSIDE, _HIDDEN, "".join((*parts, text[at:])))


def _secrets(text: str, span: Span) -> Iterator[tuple[int, int]]:
    """Where secrets stand below a span."""
    if not isinstance(span, Items):
        return
    is_secret = span.is_map and _text(span, "kind") == "Secret"
    name = _text(span, "name") if span.is_map else ""
    for key, value in span.entries:
        label = key.value if key is not None else ""
        if is_secret and label in _FIELDS and isinstance(value, Items):
            for entry in value.entries:
                yield from _hidden(text, entry.value)
        elif isinstance(value, Text):
            is_named = label == "value" and secret_values.is_secret_name(name)
            is_token = " " not in value.value.strip() and secret_values.has_hub_token(value.value)
            if is_named or is_token or secret_values.is_secret_name(label):
                yield from _hidden(text, value)
        else:
            yield from _secrets(text, value)


def _hidden(text: str, span: Span) -> Iterator[tuple[int, int]]:
    is_plain = isinstance(span, Text) and span.value in {"true", "false"}
    if isinstance(span, Text) and span.value and not is_plain and not span.value.startswith("$("):
        yield span.start, mending_spans.content_end(text, span)


def _text(span: Items, name: str) -> str:
    entry = span.at(name)
    return entry.value.value if entry is not None and isinstance(entry.value, Text) else ""
