"""A finding as plain JSON values, with the same keys wherever findings are shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from shardwright.core.rules.finding import Finding

__all__ = ["finding_document"]


def finding_document(finding: Finding) -> dict[str, object]:
    """All fields; texts that are not set are empty, lists are lists."""
    return {
        "id": finding.id,
        "status": finding.status,
        "severity": finding.severity,
        "file": finding.file,
        "line": finding.line,
        "path": finding.path,
        "value": finding.value,
        "message": finding.message,
        "why": finding.why,
        "fix": finding.fix,
        "confidence": finding.confidence,
        "evidence": list(finding.evidence),
        "requirements": list(finding.requirements),
    }
