"""`--set a.b=c`: fields set on a document before it is read, so that an option is checked like the file itself.

Values are YAML scalars or flow collections: `2`, `[a, b]`, `{a: b}`; `null` leaves the field out. Sections and keys on the
way are made where they are missing; a list is reached by index, `pods.tolerations[0].key`, and grows by the next one.
Faults point at the option: file `--set`, line 0.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from shardwright import errors
from shardwright.core.marked import document, paths, secret_values, tree
from shardwright.core.marked.tree import Document, Entry, ListNode, MapNode, Mark, Node, ScalarNode

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shardwright.core.marked.paths import Path

__all__ = ["Override", "apply_overrides", "parse_overrides"]

_OPTION = "--set"
_MARK = Mark(_OPTION, 0)
_FORM = "write FIELD=VALUE, as hardware.nodes=2"


class Override(NamedTuple):
    """One field and what it becomes."""

    path: Path
    value: Node


def parse_overrides(options: Sequence[str]) -> tuple[Override, ...]:
    """Overrides in the order given; RecipeError with all faults."""
    made: list[Override] = []
    faults: list[errors.Fault] = []
    for option in options:
        try:
            made.append(_parse(option))
        except errors.RecipeError as error:
            faults.extend(error.faults)
    if faults:
        raise errors.RecipeError(tuple(faults))
    return tuple(made)


def apply_overrides(original: Document, overrides: Sequence[Override]) -> Document:
    """The document with its fields set; what cannot be set is added to its faults."""
    root, faults = original.root, list(original.faults)
    for override in overrides:
        try:
            root = _with(root, override.path, override) if isinstance(root, MapNode) else root
        except errors.RecipeError as error:
            faults.extend(error.faults)
    return Document(original.mark, root, tuple(faults))


def _parse(option: str) -> Override:
    try:
        path, rest = paths.split_path(option)
    except ValueError as error:
        raise _error((), f"{secret_values.shown(option, option)} names no field: {error}", _FORM) from None
    if not rest.startswith("="):
        raise _error((), f"{secret_values.shown(option, option)} has no value", _FORM)
    if len(path) > document.RECIPES.depth:
        raise _error((), f"a path of {len(path)} parts is too long; allowed: {document.RECIPES.depth}", _FORM)
    return Override(path, _value(path, rest[1:].strip()))


def _value(path: Path, text: str) -> Node:
    found = document.parse_documents(text, _OPTION, is_option=True) if text else ()
    if not found or document.is_empty(found[0]):
        return ScalarNode(_MARK, "", plain=True)
    faults = [fault for each in found for fault in each.faults]
    if faults:
        raise errors.RecipeError(tuple(tree.fault_at(_MARK, path, each.message, each.hint) for each in faults))
    root = found[0].root
    is_block = not isinstance(root, ScalarNode) and text[:1] not in {"{", "["}
    if root is None or len(found) > 1 or is_block:
        raise _error(path, "this is not one value", "write a scalar, [a, b] or {a: b}; quote a text that holds ': '")
    return root


def _with(node: Node, rest: Path, override: Override) -> Node:
    """A tree with one field set; `rest` is what remains of the path at this node."""
    if not rest:
        return override.value
    part, *others = rest
    if isinstance(part, int):
        return _with_item(node, part, tuple(others), override)
    if isinstance(node, ListNode):
        done = override.path[: len(override.path) - len(rest)]
        name = paths.path_text(done)
        raise _error(override.path, f"{name} is a list", f"write an index: {name}[0]")
    # The option wins over a scalar in its way; whether a mapping may stand there is the reader's to say.
    entries = dict(node.entries) if isinstance(node, MapNode) else {}
    if not others and tree.is_null(override.value):
        entries.pop(part, None)
    else:
        inner = entries[part].value if part in entries else ScalarNode(_MARK, "", plain=True)
        entries[part] = Entry(_MARK, _with(inner, tuple(others), override))
    return MapNode(node.mark if isinstance(node, MapNode) else _MARK, entries)


def _with_item(node: Node, index: int, others: Path, override: Override) -> Node:
    items = list(node.items) if isinstance(node, ListNode) else []
    if isinstance(node, MapNode) or index > len(items):
        seen = "a mapping" if isinstance(node, MapNode) else f"{len(items)} items"
        hint = f"the next index is [{len(items)}]" if not isinstance(node, MapNode) else "name a key"
        raise _error(override.path, f"index [{index}] does not fit: there is {seen}", hint)
    inner = items[index] if index < len(items) else ScalarNode(_MARK, "", plain=True)
    items[index : index + 1] = [_with(inner, others, override)]
    return ListNode(node.mark if isinstance(node, ListNode) else _MARK, tuple(items))


def _error(path: Path, message: str, hint: str) -> errors.RecipeError:
    return errors.RecipeError((tree.fault_at(_MARK, path, message, hint),))
