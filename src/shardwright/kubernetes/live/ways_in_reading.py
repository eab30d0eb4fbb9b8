"""What objects that let requests in from outside need: Gateways, classes of Ingresses, certificates. Pure.

Source: Gateway API 1.3 (HTTPRoute), Kubernetes 1.36 (Ingress), OpenShift 4.20 (Route), KServe 0.20 (LLMInferenceService).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shardwright.core.lifecycle.bodies import text_at
from shardwright.core.preflight import trees
from shardwright.core.preflight.needs import CertificateNeed, RouteNeed

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["certificates_of", "classes_of", "routes_of"]

_OLD_CLASS = "kubernetes.io/ingress.class"
_ISSUERS = ("cert-manager.io/", "kubernetes.io/tls-acme")
"""How annotations begin by which a Secret with the certificate is made once an Ingress names it."""


def routes_of(body: Mapping[str, Any]) -> Iterator[RouteNeed]:
    """At which Gateways an object has a route, or has one made."""
    kind, own, spec = text_at(body, "kind"), text_at(body, "metadata", "namespace"), trees.part(body, "spec")
    if kind == "HTTPRoute":
        named, hosts = trees.items(spec, "parentRefs"), trees.texts(spec, "hostnames")
        named = [each for each in named if each.get("kind") in {None, "Gateway"}]
    elif kind == "LLMInferenceService":
        named = trees.items(trees.part(spec, "router", "gateway"), "refs")
        hosts = trees.texts(trees.part(spec, "router", "route", "http", "spec"), "hostnames")
    else:
        return
    for each in named:
        gateway = (str(each.get("namespace") or own), str(each.get("name")))
        yield RouteNeed(gateway, tuple(hosts), str(each.get("sectionName") or ""))


def classes_of(body: Mapping[str, Any]) -> Iterator[str]:
    """The class of an Ingress; empty: it leaves it to the cluster. None where an annotation names it in the old way."""
    annotations = trees.part(body, "metadata", "annotations")
    if text_at(body, "kind") == "Ingress" and _OLD_CLASS not in annotations:
        yield text_at(body, "spec", "ingressClassName")


def certificates_of(body: Mapping[str, Any]) -> Iterator[CertificateNeed]:
    """Secrets with certificates that a way in names."""
    kind, spec = text_at(body, "kind"), trees.part(body, "spec")
    if kind == "Ingress":
        annotations = trees.part(body, "metadata", "annotations")
        is_made = any(str(key).startswith(_ISSUERS) for key in annotations)
        names = [str(each.get("secretName") or "") for each in trees.items(spec, "tls")]
        yield from (CertificateNeed(name, kind, is_made) for name in names if name)
    if kind == "Route":
        name = str(trees.part(spec, "tls", "externalCertificate").get("name") or "")
        yield from (CertificateNeed(name, kind),) if name else ()
