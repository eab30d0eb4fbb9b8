"""A connection to one API server: requests with credentials, and answers that come at once or bit by bit.

What may be repeated is repeated while the server or the way to it is in trouble. Thread-safe: reads that do not depend on
each other run side by side in the caller's threads.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import weakref
from functools import partial
from typing import TYPE_CHECKING, Any, Self, TypeVar, cast
from urllib.parse import quote

import httpx2
import msgspec
import stamina
from stamina.instrumentation import set_on_retry_hooks

from shardwright import errors
from shardwright.kubernetes.client import kinds, refusals
from shardwright.kubernetes.client.refusals import Asked

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping
    from types import TracebackType

    from lightkube.config.kubeconfig import SingleConfig

    from shardwright.kubernetes.client.kinds import Kinds
    from shardwright.kubernetes.client.refs import Tree

__all__ = ["Connection", "status_of"]

_Read = TypeVar("_Read")

_TIMEOUT_SECONDS = 30.0
_TRIES_AT_FIRST = 8
"""Of a request to a server that has not answered yet: the address may be wrong."""
_TRIES_GIVEN_UP = 2
"""Of a request after one was given up: who ends a command does not wait as long again."""
_TRIES_SECONDS = 45.0
"""How long a request is repeated to a server that has answered before: it may be starting anew."""
# A repeated request is no news to whoever waits for it; stamina would write a line for each.
set_on_retry_hooks(())

_METHODS = {"get": "GET", "list": "GET", "create": "POST", "update": "PUT", "patch": "PATCH", "delete": "DELETE"}


class Connection:
    """Close it, or use it in a `with` block."""

    def __init__(self, config: SingleConfig, *, namespace: str = "") -> None:
        from lightkube.config import client_adapter  # noqa: PLC0415 - slow to import

        timeout = httpx2.Timeout(_TIMEOUT_SECONDS)
        try:
            self.http = client_adapter.Client(config, client_adapter.ConnectionParams(timeout=timeout))
        except (OSError, ValueError) as problem:
            raise errors.AccessError(
                f"context {config.context_name!r}: its certificates cannot be used: {problem}"
            ) from problem
        self.context = config.context_name
        self.namespace = namespace or config.namespace
        self._kinds: Kinds | None = None
        self._lock = threading.Lock()
        self._streams: weakref.WeakSet[socket.socket] = weakref.WeakSet()
        self._tries: int | None = _TRIES_AT_FIRST

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.hang_up()
        self.http.close()

    @property
    def is_closed(self) -> bool:
        """Whether nothing can be asked any more."""
        return self.http.is_closed

    @property
    def url(self) -> str:
        """Address of the server."""
        return str(self.http.base_url)

    @property
    def kinds(self) -> Kinds:
        """All kinds of the server, asked once."""
        with self._lock:
            if self._kinds is None:
                headers = {"Accept": kinds.DISCOVERY}
                documents = [self.tree("get", path, headers=headers) for path in ("/api", "/apis")]
                self._kinds = kinds.kinds_of(*documents)
            return self._kinds

    def tree(
        self,
        verb: str,
        path: str,
        *,
        asked: Asked | None = None,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
        is_repeatable: bool | None = None,
    ) -> Tree:
        """One request by its verb; the answer as a tree."""
        method = _METHODS[verb]
        repeat = method in {"GET", "PATCH", "DELETE", "PUT"} if is_repeatable is None else is_repeatable
        told = asked or Asked(verb, path)
        return self._read(told, _tree_of, _sent(method, path, query, headers, content), is_repeatable=repeat)

    def request(
        self,
        method: str,
        path: str,
        *,
        asked: Asked,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
        is_repeatable: bool = True,
    ) -> httpx2.Response:
        """One request; repeated while the server or the way to it is in trouble, if that does no harm."""
        return self._read(asked, _whole, _sent(method, path, query, headers, content), is_repeatable=is_repeatable)

    def read(
        self, path: str, reader: Callable[[httpx2.Response], _Read], *, asked: Asked, query: Mapping[str, str]
    ) -> _Read:
        """What a reader makes of the answer to a GET; asked again where the JSON that it reads is cut off."""
        return self._read(asked, reader, _sent("GET", path, query), is_repeatable=True)

    def _read(
        self, asked: Asked, reader: Callable[[httpx2.Response], _Read], sent: dict[str, Any], *, is_repeatable: bool
    ) -> _Read:
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

    @contextlib.contextmanager
    def stream(
        self,
        path: str,
        *,
        asked: Asked,
        query: Mapping[str, str] | None = None,
        content: bytes | None = None,
        read_seconds: float | None = None,
    ) -> Generator[httpx2.Response]:
        """An answer that comes bit by bit, of a POST if there is content; refusals and breaks as errors of ours.

        `read_seconds`: how long it may say nothing. `hang_up`, from any thread, ends it with TemporaryError.
        """
        self._demand_open(asked)
        timeout = httpx2.Timeout(_TIMEOUT_SECONDS, read=read_seconds)
        headers = {} if content is None else {"Content-Type": "application/json"}
        method = "GET" if content is None else "POST"
        try:
            with self.http.stream(
                method, path, params=query or {}, content=content, headers=headers, timeout=timeout
            ) as answer:
                self._register(answer)
                if not answer.is_success:
                    answer.read()
                    raise refusals.refusal_of(asked, answer.status_code, status_of(answer), answer.headers)
                yield answer
        except httpx2.TransportError as problem:
            raise refusals.transport_error(asked, self.url, problem) from problem

    def _register(self, answer: httpx2.Response) -> None:
        connection = answer.extensions.get("network_stream")
        found = connection.get_extra_info("socket") if connection is not None else None
        if isinstance(found, socket.socket):
            self._streams.add(found)

    def hang_up(self) -> None:
        """End all answers that still come bit by bit; whoever reads them is woken."""
        for each in list(self._streams):
            with contextlib.suppress(OSError):
                # Of the plain socket: TLS would first say goodbye, and another thread is using it.
                socket.socket.shutdown(each, socket.SHUT_RDWR)

    def _demand_open(self, asked: Asked) -> None:
        """A thread may still ask when another one has closed the connection."""
        if self.is_closed:
            raise errors.TargetError(f"{asked}: the connection was closed")

    def _once(self, asked: Asked, reader: Callable[[httpx2.Response], _Read], sent: dict[str, Any]) -> _Read:
        self._demand_open(asked)
        try:
            answer = self.http.request(**sent)
            self._tries = None
            if answer.is_success:
                return reader(answer)
        except (httpx2.TransportError, httpx2.DecodingError) as problem:
            raise refusals.transport_error(asked, self.url, problem) from problem
        except msgspec.DecodeError as problem:
            raise refusals.cut_off(asked, self.url) from problem
        raise refusals.refusal_of(asked, answer.status_code, status_of(answer), answer.headers)


def _sent(
    method: str,
    path: str,
    query: Mapping[str, str] | None,
    headers: Mapping[str, str] | None = None,
    content: bytes | None = None,
) -> dict[str, Any]:
    """A request as httpx takes it."""
    kinds_of_content = {} if content is None else {"Content-Type": "application/json"}
    params = {key: value for key, value in (query or {}).items() if value}
    given = kinds_of_content | dict(headers or {})
    return {"method": method, "url": quote(path), "params": params, "headers": given, "content": content}


def _whole(answer: httpx2.Response) -> httpx2.Response:
    return answer


def _tree_of(answer: httpx2.Response) -> Tree:
    return cast("Tree", msgspec.json.decode(answer.content))


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
