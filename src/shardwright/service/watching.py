"""Use case: what happens to a group on this machine, as updates: states of the group, phases of its ranks, errors seen."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any, cast

from shardwright import errors
from shardwright.core.progress import Progress
from shardwright.values import frozen

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from shardwright.core.layout import Layout
    from shardwright.core.plugins import Engine
    from shardwright.core.progress import RankProgress
    from shardwright.local.runner import LocalRunner

__all__ = ["Answer", "Update", "ask", "progress_of", "updates_until_ready"]

PROMPT = "What is the biggest mountain in the world?"
_LOOK_SECONDS = 0.2
_END_SECONDS = 6.0
"""How long after a refused request the end of the group may follow that explains it. vLLM 0.32 takes up to 4.5 s."""


@frozen
class Answer:
    """A real request and its answer."""

    request: Mapping[str, Any]
    text: str
    seconds: float


@frozen
class Update:
    """One thing that changed."""

    state: str
    """State of the group: warming, starting, ready ..."""
    seconds: float
    """Since the group was started."""
    rank: RankProgress | None = None
    """The rank that moved on; None: the group's state changed."""
    figures: tuple[tuple[str, float], ...] = ()
    """Figures that the line carried: kv_tokens ..."""


def updates_until_ready(
    runner: LocalRunner, namespace: str, name: str, *, engine: Engine, layout: Layout
) -> Iterator[Update]:
    """States and phases as they come, until the group serves; raises the error it ended with if it does not."""
    progress = Progress(layout)
    first_error = ""
    try:
        for change in runner.changes(namespace, name):
            event = engine.read_log(change.line) if change.line is not None else None
            if change.line is None:
                yield Update(change.state, change.seconds)
            if change.state == "ready":
                yield from (Update(change.state, change.seconds, rank) for rank in progress.finish())
            if event is None:
                continue
            if event.kind == "error" and not first_error:
                first_error = f"first error in the log of host-{change.member}: {event.text}"
            moved = progress.feed(change.member, event)
            for rank in moved:
                yield Update(change.state, change.seconds, rank, event.numbers)
            if event.numbers and not moved:
                yield Update(change.state, change.seconds, None, event.numbers)
    except errors.TargetError as ended:
        # The last lines of a log are often a consequence; the first error is nearer to the cause.
        raise errors.TargetError(ended.message, hint=ended.hint or first_error) from ended


def progress_of(
    runner: LocalRunner, namespace: str, name: str, *, engine: Engine, layout: Layout, is_ready: bool
) -> list[RankProgress]:
    """Where each rank is now, by all that the logs say."""
    progress = Progress(layout)
    for member, line in runner.logs(namespace, name, member=None, follow=False):
        event = engine.read_log(line)
        if event is not None:
            progress.feed(member, event)
    if is_ready:
        progress.finish()
    return progress.ranks


def ask(runner: LocalRunner, namespace: str, name: str, *, served_name: str, tokens: int) -> Answer:
    """One real request to /v1/completions; TargetError if the answer has no text, or with what the group ended with."""
    request = {"model": served_name, "prompt": PROMPT, "max_tokens": tokens, "temperature": 0}
    started = time.monotonic()
    body = _answer_or_end(runner, namespace, name, request)
    return Answer(request, _text_of(body), time.monotonic() - started)


def _answer_or_end(
    runner: LocalRunner, namespace: str, name: str, request: Mapping[str, object]
) -> Mapping[str, object]:
    """The answer. Where the group ends meanwhile, the error says why.

    A request to a host that is gone gets neither an answer nor a refusal: its network went with it.
    """
    answers: list[Mapping[str, object] | errors.ShardwrightError] = []
    asking = threading.Thread(
        target=lambda: answers.append(_attempt(runner, namespace, name, request)), daemon=True, name="request"
    )
    asking.start()
    while asking.is_alive() and not _has_ended(runner, namespace, name):
        asking.join(_LOOK_SECONDS)
    answer = answers[0] if answers else None
    if answer is not None and not isinstance(answer, errors.ShardwrightError):
        return answer
    deadline = time.monotonic() + _END_SECONDS
    while not _has_ended(runner, namespace, name):
        if answer is not None and time.monotonic() > deadline:
            raise answer
        time.sleep(_LOOK_SECONDS)
    return runner.request(namespace, name, "/", None)  # raises what the group ended with


def _has_ended(runner: LocalRunner, namespace: str, name: str) -> bool:
    return runner.observe(namespace, name)["state"] == "ended"


def _attempt(
    runner: LocalRunner, namespace: str, name: str, request: Mapping[str, object]
) -> Mapping[str, object] | errors.ShardwrightError:
    try:
        return runner.request(namespace, name, "/v1/completions", request)
    except errors.ShardwrightError as problem:
        return problem


def _text_of(body: Mapping[str, object]) -> str:
    choices = cast("list[dict[str, Any]]", body.get("choices") or [])
    text = str(choices[0].get("text") or "") if choices else ""
    if not text.strip():
        raise errors.TargetError(f"the engine answered without text: {dict(body)}", hint="see the logs of the group")
    return text
