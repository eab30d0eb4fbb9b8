"""How rules on manifests speak: the four kinds of finding."""

from __future__ import annotations

import functools

from shardwright.core.rules import Finding

__all__ = ["error", "info", "unknown", "warning"]

error = functools.partial(Finding, status="fail", severity="error")
"""What must be changed before anything is rendered."""
warning = functools.partial(Finding, status="warn", severity="warning")
"""What works, but should be looked at."""
info = functools.partial(Finding, status="pass", severity="info")
"""What one should know."""
unknown = functools.partial(Finding, status="unknown", severity="info")
"""What only the cluster can tell."""
