"""How findings on manifests are shown: as text, as data, as SARIF 2.1.0 for code scanning, as annotations of GitHub."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from shardwright import __version__
from shardwright.cli import output as printing
from shardwright.core.rules.document import finding_document

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shardwright.core.rules import Finding
    from shardwright.service.linting import Linted

__all__ = ["as_data", "github", "sarif", "show", "text"]

_SARIF_LEVELS = {"error": "error", "warning": "warning", "info": "note"}
_ANNOTATIONS = {"error": "error", "warning": "warning", "info": "notice"}
_SARIF_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
_MOST_KINDS = 5
_LONGEST_KIND = 40


def show(linted: Linted, form: str) -> None:
    """Print it in one of the formats."""
    if form == "table":
        printing.print_text(text(linted))
    elif form == "github":
        if linted.findings:
            click.echo(github(linted))
    else:
        data = sarif(linted) if form == "sarif" else as_data(linted)
        printing.print_data(data, "yaml" if form == "yaml" else "json")


def text(linted: Linted) -> str:
    """One block for each finding, and what was looked at."""
    return "\n".join([*(line for finding in linted.findings for line in _block(finding)), _summary(linted)])


def as_data(linted: Linted) -> list[dict[str, object]]:
    """The findings as plain values."""
    return [{**finding_document(finding), "enforcedBy": finding.enforced_by} for finding in linted.findings]


def github(linted: Linted) -> str:
    """Workflow commands that GitHub shows beside the lines."""
    return "\n".join(_annotation(finding) for finding in linted.findings)


def sarif(linted: Linted) -> dict[str, object]:
    """One run in SARIF 2.1.0."""
    ids = sorted({finding.id for finding in linted.findings})
    first = {name: next(each for each in linted.findings if each.id == name) for name in ids}
    driver = {
        "name": "shardwright",
        "version": __version__,
        "rules": [_sarif_rule(first[name]) for name in ids],
    }
    results = [_sarif_result(finding, ids.index(finding.id)) for finding in linted.findings]
    return {"$schema": _SARIF_SCHEMA, "version": "2.1.0", "runs": [{"tool": {"driver": driver}, "results": results}]}


def _block(finding: Finding) -> Iterator[str]:
    severity = "unknown" if finding.status == "unknown" else finding.severity
    field = f" {finding.path}:" if finding.path else ""
    yield f"{finding.file}:{finding.line}: {severity} {finding.id}:{field} {finding.message}"
    if finding.why:
        yield f"  why: {finding.why}"
    if finding.fix:
        yield f"  fix: {finding.fix}"


def _summary(linted: Linted) -> str:
    counts = [
        f"{count} {name}{'' if count == 1 else 's'}"
        for name in ("error", "warning")
        if (count := sum(each.severity == name for each in linted.findings))
    ]
    judged = f"{linted.judged_count} of {linted.object_count} objects judged"
    others = [text if len(text) <= _LONGEST_KIND else f"{text[:_LONGEST_KIND]}..." for text in linted.other_kinds]
    left = f", not {', '.join(others[:_MOST_KINDS])}{' ...' if len(others) > _MOST_KINDS else ''}" if others else ""
    releases = ", ".join(f"{name} {version}" for name, version in linted.versions.items())
    return f"{', '.join(counts) or 'no errors, no warnings'}; {judged}{left} ({releases})"


def _annotation(finding: Finding) -> str:
    place = ",".join(
        f"{name}={_escaped(value).replace(':', '%3A').replace(',', '%2C')}"
        for name, value in (("file", finding.file), ("line", str(max(finding.line, 1))), ("title", finding.id))
    )
    field = f"{finding.path}: " if finding.path else ""
    fix = f"\n{finding.fix}" if finding.fix else ""
    return f"::{_ANNOTATIONS[finding.severity]} {place}::{_escaped(f'{field}{finding.message}{fix}')}"


def _escaped(value: str) -> str:
    return value.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _sarif_rule(finding: Finding) -> dict[str, object]:
    return {
        "id": finding.id,
        "shortDescription": {"text": finding.why or finding.message},
        "help": {"text": finding.fix or finding.message},
    }


def _sarif_result(finding: Finding, rule_index: int) -> dict[str, object]:
    place = {
        "artifactLocation": {"uri": finding.file.replace(" ", "%20")},
        "region": {"startLine": max(finding.line, 1)},
    }
    location: dict[str, object] = {"physicalLocation": place}
    if finding.path:
        location["logicalLocations"] = [{"fullyQualifiedName": finding.path}]
    return {
        "ruleId": finding.id,
        "ruleIndex": rule_index,
        "level": _SARIF_LEVELS[finding.severity],
        "message": {"text": f"{finding.message}. {finding.fix}".removesuffix(". ")},
        "locations": [location],
    }
