"""Sizes of files, classes and functions, and what core must not touch: what the linter cannot see."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = sorted((ROOT / "src").rglob("*.py"))
CORE = [path for path in SOURCES if "core" in path.relative_to(ROOT / "src/shardwright").parts[:1]]

FILE_LINES = 500
FUNCTION_NET_LINES = 50
CLASS_LINES = 200
CLASS_METHODS = 12
TEST_LINES = 30

# Places that are larger for a reason. This list may only shrink.
EXCEPTIONS: dict[str, str] = {}

IMPURE_CALLS = {"open", "input", "print", "exec", "eval", "breakpoint"}
IMPURE_MODULES = {"os", "time", "random", "datetime", "uuid", "secrets", "pathlib", "socket", "logging", "subprocess"}


def net_lines(node: ast.AST, lines: list[str]) -> int:
    """Lines of a definition without docstring, blank and comment lines."""
    assert isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    documented = ast.get_docstring(node, clean=False) is not None
    first = node.body[0]
    skipped = range(first.lineno, (first.end_lineno or 0) + 1) if documented else range(0)
    body = ((number, lines[number - 1].strip()) for number in range(node.lineno, (node.end_lineno or 0) + 1))
    return sum(1 for number, text in body if number not in skipped and text and not text.startswith("#"))


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT / "src")))
def test_files_classes_and_functions_stay_small(path: Path) -> None:
    """A file, class or function that outgrows its limit is two rooms in one."""
    text = path.read_text("utf-8")
    lines = text.splitlines()
    found = [f"{path.name}: {len(lines)} lines"] if len(lines) > FILE_LINES else []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and net_lines(node, lines) > FUNCTION_NET_LINES:
            found.append(f"{path.name}:{node.lineno} {node.name}: {net_lines(node, lines)} net lines")
        if isinstance(node, ast.ClassDef):
            methods = sum(isinstance(part, ast.FunctionDef | ast.AsyncFunctionDef) for part in node.body)
            if (node.end_lineno or 0) - node.lineno >= CLASS_LINES or methods > CLASS_METHODS:
                found.append(f"{path.name}:{node.lineno} {node.name}: {methods} methods")
    assert [entry for entry in found if entry.split(":")[0] not in EXCEPTIONS] == []


@pytest.mark.parametrize("path", CORE, ids=lambda path: path.stem)
def test_core_has_no_effects(path: Path) -> None:
    """Core decides with what it is given: no file, clock, randomness, environment or output."""
    tree = ast.parse(path.read_text("utf-8"))
    calls = {node.func.id for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)}
    imported = {
        alias.name.split(".")[0] for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names
    }
    imported |= {(node.module or "").split(".")[0] for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert (calls & IMPURE_CALLS, imported & IMPURE_MODULES) == (set(), set())


def test_exceptions_are_still_needed() -> None:
    """A file that has become small again leaves the list of exceptions."""
    names = {path.name for path in SOURCES}
    assert set(EXCEPTIONS) <= names


@pytest.mark.parametrize("path", sorted((ROOT / "tests").rglob("test_*.py")), ids=lambda path: path.stem)
def test_tests_are_short_and_say_what_they_protect(path: Path) -> None:
    """Each test has a docstring with its rule and at most thirty lines."""
    text = path.read_text("utf-8")
    tests = [
        node
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_")
    ]
    assert [node.name for node in tests if not ast.get_docstring(node)] == []
    assert [node.name for node in tests if net_lines(node, text.splitlines()) > TEST_LINES] == []


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT / "src")))
def test_frozen_values_are_made_one_way(path: Path) -> None:
    """`@frozen` makes every frozen value: a frozen dataclass of its own costs each start twice as much (docs/design/009)."""
    if path.name == "values.py":
        return
    assert "dataclass(frozen" not in path.read_text("utf-8")
