"""Use case: what rules and findings mean.

Rules of manifests explain themselves. The findings of plans and renderings, which code makes where it looks, are explained
by the catalogue `facts/findings.toml`, which `tools/findings.py` makes from that code.
"""

from __future__ import annotations

import functools
import tomllib
from importlib import resources
from typing import TYPE_CHECKING, Any

from shardwright import errors, registry
from shardwright.core.manifests import kinds, mendable
from shardwright.values import frozen

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shardwright.core.manifests.platform import Platform
    from shardwright.core.rules.rule import Rule

__all__ = ["Explained", "explain", "explained_rules"]


@frozen
class Explained:
    """One rule or finding."""

    id: str
    severity: str
    title: str
    why: str = ""
    fix: str = ""
    used_in: str = "lint"
    """`lint`, or the part of the product that makes the finding: `plan`, `targets.lws`, `engines.vllm` ..."""
    kinds: tuple[str, ...] = ()
    enforced_by: str = ""
    versions: str = ""
    source: str = ""
    requirements: tuple[str, ...] = ()
    can_mend: bool = False
    """Whether `lint --fix` puts it right, at least where the right value can be told."""


_SCHEMA_TITLES = {
    "wrong-type": ("Values have the type of their field", "the API server refuses the object"),
    "missing-field": ("Required fields are there", "the API server refuses the object"),
    "wrong-value": ("Values keep to the choices and limits of their field", "the API server refuses the object"),
    "twice": ("Items of a list that are known by a key stand once", "the API server refuses the object"),
    "unknown-field": (
        "Fields are those of the installed release",
        "the API server drops others without an error, or refuses them under --validate=strict",
    ),
}


def explained_rules() -> tuple[Explained, ...]:
    """All rules and findings, by id; a rule that differs by release or kind is one."""
    found: dict[str, Explained] = {each.id: each for each in _catalogue()}
    for platform in registry.load_platforms():
        for each in (*_schema_rules(platform), *(_of_rule(rule) for rule in platform.rules)):
            found[each.id] = _joined(found[each.id], each) if each.id in found else each
    return tuple(found[name] for name in sorted(found))


def explain(name: str) -> Explained:
    """One of them; NotFound with the nearest ids if there is none of that name."""
    known = {each.id: each for each in explained_rules()}
    if name not in known:
        import difflib  # noqa: PLC0415 - only a fault needs it

        near = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
        hint = f"did you mean {' or '.join(near)}?" if near else "shardwright rules lists all"
        raise errors.NotFound(f"there is no rule {name[:80]!r}", hint=hint)
    return known[name]


def _of_rule(rule: Rule) -> Explained:
    since, until = (f"from {rule.since}" if rule.since else ""), (f"before {rule.until}" if rule.until else "")
    return Explained(
        rule.id,
        rule.severity,
        rule.title,
        rule.why,
        rule.fix,
        kinds=rule.kinds,
        enforced_by=rule.enforced_by,
        versions=" ".join(part for part in (since, until) if part),
        source=rule.source,
        requirements=rule.requirements,
        can_mend=rule.mend is not None,
    )


def _schema_rules(platform: Platform) -> Iterator[Explained]:
    if not platform.has_definitions:
        return
    names = tuple(dict.fromkeys(kind.kind for kind in platform.schema().kinds))
    for suffix in ("unknown-field", *kinds.FLAW_IDS.values()):
        title, why = _SCHEMA_TITLES[suffix]
        yield Explained(
            f"{platform.name}.{suffix}",
            "error",
            title,
            why,
            kinds=names,
            enforced_by="schema",
            source=f"CRDs of {platform.title}, {platform.versions[0]} to {platform.versions[-1]}",
            can_mend=suffix in mendable.FIELDS,
        )


def _joined(one: Explained, other: Explained) -> Explained:
    """A rule that stands twice: the words of the later one, the kinds and releases of both."""
    versions = "; ".join(dict.fromkeys(text for text in (one.versions, other.versions) if text))
    return Explained(
        other.id,
        other.severity,
        other.title,
        other.why,
        other.fix,
        used_in=", ".join(dict.fromkeys((one.used_in, other.used_in))),
        kinds=tuple(dict.fromkeys((*one.kinds, *other.kinds))),
        enforced_by=other.enforced_by,
        versions=versions,
        source=other.source,
        requirements=tuple(dict.fromkeys((*one.requirements, *other.requirements))),
        can_mend=one.can_mend or other.can_mend,
    )


@functools.cache
def _catalogue() -> tuple[Explained, ...]:
    text = resources.files("shardwright.facts").joinpath("findings.toml").read_text("utf-8")
    table: dict[str, dict[str, Any]] = tomllib.loads(text)
    return tuple(Explained(name, **entry) for name, entry in table.items())
