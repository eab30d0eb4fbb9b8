"""Use case: questions to a served model, and its answers as they are written."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, cast

from shardwright import errors
from shardwright.service import reaching

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from shardwright.service.reaching import Way

__all__ = ["Asking", "served_models"]

_OK, _BAD, _NOT_FOUND = 200, 400, 404
_DATA = "data:"
_DONE = "[DONE]"


def served_models(way: Way, base_path: str) -> list[str]:
    """Names of the models that are served; AccessError if a key is wanted."""
    path = f"{base_path}/models"
    answer = way.ask(path)
    if answer.status != _OK:
        raise reaching.refused(answer, path)
    found = cast("list[Mapping[str, Any]]", answer.tree.get("data") or [])
    return [str(each.get("id")) for each in found]


class Asking:
    """A conversation with one model."""

    def __init__(self, way: Way, base_path: str, model: str, max_tokens: int) -> None:
        self._way, self._base, self._model, self._max_tokens = way, base_path, model, max_tokens
        self._said: list[dict[str, str]] = []
        self._has_template = True

    def ask(self, question: str) -> Iterator[str]:
        """Pieces of the answer as they come; the conversation goes on with it. TargetError if there is none.

        A model without a chat template is given the question as a text to go on with.
        """
        self._said.append({"role": "user", "content": question})
        pieces: list[str] = []
        for piece in self._chat() if self._has_template else self._complete(question):
            pieces.append(piece)
            yield piece
        self._said.append({"role": "assistant", "content": "".join(pieces)})
        if not pieces:
            raise errors.TargetError("the model answered without text", hint="see: shardwright logs NAME")

    def _chat(self) -> Iterator[str]:
        body = {"messages": list(self._said)}
        try:
            yield from self._streamed("chat/completions", body)
        except errors.ShardwrightError as problem:
            if "chat template" not in problem.message and not isinstance(problem, errors.NotFound):
                raise
            self._has_template = False
            yield from self._complete(self._said[-1]["content"])

    def _complete(self, question: str) -> Iterator[str]:
        return self._streamed("completions", {"prompt": question})

    def _streamed(self, what: str, body: Mapping[str, object]) -> Iterator[str]:
        asked = {"model": self._model, "max_tokens": self._max_tokens, "stream": True, **body}
        for line in self._way.lines(f"{self._base}/{what}", asked):
            text = line.removeprefix(_DATA).strip() if line.startswith(_DATA) else ""
            if text == _DONE:
                return
            if text:
                yield from _pieces(text)


def _pieces(text: str) -> Iterator[str]:
    """The text in one event; TargetError if it is an error that came in the middle."""
    try:
        event: Any = json.loads(text)
    except ValueError as problem:
        raise errors.TargetError(f"the engine streamed what is no JSON: {text[:200]}") from problem
    if "error" in event:
        raise errors.TargetError(f"the engine broke off: {event['error']}")
    choices: Sequence[Mapping[str, Any]] = event.get("choices") or ()
    for choice in choices:
        delta: Mapping[str, Any] = choice.get("delta") or {}
        piece = delta.get("content") or choice.get("text") or ""
        if piece:
            yield str(piece)
