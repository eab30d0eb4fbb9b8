"""A Helm chart of one deployment: the rendered objects with three values, namespace, replicas and image.

More values would let a release leave its plan: memory, layout and flags belong together, so they stand as they were
planned. What looks like a template in an object (a chat template, say) is written so that Helm passes it on.
Source: Helm 3.16 and 4.0, charts of apiVersion v2.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from shardwright import errors
from shardwright.core.marked import writing
from shardwright.formats import sync_waves, texts
from shardwright.formats.texts import File
from shardwright.kubernetes.render import labels
from shardwright.values import frozen

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from shardwright.core.plugins import Manifest

__all__ = ["helm_files"]

_ONCE = frozenset({"Job", "RayJob"})
"""Kinds that cannot be changed once they are there: a value must not reach into them."""
_SLOTS = {
    "namespace": ("shardwright-slot-namespace", "{{ .Values.namespace | quote }}"),
    "replicas": ("shardwright-slot-replicas", "{{ .Values.replicas | int }}"),
    "image": ("shardwright-slot-image", "{{ .Values.image | quote }}"),
}
"""Value -> what stands for it until the text is made, and the template that replaces it."""
_COMMENTS = {
    "namespace": "Namespace of all objects.",
    "replicas": "Groups of the same kind.",
    "image": "The engine's image, of the version that the recipe names. A Job that fetches the model keeps the recipe's.",
}


@frozen
class _Values:
    """What a chart leaves open, as rendered; None where no object has it."""

    namespace: str
    replicas: int | None
    image: str | None


def helm_files(manifests: Sequence[Manifest]) -> tuple[File, ...]:
    """Chart.yaml, values.yaml and one template an object; InputError for objects of several deployments."""
    owners = sorted(texts.owners_of(manifests))
    if len(owners) != 1:
        raise errors.InputError(
            f"a chart holds one deployment; {len(owners)} were rendered: {', '.join(owners)}",
            hint="render each recipe into a folder of its own, or use -o kustomize",
        )
    namespace, _, name = owners[0].partition("/")
    values = _Values(namespace, _replicas(manifests), _image(manifests))
    texts.refuse_twins(manifests)
    mark = texts.mark_of(manifests)
    bodies = (_with_slots(manifest, values) for manifest in sync_waves.with_waves(manifests))
    return (
        File("Chart.yaml", f"{mark}\n{writing.as_yaml(_chart(name, manifests[-1]))}"),
        File("values.yaml", f"{mark}\n{_values_text(values)}"),
        *(
            File(f"templates/{place}", f"{mark}\n{_templated(writing.as_yaml(body))}")
            for place, body in zip(texts.file_names(manifests), bodies, strict=True)
        ),
    )


def _chart(name: str, manifest: Manifest) -> dict[str, object]:
    """A version for each recipe, as tools that compare versions need it; behind a dash, because `+` is no tag of images."""
    head = cast("Mapping[str, Any]", manifest.body.get("metadata") or {})
    marks: dict[str, str] = head.get("labels") or {}
    digest = labels.digest_of(manifest).removeprefix("sha256:")[:12]
    return {
        "apiVersion": "v2",
        "name": name,
        "description": f"{name}, rendered by Shardwright",
        "type": "application",
        "version": f"0.1.0-r{digest}" if digest else "0.1.0",
        "appVersion": marks.get("app.kubernetes.io/version", ""),
    }


def _values_text(values: _Values) -> str:
    given = {"namespace": values.namespace, "replicas": values.replicas, "image": values.image}
    parts = (
        f"# {_COMMENTS[key]}\n{writing.as_yaml({key: value})}" for key, value in given.items() if value is not None
    )
    return "".join(parts)


def _replicas(manifests: Sequence[Manifest]) -> int | None:
    for manifest in manifests:
        count = cast("Mapping[str, object]", manifest.body.get("spec") or {}).get("replicas")
        if isinstance(count, int) and manifest.kind not in _ONCE:
            return count
    return None


def _image(manifests: Sequence[Manifest]) -> str | None:
    """The image of the first container that serves."""
    found = (image for manifest in manifests if manifest.kind not in _ONCE for image in _images(manifest.body))
    return next(found, None)


def _images(tree: object) -> Iterator[str]:
    if isinstance(tree, list):
        for part in cast("list[object]", tree):
            yield from _images(part)
    elif isinstance(tree, dict):
        mapping = cast("dict[str, object]", tree)
        for container in cast("list[dict[str, object]]", mapping.get("containers") or []):
            image = container.get("image")
            if isinstance(image, str):
                yield image
        for part in mapping.values():
            yield from _images(part)


def _with_slots(manifest: Manifest, values: _Values) -> dict[str, Any]:
    body = cast("dict[str, Any]", manifest.body)
    if manifest.kind not in _ONCE:
        body = cast("dict[str, Any]", _with_image(body, values.image))
        spec: dict[str, Any] = body.get("spec") or {}
        if values.replicas is not None and isinstance(spec.get("replicas"), int):
            body = {**body, "spec": {**spec, "replicas": _SLOTS["replicas"][0]}}
    head: dict[str, Any] = body["metadata"]
    return {**body, "metadata": {**head, "namespace": _SLOTS["namespace"][0]}} if "namespace" in head else body


def _with_image(tree: object, image: str | None) -> object:
    if isinstance(tree, list):
        return [_with_image(part, image) for part in cast("list[object]", tree)]
    if isinstance(tree, dict):
        mapping = cast("dict[str, object]", tree)
        return {
            key: _SLOTS["image"][0] if key == "image" and value == image else _with_image(value, image)
            for key, value in mapping.items()
        }
    return tree


def _templated(text: str) -> str:
    made = text.replace("{{", '{{ "{{" }}')
    for slot, template in _SLOTS.values():
        made = made.replace(slot, template)
    return made
