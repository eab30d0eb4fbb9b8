"""Quantities: read what people write, write what people read.

Inside the program there are bytes, seconds and tokens only. Sizes follow Kubernetes: `Ki Mi Gi Ti` are powers of 1024,
`k M G T` powers of 1000, with or without a closing `B`.
"""

from __future__ import annotations

import re

__all__ = [
    "GIB",
    "KIB",
    "MIB",
    "format_bytes",
    "format_gib",
    "format_passed",
    "format_quantity",
    "format_seconds",
    "parse_bytes",
]

KIB = 1024
MIB = 1024**2
GIB = 1024**3

_FACTORS = {
    "": 1,
    "k": 1000,
    "M": 1000**2,
    "G": 1000**3,
    "T": 1000**4,
    "Ki": KIB,
    "Mi": MIB,
    "Gi": GIB,
    "Ti": 1024**4,
}
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*(Ki|Mi|Gi|Ti|k|K|M|G|T)?B?")


def parse_bytes(text: str) -> int:
    """Bytes of a size such as `24Gi`, `24GiB`, `500M` or `1024`; ValueError if it is none."""
    match = _SIZE.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{text!r} is not a size")
    factor = _FACTORS["k" if match[2] == "K" else match[2] or ""]
    return round(float(match[1]) * factor) if "." in match[1] else int(match[1]) * factor


def format_gib(count: float) -> str:
    """Bytes as GiB with two decimals, for tables: `14.99`."""
    return f"{count / GIB:.2f}"


def format_bytes(count: float) -> str:
    """Bytes with the largest fitting unit: `14.99 GiB`, `32 MiB`, `0 B`."""
    for factor, unit, digits in ((GIB, "GiB", 2), (MIB, "MiB", 0), (KIB, "KiB", 0)):
        if abs(count) >= factor:
            return f"{count / factor:.{digits}f} {unit}"
    return f"{count:.0f} B"


def format_quantity(count: int) -> str:
    """Bytes as a Kubernetes quantity without loss: `24Gi`, `512Mi`, `1000`."""
    for unit in ("Ti", "Gi", "Mi", "Ki"):
        if count and count % _FACTORS[unit] == 0:
            return f"{count // _FACTORS[unit]}{unit}"
    return str(count)


def format_seconds(seconds: float) -> str:
    """Seconds for people: `0.3 s`, `12 s`, `2 min 5 s`."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 120:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s"


def format_passed(seconds: float | None, expected: float | None) -> str:
    """How long something goes on, and about how long it takes: `12 s of about 24 s`; empty where the first is not known."""
    if seconds is None:
        return ""
    return f"{format_seconds(seconds)} of about {format_seconds(expected)}" if expected else format_seconds(seconds)
