"""Use case: recipes of files, folders and standard input, with the faults of all of them together.

A file holds one or more recipes in YAML or JSON; a folder stands for the files in it, not for those below it.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from shardwright import errors, registry, units
from shardwright.core.marked import tree
from shardwright.core.marked.paths import split_path
from shardwright.core.recipe import read
from shardwright.service import recipe_namespace
from shardwright.values import frozen

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from shardwright.core.marked.tree import Document
    from shardwright.core.recipe import Recipe
    from shardwright.core.recipe.model import Json
    from shardwright.core.rules import Finding
    from shardwright.kubernetes.place import Place

__all__ = ["LoadedRecipe", "load_recipes", "parse_recipes", "recipe_of_document", "recipe_of_values"]

MAX_BYTES = 1024 * 1024
"""Largest file; a recipe has a few kilobytes, so a larger file is something else."""

_STDIN = "-"
_STDIN_NAME = "standard input"
_SUFFIXES = {".yaml", ".yml", ".json"}
_NO_RECIPE = "start with apiVersion: shardwright.dev/v1, kind: Recipe"


class _UnreadableError(Exception):
    """A file that cannot be read at all."""

    def __init__(self, file: str, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.fault = errors.Fault(message, "", file, 0, hint)


@frozen
class LoadedRecipe:
    """A recipe and where it stands."""

    recipe: Recipe
    document: Document
    findings: tuple[Finding, ...] = ()
    """What is to be known of a document that was written in another format."""

    @property
    def file(self) -> str:
        """Name of its file."""
        return self.document.mark.file

    @property
    def line(self) -> int:
        """Its first line, counted from 1."""
        return self.document.mark.line

    def line_of(self, *path: str | int) -> int:
        """Line of a field, or of the nearest one above it that is written; 0 where an option set it."""
        return self.line if self.document.root is None else tree.find(self.document.root, path).line

    def placed(self, fault: errors.Fault) -> errors.Fault:
        """A fault that was found in the values of the recipe, at the place where its field is written."""
        if fault.line or self.document.root is None:
            return fault
        try:
            mark = tree.find(self.document.root, split_path(fault.path)[0])
        except ValueError:
            mark = self.document.mark
        return replace(fault, file=mark.file, line=mark.line)


def load_recipes(
    paths: Sequence[str], sets: Sequence[str] = (), *, stdin: BinaryIO | None = None, place: Place | None = None
) -> tuple[LoadedRecipe, ...]:
    """Read recipes from files, folders and `-`, the options of `--set` applied to each.

    `place`: of the cluster that they are for, which says their namespace where they name none; None: `default`.
    RecipeError lists the faults of all files together; InputError says which of them cannot be read at all.
    """
    if not paths:
        raise errors.InputError("no recipe was named", hint="name a file, a folder or - for standard input")
    sources: list[tuple[str, str]] = []
    faults: list[errors.Fault] = []
    unreadable: list[errors.Fault] = []
    for file in _files(paths, unreadable):
        try:
            sources.append(_read_text(file, stdin))
        except _UnreadableError as error:
            unreadable.append(error.fault)
        except errors.RecipeError as error:
            faults.extend(error.faults)
    recipes = _parse(sources, sets, faults, place)
    if faults:
        raise errors.RecipeError((*unreadable, *dict.fromkeys(faults)))
    if unreadable:
        raise errors.InputError("\n".join(str(fault) for fault in unreadable))
    return recipes


def parse_recipes(text: str, file: str, sets: Sequence[str] = ()) -> tuple[LoadedRecipe, ...]:
    """Read the recipes of a text; `file` is its name in messages. RecipeError lists all faults."""
    faults: list[errors.Fault] = []
    recipes = _parse([(file, text)], sets, faults)
    if faults:
        raise errors.RecipeError(tuple(faults))
    return recipes


def recipe_of_values(values: Mapping[str, Json], file: str, sets: Sequence[str] = ()) -> LoadedRecipe:
    """Read a recipe that was put together in memory, in the spelling of documents. RecipeError lists all faults."""
    return recipe_of_document(tree.document_of(values, file), sets)


def recipe_of_document(document: Document, sets: Sequence[str] = ()) -> LoadedRecipe:
    """The same of a document whose values know where they stand."""
    faults: list[errors.Fault] = []
    recipes = _read_all([document], sets, faults)
    if faults:
        raise errors.RecipeError(tuple(faults))
    return recipes[0]


def _parse(
    sources: Iterable[tuple[str, str]], sets: Sequence[str], faults: list[errors.Fault], place: Place | None = None
) -> tuple[LoadedRecipe, ...]:
    """The recipes of named texts; what is wrong is added to `faults`."""
    from shardwright.core.marked import document  # noqa: PLC0415 - brings the YAML library, which values do without

    documents: list[Document] = []
    for file, text in sources:
        found = document.parse_documents(text, file)
        documents.extend(found)
        if not found:
            faults.append(errors.Fault("there is no recipe in it", "", file, 1, _NO_RECIPE))
    return _read_all(documents, sets, faults, place)


def _read_all(
    documents: Iterable[Document], sets: Sequence[str], faults: list[errors.Fault], place: Place | None = None
) -> tuple[LoadedRecipe, ...]:
    """The recipes of documents, options applied; what is wrong is added to `faults`."""
    loaded: list[LoadedRecipe] = []
    translated = [pair for each in documents for pair in _translated(each, faults)]
    findings = [found for _, found in translated]
    ours = [each for each, _ in translated]
    changed = _changed(ours, sets, faults) if sets else ours
    placed = recipe_namespace.placed(changed, place) if place is not None else changed
    for each, found in zip(placed, findings, strict=True):
        try:
            recipe = read.read_recipe(each, engines=registry.ENGINES, targets=registry.TARGETS)
            loaded.append(LoadedRecipe(recipe, each, found))
        except errors.RecipeError as error:
            faults.extend(error.faults)
    faults.extend(_same_names(loaded))
    return tuple(loaded)


def _translated(found: Document, faults: list[errors.Fault]) -> list[tuple[Document, tuple[Finding, ...]]]:
    """The recipes of a document in another format, with what is to be known of each; a recipe is given as it is."""
    if not isinstance(found.root, tree.MapNode) or "apiVersion" in found.root.entries:
        return [(found, ())]
    from shardwright.formats.oci_blueprints import documents  # noqa: PLC0415 - few documents are none of ours

    if not documents.is_blueprint(found.root):
        return [(found, ())]
    from shardwright.formats.oci_blueprints import reading  # noqa: PLC0415 - as above

    try:
        return [(each.document, each.findings) for each in reading.read_recipes(found)]
    except errors.RecipeError as error:
        faults.extend(error.faults)
        return []


def _changed(documents: Iterable[Document], sets: Sequence[str], faults: list[errors.Fault]) -> list[Document]:
    from shardwright.core.recipe import overrides  # noqa: PLC0415 - brings the YAML library; only --set needs it

    try:
        changes = overrides.parse_overrides(sets)
    except errors.RecipeError as error:
        faults.extend(error.faults)
        changes = ()
    return [overrides.apply_overrides(each, changes) for each in documents]


def _same_names(loaded: Iterable[LoadedRecipe]) -> Iterator[errors.Fault]:
    """A fault for each recipe whose namespace and name an earlier one has."""
    first: dict[tuple[str, str], LoadedRecipe] = {}
    for each in loaded:
        key = (each.recipe.metadata.namespace, each.recipe.metadata.name)
        other = first.setdefault(key, each)
        if other is not each:
            message = f"{'/'.join(key)} is already the recipe at {other.file}:{other.line}"
            line = each.line_of("metadata", "name")
            yield errors.Fault(message, "metadata.name", each.file, line, "give it another name or namespace")


def _files(paths: Sequence[str], unreadable: list[errors.Fault]) -> Iterator[str]:
    """The files that paths stand for, those of folders by name."""
    for path in dict.fromkeys(paths):
        if not path:
            unreadable.append(errors.Fault("-f names no file", "", "the command line", 0, "name a file, a folder or -"))
            continue
        try:
            yield from _listing(path) if path != _STDIN and Path(path).is_dir() else (path,)
        except _UnreadableError as error:
            unreadable.append(error.fault)
        except OSError as error:
            unreadable.append(_system_fault(path, error))


def _listing(folder: str) -> list[str]:
    files = sorted(
        str(each)
        for each in Path(folder).iterdir()
        if each.suffix in _SUFFIXES and not each.name.startswith(".") and each.is_file()
    )
    if not files:
        raise _UnreadableError(
            folder, "there is no recipe in this folder", f"recipes end in {', '.join(sorted(_SUFFIXES))}"
        )
    return files


def _read_text(file: str, stdin: BinaryIO | None) -> tuple[str, str]:
    """A file's name for messages, and its text."""
    name = _STDIN_NAME if file == _STDIN else file
    try:
        data = _read_stdin(stdin) if file == _STDIN else _read_file(Path(file))
    except (OSError, ValueError) as error:
        raise _UnreadableError(name, *_reason(error)) from error
    if len(data) > MAX_BYTES:
        message = f"the file has more than {units.format_bytes(MAX_BYTES)}"
        raise errors.RecipeError((errors.Fault(message, "", name, 1, "a recipe has a few kilobytes; is this one?"),))
    from shardwright.core.marked import document  # noqa: PLC0415 - as above

    return name, document.decode(data, name)


def _read_file(path: Path) -> bytes:
    with path.open("rb") as stream:
        return stream.read(MAX_BYTES + 1)


def _read_stdin(stdin: BinaryIO | None) -> bytes:
    stream = stdin or (sys.stdin.buffer if sys.stdin else None)
    if stream is None:
        raise _UnreadableError(_STDIN_NAME, "it is closed")
    return stream.read(MAX_BYTES + 1)


def _system_fault(file: str, error: OSError) -> errors.Fault:
    message, hint = _reason(error)
    return errors.Fault(message, "", file, 0, hint)


def _reason(error: OSError | ValueError) -> tuple[str, str]:
    """What the system said, and what to do."""
    if isinstance(error, FileNotFoundError):
        return "there is no such file", ""
    if isinstance(error, PermissionError):
        return "no permission to read it", "make it readable for the user who runs this"
    return f"it cannot be read: {error.strerror if isinstance(error, OSError) else error}", ""
