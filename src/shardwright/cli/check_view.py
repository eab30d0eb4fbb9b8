"""How a preflight is shown: one line a check, the cure below what fails, and a count."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shardwright.cli.tables import table
from shardwright.core.rules.document import finding_document

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from shardwright.core.preflight import Needs
    from shardwright.core.rules import Finding

__all__ = ["as_data", "brief", "of_whom", "text"]

_WORDS = {"pass": "ok", "warn": "warn", "fail": "FAIL", "unknown": "?"}
_ORDER = ("fail", "warn", "unknown", "pass")


def text(needs: Needs, findings: Sequence[Finding], *, wide: bool, is_one_of_several: bool = False) -> str:
    """All checks, those that fail last, where the eye is; `wide` with why, cure and requirement of every one.

    `is_one_of_several`: whose they are stands above them as well.
    """
    ordered = sorted(findings, key=lambda each: -_ORDER.index(each.status))
    lines = [f"{needs.namespace}/{needs.name} on {needs.target}:"] if is_one_of_several else []
    lines += [
        table(
            ("STATUS", "CHECK", "FOUND"),
            ((_WORDS[each.status], _name(each), each.message) for each in ordered),
        )
    ]
    lines += [line for each in ordered for line in _cure(each, wide=wide)]
    return "\n".join([*lines, f"{needs.namespace}/{needs.name}: {_summary(findings)}"])


def brief(findings: Sequence[Finding]) -> str:
    """What stands in the way with its cure, what is doubtful in a line each, and a count."""
    lines = [f"check: {_summary(findings)}"]
    for each in sorted(findings, key=lambda each: _ORDER.index(each.status)):
        if each.status in {"fail", "warn"}:
            lines.append(f"  {_WORDS[each.status]} {_name(each)}: {each.message}")
        if each.status == "fail" and each.fix:
            lines.append(f"    fix: {each.fix}")
    untold = dict.fromkeys(_name(each) for each in findings if each.status == "unknown")
    if untold:
        lines.append(f"  ? could not be told: {', '.join(untold)}; shardwright check -f FILE says why")
    return "\n".join(lines)


def _summary(findings: Sequence[Finding]) -> str:
    counts = {status: sum(each.status == status for each in findings) for status in _ORDER}
    told = (("failed", "fail"), ("warned", "warn"), ("could not be told", "unknown"), ("passed", "pass"))
    return ", ".join(f"{counts[status]} {word}" for word, status in told if counts[status]) or "nothing was checked"


def _name(finding: Finding) -> str:
    return finding.id.partition(".")[2]


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


def of_whom(needs: Needs, findings: Sequence[Finding]) -> list[dict[str, object]]:
    """The findings as plain values, each with the deployment that it is of."""
    whose = {"namespace": needs.namespace, "name": needs.name, "target": needs.target}
    return [whose | each for each in as_data(findings)]


def as_data(findings: Sequence[Finding]) -> list[dict[str, object]]:
    """The findings as plain values."""
    return [finding_document(each) for each in findings]
