"""Differences of an imported recipe become its patches, so that it renders what was imported; what no patch may do is said.

Each difference is one change of a JSON patch (RFC 6902) and is judged alone by the rules of patches: what holds a group
together, devices that the plan rests on, and secrets stay as they are.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, cast

from shardwright.core.manifests.differences import ABSENT
from shardwright.core.recipe.model import Patch, PatchTarget
from shardwright.kubernetes.render import patches as rules
from shardwright.service import import_comparison
from shardwright.values import frozen

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from shardwright.core.plugins import Manifest
    from shardwright.core.recipe import Recipe
    from shardwright.core.recipe.model import Json
    from shardwright.core.rules.finding import Finding
    from shardwright.service.import_comparison import Compared, Told

__all__ = ["Kept", "patches_for", "with_reasons"]

_NOT_RENDERED = "no patch makes a whole object"
_TOO_MUCH = "no patch takes a whole object away"
_SECRET = "it holds a secret in clear text"  # noqa: S105 - a message
_OF_ALL = frozenset({"patch.selector"})
"""Rules that only all patches together can break."""
_MARK = "shardwright.dev/"
_DROPPED = "the API server drops it: it is no field of this kind"


@frozen
class Kept:
    """What became of the differences."""

    patches: list[Json]
    """`target.patches`, one for each object."""
    refused: tuple[Told, ...]
    """Differences that stay, each with its reason."""


def patches_for(compared: Compared) -> Kept:
    """Patches of all differences that patches may take away."""
    if compared.deployment is None:
        return Kept([], compared.differences)
    recipe = compared.deployment.recipe
    kept = _judged(recipe, compared, "")
    broken = next(iter(_objections(recipe, kept.patches, compared.manifests)), None)
    # Alone each change is harmless; together a Service would lose its pods.
    return _judged(recipe, compared, broken.message) if broken else kept


def _judged(recipe: Recipe, compared: Compared, broken: str) -> Kept:
    """Each difference alone; `broken` says what is wrong with changing the labels by which Services find pods."""
    made: dict[tuple[str, str], list[dict[str, Json]]] = {}
    refused: list[Told] = []
    for told in sorted(compared.differences, key=_order):
        key = (told.kind_rendered or told.kind, told.rendered_name)
        manifest = next((each for each in compared.manifests if (each.kind, each.name) == key), None)
        reason = _never(told) or (broken if _MARK in told.difference.path else "")
        steps = [] if reason or manifest is None else _steps(told, manifest)
        if manifest is not None and not reason:
            alone = _objections(recipe, [_patch(*key, steps)] if steps else [], (manifest,))
            reason = next((each.message for each in alone if each.id not in _OF_ALL), "")
        if reason:
            refused.append(dataclasses.replace(told, reason=reason))
        else:
            held = made.setdefault(key, [])
            held += [step for step in steps if not _is_made(step, held)]
    return Kept([_patch(kind, name, steps) for (kind, name), steps in made.items() if steps], tuple(refused))


def with_reasons(differences: Iterable[Told], refused: Iterable[Told]) -> tuple[Told, ...]:
    """Differences that are left, with the reasons that were found for them."""
    reasons = {(told.kind, told.name, told.difference.path): told.reason for told in refused}
    return tuple(
        dataclasses.replace(told, reason=reasons.get((told.kind, told.name, told.difference.path), told.reason))
        for told in differences
    )


def _order(told: Told) -> tuple[int, int]:
    """Changes first, then items that go, the last ones first, then items that come: no step moves another's place."""
    last = told.difference.pointer[-1:] or ("",)
    if last[0] == "-":
        return 2, 0
    if last[0].isdigit() and told.difference.original is ABSENT:
        return 1, -int(last[0])
    return 0, 0


def _never(told: Told) -> str:
    difference = told.difference
    if not difference.path:
        return _NOT_RENDERED if difference.rendered is ABSENT else _TOO_MUCH
    if not difference.pointer:
        return _DROPPED
    return _SECRET if import_comparison.holds_secret(told) else ""


def _steps(told: Told, manifest: Manifest) -> list[dict[str, Json]]:
    """The change as steps of a JSON patch, the mappings that it needs on the way included."""
    difference = told.difference
    pointer, is_there = difference.pointer, _has(manifest.body, difference.pointer)
    if difference.original is ABSENT:
        return [{"op": "remove", "path": _text(pointer)}] if is_there else []
    steps: list[dict[str, Json]] = [
        {"op": "add", "path": _text(pointer[:depth]), "value": [] if pointer[depth] == "-" else {}}
        for depth in range(1, len(pointer))
        if not _has(manifest.body, pointer[:depth])
    ]
    op = "replace" if is_there else "add"
    return [*steps, {"op": op, "path": _text(pointer), "value": difference.original}]


def _has(body: Mapping[str, object], pointer: tuple[str, ...]) -> bool:
    tree: Any = body
    for part in pointer:
        if isinstance(tree, list) and part.isdigit() and int(part) < len(cast("list[Any]", tree)):
            tree = cast("list[Any]", tree)[int(part)]
        elif isinstance(tree, dict) and part in tree:
            tree = cast("dict[str, Any]", tree)[part]
        else:
            return False
    return True


def _text(pointer: tuple[str, ...]) -> str:
    return "".join("/" + part.replace("~", "~0").replace("/", "~1") for part in pointer)


def _is_made(step: dict[str, Json], held: list[dict[str, Json]]) -> bool:
    """Whether a mapping on the way is there already: another difference has made it."""
    return step["op"] == "add" and step["value"] in ({}, []) and any(each["path"] == step["path"] for each in held)


def _patch(kind: str, name: str, steps: list[dict[str, Json]]) -> dict[str, Json]:
    return {"target": {"kind": kind, "name": name}, "patch": steps}


def _objections(recipe: Recipe, patches: list[Json], manifests: Sequence[Manifest]) -> list[Finding]:
    """What the rules of patches say against some."""
    if recipe.target is None:
        return []
    made = tuple(Patch(PatchTarget(each["target"]["kind"], each["target"]["name"]), each["patch"]) for each in patches)
    patched = dataclasses.replace(recipe, target=dataclasses.replace(recipe.target, patches=made))
    return [each for each in rules.findings_of(patched, manifests) if each.severity == "error"]
