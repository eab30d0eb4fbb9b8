"""Objects and what platforms demand become findings, in the order of files and lines.

The order is a cluster's: unknown fields are pruned, defaults written, the mutating webhook has its turn, then come the
schema and the rules. A rule that cannot tell says so with the status `unknown` and never fails a manifest. Pure.
"""

from __future__ import annotations

import difflib
from dataclasses import replace
from typing import TYPE_CHECKING

from shardwright.core.manifests import admission, checking, kinds, scopes, versions
from shardwright.core.marked import paths
from shardwright.core.marked.tree import ScalarNode
from shardwright.core.rules.finding import Finding

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from shardwright.core.manifests.objects import Context, Object
    from shardwright.core.manifests.platform import Platform
    from shardwright.core.manifests.schema import Kind, View
    from shardwright.core.marked.paths import Path
    from shardwright.core.rules.rule import Breach, Rule

__all__ = ["MAX_FINDINGS", "breaches", "judge", "ready_objects", "sort_key", "version_of"]

MAX_FINDINGS = 100
"""Findings of one object that are listed; a file of another kind than it says has thousands."""

_STATUS = {"error": "fail", "warning": "warn", "info": "pass"}


def judge(
    objects: Sequence[Object], platforms: Sequence[Platform], context: Context, old: Sequence[Object] = ()
) -> tuple[Finding, ...]:
    """What the platforms' schemas and rules say about each object; `old` are the objects as they are now.

    An object of a kind that no platform has is only context for the others; `scopes` says which see each other.
    """
    found: list[Finding] = []
    for each, findings, seen in ready_objects(objects, platforms, context, old):
        mine = [*findings, *(_rule_finding(each, rule, breach) for rule, breach in breaches(each, platforms, seen))]
        mine.sort(key=sort_key)
        found.extend(_limited(mine))
    return tuple(sorted(found, key=sort_key))


def ready_objects(
    objects: Sequence[Object], platforms: Sequence[Platform], context: Context, old: Sequence[Object] = ()
) -> Iterator[tuple[Object, list[Finding], Context]]:
    """Each object as rules are given it, folder by folder, with what is wrong with its fields and what it is judged with."""
    before = {_identity(each): _admit(each, platforms, context)[0] for each in old}
    findings: dict[int, list[Finding]] = {}
    ready: list[Object] = []
    for each in objects:
        admitted, found = _admit(each, platforms, context)
        findings[id(admitted)] = found
        ready.append(admitted)
    for each, seen in scopes.in_scopes(ready, context):
        yield each, findings[id(each)], replace(seen, old=before.get(_identity(each))) if before else seen


def version_of(platform: Platform, context: Context) -> str:
    """The release whose rules count."""
    return context.versions.get(platform.released_as or platform.name, platform.versions[-1])


def sort_key(finding: Finding) -> tuple[str, int, int, str, str]:
    """Findings stand in the order of files and lines, the worst first in a line."""
    order = {"error": 0, "warning": 1, "info": 2}
    return finding.file, finding.line, order[finding.severity], finding.path, finding.id


def _identity(each: Object) -> tuple[str, str, str]:
    return each.kind, each.namespace, each.name


def _admit(each: Object, platforms: Sequence[Platform], context: Context) -> tuple[Object, list[Finding]]:
    """An object as it is after pruning, defaults and the mutating webhook; what is wrong with its fields and kind."""
    owner = kinds.owner_of(each, platforms)
    if owner is None:
        return each, list(kinds.misnamed(each, platforms))
    platform, kind = owner
    at = version_of(platform, context)
    if not versions.holds(at, kind.since, kind.until):
        return each, [kinds.not_at(each, platform, kind, at)]
    view = platform.schema().at(at)
    pruned: admission.Pruned = []
    value = admission.admitted(each.value, kind.type, view, pruned)
    value = platform.mutate(value, context)
    ready = replace(each, value=value)
    found = [_unknown_field(ready, platform, view, path, name) for path, name in pruned]
    for flaw in checking.flaws(value, kind.type, view):
        if flaw.path in each.unsettled:
            continue
        found.append(_schema_finding(ready, platform, flaw))
        if len(found) > MAX_FINDINGS:
            break
    return ready, found


def breaches(each: Object, platforms: Sequence[Platform], context: Context) -> Iterator[tuple[Rule, Breach]]:
    """What the rules of all platforms say; those of a platform only where its release has the kind."""
    for platform in platforms:
        at = version_of(platform, context)
        if not _is_there(each, platform, at):
            continue
        for rule in platform.rules:
            if each.kind in rule.kinds and versions.holds(at, rule.since, rule.until):
                for breach in rule.check(each, context):
                    if breach.path not in each.unsettled:
                        yield rule, breach


def _is_there(each: Object, platform: Platform, at: str) -> bool:
    kind: Kind | None = platform.schema().kind_of(each.api_version, each.kind)
    return kind is not None and versions.holds(at, kind.since, kind.until)


def _rule_finding(each: Object, rule: Rule, breach: Breach) -> Finding:
    return _placed(
        each,
        breach.path,
        Finding(
            rule.id,
            _STATUS[rule.severity] if breach.can_tell else "unknown",  # pyright: ignore[reportArgumentType] - the table holds statuses
            rule.severity if breach.can_tell else "info",
            breach.message,
            why=rule.why,
            fix=breach.fix or rule.fix,
            value=breach.value,
            requirements=rule.requirements,
            evidence=(rule.source,) if rule.source else (),
            enforced_by=rule.enforced_by,
        ),
    )


def _placed(each: Object, path: Path, finding: Finding) -> Finding:
    mark = each.mark(path)
    return replace(finding, path=paths.path_text(path), file=mark.file, line=mark.line)


def _schema_finding(each: Object, platform: Platform, flaw: checking.Flaw) -> Finding:
    node = each.node(flaw.path)
    # `yes` and `on` are true, `0644` is 420: what was written is not what is read.
    is_other = isinstance(node, ScalarNode) and node.plain and f'"{node.text}"' != flaw.value != node.text
    written = (
        f" (written {node.text[:20]})" if is_other and flaw.kind == "type" and isinstance(node, ScalarNode) else ""
    )
    return _placed(
        each,
        flaw.path,
        Finding(
            f"{platform.name}.{kinds.FLAW_IDS[flaw.kind]}",
            "fail",
            "error",
            flaw.message + written,
            why=f"the schema of {platform.title} does not accept it",
            value=flaw.value,
            enforced_by="schema",
        ),
    )


def _unknown_field(each: Object, platform: Platform, view: View, path: Path, type_name: str) -> Finding:
    name = str(path[-1])
    other = view.schema.variants(type_name).get(name, ())
    at = view.version_of(type_name)
    of = "Kubernetes" if view.schema.is_shared(type_name) else platform.title
    if other and any(field.since and not versions.holds(at, field.since, "") for field in other):
        first = min((field.since for field in other if field.since), key=versions.parse)
        message, fix = (
            f"{name} came with {of} {first}; the one at hand is {at}",
            "remove it or install a newer release",
        )
    elif other:
        last = max((field.until for field in other if field.until), key=versions.parse)
        message, fix = f"{name} is gone since {of} {last}", "remove it"
    else:
        near = difflib.get_close_matches(name, view.type_at(type_name).fields, n=1) if len(name) <= 60 else []
        message = f"{paths.path_text((name,))} is no field of this kind"
        fix = f'did you mean "{near[0]}"?' if near else "remove it or move it where it belongs"
    why = "the API server drops it without an error, or refuses it under --validate=strict; it never takes effect"
    return _placed(
        each,
        path,
        Finding(f"{platform.name}.unknown-field", "fail", "error", message, why=why, fix=fix, enforced_by="schema"),
    )


def _limited(findings: Iterable[Finding]) -> list[Finding]:
    listed = list(findings)
    if len(listed) <= MAX_FINDINGS:
        return listed
    errors_first = sorted(listed, key=lambda each: each.severity != "error")[:MAX_FINDINGS]
    last = listed[-1]
    note = Finding(
        "manifest.more-findings",
        "warn",
        "warning",
        f"this object has {len(listed)} findings or more; {MAX_FINDINGS} are listed",
        fix="put these right first",
        file=last.file,
        line=last.line,
    )
    return [*errors_first, note]
