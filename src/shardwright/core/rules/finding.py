"""The one type of finding: what was looked at, what was seen, why it matters and what to do."""

from __future__ import annotations

from typing import Literal

from shardwright.values import frozen

__all__ = ["Finding", "Severity", "Status"]

Status = Literal["pass", "warn", "fail", "unknown"]
Severity = Literal["error", "warning", "info"]


@frozen
class Finding:
    """What a rule says about one place."""

    id: str
    """Stable name of the rule: `layout.larger-than-needed`."""
    status: Status
    severity: Severity
    message: str
    why: str = ""
    fix: str = ""
    path: str = ""
    """The field of the recipe or manifest."""
    value: str = ""
    """What was seen there."""
    file: str = ""
    line: int = 0
    confidence: float = 1.0
    evidence: tuple[str, ...] = ()
    requirements: tuple[str, ...] = ()
    enforced_by: str = ""
    """Of manifests: who refuses it, as `rule.Enforcer` names them."""
