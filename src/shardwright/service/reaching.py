"""Use case: a way to ask a deployment: through the API server's proxy, straight to an address, or by a forwarded port.

The API server keeps the Authorization header for itself, so what wants a key is asked by a forwarded port.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Protocol, cast

from shardwright import errors
from shardwright.values import frozen

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from shardwright.kubernetes.client import Client
    from shardwright.kubernetes.live.entrance import Entrance
    from shardwright.kubernetes.live.outside import WayIn
    from shardwright.service.seeing import Subject

__all__ = ["Answer", "Direct", "ThroughServer", "Way", "entrance_of", "outside_of", "refused"]

_CONNECT_SECONDS = 10.0


@frozen
class Answer:
    """What came back."""

    status: int
    text: str

    @property
    def tree(self) -> Mapping[str, Any]:
        """As JSON; empty where it is none."""
        try:
            found: Any = json.loads(self.text)
        except ValueError:
            return {}
        return found if isinstance(found, dict) else {}  # pyright: ignore[reportUnknownVariableType] - JSON


class Way(Protocol):
    """How requests get to the engine."""

    def ask(self, path: str, body: Mapping[str, object] | None = None, *, seconds: float = 300.0) -> Answer:
        """One request, POST if there is a body; the engine's own answer, whatever its status.

        TemporaryError if it cannot be reached now.
        """
        ...

    def lines(self, path: str, body: Mapping[str, object], *, seconds: float = 300.0) -> Iterator[str]:
        """The lines of a streamed answer as they come; TargetError if it is none."""
        ...


class ThroughServer:
    """By the API server's proxy, to `services/NAME:PORT` or `pods/NAME:PORT`."""

    def __init__(self, client: Client, namespace: str, what: str) -> None:
        self._client, self._namespace, self._what = client, namespace, what

    def ask(self, path: str, body: Mapping[str, object] | None = None, *, seconds: float = 300.0) -> Answer:
        """One request."""
        from shardwright.kubernetes.client import streams  # noqa: PLC0415 - see clusters

        answer = streams.request_through(self._client, self._namespace, self._what, path, body, timeout_seconds=seconds)
        return Answer(answer.status_code, answer.text)

    def lines(self, path: str, body: Mapping[str, object], *, seconds: float = 300.0) -> Iterator[str]:
        """A streamed answer."""
        from shardwright.kubernetes.client import streams  # noqa: PLC0415 - see clusters

        return streams.lines_through(self._client, self._namespace, self._what, path, body, read_seconds=seconds)


class Direct:
    """By an address that this machine reaches, with a key if there is one."""

    def __init__(self, url: str, key: str = "") -> None:
        self._url = url
        self._headers = {"Authorization": f"Bearer {key}"} if key else {}

    def ask(self, path: str, body: Mapping[str, object] | None = None, *, seconds: float = 300.0) -> Answer:
        """One request."""
        import httpx2  # noqa: PLC0415 - slow to import

        timeout = httpx2.Timeout(_CONNECT_SECONDS, read=seconds)
        method = "GET" if body is None else "POST"
        try:
            with self._client(timeout) as client:
                answer = client.request(method, path, json=body)
        except httpx2.TransportError as problem:
            raise self._unreached(problem) from problem
        return Answer(answer.status_code, answer.text)

    def lines(self, path: str, body: Mapping[str, object], *, seconds: float = 300.0) -> Iterator[str]:
        """A streamed answer."""
        import httpx2  # noqa: PLC0415 - slow to import

        timeout = httpx2.Timeout(_CONNECT_SECONDS, read=seconds)
        try:
            with self._client(timeout) as client, client.stream("POST", path, json=body) as answer:
                if not answer.is_success:
                    answer.read()
                    raise refused(Answer(answer.status_code, answer.text), path)
                yield from answer.iter_lines()
        except httpx2.TransportError as problem:
            raise self._unreached(problem) from problem

    def _client(self, timeout: object) -> Any:  # noqa: ANN401 - a client of the library, imported late
        import httpx2  # noqa: PLC0415 - slow to import

        # A forwarded port of an engine that encrypts has a certificate of another name.
        is_checked = self._url.startswith("https://") and not self._url.startswith("https://127.0.0.1:")
        return httpx2.Client(
            base_url=self._url,
            headers=self._headers,
            timeout=timeout,  # pyright: ignore[reportArgumentType] - the library's own
            trust_env=False,
            verify=is_checked,
        )

    def _unreached(self, problem: Exception) -> errors.TemporaryError:
        return errors.TemporaryError(f"{self._url} cannot be reached: {problem}", retry_after_seconds=1)


def refused(answer: Answer, path: str) -> errors.ShardwrightError:
    """The error for an answer of the engine that is no success."""
    tree = dict(answer.tree)
    inner: Any = tree.get("error")
    said = tree.get("message") or (cast("dict[str, Any]", inner).get("message") if isinstance(inner, dict) else inner)
    told = str(said or answer.text)[:500]
    if answer.status in {401, 403}:
        return errors.AccessError(
            f"{path}: {answer.status}: {told or 'a key is wanted'}",
            hint="--key-from VARIABLE names an environment variable that holds the key; the one sent, if any, is not accepted",
        )
    return errors.TargetError(f"{path}: the engine answered {answer.status}: {told}")


def outside_of(client: Client, subject: Subject) -> tuple[WayIn, ...]:
    """What leads to the subject from outside, as it is now; of an object of others only what it says of itself."""
    from shardwright.kubernetes.live import outside  # noqa: PLC0415 - see clusters

    root = subject.parts.root
    own = {"apiVersion": root.api_version, "kind": root.kind, "metadata": {"name": root.name}}
    manifests = subject.revision.manifests if subject.revision else (own,)
    found = outside.ways_in(client, manifests, subject.namespace)
    # A platform that was told to make none has no URL, and that is no trouble.
    return tuple(each for each in found if each.url or each.kind not in outside.PLATFORM_KINDS)


def entrance_of(client: Client, subject: Subject) -> Entrance:
    """Where the subject is asked, as its Services and pods are now; by its pods alone where Services may not be read."""
    from shardwright.kubernetes.live import entrance, observing, seen  # noqa: PLC0415 - see clusters

    pods = observing.pods_of(client, subject.namespace, subject.parts)
    members = [each for each in seen.members_of(pods, subject.parts) if each.index == 0 and each.state != "ending"]
    names = {each.name for each in members}
    ready = next((each.name for each in members if each.state == "ready"), "")
    leaders = [pod for pod in pods if pod.metadata.name in names]
    try:
        services = observing.services_of(client, subject.namespace)
    except errors.AccessError:
        services = []
    return entrance.entrance_of(subject.parts, services, leaders, preferred=ready)
