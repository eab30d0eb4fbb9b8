"""A rule about manifests: what it demands, who enforces it since when, and the function that looks."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Literal, TypeAlias

from shardwright.values import frozen

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from shardwright.core.manifests.objects import Context, Object, Value
    from shardwright.core.marked.paths import Path
    from shardwright.core.rules.finding import Severity

__all__ = ["Breach", "Change", "Enforcer", "Mend", "Rule", "with_mends"]

Enforcer = Literal["schema", "webhook", "operator", "kubernetes", "engine", "practice"]
"""Who refuses: the API server by the CRD, a webhook, the operator's reconciler, Kubernetes itself, the engine; or nobody: it is
known to go wrong."""


@frozen
class Breach:
    """One place where a rule is broken, or where it cannot be told."""

    path: Path
    """Where it stands: names and indices from the object's root."""
    message: str
    """What is wrong there, with the value seen and the values allowed."""
    value: str = ""
    fix: str = ""
    """Empty: the rule's own."""
    can_tell: bool = True
    """False: it depends on what a manifest does not say; the message names it."""


@frozen
class Change:
    """One step of a mend: the value that is to stand at a path, or that nothing is to stand there."""

    path: Path
    value: Value = None
    is_removal: bool = False


@frozen
class Rule:
    """One rule; `check` is given only objects of `kinds` at versions from `since` to before `until`."""

    id: str
    """Stable: `lws.size-immutable`. The part before the dot is the platform whose version counts."""
    severity: Severity
    kinds: tuple[str, ...]
    title: str
    """What it demands, in one sentence."""
    why: str
    fix: str
    enforced_by: Enforcer
    source: str
    """File and release where it was read, or the document that reports it."""
    check: Callable[[Object, Context], Iterator[Breach]]
    since: str = ""
    """First version of the platform that has it; empty: all."""
    until: str = ""
    """First version that does not any more; empty: none."""
    requirements: tuple[str, ...] = ()
    mend: Callable[[Object, Context, Breach], tuple[Change, ...]] | None = None
    """What puts a breach right where that can be told; None where a person has to decide."""


Mend: TypeAlias = "Callable[[Object, Context, Breach], tuple[Change, ...]]"
"""What puts a breach right; no changes where that cannot be told after all."""


def with_mends(rules: Iterable[Rule], mends: Mapping[str, Mend]) -> tuple[Rule, ...]:
    """Rules with the mends that a table has for their ids; a rule's own stays."""
    return tuple(
        replace(rule, mend=mends[rule.id]) if rule.mend is None and rule.id in mends else rule for rule in rules
    )
