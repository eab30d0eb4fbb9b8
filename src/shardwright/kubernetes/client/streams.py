"""What flows to and from a pod: its logs, a command in it, requests to it and to services through the API server."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import httpx2
import msgspec
from httpx2.websockets import HTTPXWSException, WebSocketUpgradeError

from shardwright import errors
from shardwright.kubernetes.client import channels, refusals
from shardwright.kubernetes.client.connection import BODY_HEADERS
from shardwright.kubernetes.client.refusals import Asked
from shardwright.kubernetes.client.sending import status_of
from shardwright.values import frozen

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from shardwright.kubernetes.client.client import Client
    from shardwright.kubernetes.client.refs import Tree

__all__ = ["Excerpt", "Output", "lines_through", "log_lines", "refused", "request_through", "run_in"]

_PROTOCOLS = ["v5.channel.k8s.io", "v4.channel.k8s.io"]
_STDOUT, _STDERR, _STATUS = 1, 2, 3
_LOG_SECONDS = 60.0
_OUTPUT_BYTES = 4 * 2**20
"""Of a command; what is asked here has a page, and a pod is not trusted to keep to that."""


@frozen
class Output:
    """What a command in a container wrote, and how it ended."""

    stdout: str
    stderr: str
    exit_code: int


@frozen
class Excerpt:
    """Which lines of a log are wanted."""

    container: str = ""
    """Empty: the only one, or the one that an annotation names."""
    follow: bool = False
    previous: bool = False
    """Of the run before the last restart."""
    since_seconds: int | None = None
    tail: int | None = None
    """So many last lines."""
    since_time: str = ""
    """From this time on (RFC 3339); the API knows whole seconds only."""

    def query(self) -> dict[str, str]:
        """As the API takes it, each line with its time."""
        flags = {"follow": self.follow, "previous": self.previous, "timestamps": True}
        wanted = {name: "true" for name, value in flags.items() if value}
        wanted |= {"container": self.container} if self.container else {}
        wanted |= {} if self.since_seconds is None else {"sinceSeconds": str(max(1, self.since_seconds))}
        wanted |= {"sinceTime": self.since_time} if self.since_time else {}
        return wanted | ({} if self.tail is None else {"tailLines": str(self.tail)})


WHOLE_LOG = Excerpt()


def log_lines(client: Client, namespace: str, pod: str, wanted: Excerpt = WHOLE_LOG) -> Iterator[tuple[str, str]]:
    """Lines of a container with the time each was written at (RFC 3339); with `follow` until the container ends.

    NotFound if there is no such pod; Invalid while its container has not started, or has no previous run.
    """
    asked = Asked("get", "pods/log", pod, namespace)
    path = f"/api/v1/namespaces/{namespace}/pods/{pod}/log"
    seconds = None if wanted.follow else _LOG_SECONDS
    with client.stream(path, asked=asked, query=wanted.query(), read_seconds=seconds) as answer:
        for line in answer.iter_lines():
            at, _, text = line.partition(" ")
            yield at, text


def run_in(
    client: Client, namespace: str, pod: str, argv: Sequence[str], *, container: str = "", timeout_seconds: float = 30.0
) -> Output:
    """Run a command in a container and wait for its end; Forbidden without pods/exec.

    TargetError if it cannot be run, takes longer, or says more than `_OUTPUT_BYTES`.
    """
    asked = Asked("create", "pods/exec", pod, namespace)
    query = [("command", part) for part in argv]
    query += [("stdout", "true"), ("stderr", "true")] + ([("container", container)] if container else [])
    path = f"/api/v1/namespaces/{namespace}/pods/{pod}/exec"
    deadline = time.monotonic() + timeout_seconds
    written = {_STDOUT: bytearray(), _STDERR: bytearray(), _STATUS: bytearray()}
    try:
        with channels.opened(client, path, _PROTOCOLS, query) as session:
            while not written[_STATUS]:
                message = session.receive_bytes(timeout=max(deadline - time.monotonic(), 0.0))
                written.get(message[0], bytearray()).extend(message[1:])
                if sum(map(len, written.values())) > _OUTPUT_BYTES:
                    raise errors.TargetError(f"{asked}: {argv[0]} says more than {_OUTPUT_BYTES >> 20} MiB")
    except httpx2.TransportError as problem:
        raise refusals.transport_error(asked, client.url, problem) from problem
    except HTTPXWSException as problem:
        raise refused(asked, problem) from problem
    except TimeoutError as late:
        told = f"{asked}: {argv[0]} has not ended in {timeout_seconds:.0f} s"
        raise errors.TargetError(told, hint="the node or its driver may hang") from late
    exit_code = _exit_code(asked, bytes(written[_STATUS]))
    return Output(written[_STDOUT].decode("utf-8", "replace"), written[_STDERR].decode("utf-8", "replace"), exit_code)


def _exit_code(asked: Asked, status: bytes) -> int:
    loaded: Tree = msgspec.json.decode(status)
    details: Tree = loaded.get("details") or {}
    causes: list[Tree] = details.get("causes") or []
    if loaded.get("status") == "Success":
        return 0
    for cause in causes:
        if cause.get("reason") == "ExitCode":
            return int(cause.get("message", 1))
    raise errors.TargetError(f"{asked}: {loaded.get('message', 'the command did not run')}")


def refused(asked: Asked, problem: HTTPXWSException) -> errors.ShardwrightError:
    """The error for a WebSocket that was not opened, or broke."""
    if isinstance(problem, WebSocketUpgradeError):
        answer = problem.response
        # Its text is gone with the connection.
        return refusals.refusal_of(asked, answer.status_code, {"message": answer.reason_phrase}, answer.headers)
    return errors.TargetError(f"{asked}: the connection broke: {problem!r}", hint="try again")


def request_through(
    client: Client,
    namespace: str,
    what: str,
    path: str,
    body: Mapping[str, object] | None = None,
    *,
    timeout_seconds: float = 300.0,
) -> httpx2.Response:
    """One request to `services/NAME:PORT` or `pods/NAME:PORT` through the API server; POST if there is a body.

    The answer is the pod's own, whatever its status; TemporaryError if it cannot be reached. The API server keeps the
    Authorization header for itself: a service that wants a key cannot be asked this way.
    """
    asked, address = _proxied(namespace, what, path, "get" if body is None else "create")
    try:
        if body is None:
            answer = client.http.get(address, timeout=timeout_seconds)
        else:
            answer = client.http.post(
                address, content=msgspec.json.encode(body), headers=BODY_HEADERS, timeout=timeout_seconds
            )
    except httpx2.TransportError as problem:
        raise refusals.transport_error(asked, client.url, problem) from problem
    said = status_of(answer) if not answer.is_success else {}
    if said.get("kind") == "Status":
        raise refusals.refusal_of(asked, answer.status_code, said, answer.headers)
    return answer


def lines_through(
    client: Client, namespace: str, what: str, path: str, body: Mapping[str, object], *, read_seconds: float = 300.0
) -> Iterator[str]:
    """The lines of an answer as they come, by the same way."""
    asked, address = _proxied(namespace, what, path, "create")
    content = msgspec.json.encode(body)
    with client.stream(address, asked=asked, content=content, read_seconds=read_seconds) as answer:
        yield from answer.iter_lines()


def _proxied(namespace: str, what: str, path: str, verb: str) -> tuple[Asked, str]:
    kind, _, target = what.partition("/")
    return Asked(
        verb, f"{kind}/proxy", target, namespace
    ), f"/api/v1/namespaces/{namespace}/{kind}/{target}/proxy{path}"
