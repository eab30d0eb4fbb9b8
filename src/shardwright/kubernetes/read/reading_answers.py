"""What pods alone leave open and the objects around them answer: notes on it are left out."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from shardwright.core.importing import Fields
    from shardwright.core.rules.finding import Finding

__all__ = ["unanswered"]

_ANSWERS = {
    "import.version-assumed": ("engine.version",),
    "import.gpu-unknown": ("hardware.gpu", "hardware.nodeShape"),
}
_PLACE = "import.model-place-unknown"


def unanswered(findings: Iterable[Finding], fields: Fields) -> tuple[Finding, ...]:
    """Findings, less those whose question `fields` answer."""
    return tuple(each for each in findings if not _is_answered(each, fields))


def _is_answered(finding: Finding, fields: Fields) -> bool:
    if finding.id == _PLACE:
        return "://" in str(fields.get("model.source"))
    return any(fields.get(name) for name in _ANSWERS.get(finding.id, ()))
