"""How a deployment in a cluster is asked, as people and programs need it: addresses, name, key, and lines that work."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from shardwright.kubernetes.live.entrance import Entrance
    from shardwright.kubernetes.live.outside import WayIn
    from shardwright.service.seeing import Subject

__all__ = ["access_of"]

_LOCAL_PORT = 8080


def access_of(subject: Subject, entrance: Entrance, outside: Sequence[WayIn] = (), given: str = "") -> dict[str, Any]:
    """As JSON values; `curl` works inside the cluster, `curlOutside` from elsewhere, `curlForwarded` beside the forward.

    `outside`: the ways in, the first counts. `given`: options by which the cluster is meant, for the command that forwards.
    """
    inside = _inside(subject, entrance)
    way_in = next(iter(outside), None)
    url = way_in.url if way_in else ""
    forwarded = f"{entrance.scheme}://127.0.0.1:{_LOCAL_PORT}"
    key = _key(subject)
    return {
        "service": entrance.service or None,
        "port": entrance.service_port or entrance.pod_port or None,
        "url": inside or None,
        "urlOutside": url or None,
        "wayIn": _way_in(way_in) if way_in else None,
        "basePath": subject.parts.base_path,
        "servedName": subject.served_name,
        "authentication": key or {"kind": "none"},
        "curl": _curl(subject, inside, key, is_own=True) if inside else None,
        "curlOutside": _curl(subject, url, key, is_own=False) if url else None,
        "portForward": f"shardwright port-forward {_named(subject)} -n {subject.namespace}{given}"
        if entrance.pod
        else None,
        "curlForwarded": _curl(subject, forwarded, key, is_own=True) if entrance.pod else None,
    }


def _named(subject: Subject) -> str:
    return subject.name if subject.revision else f"{subject.target}/{subject.name}"


def _inside(subject: Subject, entrance: Entrance) -> str:
    if not entrance.service:
        return ""
    default = 443 if entrance.scheme == "https" else 80
    port = "" if entrance.service_port == default else f":{entrance.service_port}"
    return f"{entrance.scheme}://{entrance.service}.{subject.namespace}.svc{port}"


def _exposed(subject: Subject) -> Mapping[str, Any]:
    return (subject.revision.recipe.get("expose") or {}) if subject.revision else {}


def _way_in(found: WayIn) -> dict[str, Any]:
    return {
        "kind": found.kind,
        "name": found.name,
        "addresses": list(found.addresses),
        "waitsFor": found.waits_for or None,
    }


def _key(subject: Subject) -> dict[str, str]:
    """Whose key requests carry; empty where none is known to be wanted."""
    auth: Mapping[str, Any] = _exposed(subject).get("auth") or {}
    key: Mapping[str, Any] = auth.get("apiKey") or {}
    if key:
        name, part = str(key.get("secret")), str(key.get("key")).replace(".", "\\.")
        shown = f"kubectl get secret {name} -n {subject.namespace} -o jsonpath='{{.data.{part}}}' | base64 -d"
        return {"kind": "key", "secret": name, "key": str(key.get("key")), "command": shown}
    if auth.get("platform"):
        return {"kind": "token", "command": f"kubectl create token default -n {subject.namespace}"}
    return {}


def _curl(subject: Subject, url: str, key: Mapping[str, str], *, is_own: bool) -> str:
    """`is_own`: whoever answers there is the engine itself."""
    body = json.dumps({"model": subject.served_name, "prompt": "Hello", "max_tokens": 8})
    # Inside, and by a forwarded port, an engine's own certificate is of another name.
    insecure = " -k" if url.startswith("https") and is_own else ""
    header = f' -H "Authorization: Bearer $({key["command"]})"' if key else ""
    path = f"{subject.parts.base_path}/completions"
    return f"curl{insecure} {url}{path} -H 'Content-Type: application/json'{header} -d '{body}'"
