"""Single values: what was written becomes a text, number, size or choice, or a fault that says what would be right.

Texts are taken as written, so `version: 0.10` stays "0.10" and `servedName: 123` is a text. Numbers, sizes and true/false
are not read from quoted texts. Values that belong to no field of ours (`Json`) follow YAML 1.2; where YAML versions
disagree (`yes`, `017`) the value is a fault, because the platform might read it the other way.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

from shardwright import errors, units
from shardwright.core.marked import secret_values, tree
from shardwright.core.marked.tree import MapNode, Node, ScalarNode
from shardwright.core.recipe.forms import FORMS, KEYED_FORMS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from shardwright.core.marked.paths import Path
    from shardwright.core.marked.tree import Mark
    from shardwright.core.recipe.model import Json

__all__ = [
    "check_key",
    "nearest",
    "not_a",
    "read_choice",
    "read_flag",
    "read_json",
    "read_keyed_text",
    "read_number",
    "read_size",
    "read_text",
    "read_whole",
]

LARGEST_WHOLE = 2**53 - 1
"""The largest number that every reader of JSON keeps exact."""

# Patterns that few values reach are left as text: `re` compiles them when they are needed.
_WHOLE = re.compile(r"[-+]?(0|[1-9][0-9]*)")
_NUMBER = re.compile(r"[-+]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][-+]?[0-9]+)?")
_BASED = r"0o[0-7]+|0x[0-9a-fA-F]+"
_AMBIGUOUS_WHOLE = r"[-+]?0[0-9_]+"
_INFINITE = r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)"
_FLAGS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_AMBIGUOUS_FLAGS = {"yes": "true", "on": "true", "no": "false", "off": "false"}
_SIZE_PARTS = r"[0-9]+(?:\.[0-9]+)?\s*(\D*)"
_UNITS = "Ki, Mi, Gi, Ti (powers of 1024) and k, M, G, T (powers of 1000), with or without B"


def not_a(node: Node, path: Path, expected: str, hint: str = "") -> errors.RecipeError:
    """The error for a value that is not what the field holds."""
    return _wrong(node, path, f"{tree.describe(node, path)} is not {expected}", hint)


def nearest(word: str, known: Iterable[str]) -> str:
    """A hint that names the nearest known word; empty if none is near."""
    import difflib  # noqa: PLC0415 - only a fault needs it, and every command would wait for it

    # Long words are no slips of the pen, and comparing them takes long.
    close = difflib.get_close_matches(word, list(known), n=1) if len(word) <= 60 else []
    return f'did you mean "{close[0]}"?' if close else ""


def read_text(node: Node, path: Path, form: str) -> str:
    """A text of a form; without one, a text that is not empty and has no line breaks."""
    text = _scalar(node, path, "a text").text
    if not form and (not text.strip() or text != text.strip() or not text.isprintable()):
        raise not_a(node, path, "a text of one line without blanks around it")
    if reason := _misfit(text, form):
        raise _wrong(node, path, f"{tree.describe(node, path)}{reason}")
    return text


def check_key(mark: Mark, path: Path, key: str, form: str) -> None:
    """Refuse a key that is not of its mapping's form."""
    if form and (reason := _misfit(key, KEYED_FORMS[form].keys)):
        raise errors.RecipeError((tree.fault_at(mark, path, f"the key{reason}"),))


def read_keyed_text(node: Node, path: Path, form: str) -> str:
    """A text in a mapping with free keys; it may be empty."""
    text = _scalar(node, path, "a text").text
    if form and (reason := _misfit(text, KEYED_FORMS[form].texts)):
        raise _wrong(node, path, f"{tree.describe(node, path)}{reason}")
    return text


def read_whole(node: Node, path: Path, minimum: int | None) -> int:
    """A whole number."""
    expected = "a whole number" if minimum is None else f"a whole number of at least {minimum}"
    text = _scalar(node, path, expected)
    if not text.plain or not _WHOLE.fullmatch(text.text):
        quoted = not text.plain and _WHOLE.fullmatch(text.text)
        raise not_a(node, path, expected, "write it without quotes" if quoted else "")
    # More digits than any bound: int() would refuse thousands of them.
    number = int(text.text) if len(text.text) < 20 else LARGEST_WHOLE + 1
    if abs(number) > LARGEST_WHOLE:
        raise not_a(node, path, f"a number of at most {LARGEST_WHOLE}")
    if minimum is not None and number < minimum:
        raise not_a(node, path, expected)
    return number


def read_number(node: Node, path: Path, minimum: int | None) -> float:
    """A finite number."""
    expected = "a number" if minimum is None else f"a number of at least {minimum}"
    text = _scalar(node, path, expected)
    if not text.plain or not _NUMBER.fullmatch(text.text):
        quoted = not text.plain and _NUMBER.fullmatch(text.text)
        raise not_a(node, path, expected, "write it without quotes" if quoted else "")
    number = float(text.text)
    if not math.isfinite(number) or (minimum is not None and number < minimum):
        raise not_a(node, path, expected)
    return number


def read_flag(node: Node, path: Path) -> bool:
    """A flag: true or false."""
    text = _scalar(node, path, "true or false")
    if text.plain and text.text in _FLAGS:
        return _FLAGS[text.text]
    meant = _AMBIGUOUS_FLAGS.get(text.text.lower(), text.text.lower() if text.text in _FLAGS else "")
    raise not_a(node, path, "true or false", f"write {meant}, without quotes" if meant else "")


def read_choice(node: Node, path: Path, allowed: tuple[str, ...]) -> str:
    """One of some texts."""
    expected = ("one of: " if len(allowed) > 1 else "") + ", ".join(allowed)
    text = _scalar(node, path, expected).text
    if text not in allowed:
        raise not_a(node, path, expected, nearest(text, allowed))
    return text


def read_size(node: Node, path: Path) -> int:
    """Bytes; the unit has to be written."""
    text = _scalar(node, path, "a size, as 24Gi").text
    match = re.fullmatch(_SIZE_PARTS, text)
    if match is None or len(text) > 30:
        raise not_a(node, path, "a size, as 24Gi")
    if not match[1]:
        raise _wrong(
            node, path, f"{tree.describe(node, path)} has no unit; allowed: {_UNITS}", f"write {text}Gi or {text}G"
        )
    try:
        size = units.parse_bytes(text)
    except ValueError:
        raise _wrong_unit(node, path, text, match[1]) from None
    if size < 1:
        raise not_a(node, path, "a size of at least 1 byte")
    return size


def read_json(node: Node, path: Path) -> Json:
    """A piece that is passed on, typed as YAML 1.2 and JSON do; all its faults at once."""
    if isinstance(node, ScalarNode):
        return _untyped(node, path)
    faults: list[errors.Fault] = []
    items: list[Json] = []
    keyed = isinstance(node, MapNode)
    inner = [(key, entry.value) for key, entry in node.entries.items()] if keyed else list(enumerate(node.items))
    for key, each in inner:
        try:
            items.append(read_json(each, (*path, key)))
        except errors.RecipeError as error:
            faults.extend(error.faults)
    if faults:
        raise errors.RecipeError(tuple(faults))
    return dict(zip(node.entries, items, strict=True)) if keyed else items


def _untyped(node: ScalarNode, path: Path) -> Json:
    text = node.text
    if not node.plain:
        return text
    if tree.is_null(node):
        return None
    if text in _FLAGS:
        return _FLAGS[text]
    if text.lower() in _AMBIGUOUS_FLAGS:
        message = f"{text} is true or false to some readers of YAML and a text to others"
        raise _wrong(node, path, message, f'write {_AMBIGUOUS_FLAGS[text.lower()]}, or "{text}" in quotes')
    return _untyped_number(node, path)


def _untyped_number(node: ScalarNode, path: Path) -> Json:
    text = node.text
    if _WHOLE.fullmatch(text):
        return read_whole(node, path, None)
    if re.fullmatch(_AMBIGUOUS_WHOLE, text):
        message = f"{tree.describe(node, path)} is octal to some readers of YAML and decimal to others"
        raise _wrong(node, path, message, "write it without the leading 0, with 0o for octal, or in quotes for a text")
    if re.fullmatch(_BASED, text) and len(text) < 15:
        return int(text, 0)
    if _NUMBER.fullmatch(text):
        return read_number(node, path, None)
    if re.fullmatch(_INFINITE, text):
        raise not_a(node, path, "a finite number")
    return text


def _scalar(node: Node, path: Path, expected: str) -> ScalarNode:
    if isinstance(node, ScalarNode) and not tree.is_null(node):
        return node
    raise not_a(node, path, expected)


def _misfit(text: str, form: str) -> str:
    """What a text is not, to follow it in a message; empty if it is of that form, or the form is empty."""
    if not form:
        return ""
    rule = FORMS[form]
    too_long = rule.max_length is not None and len(text) > rule.max_length
    if not too_long and re.fullmatch(rule.pattern, text):
        return ""
    length = f" has {len(text)} characters:" if too_long else ""
    return f"{length} it is not {rule.meaning}" if too_long else f" is not {rule.meaning}"


def _wrong_unit(node: Node, path: Path, text: str, unit: str) -> errors.RecipeError:
    number = text[: len(text) - len(unit)].strip()
    factor = {"k": "K", "m": "M", "g": "G", "t": "T"}.get(unit[:1].lower(), "")
    hint = f"write {number}{factor}i or {number}{factor.replace('K', 'k')}" if factor else ""
    return _wrong(
        node, path, f"{tree.describe(node, path)} has the unit {secret_values.shown(unit)}; allowed: {_UNITS}", hint
    )


def _wrong(node: Node, path: Path, message: str, hint: str = "") -> errors.RecipeError:
    return errors.RecipeError((tree.fault_at(node.mark, path, message, hint),))
