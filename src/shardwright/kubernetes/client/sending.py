"""Requests whose answer comes at once: sent, repeated while the server or the way to it is in trouble, and read.

What is read is part of what is repeated: an answer that is cut off is asked for again.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote

import httpx2
import msgspec
import stamina
from stamina.instrumentation import set_on_retry_hooks

from shardwright import errors
from shardwright.kubernetes.client import refusals

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from shardwright.kubernetes.client.refs import Tree
    from shardwright.kubernetes.client.refusals import Asked

__all__ = ["TRIES_AT_FIRST", "Sender", "request_of", "status_of", "was_closed"]

_Read = TypeVar("_Read")

TRIES_AT_FIRST = 8
"""Of a request to a server that has not answered yet: the address may be wrong."""
_TRIES_GIVEN_UP = 2
"""Of a request after one was given up: who ends a command does not wait as long again."""
_TRIES_SECONDS = 45.0
"""How long a request is repeated to a server that has answered before: it may be starting anew."""
# A repeated request is no news to whoever waits for it; stamina would write a line for each.
set_on_retry_hooks(())


class Sender:
    """Sends requests to one server, and knows how patient to be with it."""

    def __init__(self, http: httpx2.Client, first_tries: int = TRIES_AT_FIRST) -> None:
        self._http = http
        self._tries: int | None = first_tries

    def read(
        self, asked: Asked, reader: Callable[[httpx2.Response], _Read], sent: dict[str, Any], *, is_repeatable: bool
    ) -> _Read:
        """What the reader makes of the answer; repeated if that does no harm, or if the server did not take it."""
        on = partial(_wait_of, is_repeatable=is_repeatable)
        try:
            for attempt in stamina.retry_context(on=on, attempts=self._tries, timeout=_TRIES_SECONDS):
                with attempt:
                    return self._once(asked, reader, sent)
        except errors.TemporaryError as problem:
            if isinstance(problem.__cause__, httpx2.TransportError):
                self._tries = _TRIES_GIVEN_UP
            raise
        raise AssertionError  # stamina raises the last error

    def _once(self, asked: Asked, reader: Callable[[httpx2.Response], _Read], sent: dict[str, Any]) -> _Read:
        if self._http.is_closed:
            raise was_closed(asked)
        url = str(self._http.base_url)
        try:
            answer = self._http.request(**sent)
            self._tries = None
            if answer.is_success:
                return reader(answer)
        except (httpx2.TransportError, httpx2.DecodingError) as problem:
            raise refusals.transport_error(asked, url, problem) from problem
        except msgspec.DecodeError as problem:
            raise refusals.cut_off(asked, url) from problem
        except RuntimeError as problem:
            if not self._http.is_closed:
                raise
            raise was_closed(asked) from problem  # between the look above and the request
        raise refusals.refusal_of(asked, answer.status_code, status_of(answer), answer.headers)


def was_closed(asked: Asked) -> errors.TargetError:
    """The error of a thread that still asks when another one has closed the connection."""
    return errors.TargetError(f"{asked}: the connection was closed")


def request_of(
    method: str,
    path: str,
    query: Mapping[str, str] | None,
    headers: Mapping[str, str] | None = None,
    content: bytes | None = None,
) -> dict[str, Any]:
    """A request as httpx takes it."""
    kind = {} if content is None else {"Content-Type": "application/json"}
    params = {key: value for key, value in (query or {}).items() if value}
    given = kind | dict(headers or {})
    return {"method": method, "url": quote(path), "params": params, "headers": given, "content": content}


def status_of(answer: httpx2.Response) -> Tree:
    """What the server says of a refusal; its text where that is no Status."""
    try:
        body: Any = msgspec.json.decode(answer.content)
    except msgspec.DecodeError:
        is_page = "html" in answer.headers.get("Content-Type", "")
        return {"message": answer.reason_phrase if is_page else answer.text[:500]}
    return body if isinstance(body, dict) else {"message": answer.text[:500]}  # pyright: ignore[reportUnknownVariableType] - JSON


def _wait_of(problem: Exception, *, is_repeatable: bool) -> bool | float:
    """Whether a request is repeated, and after how many seconds if the server says so."""
    if isinstance(problem, refusals.Expired) or not isinstance(problem, errors.TemporaryError):
        return False
    if not is_repeatable and not isinstance(problem, refusals.NotTaken):
        return False
    return problem.retry_after_seconds or True
