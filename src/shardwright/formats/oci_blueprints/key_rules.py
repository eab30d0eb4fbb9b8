"""Rules on the keys of blueprints: which there are, what they hold, which a mode demands."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

from shardwright.core.manifests import plain
from shardwright.core.marked import secret_values
from shardwright.core.rules.rule import Breach, Rule
from shardwright.formats.oci_blueprints import asked, keys
from shardwright.formats.oci_blueprints.documents import KIND

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shardwright.core.manifests.objects import Context, Object, Value
    from shardwright.core.manifests.plain import Placeholders
    from shardwright.core.marked.paths import Path
    from shardwright.formats.oci_blueprints.keys import Key

__all__ = ["RULES", "SOURCE"]

SOURCE = (
    "oracle-quickstart/oci-ai-blueprints v1.0.11, blueprint_json_schema.json and guides; multi-node guide of 2025-03"
)
_HINTS = 20
_LONGEST = 60
_LARGEST_PORT = 65535
_MEANINGS = {
    "text": "a text in quotes",
    "whole": "a whole number, without quotes",
    "flag": "true or false, without quotes",
    "port": f"a port from 1 to {_LARGEST_PORT}",
    "count": "a whole number above 0",
}


def _unknown(blueprint: Object, _: Context) -> Iterator[Breach]:
    hints = _HINTS
    for path, known, table in _tables(blueprint):
        for name in table:
            if name in known:
                continue
            hints -= 1
            near = difflib.get_close_matches(name, known, n=1) if hints >= 0 and len(name) <= _LONGEST else []
            fix = f'did you mean "{near[0]}"?' if near else ""
            yield Breach((*path, name), f'there is no key "{secret_values.shown_key(name)}"', fix=fix)


def _tables(blueprint: Object) -> Iterator[tuple[Path, dict[str, Key], dict[str, Value]]]:
    """The blueprint and all tables in it, each with the keys it may have."""
    pending: list[tuple[Path, dict[str, Key], dict[str, Value]]] = [((), keys.keys_of(), dict(blueprint.value))]
    while pending:
        path, known, table = pending.pop()
        yield path, known, table
        for name, value in table.items():
            kind = known[name].type if name in known else ""
            inner = keys.keys_of(kind.strip("[@]")) if "@" in kind else {}
            items = value if isinstance(value, list) and kind.startswith("[") else [value]
            for index, item in enumerate(items):
                if inner and isinstance(item, dict):
                    at = (*path, name, index) if kind.startswith("[") else (*path, name)
                    pending.append((at, inner, item))


def _types(blueprint: Object, _: Context) -> Iterator[Breach]:
    for path, known, table in _tables(blueprint):
        for name, value in table.items():
            if name in known and value is not None:
                yield from _misfits(value, known[name], (*path, name))


def _misfits(value: Value, key: Key, path: Path) -> Iterator[Breach]:
    """What a value is not; of lists and maps their items too."""
    kind = key.type
    if kind.startswith("[") and isinstance(value, list):
        for index, item in enumerate(value):
            yield from _misfits(item, keys.Key(key.item, is_required=False), (*path, index))
    elif kind.startswith("{") and isinstance(value, dict):
        for name, item in value.items():
            yield from _misfits(item, keys.Key(key.item, is_required=False), (*path, name))
    elif not _fits(value, kind):
        shown = secret_values.shown(str(value), str(path[-1])) if isinstance(value, str) else _described(value)
        yield Breach(path, f"{shown} is not {_meaning(kind)}", fix=_fix(value, kind))


def _described(value: Value) -> str:
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "null"}[value]
    return f"a list of {len(value)}" if isinstance(value, list) else str(value)[:_LONGEST]


def _meaning(kind: str) -> str:
    if kind.startswith("["):
        return "a list"
    return "an object" if kind[:1] in {"@", "{"} else _MEANINGS[kind]


def _fix(value: Value, kind: str) -> str:
    if kind == "whole" and isinstance(value, str) and value.isdecimal():
        return f"write {value[:_LONGEST]} without quotes"
    return f'write "{value}"' if kind == "text" and isinstance(value, int) else f"write {_meaning(kind)}"


def _fits(value: Value, kind: str) -> bool:
    if kind == "any":
        return True
    if kind in {"text", "flag"}:
        return isinstance(value, str if kind == "text" else bool)
    if kind == "whole":
        return isinstance(value, int) and not isinstance(value, bool)
    if kind in {"port", "count"}:
        is_number = isinstance(value, int) and not isinstance(value, bool)
        digits = str(value) if is_number or isinstance(value, str) else ""
        fits = digits.isascii() and digits.isdecimal() and len(digits) < 10
        return fits and (1 <= int(digits) <= _LARGEST_PORT if kind == "port" else int(digits) >= 0)
    return isinstance(value, list if kind.startswith("[") else dict)


def _missing(blueprint: Object, _: Context) -> Iterator[Breach]:
    mode = keys.mode_of(asked.mode(blueprint))
    needed = [*(mode.required if mode else ())]
    if asked.is_over_nodes(blueprint):
        needed += [*(mode.required_over_nodes if mode else ()), asked.gpu_key(blueprint)]
    for path, known, table in _tables(blueprint):
        required = [name for name, key in known.items() if key.is_required]
        for name in (*required, *(needed if not path else ())):
            if table.get(name) is None:
                of = f" of the mode {mode.name}" if mode and name in needed else ""
                yield Breach((*path, name), f"the key {name}{of} is missing", fix=_example(known[name], name))


def _example(key: Key, name: str) -> str:
    if "@" not in key.type:
        meaning = "a list" if key.type.startswith("[") else _MEANINGS.get(key.type, "a value")
        return f'add "{name}": {meaning}'
    required = ", ".join(each for each, inner in keys.keys_of(key.type.strip("[@]")).items() if inner.is_required)
    return f'add "{name}" with {required}'


def _placeholders(blueprint: Object, _: Context) -> Iterator[Breach]:
    yield from (breach for breach, is_request in _unreplaced(blueprint) if not is_request)


def _open_requests(blueprint: Object, _: Context) -> Iterator[Breach]:
    yield from (breach for breach, is_request in _unreplaced(blueprint) if is_request)


def _unreplaced(blueprint: Object) -> Iterator[tuple[Breach, bool]]:
    """Texts with a mark that some program should have replaced, and whether it is the address of a request."""
    found: Placeholders = []
    plain.plain_value(blueprint.root, (), found)
    for path, node in found:
        message = f"{secret_values.shown(node.text, str(path[-1]))} holds a placeholder that was not replaced"
        yield Breach(path, message), path[-1] == "par"


RULES = (
    Rule(
        "blueprint.unknown-field",
        "error",
        (KIND,),
        "Keys are those of the schema",
        "the schema admits no others, and a misspelt key would do nothing",
        "remove it, or write its name as the schema has it",
        "operator",
        SOURCE,
        _unknown,
    ),
    Rule(
        "blueprint.wrong-type",
        "error",
        (KIND,),
        "Values have the type of their key",
        "the schema refuses the blueprint",
        "write the value as the message says",
        "operator",
        SOURCE,
        _types,
        requirements=("R085", "R093", "R102"),
    ),
    Rule(
        "blueprint.missing-field",
        "error",
        (KIND,),
        "Keys that a mode demands are there",
        "the control plane cannot deploy it without",
        "add it",
        "operator",
        SOURCE,
        _missing,
        requirements=("R085", "R086", "R087", "R088", "R090", "R091", "R093"),
    ),
    Rule(
        "blueprint.placeholder",
        "error",
        (KIND,),
        "Placeholders are replaced",
        "the control plane takes them as they stand",
        "put the value there",
        "practice",
        SOURCE,
        _placeholders,
    ),
    Rule(
        "blueprint.request-open",
        "warning",
        (KIND,),
        "The address of a pre-authenticated request is filled in before a blueprint is sent",
        "it is a credential, so a blueprint that is kept or shared has marks in its place",
        "fill it in, in a copy that you keep to yourself; a recipe reads it from a Secret",
        "practice",
        SOURCE,
        _open_requests,
        requirements=("R088",),
    ),
)
"""All rules on keys."""
