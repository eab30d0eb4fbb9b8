"""What can be put right in objects: the mends of the rules that they break, and of fields of a wrong type or a past release.

A breach of which lint cannot tell whether it is one is not mended. Of the schema's findings two kinds can be told: a scalar
that only lacks or has quotes, and a field that the release at hand has no more, which the API server drops anyway.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from shardwright.core.manifests import admission, checking, judge, kinds, versions
from shardwright.core.marked import paths
from shardwright.core.marked.tree import ScalarNode
from shardwright.core.rules.rule import Change

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from shardwright.core.manifests.objects import Context, Object
    from shardwright.core.manifests.platform import Platform
    from shardwright.core.manifests.schema import View
    from shardwright.core.marked.paths import Path
    from shardwright.core.rules.finding import Finding

__all__ = ["FIELDS", "Proposal", "Surveyed", "survey"]

FIELDS = frozenset({"unknown-field", kinds.FLAW_IDS["type"]})
"""What the schema finds and can be put right, by the second part of its id."""


class Proposal(NamedTuple):
    """One breach and what would put it right."""

    file: str
    line: int
    rule: str
    path: str
    message: str
    namespace: str
    """Of the object."""
    changes: tuple[Change, ...]


class Surveyed(NamedTuple):
    """One object: what is wrong with it and what of that can be put right."""

    each: Object
    """As rules are given it."""
    errors: Counter[str]
    """Findings of severity error, by id."""
    proposals: tuple[Proposal, ...]


def survey(
    objects: Sequence[Object], platforms: Sequence[Platform], context: Context, old: Sequence[Object] = ()
) -> Iterator[Surveyed]:
    """All objects, folder by folder."""
    raw = {id(each.root): each for each in objects}
    for each, findings, seen in judge.ready_objects(objects, platforms, context, old):
        wrong = Counter(finding.id for finding in findings if finding.severity == "error")
        found: list[Proposal] = []
        for rule, breach in judge.breaches(each, platforms, seen):
            if not breach.can_tell:
                continue
            wrong[rule.id] += rule.severity == "error"
            if rule.mend is not None and (changes := rule.mend(each, seen, breach)):
                found.append(_proposal(each, rule.id, breach.path, breach.message, changes))
        # A rule knows more of a field than that it is gone: it comes first.
        known = {proposal.path for proposal in found}
        fields = _of_schema(raw[id(each.root)], each, platforms, context, findings) if findings else ()
        found.extend(proposal for proposal in fields if proposal.path not in known)
        yield Surveyed(each, +wrong, tuple(found))


def _proposal(each: Object, rule: str, path: Path, message: str, changes: tuple[Change, ...]) -> Proposal:
    mark = each.mark(path)
    return Proposal(mark.file, mark.line, rule, paths.path_text(path), message, each.namespace, changes)


def _of_schema(
    raw: Object, ready: Object, platforms: Sequence[Platform], context: Context, findings: Sequence[Finding]
) -> Iterator[Proposal]:
    owner = kinds.owner_of(raw, platforms)
    at = judge.version_of(owner[0], context) if owner else ""
    if owner is None or not versions.holds(at, owner[1].since, owner[1].until):
        return
    platform, kind = owner
    view = platform.schema().at(at)
    pruned: admission.Pruned = []
    admission.admitted(raw.value, kind.type, view, pruned)
    for path, name in pruned:
        if _is_gone(view, name, str(path[-1])):
            message = next((each.message for each in findings if each.path == paths.path_text(path)), "")
            yield _proposal(raw, f"{platform.name}.unknown-field", path, message, (Change(path, is_removal=True),))
    for flaw in checking.flaws(ready.value, kind.type, view):
        changes = _retyped(ready, flaw) if flaw.kind == "type" else ()
        if changes:
            yield _proposal(ready, f"{platform.name}.{kinds.FLAW_IDS['type']}", flaw.path, flaw.message, changes)


def _is_gone(view: View, type_name: str, field: str) -> bool:
    """Whether earlier releases had a field, and neither this one nor a later one has."""
    known = view.schema.variants(type_name).get(field, ())
    at = view.version_of(type_name)
    return bool(known) and all(each.until and not versions.holds(at, "", each.until) for each in known)


def _retyped(each: Object, flaw: checking.Flaw) -> tuple[Change, ...]:
    node, value = each.node(flaw.path), each.get(*flaw.path)
    if not isinstance(node, ScalarNode):
        return ()
    if flaw.message.endswith(checking.QUOTED) and node.plain:
        return (Change(flaw.path, node.text),)
    if flaw.message.endswith(checking.BARE) and isinstance(value, str) and len(value) < 20:
        is_switch = value.lower() in {"true", "false"}
        return (Change(flaw.path, value.lower() == "true" if is_switch else int(value)),)
    return ()
