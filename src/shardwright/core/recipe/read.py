"""A marked document becomes a `Recipe`, or all its faults at once.

The classes of `model` are walked by their kinds; each value is read by its field's kind, and whatever is wrong is noted
with its place while reading goes on. Names of engines and platforms come from the caller: core knows none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shardwright import errors
from shardwright.core.marked import secret_values, tree
from shardwright.core.marked.tree import Document, Entry, ListNode, MapNode, Node, ScalarNode
from shardwright.core.recipe import checks, kinds, scalars, unknown_fields
from shardwright.core.recipe.kinds import (
    Choice,
    Field,
    Flag,
    Keyed,
    Kind,
    Listed,
    Number,
    OneOf,
    Section,
    Size,
    Text,
    Tree,
    Whole,
)
from shardwright.core.recipe.model import API_VERSION, Recipe

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping

    from shardwright.core.marked.paths import Path

__all__ = ["read_recipe"]

_HEADER = {"apiVersion": API_VERSION, "kind": "Recipe"}
_IN_CLEAR_TEXT = "a token of the hub stands here in clear text"
_REFER = "write {secret: NAME, key: KEY}, in model.token or as a variable of engine.env, and revoke this token"
_MOST_HINTS = 100
"""Comparing names takes a millisecond; a file with more unknown fields is no recipe with slips of the pen."""


def read_recipe(document: Document, *, engines: Collection[str], targets: Collection[str]) -> Recipe:
    """The recipe of a document; RecipeError with all faults, those of the document included."""
    faults = list(document.faults)
    if document.root is None:
        raise errors.RecipeError(tuple(faults))
    recipe: object = None
    try:
        root = _recipe_root(document.root)
        faults.extend(_header_faults(root))
        faults.extend(_clear_tokens(root, ()))
        body = MapNode(root.mark, {name: entry for name, entry in root.entries.items() if name not in _HEADER})
        recipe = _Reader({"engine-name": engines, "target-kind": targets}).section(Recipe, body, ())
    except errors.RecipeError as error:
        faults.extend(error.faults)
    if isinstance(recipe, Recipe) and not faults:
        return recipe
    raise errors.RecipeError(_one_each(faults))


def _recipe_root(root: Node) -> MapNode:
    """The mapping of a recipe; RecipeError if the document is something else, whose fields need no faults of their own."""
    if not isinstance(root, MapNode):
        raise scalars.not_a(root, (), "a recipe", "write its fields as a mapping, as apiVersion: " + API_VERSION)
    faults = [
        _foreign(name, entry, expected)
        for name, expected in _HEADER.items()
        if (entry := root.entries.get(name))
        and not (isinstance(entry.value, ScalarNode) and entry.value.text == expected)
    ]
    if faults:
        raise errors.RecipeError(tuple(faults))
    return root


def _foreign(name: str, entry: Entry, expected: str) -> errors.Fault:
    hint = scalars.nearest(entry.value.text, [expected]) if isinstance(entry.value, ScalarNode) else ""
    message = f'{tree.describe(entry.value)} is not "{expected}"'
    return tree.fault_at(
        entry.mark, (name,), message, hint or "only recipes are read here; shardwright import makes one of manifests"
    )


def _header_faults(root: MapNode) -> Iterator[errors.Fault]:
    for name, expected in _HEADER.items():
        if name not in root.entries:
            yield tree.fault_at(root.mark, (name,), "it is missing", f"write {name}: {expected}")


def _clear_tokens(node: Node, path: Path) -> Iterator[errors.Fault]:
    """A fault for each token of the hub, wherever it stands."""
    if isinstance(node, ScalarNode):
        if secret_values.has_hub_token(node.text):
            yield tree.fault_at(node.mark, path, _IN_CLEAR_TEXT, _REFER)
    elif isinstance(node, MapNode):
        for key, entry in node.entries.items():
            if secret_values.has_hub_token(key):
                yield tree.fault_at(entry.mark, (*path, key), _IN_CLEAR_TEXT, _REFER)
            yield from _clear_tokens(entry.value, (*path, key))
    else:
        for index, item in enumerate(node.items):
            yield from _clear_tokens(item, (*path, index))


def _one_each(faults: list[errors.Fault]) -> tuple[errors.Fault, ...]:
    """The faults by line, those of options last; of several about one token, the first says enough."""
    tokens = {(fault.line, fault.path) for fault in faults if "in clear text" in fault.message}
    kept: list[errors.Fault] = []
    for fault in faults:
        place = (fault.line, fault.path)
        if place in tokens and any((other.line, other.path) == place for other in kept):
            continue
        kept.append(fault)
    return tuple(sorted(kept, key=lambda fault: (fault.line == 0, fault.line)))


class _Reader:
    """Reads values by kind; holds the names that may stand in fields whose names core does not know."""

    def __init__(self, names: Mapping[str, Collection[str]]) -> None:
        self._names = names
        self._hints_left = _MOST_HINTS
        self._readers: dict[type, Callable[[Any, Node, Path], object]] = {
            Text: self._text,
            Whole: lambda kind, node, path: scalars.read_whole(node, path, kind.minimum),
            Number: lambda kind, node, path: scalars.read_number(node, path, kind.minimum),
            Flag: lambda _, node, path: scalars.read_flag(node, path),
            Size: lambda _, node, path: scalars.read_size(node, path),
            Choice: lambda kind, node, path: scalars.read_choice(node, path, kind.values),
            Listed: self._list,
            Keyed: self._keyed,
            Section: lambda kind, node, path: self.section(kind.cls, node, path),
            Tree: lambda _, node, path: scalars.read_json(node, path),
            OneOf: self._one_of,
        }

    def value(self, kind: Kind, node: Node, path: Path) -> object:
        """A value of a kind; RecipeError with all that is wrong inside."""
        return self._readers[type(kind)](kind, node, path)

    def section(self, cls: type[Any], node: Node, path: Path) -> object:
        """An instance of a class of `model`."""
        known = kinds.fields_of(cls)
        if not isinstance(node, MapNode):
            raise scalars.not_a(node, path, _meaning(Section(cls)))
        values: dict[str, object] = {}
        faults: list[errors.Fault] = []
        for name, entry in node.entries.items():
            field = known.get(name)
            try:
                if field is None:
                    faults.append(self._unknown(name, entry, known, path))
                elif not tree.is_null(entry.value):
                    values[field.attribute] = self.value(field.kind, entry.value, (*path, name))
            except errors.RecipeError as error:
                faults.extend(error.faults)
        faults.extend(_missing(node, known, path))
        faults.extend(_complaint_faults(checks.complaints(cls, values), node, path))
        if faults:
            raise errors.RecipeError(tuple(faults))
        return cls(**values)

    def _unknown(self, name: str, entry: Entry, known: dict[str, Field], path: Path) -> errors.Fault:
        self._hints_left -= 1
        hint = unknown_fields.hint_for(name, known) if self._hints_left >= 0 else ""
        return tree.fault_at(entry.mark, (*path, name), f'there is no field "{secret_values.shown_key(name)}"', hint)

    def _text(self, kind: Text, node: Node, path: Path) -> str:
        if kind.form in self._names:
            return scalars.read_choice(node, path, tuple(sorted(self._names[kind.form])))
        return scalars.read_text(node, path, kind.form)

    def _list(self, kind: Listed, node: Node, path: Path) -> tuple[object, ...]:
        if not isinstance(node, ListNode):
            raise scalars.not_a(node, path, "a list", "write [a, b], or each item in a line that starts with -")
        items: list[object] = []
        faults: list[errors.Fault] = []
        for index, item in enumerate(node.items):
            try:
                items.append(self.value(kind.item, item, (*path, index)))
            except errors.RecipeError as error:
                faults.extend(error.faults)
        if faults:
            raise errors.RecipeError(tuple(faults))
        return tuple(items)

    def _keyed(self, kind: Keyed, node: Node, path: Path) -> dict[str, object]:
        if not isinstance(node, MapNode):
            raise scalars.not_a(node, path, "a mapping", "write {key: value}")
        items: dict[str, object] = {}
        written = {key: _written(entry.value) for key, entry in node.entries.items()}
        faults = _complaint_faults(checks.key_complaints(kind.form, written), node, path)
        for key, entry in node.entries.items():
            at = (*path, key)
            try:
                scalars.check_key(entry.mark, at, key, kind.form)
                items[key] = self._keyed_value(kind, entry.value, at)
            except errors.RecipeError as error:
                faults.extend(error.faults)
        if faults:
            raise errors.RecipeError(tuple(faults))
        return items

    def _keyed_value(self, kind: Keyed, node: Node, path: Path) -> object:
        if tree.is_null(node):
            meant = "true for a switch" if isinstance(kind.item, Tree) else '"" for an empty text'
            hint = f"write {meant}, or leave the key out"
            raise errors.RecipeError((tree.fault_at(node.mark, path, "there is no value", hint),))
        alternatives = kind.item.kinds if isinstance(kind.item, OneOf) else (kind.item,)
        if isinstance(node, ScalarNode) and any(isinstance(each, Text) for each in alternatives):
            return scalars.read_keyed_text(node, path, kind.form)
        return self.value(kind.item, node, path)

    def _one_of(self, kind: OneOf, node: Node, path: Path) -> object:
        """The alternative that the value's own form points to: a section for a mapping, else a choice, else the rest."""
        for each in kind.kinds:
            if isinstance(each, Section) and isinstance(node, MapNode):
                return self.section(each.cls, node, path)
            if isinstance(each, Choice) and isinstance(node, ScalarNode) and node.text in each.values:
                return node.text
        try:
            return self.value(kind.kinds[0], node, path)
        except errors.RecipeError:
            raise scalars.not_a(node, path, ", or ".join(_meaning(each) for each in kind.kinds)) from None


def _written(node: Node) -> str | None:
    return node.text if isinstance(node, ScalarNode) else None


def _complaint_faults(found: Iterable[checks.Complaint], node: MapNode, path: Path) -> list[errors.Fault]:
    return [tree.fault_at(tree.find(node, each.path), (*path, *each.path), each.message, each.hint) for each in found]


def _missing(node: MapNode, known: dict[str, Field], path: Path) -> Iterator[errors.Fault]:
    for name, field in known.items():
        if field.required and (name not in node.entries or tree.is_null(node.entries[name].value)):
            mark = node.entries[name].mark if name in node.entries else node.mark
            yield tree.fault_at(mark, (*path, name), "it is missing", _example(field))


def _example(field: Field) -> str:
    """What to write for a field that is missing."""
    if not isinstance(field.kind, Section):
        return field.doc
    needed = (name for name, inner in kinds.fields_of(field.kind.cls).items() if inner.required)
    return f"write {field.name}: {{{', '.join(f'{name}: ...' for name in needed)}}}"


def _meaning(kind: Kind) -> str:
    match kind:
        case Choice():
            return ", ".join(kind.values)
        case Whole():
            return "a whole number" if kind.minimum is None else f"a whole number of at least {kind.minimum}"
        case Section():
            return f"a mapping with {', '.join(kinds.fields_of(kind.cls))}"
        case _:
            return "a text"
