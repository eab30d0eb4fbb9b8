"""A connection to one API server: requests with credentials, and answers that come at once or bit by bit.

What may be repeated is repeated while the server or the way to it is in trouble. Thread-safe: reads that do not depend on
each other run side by side in the caller's threads.
"""

from __future__ import annotations

import contextlib
import threading
from typing import TYPE_CHECKING, Self, TypeVar, cast

import httpx2
import msgspec

from shardwright import errors
from shardwright.kubernetes.client import kinds, refusals
from shardwright.kubernetes.client.credentials import Credentials
from shardwright.kubernetes.client.open_streams import OpenStreams
from shardwright.kubernetes.client.refusals import Asked
from shardwright.kubernetes.client.sending import TRIES_AT_FIRST, Sender, request_of, status_of, was_closed

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping
    from types import TracebackType

    from lightkube.config.kubeconfig import SingleConfig

    from shardwright.kubernetes.client.kinds import Kinds
    from shardwright.kubernetes.client.refs import Tree

__all__ = ["BODY_HEADERS", "Connection"]

_Read = TypeVar("_Read")

BODY_HEADERS = {"Content-Type": "application/json", "Connection": "close"}
"""Of a body that the API server hands on. An answer that begins before the server has seen the body's end is broken off, for
it then reads what is left of the body itself, unless the connection ends with the answer. Seen: Kubernetes 1.36, one streamed
answer in thirteen on a busy machine, none of 216 with this."""
_TIMEOUT_SECONDS = 30.0
_LEAVE_SECONDS = 2.0
"""How long threads that read have to leave before their connections are closed."""
_METHODS = {"get": "GET", "list": "GET", "create": "POST", "update": "PUT", "patch": "PATCH", "delete": "DELETE"}


class Connection:
    """Close it, or use it in a `with` block."""

    def __init__(self, config: SingleConfig, *, namespace: str = "", first_tries: int = TRIES_AT_FIRST) -> None:
        from lightkube.config import client_adapter  # noqa: PLC0415 - slow to import

        timeout = httpx2.Timeout(_TIMEOUT_SECONDS)
        try:
            self.http = client_adapter.Client(config, client_adapter.ConnectionParams(timeout=timeout))
        except (OSError, ValueError) as problem:
            raise errors.AccessError(
                f"context {config.context_name!r}: its certificates cannot be used: {problem}",
                hint="certificate-authority, client-certificate and client-key of the kubeconfig name them",
            ) from problem
        if self.http.auth is not None:
            self.http.auth = Credentials(self.http.auth, config)
        self.context = config.context_name
        self.namespace = namespace or config.namespace
        self._kinds: Kinds | None = None
        self._lock = threading.Lock()
        self._streams = OpenStreams()
        self._is_ending = False
        self._sender = Sender(self.http, first_tries)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._is_ending = True
        self._streams.hang_up()
        self._streams.wait(_LEAVE_SECONDS)
        self.http.close()

    @property
    def is_closed(self) -> bool:
        """Whether nothing can be asked any more."""
        return self._is_ending or self.http.is_closed

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
        return self._sender.read(
            told, _tree_of, request_of(method, path, query, headers, content), is_repeatable=repeat
        )

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
        sent = request_of(method, path, query, headers, content)
        return self._sender.read(asked, _whole, sent, is_repeatable=is_repeatable)

    def read(
        self, path: str, reader: Callable[[httpx2.Response], _Read], *, asked: Asked, query: Mapping[str, str]
    ) -> _Read:
        """What a reader makes of the answer to a GET; asked again where the JSON that it reads is cut off."""
        return self._sender.read(asked, reader, request_of("GET", path, query), is_repeatable=True)

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

        `read_seconds`: how long it may say nothing. Ends with TemporaryError where the connection is closed meanwhile.
        """
        if self.is_closed:
            raise was_closed(asked)
        timeout = httpx2.Timeout(_TIMEOUT_SECONDS, read=read_seconds)
        headers = {} if content is None else BODY_HEADERS
        method = "GET" if content is None else "POST"
        try:
            with self.http.stream(
                method, path, params=query or {}, content=content, headers=headers, timeout=timeout
            ) as answer:
                if not answer.is_success:
                    answer.read()
                    raise refusals.refusal_of(asked, answer.status_code, status_of(answer), answer.headers)
                with self._streams.reading(answer):
                    yield answer
        except (httpx2.TransportError, httpx2.DecodingError) as problem:
            raise refusals.transport_error(asked, self.url, problem) from problem
        except RuntimeError as problem:
            if not self.is_closed:
                raise
            raise was_closed(asked) from problem  # between the look above and the request


def _whole(answer: httpx2.Response) -> httpx2.Response:
    return answer


def _tree_of(answer: httpx2.Response) -> Tree:
    return cast("Tree", msgspec.json.decode(answer.content))
