"""Rules and what they find: one type of finding for plan, lint, check and diagnose."""

from shardwright.core.rules.finding import Finding, Severity, Status

__all__ = ["Finding", "Severity", "Status"]
