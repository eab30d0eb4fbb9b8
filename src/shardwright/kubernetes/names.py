"""What Kubernetes allows as names and labels, and Go as durations.

Source: k8s.io/apimachinery v0.34 util/validation; the package time of Go 1.25.
"""

from __future__ import annotations

import re

__all__ = [
    "duration_seconds",
    "is_dns_1035_label",
    "is_dns_1123_label",
    "is_label_value",
    "is_qualified_name",
    "is_subdomain",
]

_NAME_PART = re.compile(r"([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]")
_LABEL_1123 = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_LABEL_1035 = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")
_LONGEST_PART = 63
_LONGEST_DOMAIN = 253

_UNIT_SECONDS = {"ns": 1e-9, "us": 1e-6, "\u00b5s": 1e-6, "\u03bcs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_DURATION_PART = re.compile("([0-9]+\\.?[0-9]*|\\.[0-9]+)(ns|us|\u00b5s|\u03bcs|ms|s|m|h)", re.ASCII)


def is_dns_1035_label(text: str) -> bool:
    """Lower-case letters, digits and `-`, first a letter; at most 63."""
    return len(text) <= _LONGEST_PART and _LABEL_1035.fullmatch(text) is not None


def is_dns_1123_label(text: str) -> bool:
    """Lower-case letters, digits and `-`; at most 63."""
    return len(text) <= _LONGEST_PART and _LABEL_1123.fullmatch(text) is not None


def is_qualified_name(text: str) -> bool:
    """A label's key: a name, with a domain before a slash if it has one."""
    domain, slash, name = text.rpartition("/")
    if slash and not is_subdomain(domain):
        return False
    return len(name) <= _LONGEST_PART and _NAME_PART.fullmatch(name) is not None


def is_label_value(text: str) -> bool:
    """A label's value, which may be empty."""
    return not text or (len(text) <= _LONGEST_PART and _NAME_PART.fullmatch(text) is not None)


def is_subdomain(text: str) -> bool:
    """Labels in lower case with dots between them, as most names of objects are; at most 253."""
    parts = text.split(".")
    return len(text) <= _LONGEST_DOMAIN and all(_LABEL_1123.fullmatch(part) is not None for part in parts)


def duration_seconds(text: str) -> float | None:
    """Seconds of a duration as Go reads it (`5m`, `1h30m`, `-2s`, `0`), up to 292 years; None if it is none."""
    sign, rest = (-1 if text[:1] == "-" else 1), text[1:] if text[:1] in {"-", "+"} else text
    if rest == "0":
        return 0.0
    seconds, at = 0.0, 0
    while part := _DURATION_PART.match(rest, at):
        seconds += float(part[1]) * _UNIT_SECONDS[part[2]]
        at = part.end()
    is_read = bool(rest) and at == len(rest) and seconds * 1e9 < 2**63
    return sign * seconds if is_read else None
