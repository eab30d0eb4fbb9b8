"""Who else keeps an object as it is written elsewhere: Argo CD or Flux, by what they write on it; pure.

What is written or deleted behind their back, they would undo, so such an object is only read. Sources: Argo CD 3.1,
docs/user-guide/resource_tracking; Flux 2.6, kustomize-controller and helm-controller (labels and field managers).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, cast

from shardwright.core.lifecycle.bodies import map_at, text_at, value_at

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["keeper_of", "managers_of"]

_ARGO_ID = "argocd.argoproj.io/tracking-id"
_ARGO_NAME = "argocd.argoproj.io/instance"
_FLUX = {"kustomize.toolkit.fluxcd.io": "Kustomization", "helm.toolkit.fluxcd.io": "HelmRelease"}
_MANAGERS = {
    "argocd-controller": "Argo CD",
    "argocd-application-controller": "Argo CD",
    "kustomize-controller": "Flux",
    "helm-controller": "Flux",
}
_TRACKED = re.compile(r"(?P<app>[^:]*):(?P<group>[^/:]*)/(?P<kind>[^:]*):(?P<namespace>[^/]*)/(?P<name>.*)")


def keeper_of(live: Mapping[str, object]) -> str:
    """Who keeps the object, with the name of what does there: `Argo CD (application models)`; empty if nobody is known to."""
    return next(_keepers(live), "")


def _keepers(live: Mapping[str, object]) -> Iterator[str]:
    labels, annotations = map_at(live, "metadata", "labels"), map_at(live, "metadata", "annotations")
    tracked = annotations.get(_ARGO_ID)
    if isinstance(tracked, str) and not _is_of_another(tracked, live):
        yield f"Argo CD (application {tracked.partition(':')[0]})"
    for named in (labels.get(_ARGO_NAME), annotations.get(_ARGO_NAME)):
        if named is not None:
            yield f"Argo CD (application {named})"
    for group, kind in _FLUX.items():
        name = labels.get(f"{group}/name")
        if name is not None:
            yield f"Flux ({kind} {labels.get(f'{group}/namespace', '')}/{name})".replace(" /", " ")
    for manager in managers_of(live):
        if manager in _MANAGERS:
            yield f"{_MANAGERS[manager]} (field manager {manager})"


def _is_of_another(tracked: str, live: Mapping[str, object]) -> bool:
    """Whether a tracking id was copied from another object: operators hand annotations on to what they make."""
    found = _TRACKED.fullmatch(tracked)
    if found is None:
        return False
    kind = text_at(live, "kind")
    is_other_kind = kind not in {"", "PartialObjectMetadata", found["kind"]}
    return is_other_kind or found["name"] != text_at(live, "metadata", "name")


def managers_of(live: Mapping[str, object]) -> Iterator[str]:
    """Field managers of an object; those that write its status alone are left out."""
    entries = value_at(live, "metadata", "managedFields")
    for entry in cast("list[object]", entries) if isinstance(entries, list) else ():
        found = cast("dict[str, object]", entry) if isinstance(entry, dict) else {}
        if not found.get("subresource"):
            yield str(found.get("manager", ""))
