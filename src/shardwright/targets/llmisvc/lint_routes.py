"""Routes that an LLMInferenceService spells out: what the Gateway API's HTTPRoute demands beyond types.

The CRD carries the rules of HTTPRoute (CEL) under spec.router.route.http.spec.
Source: kserve/kserve v0.16.0 to v0.20.0 CRDs (x-kubernetes-validations below rules[]), Gateway API HTTPRoute v1.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from shardwright.core.rules.rule import Breach, Rule
from shardwright.targets.llmisvc import workloads

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shardwright.core.manifests.objects import Context, Object
    from shardwright.core.marked.paths import Path

__all__ = ["RULES"]

_RULES: Path = ("spec", "router", "route", "http", "spec", "rules")
_MOST_MATCHES = 128
_FIELD_OF = {
    "CORS": "cors",
    "RequestHeaderModifier": "requestHeaderModifier",
    "ResponseHeaderModifier": "responseHeaderModifier",
    "RequestMirror": "requestMirror",
    "RequestRedirect": "requestRedirect",
    "URLRewrite": "urlRewrite",
    "ExtensionRef": "extensionRef",
}
_ONCE = ("CORS", "RequestHeaderModifier", "ResponseHeaderModifier", "RequestRedirect", "URLRewrite")
_CHANGES = {"ReplaceFullPath": "replaceFullPath", "ReplacePrefixMatch": "replacePrefixMatch"}
_PARTS = ("//", "/./", "/../", "%2f", "%2F", "#")
_PATH = re.compile(r"([-A-Za-z0-9/._~!$&'()*+,;=:@]|%[0-9a-fA-F]{2})+")


def _items(manifest: Object, path: Path) -> Iterator[Path]:
    for index, each in enumerate(manifest.list_at(*path)):
        if isinstance(each, dict):
            yield (*path, index)


def _is_template(manifest: Object, context: Context) -> bool:
    """Whether paths may be templates still: the CRD of configs leaves these rules out, but for v1alpha1 from 0.17 on."""
    is_config = manifest.kind in workloads.CONFIG
    return is_config and (manifest.api_version.endswith("/v1alpha2") or not workloads.at_release(context, "0.17"))


def _routes(manifest: Object, context: Context) -> Iterator[Breach]:
    matches = 0
    is_template = _is_template(manifest, context)
    for rule in _items(manifest, _RULES):
        matches += len(manifest.list_at(*rule, "matches"))
        if not is_template:
            for match in _items(manifest, (*rule, "matches")):
                yield from _match(manifest, (*match, "path"))
            for each in _items(manifest, (*rule, "filters")):
                yield from _path_type(manifest, (*each, "urlRewrite", "path"))
        yield from _filters(manifest, rule, rule)
        for backend in _items(manifest, (*rule, "backendRefs")):
            yield from _backend(manifest, backend)
            yield from _filters(manifest, backend, rule)
        yield from _redirected(manifest, rule)
    if matches > _MOST_MATCHES:
        yield Breach(_RULES, f"the rules have {matches} matches; at most {_MOST_MATCHES} are allowed")


def _match(manifest: Object, path: Path) -> Iterator[Breach]:
    if not isinstance(manifest.get(*path), dict):
        return
    kind = manifest.text_at(*path, "type") or "PathPrefix"
    value = manifest.get(*path, "value")
    text = value if isinstance(value, str) else "/"
    if kind == "RegularExpression":
        return
    if kind not in {"Exact", "PathPrefix"}:
        yield Breach((*path, "type"), f'"{kind}" is no type of match', kind)
    elif not text.startswith("/"):
        yield Breach((*path, "value"), f'"{text}" does not start with /', text)
    elif any(part in text for part in _PARTS) or text.endswith(("/..", "/.")) or not _PATH.fullmatch(text):
        yield Breach(
            (*path, "value"), f'"{text}" is no plain path: no //, no dots as directories, no # and no %2f', text
        )


def _backend(manifest: Object, path: Path) -> Iterator[Breach]:
    is_service = not manifest.text_at(*path, "group") and (manifest.text_at(*path, "kind") or "Service") == "Service"
    if is_service and manifest.get(*path, "port") is None:
        yield Breach(path, "a Service that is a backend needs its port")


def _filters(manifest: Object, owner: Path, rule: Path) -> Iterator[Breach]:
    at = (*owner, "filters")
    kinds = [manifest.text_at(*each, "type") for each in _items(manifest, at)]
    if "RequestRedirect" in kinds and "URLRewrite" in kinds:
        yield Breach(at, "a request is redirected or rewritten, not both")
    for kind in _ONCE:
        if kinds.count(kind) > 1:
            yield Breach(at, f"{kind} stands {kinds.count(kind)} times; once is allowed", kind)
    for each in _items(manifest, at):
        yield from _filter(manifest, each, rule)


def _filter(manifest: Object, path: Path, rule: Path) -> Iterator[Breach]:
    kind = manifest.text_at(*path, "type")
    for name, field in _FIELD_OF.items():
        if (manifest.get(*path, field) is not None) != (name == kind):
            is_missing = name == kind
            yield Breach(path, f'a filter of type "{kind}" {"needs" if is_missing else "has no"} {field}', kind)
    for field in ("requestRedirect", "urlRewrite"):
        if isinstance(manifest.get(*path, field, "path"), dict):
            yield from _path_change(manifest, (*path, field, "path"), rule)
    if path[:-2] != rule:
        yield from _path_type(manifest, (*path, "urlRewrite", "path"))
    yield from _path_type(manifest, (*path, "requestRedirect", "path"))
    mirror = (*path, "requestMirror")
    if isinstance(manifest.get(*mirror, "backendRef"), dict):
        yield from _backend(manifest, (*mirror, "backendRef"))
    if isinstance(manifest.get(*path, "externalAuth"), dict):
        yield from _asked(manifest, (*path, "externalAuth"))
    if manifest.get(*mirror, "percent") is not None and manifest.get(*mirror, "fraction") is not None:
        yield Breach(mirror, "percent and fraction are both set; one may be")


def _asked(manifest: Object, path: Path) -> Iterator[Breach]:
    """A service that is asked whether a request may pass: by one protocol, whose settings are there."""
    protocol = manifest.text_at(*path, "protocol")
    for name, field in (("GRPC", "grpc"), ("HTTP", "http")):
        is_given = manifest.get(*path, field) is not None
        if is_given != (protocol == name):
            yield Breach(path, f'by "{protocol}" it {"has no" if is_given else "needs"} {field}', protocol)
    if isinstance(manifest.get(*path, "backendRef"), dict):
        yield from _backend(manifest, (*path, "backendRef"))


def _path_type(manifest: Object, path: Path) -> Iterator[Breach]:
    if not isinstance(manifest.get(*path), dict):
        return
    kind = manifest.text_at(*path, "type")
    for name, field in _CHANGES.items():
        if (manifest.get(*path, field) is not None) != (name == kind):
            yield Breach(path, f'a change of type "{kind}" {"needs" if name == kind else "has no"} {field}', kind)


def _path_change(manifest: Object, path: Path, rule: Path) -> Iterator[Breach]:
    kind = manifest.text_at(*path, "type")
    if kind != "ReplacePrefixMatch" or manifest.get(*path, "replacePrefixMatch") is None:
        return
    matches = manifest.list_at(*rule, "matches")
    first = manifest.text_at(*rule, "matches", 0, "path", "type")
    # A rule without matches has the CRD's default, one match of the prefix /; an empty list stays empty.
    if manifest.get(*rule, "matches") is not None and (len(matches) != 1 or first not in {"", "PathPrefix"}):
        yield Breach(path, "a prefix is replaced only where the rule has one match, of type PathPrefix")


def _redirected(manifest: Object, rule: Path) -> Iterator[Breach]:
    backends = manifest.list_at(*rule, "backendRefs")
    for each in _items(manifest, (*rule, "filters")):
        if backends and isinstance(manifest.get(*each, "requestRedirect"), dict):
            yield Breach(each, "a rule that redirects has no backends")


RULES = (
    Rule(
        "kserve.llm-http-route",
        "error",
        workloads.ALL,
        "A route that is spelled out is a sound HTTPRoute.",
        "The CRD carries the Gateway API's own rules.",
        "write it as the documentation of HTTPRoute shows",
        "schema",
        "kserve/kserve v0.16.0 to v0.20.0 CRDs (CEL rules of route.http.spec)",
        _routes,
    ),
)
