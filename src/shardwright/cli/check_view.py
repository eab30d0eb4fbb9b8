"""How a preflight is shown: one line a check, the cure below what fails, and a count."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shardwright.cli.tables import table
from shardwright.core.rules.document import finding_document

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from shardwright.core.preflight import Needs
    from shardwright.core.rules import Finding

__all__ = ["as_data", "text"]

_WORDS = {"pass": "ok", "warn": "warn", "fail": "FAIL", "unknown": "?"}
_ORDER = ("fail", "warn", "unknown", "pass")


def text(needs: Needs, findings: Sequence[Finding], *, wide: bool) -> str:
    """All checks, those that fail last, where the eye is; `wide` with why, cure and requirement of every one."""
    ordered = sorted(findings, key=lambda each: -_ORDER.index(each.status))
    lines = [
        table(
            ("STATUS", "CHECK", "FOUND"),
            ((_WORDS[each.status], each.id.partition(".")[2], each.message) for each in ordered),
        )
    ]
    lines += [line for each in ordered for line in _cure(each, wide=wide)]
    counts = {status: sum(each.status == status for each in findings) for status in _ORDER}
    told = (("failed", "fail"), ("warned", "warn"), ("could not be told", "unknown"), ("passed", "pass"))
    summary = ", ".join(f"{counts[status]} {word}" for word, status in told if counts[status])
    return "\n".join([*lines, f"{needs.namespace}/{needs.name}: {summary or 'nothing was checked'}"])


def _cure(finding: Finding, *, wide: bool) -> Iterator[str]:
    if finding.status == "pass" or (finding.status == "unknown" and not wide):
        return
    yield ""
    yield f"{_WORDS[finding.status]} {finding.id}: {finding.message}"
    if finding.why:
        yield f"  why: {finding.why}"
    if finding.fix:
        yield f"  fix: {finding.fix}"
    if wide and finding.requirements:
        yield f"  requirements: {', '.join(finding.requirements)}"


def as_data(findings: Sequence[Finding]) -> list[dict[str, object]]:
    """The findings as plain values."""
    return [finding_document(each) for each in findings]
