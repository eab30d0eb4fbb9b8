"""Make the catalogue of findings from the code that makes them: `tools/findings.py > src/shardwright/facts/findings.toml`.

An id is the first argument of a call, or the one named `id`, where a severity can be told. One that begins with the name
of a `target` or an `engine` stands for as many as there are of these. Its title is the docstring of the function around
it, `why` and `fix` are taken where they are written as texts.
"""

from __future__ import annotations

import ast
import json
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from shardwright import registry

if TYPE_CHECKING:
    from collections.abc import Iterator

SOURCE = Path(__file__).parent.parent / "src" / "shardwright"
_ID = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*\.[a-z0-9]+(-[a-z0-9]+)*")
_MAKERS = {
    "error": "error",
    "warning": "warning",
    "info": "info",
    "unknown": "unknown",
    "warn": "warning",
    "wrong": "error",
    "complain": "error",
    "Refusal": "error",
    "finding": "error",
    "faulty": "error",
    "note": "warning",
}
_PREFIXES = {"note": "import."}
"""Makers that write the first part of the id themselves."""
_WORDS = {"title", "why", "fix"}
_EACH = {"target": tuple(registry.TARGETS), "engine": tuple(registry.ENGINES)}


def findings() -> dict[str, dict[str, str]]:
    """Entries by id."""
    found: dict[str, dict[str, str]] = {}
    for path in sorted(SOURCE.rglob("*.py")):
        if "testing" in path.parts:
            continue
        part = ".".join(path.relative_to(SOURCE).with_suffix("").parts[:2])
        tree = ast.parse(path.read_text("utf-8"))
        for call, around in _calls(tree, ()):
            severity = _severity_of(call)
            for name in _ids_of(call) if severity else ():
                # A rule that can also not tell is told by what it demands.
                if found.get(name, {}).get("severity", "unknown") == "unknown":
                    found[name] = _entry(call, around, severity, part)
    return dict(sorted(found.items()))


def _calls(node: ast.AST, around: tuple[ast.AST, ...]) -> Iterator[tuple[ast.Call, tuple[ast.AST, ...]]]:
    if isinstance(node, ast.FunctionDef | ast.Module):
        around = (node, *around)
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Call):
            yield child, around
        yield from _calls(child, around)


def _ids_of(call: ast.Call) -> tuple[str, ...]:
    prefix = _PREFIXES.get(_maker_of(call), "")
    first = call.args[0] if call.args else None
    if prefix and isinstance(first, ast.Constant) and isinstance(first.value, str):
        return (prefix + first.value,)
    named = [each.value for each in call.keywords if each.arg == "id"]
    for value in [*named, *call.args[:2]]:
        if isinstance(value, ast.Constant) and isinstance(value.value, str) and _ID.fullmatch(value.value):
            return (value.value,)
        if ids := _ids_of_each(value):
            return ids
    return ()


def _ids_of_each(value: ast.expr) -> tuple[str, ...]:
    """`f"{target}.name"` and `f"{engine}.name"`: an id for each of the registry."""
    match value:
        case ast.JoinedStr([ast.FormattedValue(ast.Name(variable)), ast.Constant(str(rest))]) if variable in _EACH:
            ids = (each + rest for each in _EACH[variable])
            return tuple(each for each in ids if _ID.fullmatch(each))
        case _:
            return ()


def _maker_of(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")


def _severity_of(call: ast.Call) -> str:
    maker = _maker_of(call)
    texts = {
        value.value for value in ast.walk(call) if isinstance(value, ast.Constant) and isinstance(value.value, str)
    }
    if maker == "Finding":
        return next((each for each in ("error", "warning", "info") if each in texts), "error")
    return _MAKERS.get(maker.lstrip("_"), "")


def _entry(call: ast.Call, around: tuple[ast.AST, ...], severity: str, part: str) -> dict[str, str]:
    nearest = around[0] if around and isinstance(around[0], ast.FunctionDef) else None
    said = next((_text(each.value) for each in call.keywords if each.arg == "message"), "")
    if _maker_of(call) in _PREFIXES and len(call.args) > 1:
        said = _said(call.args[1], nearest)
        title = said or _module_title(around)
    else:
        title = (ast.get_docstring(nearest) if nearest else "") or said or _module_title(around)
    entry = {"severity": severity, "title": title.split("\n\n")[0].replace("\n", " ").removesuffix(".")}
    for keyword in call.keywords:
        if keyword.arg in _WORDS and (text := _text(keyword.value)):
            entry[keyword.arg] = text
    return {**entry, "used_in": part}


def _said(value: ast.expr, around: ast.FunctionDef | None) -> str:
    """A message as it is written, or as it was assigned to a name above."""
    if isinstance(value, ast.Name) and around:
        for node in ast.walk(around):
            if isinstance(node, ast.Assign) and any(getattr(each, "id", "") == value.id for each in node.targets):
                return _text(node.value)
    return _text(value)


def _module_title(around: tuple[ast.AST, ...]) -> str:
    return next((text for node in around if (text := ast.get_docstring(node))), "")


def _text(node: ast.expr) -> str:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        parts = [str(each.value) if isinstance(each, ast.Constant) else "..." for each in node.values]
        return "".join(parts)
    return ""


def as_toml(entries: dict[str, dict[str, str]]) -> str:
    """The file."""
    lines = ["# Made by tools/findings.py from the code that makes the findings; make it anew when that changes.", ""]
    for name, entry in entries.items():
        lines.append(f"[{json.dumps(name)}]")
        lines.extend(f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in entry.items())
        lines.append("")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.stdout.write(as_toml(findings()))
