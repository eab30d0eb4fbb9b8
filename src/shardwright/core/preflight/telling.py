"""How the findings of a preflight are made: fine, wrong, in doubt, or not to be told."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shardwright.core.rules.finding import Finding

if TYPE_CHECKING:
    from shardwright.core.preflight.facts import Untold

__all__ = ["fine", "unknown", "warn", "wrong"]


def fine(name: str, message: str, *, value: str = "", requirements: tuple[str, ...] = ()) -> Finding:
    """What was asked for is there."""
    return Finding(name, "pass", "info", message, value=value, requirements=requirements)


def wrong(
    name: str,
    message: str,
    *,
    why: str,
    fix: str,
    path: str = "",
    value: str = "",
    requirements: tuple[str, ...] = (),
) -> Finding:
    """It cannot work; `path` where one field of a manifest is at fault."""
    return Finding(name, "fail", "error", message, why=why, fix=fix, path=path, value=value, requirements=requirements)


def warn(
    name: str, message: str, *, why: str, fix: str, value: str = "", requirements: tuple[str, ...] = ()
) -> Finding:
    """It may work, and often does not."""
    return Finding(name, "warn", "warning", message, why=why, fix=fix, value=value, requirements=requirements)


def unknown(name: str, message: str, told: Untold, *, requirements: tuple[str, ...] = ()) -> Finding:
    """It could not be looked at; the right that is missing says what to ask for."""
    fix = (
        f"ask for the right to {told.verb} {told.resource}: shardwright check --print-rbac prints the Roles"
        if told.verb
        else "look yourself, or run the check again"
    )
    return Finding(name, "unknown", "info", f"{message}: {told}", fix=fix, requirements=requirements)
