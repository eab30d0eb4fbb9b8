"""Calibrations as files: TOML that people can read, review, share and delete.

A file may come from a stranger: it is bounded in size, every field is checked, unknown ones are faults, and all faults are
named. Nothing in it is ever run; its texts are shown only after their characters were checked.
"""

from __future__ import annotations

import json
import os
import re
import stat
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any, cast

from shardwright import errors
from shardwright.core.calibration import Calibration, CalibrationKey
from shardwright.core.rules import Finding

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

__all__ = ["Shelf", "load_file", "load_shelf", "name_of", "remove", "save", "shelf_findings"]

FORMAT = 1
MAX_BYTES = 64 * 1024
"""Largest file; one has about a kilobyte."""
MAX_FILES = 1000
"""Most files of a folder that are read."""
_MAX_LINE_BYTES = 2000
_MAX_TEXT = 300
_MAX_SETTINGS = 64
_MAX_NUMBER = 2**46
_SUFFIX = ".toml"
_NAME = re.compile(r"[a-z0-9][a-z0-9.-]{0,199}")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_SIZES = ("weights_bytes", "pool_bytes", "pool_seen_bytes", "total_bytes")
_TEXTS = ("model", "shape", "origin", "date")
_HINT = "it is a file of `shardwright calibrate`; make it again from the engine's log, or remove it"


@dataclass(frozen=True, slots=True)
class Shelf:
    """The calibrations of some folders, and what is wrong with the files that hold none."""

    calibrations: tuple[tuple[Path, Calibration], ...]
    faults: tuple[tuple[Path, str], ...]


def load_shelf(folders: Sequence[Path]) -> Shelf:
    """All calibrations of the folders; of one name the first folder's counts. A folder that is not there holds none."""
    found: dict[str, tuple[Path, Calibration]] = {}
    faults: list[tuple[Path, str]] = []
    for path in _paths(folders, faults):
        if path.stem in found:
            continue
        try:
            found[path.stem] = (path, replace(load_file(path), name=path.stem))
        except errors.ShardwrightError as error:
            faults.append((path, error.message))
    return Shelf(tuple(found[name] for name in sorted(found)), tuple(faults))


def shelf_findings(shelf: Shelf) -> tuple[Finding, ...]:
    """Files that are no calibrations: plans go on without them, and say so."""
    return tuple(
        Finding(
            "calibration.unreadable",
            "warn",
            "warning",
            f"not used: {message}",
            fix=f"make it again with `shardwright calibrate`, or delete {path}",
            path="",
            value=str(path),
        )
        for path, message in shelf.faults
    )


def _paths(folders: Sequence[Path], faults: list[tuple[Path, str]]) -> list[Path]:
    paths: list[Path] = []
    for folder in folders:
        try:
            here = sorted(name for name in os.listdir(folder) if name.endswith(_SUFFIX) and name[0] != ".")  # noqa: PTH208 - names are all that is needed
        except FileNotFoundError:
            continue
        except OSError as error:
            faults.append((folder, f"{folder} cannot be read: {error.strerror}"))
            continue
        if len(here) > MAX_FILES:
            faults.append((folder, f"{folder} has {len(here)} calibrations; only the first {MAX_FILES} are read"))
        paths.extend(folder / name for name in here[:MAX_FILES])
    return paths


def load_file(path: Path) -> Calibration:
    """The calibration in a file; InputError lists all its faults, EnvironmentFault says why it cannot be read."""
    import tomllib  # noqa: PLC0415 - only where there are calibrations

    content = _read(path)
    try:
        tree: dict[str, Any] = tomllib.loads(content.decode())
    except (ValueError, RecursionError) as error:
        said = "nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise errors.InputError(f"{path} is no calibration: {said}", hint=_HINT) from error
    faults: list[str] = []
    calibration = _parse(tree, faults)
    if faults:
        listed = "".join(f"\n  {fault}" for fault in faults[:20])
        raise errors.InputError(f"{path} is no calibration:{listed}", hint=_HINT)
    return calibration


def name_of(calibration: Calibration) -> str:
    """The name under which a calibration is kept: what it holds for, and the model it was seen with."""
    key = calibration.key
    layout = f"tp{key.tensor}-pp{key.pipeline}" + (f"-dp{key.data}" if key.data > 1 else "") + ("-ep" * key.expert)
    family = key.family.removesuffix("ForCausalLM")
    parts = (key.engine, key.version, key.runner, key.gpu, family, layout, calibration.model)
    slugs = (re.sub(r"[^a-z0-9.]+", "-", part.lower()).strip("-.")[:40] for part in parts)
    return "-".join(slug for slug in slugs if slug)


def save(folder: Path, calibration: Calibration) -> Path:
    """Write it, in place of an earlier one of its name; EnvironmentFault if the folder cannot be written."""
    path = folder / f"{name_of(calibration)}{_SUFFIX}"
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        try:
            part.write_text(_text(calibration), encoding="utf-8", newline="\n")
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        raise errors.EnvironmentFault(
            f"{error.filename or folder} cannot be written: {error.strerror}",
            hint="give another folder with --calibrations, or look only, with --dry-run",
        ) from error
    return path


def remove(folder: Path, name: str) -> Path:
    """Delete one; NotFound names those there are."""
    path = folder / f"{name}{_SUFFIX}"
    if not _NAME.fullmatch(name) or not path.is_file():
        there = [one.stem for one in _paths([folder], [])]
        hint = f"there are: {', '.join(there)}" if there else "there are none"
        raise errors.NotFound(f"no calibration {name!r} in {folder}", hint=hint)
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise errors.EnvironmentFault(f"{path} cannot be removed: {error.strerror}") from error
    return path


def _read(path: Path) -> bytes:
    """At most so many bytes of a plain file; a pipe or device is never waited for."""
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
        with os.fdopen(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise errors.InputError(f"{path} is no plain file", hint=_HINT)
            content = file.read(MAX_BYTES + 1)
    except FileNotFoundError as error:
        raise errors.NotFound(f"there is no file {path}") from error
    except OSError as error:
        raise errors.EnvironmentFault(f"{path} cannot be read: {error.strerror}") from error
    if len(content) > MAX_BYTES:
        raise errors.InputError(f"{path} is no calibration: it has more than {MAX_BYTES} bytes", hint=_HINT)
    # Keys of thousands of parts take the parser minutes; a key does not go over the end of a line.
    if max(map(len, content.split(b"\n"))) > _MAX_LINE_BYTES:
        raise errors.InputError(f"{path} is no calibration: a line has more than {_MAX_LINE_BYTES} bytes", hint=_HINT)
    return content


def _parse(tree: Mapping[str, Any], faults: list[str]) -> Calibration:
    """The value; what is wrong is added to `faults`, and then the value means nothing."""
    _refuse_unknown(tree, {"format", *_TEXTS, *_SIZES, "key", "settings"}, "", faults)
    if tree.get("format") != FORMAT:
        faults.append(f"format: {_shown(tree.get('format'))} is not {FORMAT}, the only one known")
    texts = {name: _text_of(tree, name, "", faults) for name in _TEXTS}
    if not _DATE.fullmatch(texts["date"]):
        faults.append("date: not of the form 2026-11-21")
    sizes = {name: _number_of(tree, name, "", faults, least=-_MAX_NUMBER) for name in _SIZES}
    faults.extend(f"{name}: must not be negative" for name in ("pool_seen_bytes", "total_bytes") if sizes[name] < 0)
    return Calibration(
        key=_key(tree.get("key"), faults),
        weights_bytes=sizes["weights_bytes"],
        pool_bytes=sizes["pool_bytes"],
        pool_seen_bytes=sizes["pool_seen_bytes"],
        total_bytes=sizes["total_bytes"],
        model=texts["model"],
        shape=texts["shape"],
        settings=_settings(tree.get("settings"), faults),
        origin=texts["origin"],
        date=texts["date"],
    )


def _key(value: object, faults: list[str]) -> CalibrationKey:
    table = _table(value, "key", faults)
    _refuse_unknown(table, {field.name for field in fields(CalibrationKey)}, "key.", faults)

    def text(name: str) -> str:
        return _text_of(table, name, "key.", faults)

    def count(name: str) -> int:
        return _number_of(table, name, "key.", faults, least=1, most=2**20)

    expert: object = table.get("expert")
    if not isinstance(expert, bool):
        faults.append(f"key.expert: true or false was expected, not {_shown(expert)}")
    return CalibrationKey(
        engine=text("engine"),
        version=text("version"),
        runner=text("runner"),
        gpu=text("gpu"),
        family=text("family"),
        tensor=count("tensor"),
        pipeline=count("pipeline"),
        data=count("data"),
        expert=expert is True,
    )


def _settings(value: object, faults: list[str]) -> tuple[tuple[str, str], ...]:
    table = _table(value, "settings", faults)
    if len(table) > _MAX_SETTINGS:
        faults.append(f"settings: {len(table)} flags; at most {_MAX_SETTINGS}")
        return ()
    _refuse_odd_names(table, faults)
    return tuple((name, _text_of(table, name, "settings.", faults)) for name in sorted(table))


def _refuse_odd_names(table: Mapping[str, Any], faults: list[str]) -> None:
    faults.extend(
        f"settings: {_shown(name)} is no name of a flag"
        for name in table
        if not re.fullmatch(r"[A-Za-z0-9_.-]{1,100}", name)
    )


def _table(value: object, name: str, faults: list[str]) -> dict[str, Any]:
    if isinstance(value, dict):
        return cast("dict[str, Any]", value)
    faults.append(f"{name}: a table was expected, not {_shown(value)}")
    return {}


def _refuse_unknown(table: Mapping[str, Any], known: set[str], prefix: str, faults: list[str]) -> None:
    faults.extend(f"{prefix}{_shown(name)}: no such field" for name in table if name not in known)


def _text_of(table: Mapping[str, Any], name: str, prefix: str, faults: list[str]) -> str:
    value: object = table.get(name)
    if isinstance(value, str) and len(value) <= _MAX_TEXT and value.isprintable():
        return value
    faults.append(
        f"{prefix}{name}: a text of at most {_MAX_TEXT} printable characters was expected, not {_shown(value)}"
    )
    return ""


def _number_of(
    table: Mapping[str, Any], name: str, prefix: str, faults: list[str], *, least: int, most: int = _MAX_NUMBER
) -> int:
    value: object = table.get(name)
    if isinstance(value, int) and not isinstance(value, bool) and least <= value <= most:
        return value
    faults.append(f"{prefix}{name}: a whole number from {least} to {most} was expected, not {_shown(value)}")
    return 1


def _shown(value: object) -> str:
    """A stranger's value, short and without control characters."""
    if value is None:
        return "nothing"
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) > _MAX_NUMBER:
        return "a larger one" if value > 0 else "a smaller one"
    text = ascii(value) if not isinstance(value, (dict, list)) else "a table" if isinstance(value, dict) else "a list"
    return text if len(text) <= 60 else f"{text[:60]}..."


def _text(calibration: Calibration) -> str:
    """TOML; its texts are quoted as JSON quotes them, which TOML reads alike."""
    lines = [
        "# What an engine printed against what was planned, in bytes: printed minus planned. Delete the file to forget it.",
        f"format = {FORMAT}",
        *(f"{name} = {_quoted(getattr(calibration, name))}" for name in _TEXTS),
        *(f"{name} = {getattr(calibration, name)}" for name in _SIZES),
        "",
        "[key]",
        *(f"{field.name} = {_literal(getattr(calibration.key, field.name))}" for field in fields(CalibrationKey)),
        "",
        "[settings]",
        *(f"{_quoted(name)} = {_quoted(value)}" for name, value in calibration.settings),
    ]
    return "\n".join(lines) + "\n"


def _literal(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, int) else _quoted(str(value))


def _quoted(text: str) -> str:
    clean = "".join(character if character.isprintable() else " " for character in text)
    return json.dumps(clean[:_MAX_TEXT], ensure_ascii=False)
