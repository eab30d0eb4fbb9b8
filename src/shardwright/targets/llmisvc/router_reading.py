"""The router of an LLMInferenceService as a recipe has it: the gateway as a way in, or the platform's own by an option."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from shardwright.core.importing import Fields
    from shardwright.core.manifests.objects import Object

__all__ = ["expose_of", "options_of"]

_ROUTER = ("spec", "router")


def expose_of(whole: Object) -> Fields:
    """`expose.*` of a router that joins a named Gateway; empty for any other."""
    first = next(iter(whole.list_at(*_ROUTER, "gateway", "refs")), None)
    if not isinstance(first, dict) or not first.get("name"):
        return {}
    hosts = [each for each in whole.list_at(*_ROUTER, "route", "http", "spec", "hostnames") if isinstance(each, str)]
    namespace = str(first.get("namespace") or whole.namespace)
    gateway = f"{namespace}/{first['name']}" if namespace else str(first["name"])
    return {"expose.kind": "gateway", "expose.gateway": gateway, "expose.host": hosts[0] if hosts else None}


def options_of(whole: Object) -> Fields:
    """`router` for the platform's own Gateway, `scheduler` where it is not what the number of replicas decides."""
    if not isinstance(whole.get(*_ROUTER), dict):
        return {}
    asked: Fields = {} if expose_of(whole) else {"router": "platform"}
    has_scheduler = isinstance(whole.get(*_ROUTER, "scheduler"), dict)
    is_default = (whole.number_at("spec", "replicas") or 1) > 1
    return asked if has_scheduler == is_default else {**asked, "scheduler": has_scheduler}
