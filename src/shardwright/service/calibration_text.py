"""A calibration as text: TOML that people can read and review, and that reads back unchanged.

A text may come from a stranger: every field is checked, unknown ones are faults, and all faults are named.
"""

from __future__ import annotations

import json
import re
from dataclasses import fields
from typing import TYPE_CHECKING, Any, cast, get_args

from shardwright.core.calibration import MAX_TEXT, Calibration, CalibrationKey, SeenTerm
from shardwright.core.memory import TermName

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["FORMAT", "format_fault", "parse", "render"]

FORMAT = 1
_MAX_SETTINGS = 200
_MAX_NUMBER = 2**46
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_SIZES = ("pool_bytes", "pool_seen_bytes", "total_bytes")
_TEXTS = ("model", "shape", "origin", "date")
_TERMS: tuple[TermName, ...] = get_args(TermName)


def format_fault(tree: Mapping[str, Any]) -> str | None:
    """What is wrong with the format's number: fields of another format are not to be read as this one's."""
    found: object = tree.get("format")
    return (
        None
        if found is not True and found == FORMAT
        else f"format: {_shown(found)} is not {FORMAT}, the only one known"
    )


def parse(tree: Mapping[str, Any], faults: list[str]) -> Calibration:
    """The value; what is wrong is added to `faults`, and then the value means nothing."""
    _refuse_unknown(tree, {"format", *_TEXTS, *_SIZES, "key", "terms", "settings"}, "", faults)
    texts = {name: _text_of(tree, name, "", faults) for name in _TEXTS}
    if not _DATE.fullmatch(texts["date"]):
        faults.append("date: not of the form 2026-11-21")
    sizes = {name: _number_of(tree, name, "", faults, least=-_MAX_NUMBER) for name in _SIZES}
    faults.extend(f"{name}: must not be negative" for name in ("pool_seen_bytes", "total_bytes") if sizes[name] < 0)
    return Calibration(
        key=_key(tree.get("key"), faults),
        terms=_terms(tree.get("terms", {}), faults),
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

    return CalibrationKey(
        engine=text("engine"),
        version=text("version"),
        runner=text("runner"),
        gpu=text("gpu"),
        family=text("family"),
        tensor=count("tensor"),
        pipeline=count("pipeline"),
        data=count("data"),
        expert=_flag_of(table, "expert", "key.", faults),
    )


def _terms(value: object, faults: list[str]) -> tuple[SeenTerm, ...]:
    table = _table(value, "terms", faults)
    _refuse_unknown(table, set(_TERMS), "terms.", faults)
    return tuple(_term(table[name], name, faults) for name in sorted(_TERMS) if name in table)


def _term(value: object, name: TermName, faults: list[str]) -> SeenTerm:
    prefix = f"terms.{name}."
    table = _table(value, prefix[:-1], faults)
    _refuse_unknown(table, {"counted", "planned_bytes", "printed_bytes"}, prefix, faults)
    return SeenTerm(
        name,
        counted=_flag_of(table, "counted", prefix, faults),
        planned_bytes=_number_of(table, "planned_bytes", prefix, faults, least=0),
        printed_bytes=_number_of(table, "printed_bytes", prefix, faults, least=0),
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
    if isinstance(value, str) and len(value) <= MAX_TEXT and value.isprintable():
        return value
    faults.append(
        f"{prefix}{name}: a text of at most {MAX_TEXT} printable characters was expected, not {_shown(value)}"
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


def _flag_of(table: Mapping[str, Any], name: str, prefix: str, faults: list[str]) -> bool:
    value: object = table.get(name)
    if not isinstance(value, bool):
        faults.append(f"{prefix}{name}: true or false was expected, not {_shown(value)}")
    return value is True


def _shown(value: object) -> str:
    """A stranger's value, short and without control characters."""
    if value is None:
        return "nothing"
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) > _MAX_NUMBER:
        return "a larger one" if value > 0 else "a smaller one"
    text = ascii(value) if not isinstance(value, (dict, list)) else "a table" if isinstance(value, dict) else "a list"
    return text if len(text) <= 60 else f"{text[:60]}..."


def render(calibration: Calibration) -> str:
    """TOML; its texts are quoted as JSON quotes them, which TOML reads alike."""
    lines = [
        "# What an engine printed against what was planned, in bytes. Delete the file to forget it.",
        f"format = {FORMAT}",
        *(f"{name} = {_quoted(getattr(calibration, name))}" for name in _TEXTS),
        *(f"{name} = {getattr(calibration, name)}" for name in _SIZES),
        "",
        "[key]",
        *(f"{field.name} = {_literal(getattr(calibration.key, field.name))}" for field in fields(CalibrationKey)),
        *(line for term in calibration.terms for line in _term_lines(term)),
        "",
        "[settings]",
        *(f"{_quoted(name)} = {_quoted(value)}" for name, value in calibration.settings),
    ]
    return "\n".join(lines) + "\n"


def _term_lines(term: SeenTerm) -> tuple[str, ...]:
    return (
        "",
        f"[terms.{term.name}]",
        f"counted = {_literal(term.counted)}",
        f"planned_bytes = {term.planned_bytes}",
        f"printed_bytes = {term.printed_bytes}",
    )


def _literal(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, int) else _quoted(str(value))


def _quoted(text: str) -> str:
    clean = "".join(character if character.isprintable() else " " for character in text)
    return json.dumps(clean[:MAX_TEXT], ensure_ascii=False)
