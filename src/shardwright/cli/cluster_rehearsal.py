"""`shardwright rehearse --on cluster`: how a rehearsal of the manifests is shown."""

from __future__ import annotations

import contextlib
import dataclasses
import difflib
import re
from typing import TYPE_CHECKING, Any, cast

import click

from shardwright.cli import rollout_view

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Sequence

    from shardwright.core.lifecycle.proof import Point
    from shardwright.core.manifests.differences import Difference
    from shardwright.core.plan.types import Plan
    from shardwright.core.rehearsal import Coverage
    from shardwright.kubernetes.client import Client
    from shardwright.kubernetes.place import Place
    from shardwright.service.cluster_rehearsing import Session
    from shardwright.service.cluster_twins import Prepared
    from shardwright.service.watching import Answer

__all__ = ["changes_text", "rehearse"]

_IN_TEMPLATE = re.compile(r".*?(\w*[tT]emplate)\.(?=spec\.|metadata\.)")


def rehearse(plan: Plan, place: Place, *, image: str, keep: bool, seconds: float, output: str) -> None:
    """Rehearse one plan in the cluster of `place` and print what came of it; exit 1 where it does not do as planned."""
    from shardwright.cli.output import print_data
    from shardwright.service import cluster_rehearsing, cluster_twins, clusters

    prepared = cluster_twins.prepare(plan, image=image, namespace=place.namespace)
    click.echo(f"twin of {plan.shape.name}: {', '.join(prepared.shrunk)}", err=True)
    with (
        _rights_named(place),
        clusters.connected(place) as client,
        cluster_rehearsing.running(prepared, client, keep=keep) as session,
    ):
        try:
            document, coverage = _run(session, client, seconds)
        except BaseException:
            click.echo("it stays, as asked" if keep else "removing what was made", err=True)
            raise
    if keep:
        click.echo(f"kept: shardwright status {prepared.name} -n {prepared.namespace}", err=True)
    if output == "table":
        click.echo(_text(document, prepared, coverage))
    else:
        lists = {"exercised": coverage.exercised, "notExercised": coverage.not_exercised}
        print_data(document | {"changes": _changes_document(prepared)} | lists, output)
    if any(each["status"] == "fail" for each in document["proof"]):
        raise click.exceptions.Exit(1)


@contextlib.contextmanager
def _rights_named(place: Place) -> Generator[None]:
    """Whoever is refused is told of the Role for rehearsals, which is another one than that of a deployment."""
    from shardwright.kubernetes.client.refusals import Forbidden

    try:
        yield
    except Forbidden as refused:
        inside = f" -n {place.namespace}" if place.namespace else ""
        command = f"shardwright check -f FILE --print-rbac --rehearsal{inside}"
        refused.hint = f"ask for a Role that allows it: {command} prints one"
        raise


def _run(session: Session, client: Client, seconds: float) -> tuple[dict[str, Any], Coverage]:
    from shardwright.cli import watch_view

    prepared = session.prepared
    click.echo(f"into namespace {prepared.namespace} of context {client.context}", err=True)
    for step in session.apply():
        click.echo(rollout_view.step_text(step), err=True)
    ready = 0.0
    try:
        for frame in watch_view.show(map(watch_view.frame_of, session.views(seconds)), "text", err=True):
            ready = frame.seconds
    except TimeoutError as late:
        click.echo(f"shardwright: not ready after {seconds:.0f} s", err=True)
        raise click.exceptions.Exit(124) from late
    points = list(session.points())
    return _document(prepared, ready, points, session.ask()), session.coverage()


def _document(prepared: Prepared, ready: float, points: Sequence[Point], answer: Answer) -> dict[str, Any]:
    return {
        "name": prepared.name,
        "namespace": prepared.namespace,
        "layout": str(prepared.run.plan.layout),
        "image": prepared.run.image,
        "readySeconds": round(ready, 1),
        "proof": [{"name": each.name, "status": each.status, "text": each.text} for each in points],
        "kvTokens": prepared.run.plan.pool.tokens,
        "request": dict(answer.request),
        "answer": answer.text,
        "answerSeconds": round(answer.seconds, 2),
    }


def _text(document: dict[str, Any], prepared: Prepared, coverage: Coverage) -> str:
    request = document["request"]
    lines = [
        f"{document['name']}: {document['layout']} answered in a cluster; ready in {document['readySeconds']} s",
        f"  POST /v1/completions {request['prompt']!r}, {request['max_tokens']} tokens, {document['answerSeconds']} s",
        f"  {document['answer']!r}",
        *(f"  {each['name']}: {each['status']}: {each['text']}" for each in document["proof"]),
        "",
        "Changed for this cluster, against what will be applied:",
        *changes_text(prepared),
        "",
        "Exercised:",
        *(f"  - {line}" for line in coverage.exercised),
        "Not exercised:",
        *(f"  - {line}" for line in coverage.not_exercised),
    ]
    return "\n".join(lines)


def changes_text(prepared: Prepared) -> Iterator[str]:
    """Every change of the manifests, object by object."""
    mapped = prepared.mapped
    yield from (f"  + {each}" for each in mapped.added)
    yield from (f"  - {each}" for each in mapped.left_out)
    for name, found in mapped.changed:
        yield f"  ~ {name}"
        alike: dict[tuple[str, ...], list[str]] = {}
        for each in found:
            where, path = _template(each.path)
            alike.setdefault(tuple(_lines(each, path)), []).append(where)
        for wheres in dict.fromkeys(map(tuple, alike.values())):
            if any(wheres):
                yield f"      {', '.join(wheres)}:"
            for lines in (lines for lines, places in alike.items() if tuple(places) == wheres):
                yield from (f"        {line}" for line in lines)


def _template(path: str) -> tuple[str, str]:
    """A path apart: the pod template that it stands in, and the rest; templates of a group differ alike."""
    found = _IN_TEMPLATE.match(path)
    return (found[1], path[found.end() :]) if found else ("", path)


def _lines(change: Difference, path: str) -> Iterator[str]:
    before, after = change.original, change.rendered
    if isinstance(before, list) and isinstance(after, list):
        old, new = cast("list[object]", before), cast("list[object]", after)
        yield from (f"{path}: {line}" for line in _words(list(map(str, old)), list(map(str, new))))
    else:
        shown = dataclasses.replace(change, path=path)
        yield from (line.removeprefix("    ") for line in rollout_view.fields_text((shown,)))


def _words(before: Sequence[str], after: Sequence[str]) -> Iterator[str]:
    """Of two command lines the parts that differ, a value behind its flag."""
    steps = difflib.SequenceMatcher(None, before, after, autojunk=False).get_opcodes()
    for tag, old, old_end, new, new_end in steps:
        if tag != "equal":
            is_value = 0 < old < len(before) and before[old - 1].startswith("-") and not before[old].startswith("-")
            flag = f"{before[old - 1]} " if is_value else ""
            yield f"{flag}{' '.join(before[old:old_end]) or '(none)'} -> {' '.join(after[new:new_end]) or '(none)'}"


def _changes_document(prepared: Prepared) -> dict[str, Any]:
    from shardwright.core.manifests.differences import ABSENT

    def shown(value: object) -> object:
        return None if value is ABSENT else value

    return {
        "added": prepared.mapped.added,
        "leftOut": prepared.mapped.left_out,
        "changed": [
            {"object": name, "path": each.path, "planned": shown(each.original), "applied": shown(each.rendered)}
            for name, found in prepared.mapped.changed
            for each in found
        ],
    }
