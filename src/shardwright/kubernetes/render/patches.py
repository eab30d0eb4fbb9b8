"""The recipe's patches: changes of rendered manifests, applied last, and what a patched manifest must still keep.

A patch that changes nothing, or breaks what holds a group together, is an error: it would be believed to work.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

from shardwright import errors
from shardwright.core.marked import secret_values
from shardwright.core.plugins import Manifest
from shardwright.kubernetes.render import json_patch
from shardwright.kubernetes.render.json_patch import PatchError
from shardwright.kubernetes.rules.findings import error

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from shardwright.core.recipe import Recipe
    from shardwright.core.recipe.model import Patch
    from shardwright.core.rules import Finding

__all__ = ["findings_of", "patched"]


def patched(recipe: Recipe, manifests: Sequence[Manifest]) -> tuple[Manifest, ...]:
    """The manifests with all patches of the recipe; InputError for one that cannot be applied."""
    made = list(manifests)
    for number, patch in enumerate(_patches(recipe)):
        try:
            index = _found(made, patch)
            made[index] = _patched(made[index], patch)
        except PatchError as fault:
            raise errors.InputError(f"target.patches[{number}]: {fault}") from fault
    return tuple(made)


def findings_of(recipe: Recipe, manifests: Sequence[Manifest]) -> Iterator[Finding]:
    """What is wrong with the patches, and with what they make of `manifests`."""
    made = list(manifests)
    for number, patch in enumerate(_patches(recipe)):
        path = f"target.patches[{number}]"
        try:
            index = _found(made, patch)
            after = _patched(made[index], patch)
        except PatchError as fault:
            yield _wrong(
                "patch.not-applicable", path, str(fault), "write kind, name and path as in the rendered manifest"
            )
            continue
        if after.body == made[index].body:
            message = f"it changes nothing of {after.kind} {after.name}"
            yield _wrong(
                "patch.no-effect", path, message, "remove it, or look at the rendered manifest for what it meant"
            )
        yield from _kept(path, made[index], after)
        made[index] = after
    if _patches(recipe):
        yield from _selected(made)


def _patches(recipe: Recipe) -> tuple[Patch, ...]:
    return recipe.target.patches if recipe.target else ()


def _found(manifests: Sequence[Manifest], patch: Patch) -> int:
    """Place of the one manifest that a patch names; PatchError if there is none or are several."""
    kind, name = patch.target.kind, patch.target.name
    places = [
        place for place, made in enumerate(manifests) if made.kind == kind and (name is None or made.name == name)
    ]
    if len(places) == 1:
        return places[0]
    there = ", ".join(f"{made.kind} {made.name}" for made in manifests)
    wanted = f"{kind} {name}" if name else kind
    if places:
        raise PatchError(f"{len(places)} objects are a {wanted}: {there}; give target.name")
    raise PatchError(f"no {wanted} is rendered; there are: {there}")


def _patched(manifest: Manifest, patch: Patch) -> Manifest:
    operations: Any = patch.patch
    body = (
        json_patch.operated(dict(manifest.body), cast("list[object]", operations))
        if isinstance(operations, list)
        else json_patch.merged(dict(manifest.body), operations)
    )
    if not isinstance(body, dict):
        raise PatchError(f"{manifest.kind} {manifest.name} would be no object any more")
    return Manifest(manifest.kind, manifest.name, cast("dict[str, object]", body))


def _kept(path: str, before: Manifest, after: Manifest) -> Iterator[Finding]:
    """What holds a deployment together, and what no manifest of ours may have."""
    if _identity(before) != _identity(after):
        message = f"it changes apiVersion, kind, name or namespace of {before.kind} {before.name}"
        yield _wrong("patch.identity", path, message, "change metadata.name or metadata.namespace of the recipe")
    if _scarce(before.body) != _scarce(after.body):
        message = f"it changes the devices of {before.kind} {before.name}, which the plan rests on"
        yield _wrong("patch.devices", path, message, "change parallelism, hardware or network.rdma of the recipe")
    if _unlinked(after.body) < _unlinked(before.body):
        message = f"it lets Kubernetes put variables of all Services into pods of {after.kind} {after.name}"
        yield _wrong(
            "patch.service-links", path, message, "leave enableServiceLinks: false: a Service named vllm sets VLLM_PORT"
        )
    for pod in _pods(after.body):
        yield from _pod(path, after, pod)


def _pod(path: str, manifest: Manifest, pod: Mapping[str, Any]) -> Iterator[Finding]:
    where = f"{manifest.kind} {manifest.name}"
    for name in ("hostNetwork", "hostPID", "hostIPC"):
        if pod.get(name):
            message = f"it sets {name} on pods of {where}"
            yield _wrong(
                "patch.host", path, message, "remove it; network.rdma and pods.sharedMemory need nothing of the host"
            )
    for container in (*_maps_in(pod.get("initContainers")), *_maps_in(pod.get("containers"))):
        names = [str(entry.get("name")) for entry in _maps_in(container.get("env"))]
        for name, count in Counter(names).items():
            if count > 1:
                message = f"variable {name} is then defined {count} times in {where}"
                yield _wrong("patch.variable-twice", path, message, "replace the entry instead of adding one")
        for entry in _maps_in(container.get("env")):
            if secret_values.has_hub_token(str(entry.get("value", ""))):
                message = f"it writes a token into {where}, where everybody who reads the manifest reads it"
                yield _wrong("patch.literal-token", path, message, "use valueFrom.secretKeyRef, or model.token")


def _selected(manifests: Sequence[Manifest]) -> Iterator[Finding]:
    """A Service still finds pods of the deployment by the labels that we give them."""
    labels = [_labels(template) for made in manifests for template in _templates(made.body)]
    for made in manifests:
        selector = _map(_map(made.body.get("spec")).get("selector")) if made.kind == "Service" else {}
        ours = {name: value for name, value in selector.items() if name.startswith("shardwright.dev/")}
        if ours and not any(ours.items() <= found.items() for found in labels):
            text = ", ".join(f"{name}={value}" for name, value in ours.items())
            message = f"no pods have the labels by which Service {made.name} finds them ({text})"
            yield _wrong("patch.selector", "target.patches", message, "leave these labels as they are")


def _identity(manifest: Manifest) -> tuple[object, ...]:
    body = cast("dict[str, Any]", manifest.body)
    head = _map(body.get("metadata"))
    return body.get("apiVersion"), body.get("kind"), head.get("name"), head.get("namespace")


def _scarce(body: object) -> list[tuple[str, str]]:
    """Limits on extended resources (GPUs, RDMA devices), wherever a container's resources stand, in order."""
    found: list[tuple[str, str]] = []
    for part in _maps(body):
        limits = _map(_map(part.get("resources")).get("limits"))
        found += [(name, str(limits[name])) for name in sorted(limits) if "/" in name]
    return found


def _unlinked(body: object) -> int:
    """Pods that get no variables of Services."""
    return sum(1 for pod in _pods(body) if pod.get("enableServiceLinks") is False)


def _pods(body: object) -> Iterator[Mapping[str, Any]]:
    """Every pod's own fields, in a template or among those of a platform's kind."""
    for part in _maps(body):
        if isinstance(part.get("containers"), list) or "enableServiceLinks" in part:
            yield part


def _maps(tree: object) -> Iterator[Mapping[str, Any]]:
    """Every mapping in a tree, the outer ones first."""
    if isinstance(tree, list):
        for part in cast("list[object]", tree):
            yield from _maps(part)
    elif isinstance(tree, Mapping):
        mapping = cast("Mapping[str, Any]", tree)
        yield mapping
        for part in mapping.values():
            yield from _maps(part)


def _templates(tree: object) -> Iterator[Mapping[str, Any]]:
    """Every pod template in a manifest, wherever it stands."""
    if isinstance(tree, list):
        for part in cast("list[object]", tree):
            yield from _templates(part)
    elif isinstance(tree, Mapping):
        mapping = cast("Mapping[str, Any]", tree)
        spec = mapping.get("spec")
        if isinstance(spec, Mapping) and "containers" in spec:
            yield mapping
            return
        for part in mapping.values():
            yield from _templates(part)


def _labels(template: Mapping[str, Any]) -> dict[str, Any]:
    return _map(_map(template.get("metadata")).get("labels"))


def _map(value: object) -> dict[str, Any]:
    """A mapping; a patch may have put anything in its place."""
    return dict(cast("Mapping[str, Any]", value)) if isinstance(value, Mapping) else {}


def _maps_in(value: object) -> list[dict[str, Any]]:
    """The mappings of a list."""
    return [_map(each) for each in cast("list[object]", value)] if isinstance(value, list) else []


def _wrong(identifier: str, path: str, message: str, fix: str) -> Finding:
    return error(identifier, path=path, message=message, fix=fix)
