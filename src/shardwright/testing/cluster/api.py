"""A small client of a Kubernetes API, for tests: objects as JSON trees, one connection, the token of the administrator.

Not for the product, which has one of its own. Asks the server which path a kind has, each time anew: definitions come
and go in tests.
"""

from __future__ import annotations

import json
import ssl
import time
from typing import TYPE_CHECKING, Any, Self, TypeAlias, cast

import httpx2

from shardwright import errors

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path
    from types import TracebackType

__all__ = ["Api", "Connection", "Tree"]

Tree: TypeAlias = dict[str, Any]

_TIMEOUT_SECONDS = 30.0
_NOT_FOUND, _CONFLICT, _BUSY = 404, 409, 429
_BUSY_SECONDS = 30.0
"""How long a request is repeated that the server asks to repeat, as it does while it prepares a new kind's storage."""
_PAUSE_SECONDS = 0.05


class Connection:
    """Sends requests as the administrator, repeats those that the server is too busy for, names refusals."""

    def __init__(self, url: str, token: str, authority: Path) -> None:
        self.client = httpx2.Client(
            base_url=url,
            headers={"Authorization": f"Bearer {token}"},
            verify=ssl.create_default_context(cafile=str(authority)),
            timeout=_TIMEOUT_SECONDS,
            trust_env=False,
        )

    def is_ready(self) -> bool:
        """Whether the server answers and says that it is ready."""
        try:
            return self.client.get("/readyz").is_success
        except httpx2.TransportError:
            return False

    def text(self, path: str) -> str:
        """What is at a path that holds no object: a container's log, a page behind the server's proxy."""
        return self.send("GET", path, {}).text

    def ask(self, method: str, path: str, parameters: Mapping[str, str | int], **content: Any) -> Tree:  # noqa: ANN401 - as httpx takes it
        """As `send`, for what answers with an object."""
        return self.send(method, path, parameters, **content).json()

    def send(self, method: str, path: str, parameters: Mapping[str, str | int], **content: Any) -> httpx2.Response:  # noqa: ANN401 - as httpx takes it
        """The answer; NotFound, Conflict or TargetError with what the server said."""
        try:
            answer = self._answer(method, path, dict(parameters), content)
        except httpx2.TransportError as problem:
            raise errors.TargetError(f"{method} {path}: {problem}") from problem
        if answer.is_success:
            return answer
        said = answer.json().get("message", "") if "json" in answer.headers.get("Content-Type", "") else answer.text
        message = f"{method} {path}: {answer.status_code}: {said}"
        if answer.status_code == _NOT_FOUND:
            raise errors.NotFound(message)
        if answer.status_code == _CONFLICT:
            raise errors.Conflict(message)
        raise errors.TargetError(message)

    def _answer(self, method: str, path: str, parameters: Mapping[str, str | int], content: Tree) -> httpx2.Response:
        """What the server says once it is not too busy to say it."""
        deadline = time.monotonic() + _BUSY_SECONDS
        while True:
            answer = self.client.request(method, path, params=parameters, **content)
            if answer.status_code != _BUSY or time.monotonic() > deadline:
                return answer
            time.sleep(_PAUSE_SECONDS)


class Api:
    """A connection to one API server, to be used in a `with` block."""

    def __init__(self, url: str, token: str, authority: Path) -> None:
        self.connection = Connection(url, token, authority)
        """For requests that have no name here."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.connection.client.close()

    def get(self, path: str, **parameters: str | int) -> Tree:
        """What is at a path, as `/api/v1/namespaces/default`; NotFound if nothing is."""
        return self.connection.ask("GET", path, parameters)

    def has(self, path: str) -> bool:
        """Whether something is at a path."""
        try:
            self.get(path)
        except errors.NotFound:
            return False
        return True

    def create(self, body: Mapping[str, object], *, dry_run: bool = False) -> Tree:
        """Create an object and return it as the server completed it.

        Unknown fields, and fields that are there twice, are refused as well. With `dry_run` all is done but storing.
        """
        parameters = {"fieldValidation": "Strict"} | ({"dryRun": "All"} if dry_run else {})
        return self.connection.ask("POST", self.path_of(body), parameters, json=body)

    def create_text(self, path: str, text: str) -> Tree:
        """Create the object that a YAML text holds; the server reads it, ten times faster than Python."""
        headers = {"Content-Type": "application/yaml"}
        return self.connection.ask("POST", path, {}, content=text.encode(), headers=headers)

    def apply(self, body: Mapping[str, object], *, manager: str = "test") -> Tree:
        """Apply an object as the server merges it; fields that another manager owns are taken over."""
        path = f"{self.path_of(body)}/{cast('Tree', body['metadata'])['name']}"
        headers = {"Content-Type": "application/apply-patch+yaml"}  # JSON is YAML too
        parameters = {"fieldManager": manager, "force": "true", "fieldValidation": "Strict"}
        return self.connection.ask("PATCH", path, parameters, content=json.dumps(body).encode(), headers=headers)

    def patch(self, path: str, operations: Sequence[Mapping[str, object]]) -> Tree:
        """Change an object, or its `/status`, by operations of JSON Patch (RFC 6902)."""
        headers = {"Content-Type": "application/json-patch+json"}
        return self.connection.ask("PATCH", path, {}, content=json.dumps(operations).encode(), headers=headers)

    def items(self, path: str, **parameters: str) -> list[Tree]:
        """Objects of a collection; parameters as the server has them, `labelSelector` for one."""
        return self.get(path, **parameters)["items"]

    def delete(self, path: str, *, policy: str = "Background") -> None:
        """Ask for an object to be deleted; it may stay for a while. `policy`: Background, Foreground or Orphan."""
        self.connection.ask("DELETE", path, {"propagationPolicy": policy})

    def path_of(self, body: Mapping[str, object]) -> str:
        """Where objects of its kind are created; NotFound if the server does not know the kind."""
        version, kind = str(body["apiVersion"]), str(body["kind"])
        group = f"/apis/{version}" if "/" in version else f"/api/{version}"
        for entry in self.get(group)["resources"]:
            if entry["kind"] == kind and "/" not in entry["name"]:
                inside = f"/namespaces/{_namespace_of(body)}" if entry["namespaced"] else ""
                return f"{group}{inside}/{entry['name']}"
        raise errors.NotFound(f"the server has no kind {kind} in {version}")


def _namespace_of(body: Mapping[str, object]) -> str:
    return cast("Tree", body["metadata"]).get("namespace", "default")
