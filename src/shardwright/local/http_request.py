"""One HTTP request to a served model: JSON in, JSON or text out. Goes straight to the address, past any proxy."""

from __future__ import annotations

import http.client
import json
from collections.abc import Mapping
from typing import cast

from shardwright import errors

__all__ = ["request"]

_SHOWN = 400


def request(
    address: str, port: int, path: str, body: Mapping[str, object] | None, timeout_seconds: float
) -> Mapping[str, object]:
    """The answer as JSON; `{"text": ...}` if it is none. POST if there is a body.

    TargetError if there is no answer or its status is not 2xx.
    """
    place = f"http://{address}:{port}{path}"
    connection = http.client.HTTPConnection(address, port, timeout=timeout_seconds)
    try:
        content = None if body is None else json.dumps(body).encode()
        headers = {"Accept": "*/*", "Connection": "close"} | (
            {} if body is None else {"Content-Type": "application/json"}
        )
        connection.request("GET" if body is None else "POST", path, content, headers)
        answer = connection.getresponse()
        text = answer.read().decode(errors="replace")
    except TimeoutError as problem:
        raise errors.TargetError(
            f"{place}: no answer in {timeout_seconds:.0f} s", hint="see its logs: shardwright logs"
        ) from problem
    except (OSError, http.client.HTTPException) as problem:
        raise errors.TargetError(f"{place}: {problem}", hint="see its logs: shardwright logs") from problem
    finally:
        connection.close()
    if not 200 <= answer.status < 300:
        raise errors.TargetError(f"{place}: answered {answer.status} {answer.reason}: {text[:_SHOWN]}")
    try:
        parsed = cast("object", json.loads(text))
    except ValueError:
        return {"text": text}
    return cast("Mapping[str, object]", parsed) if isinstance(parsed, Mapping) else {"text": text}
