"""Schedules as Kubernetes and KubeRay's operator read them: five fields, or a word that starts with `@`.

Source: robfig/cron v3.0.1, parser.go (ParseStandard) and spec.go; the region names of the IANA time zone database 2026a.
"""

from __future__ import annotations

import re

from shardwright.kubernetes import names

__all__ = ["complaint_of", "is_zone"]

_WORDS = {"@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly"}
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_FIELDS: tuple[tuple[str, int, int, tuple[str, ...]], ...] = (
    ("minute", 0, 59, ()),
    ("hour", 0, 23, ()),
    ("day of month", 1, 31, ()),
    ("month", 1, 12, _MONTHS),
    ("day of week", 0, 6, _DAYS),
)
_REGIONS = (
    "Africa|America|Antarctica|Arctic|Asia|Atlantic|Australia|Brazil|Canada|Chile|Etc|Europe|Indian|Mexico|Pacific|US"
)
_ZONE = re.compile(
    rf"(?:{_REGIONS})(?:/[A-Za-z0-9_+-]+)+|UTC|GMT|Local|Zulu|UCT|Universal|Greenwich|[A-Z]{{3}}(?:[0-9][A-Z]{{3}})?"
    r"|GMT[-+]?0|Cuba|Egypt|Eire|GB|GB-Eire|Hongkong|Iceland|Iran|Israel|Jamaica|Japan|Kwajalein|Libya|NZ|NZ-CHAT|Navajo"
    r"|Poland|Portugal|Singapore|Turkey|W-SU"
)


def complaint_of(schedule: str) -> str:
    """What keeps a schedule from being read; empty if nothing does."""
    if not schedule:
        return "it is empty"
    if schedule.startswith("@"):
        return _complaint_of_word(schedule)
    parts = schedule.split()
    if len(parts) != len(_FIELDS):
        return f"it has {len(parts)} fields; there are 5: minute, hour, day of month, month, day of week"
    for part, (name, least, most, words) in zip(parts, _FIELDS, strict=True):
        for entry in part.split(","):
            if entry and not _is_entry(entry.lower(), least, most, words):
                return f"{entry!r} is no {name}, which goes from {least} to {most}"
    return ""


def is_zone(text: str) -> bool:
    """Whether a text can be the name of a time zone: its region is one of the database's."""
    return _ZONE.fullmatch(text) is not None


def _complaint_of_word(schedule: str) -> str:
    if schedule in _WORDS:
        return ""
    every = "@every "
    if schedule.startswith(every):
        is_duration = names.duration_seconds(schedule.removeprefix(every)) is not None
        return "" if is_duration else f"{schedule.removeprefix(every)!r} is no duration such as 1h30m"
    return f"it may be @every DURATION or one of {', '.join(sorted(_WORDS))}"


def _is_entry(entry: str, least: int, most: int, words: tuple[str, ...]) -> bool:
    """One entry of a field's list: `*`, a number, a range, each with a step if need be."""
    span, slash, step = entry.partition("/")
    if slash and not (step.isascii() and step.isdigit() and step.strip("0")):
        return False
    first, dash, last = span.partition("-")
    if first in {"*", "?"}:
        # What follows a dash there is not read.
        return last.count("-") == 0
    low = _number(first, least, words)
    high = _number(last, least, words) if dash else low
    return low is not None and high is not None and least <= low <= high <= most


def _number(text: str, least: int, words: tuple[str, ...]) -> int | None:
    if text in words:
        return words.index(text) + least
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None
