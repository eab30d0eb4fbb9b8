"""Use case: manifests from anywhere become a recipe, and every difference between them and what it renders is listed.

Readers of platforms make the recipe (`core/importing`); here it is read by the recipe's own rules, planned and rendered for
the same platform, and compared with the objects it was made of (`import_comparison`). Where it cannot be planned the recipe is given
all the same, with the reason why nothing was compared.
"""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from shardwright import errors, registry
from shardwright.core import importing
from shardwright.core.importing import Surroundings, note
from shardwright.core.manifests import templates
from shardwright.core.marked import secret_values
from shardwright.core.marked.paths import split_path
from shardwright.core.marked.tree import ListNode
from shardwright.core.recipe import canonical
from shardwright.core.recipe.model import API_VERSION
from shardwright.service import blueprints, import_comparison, linting, recipes
from shardwright.values import frozen

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from shardwright.core.importing import Command, Imported, Reader, Started
    from shardwright.core.manifests.objects import Object
    from shardwright.core.marked.tree import Mark
    from shardwright.core.recipe.model import Json
    from shardwright.core.rules.finding import Finding
    from shardwright.service.import_comparison import Told
    from shardwright.service.recipes import LoadedRecipe
    from shardwright.settings import HubSettings

__all__ = ["ImportResult", "Wish", "import_manifests", "write"]

_MOST_REFUSALS = 5
"""Rounds in which fields that a recipe refuses are left out; each round meets all of them that stand."""
_MOST_NAMES = 20
"""Deployments that a message lists."""
_NOT_A_LABEL = re.compile(r"[^a-z0-9]+")


@frozen
class Wish:
    """What is said besides the manifests."""

    name: str = ""
    """Of the object that stands for the deployment, where there are several."""
    model: str = ""
    """Where the model's shape is read: a directory, `hf://OWNER/NAME` or a name of the catalogue."""
    gpu: str = ""
    target_version: str = ""
    keeps_differences: bool = False
    """Whether differences become patches of the recipe."""


@frozen
class ImportResult:
    """A recipe and what became of the manifests."""

    document: dict[str, Json]
    platform: str
    version: str
    differences: tuple[Told, ...]
    findings: tuple[Finding, ...]
    is_compared: bool


def import_manifests(
    paths: Sequence[str], wish: Wish, settings: HubSettings, stdin: BinaryIO | None = None
) -> ImportResult:
    """The recipe of manifests; InputError where none of them is a deployment that is known, or several are."""
    if not paths:
        raise errors.InputError("no manifest was named", hint="name a file, a folder or - for standard input")
    readings = linting.read_all(paths, stdin)
    objects = tuple(each for found in readings for each in found.objects)
    wrong = tuple(each for found in readings for each in found.findings if each.severity == "error")
    if any(blueprints.is_blueprint(each) for each in objects):
        return _of_blueprints(objects, wish, settings)
    refused_objects: list[errors.InputError] = []
    candidates = list(_candidates(objects, wish, refused_objects))
    if refused_objects and not any(wish.name in {"", each.objects[0].name} for _, each in candidates):
        raise refused_objects[0]
    platform, imported = _chosen(candidates, wish, objects, wrong)
    version = wish.target_version or registry.load_target(platform).versions[-1]
    loaded, document, refused = _read(_document(imported, platform, wish), imported)
    compared = import_comparison.compare(loaded, imported.objects, settings)
    if wish.keeps_differences and compared.is_done:
        loaded, document, compared = _with_patches(document, loaded, imported, compared, settings)
    said = (each for each in imported.findings if not (wish.gpu and each.id == "import.gpu-unknown"))
    findings = (*wrong, *said, *refused, *compared.findings, *_left(objects, imported))
    said_once = tuple(dict.fromkeys(_without_tokens(each) for each in findings))
    return ImportResult(document, platform, version, compared.differences, said_once, compared.is_done)


def _without_tokens(finding: Finding) -> Finding:
    """Names of objects and fields stand in messages, and a token may stand in the place of any name."""
    return dataclasses.replace(
        finding,
        message=secret_values.without_tokens(finding.message),
        fix=secret_values.without_tokens(finding.fix),
        path=secret_values.without_tokens(finding.path),
        value=secret_values.without_tokens(finding.value),
    )


def _of_blueprints(objects: tuple[Object, ...], wish: Wish, settings: HubSettings) -> ImportResult:
    """The recipe of a blueprint, which is compared with the blueprint that its plan is written as."""
    sets = [f"model.shape={wish.model}"] if wish.model else []
    sets += [f"hardware.gpu={wish.gpu}", "hardware.nodeShape=null"] if wish.gpu else []
    sets += [f"target.version={wish.target_version}"] if wish.target_version else []
    found = blueprints.recipes_of(objects, sets)
    names = [each.recipe.metadata.name for each in found]
    named = [each for each in found if wish.name in {"", each.recipe.metadata.name}]
    if len(named) != 1:
        there = f"there are {len(found)} deployments: {', '.join(names)}"
        raise errors.InputError(there, hint="choose one: --name NAME")
    recipe = named[0].recipe
    told: tuple[Told, ...] = ()
    findings, is_compared = named[0].findings, True
    try:
        found_differences = blueprints.differences_of(named[0], objects, settings)
        told = tuple(import_comparison.Told("blueprint", recipe.metadata.name, each) for each in found_differences)
    except errors.ShardwrightError as error:
        is_compared = False
        message = f"nothing was compared: the recipe cannot be planned and written again as it is: {error.message}"
        findings = (*findings, note("not-compared", message, fix=error.hint))
    return ImportResult(canonical.to_document(recipe), "blueprint", blueprints.RELEASE, told, findings, is_compared)


def write(text: str, file: str) -> None:
    """Write a recipe; InputError if the file cannot be written."""
    try:
        Path(file).write_text(text, "utf-8")
    except OSError as error:
        hint = "name a file in a folder that is there and yours"
        raise errors.InputError(f"{file}: it cannot be written: {error.strerror}", hint=hint) from error


def _candidates(
    objects: tuple[Object, ...], wish: Wish, refused: list[errors.InputError]
) -> Iterator[tuple[str, Imported]]:
    """Every object that stands for a deployment, with the recipe that its platform's reader makes of it.

    What a reader refuses is added to `refused`.
    """
    taken: set[int] = set()
    for reader in registry.load_readers():
        surroundings = _surroundings(reader, objects, wish)
        for main in objects:
            if main.kind in reader.kinds and id(main) not in taken:
                try:
                    imported = reader.read(main, surroundings)
                except errors.InputError as error:
                    if wish.name in {"", main.name}:
                        refused.append(error)
                    taken.add(id(main))
                    continue
                if imported is not None:
                    taken.update(id(each) for each in imported.objects)
                    yield reader.platform, imported


def _surroundings(reader: Reader, objects: tuple[Object, ...], wish: Wish) -> Surroundings:
    readers = registry.load_argument_readers()

    def started(what: Started) -> Command | None:
        return next((found for each in readers.values() if (found := each.started(what))), None)

    def options(engine: str, values: Mapping[str, Json]) -> Command:
        return readers[engine].options(values)

    version = wish.target_version or registry.load_target(reader.platform).versions[-1]
    return Surroundings(version, objects, started, options)


def _chosen(
    found: list[tuple[str, Imported]], wish: Wish, objects: tuple[Object, ...], wrong: tuple[Finding, ...]
) -> tuple[str, Imported]:
    named = [pair for pair in found if wish.name in {"", pair[1].objects[0].name}]
    if len(named) == 1:
        return named[0]
    if found:
        names = (f"{each.objects[0].kind} {each.objects[0].name}" for _, each in found[:_MOST_NAMES])
        there = secret_values.without_tokens(", ".join(names))
        if named:
            raise errors.InputError(f"there are {len(named)} deployments: {there}", hint="choose one: --name NAME")
        raise errors.InputError(f"there is no deployment {wish.name!r}; there are: {there}", hint="use one of them")
    lines = "".join(f"\n{each.file}:{each.line}: {each.message}" for each in wrong[:20])
    if not objects and wrong:
        raise errors.InputError(f"there is nothing to import:{lines}", hint=wrong[0].fix)
    kinds = secret_values.without_tokens(", ".join(sorted({each.kind for each in objects})[:_MOST_NAMES])) or "nothing"
    known = ", ".join(sorted({kind for reader in registry.load_readers() for kind in reader.kinds}))
    raise errors.InputError(
        f"no object starts an engine that is known ({', '.join(registry.ARGUMENTS)}); there is: {kinds}{lines}",
        hint=(wrong[0].fix if wrong else "") or f"a deployment is one of: {known}",
    )


def _document(imported: Imported, platform: str, wish: Wish) -> dict[str, Json]:
    """The recipe's document in the order in which people write one."""
    fields = dict(imported.fields)
    if wish.model:
        fields["model.shape"] = wish.model
    if wish.gpu:
        fields.pop("hardware.nodeShape", None)
        fields["hardware.gpu"] = wish.gpu
    fields["target.kind"] = platform
    fields["target.version"] = wish.target_version or fields.get("target.version")
    made = canonical.ordered(importing.document(fields))
    target = made.pop("target")
    return {"apiVersion": API_VERSION, "kind": "Recipe", **made, "target": target}


def _read(
    document: dict[str, Json], imported: Imported
) -> tuple[LoadedRecipe | None, dict[str, Json], tuple[Finding, ...]]:
    """The recipe as its own rules read it; what they refuse is left out, and said. None if it cannot be read at all."""
    findings: list[Finding] = []
    main = imported.objects[0]
    for _ in range(_MOST_REFUSALS):
        try:
            return recipes.recipe_of_values(document, main.root.mark.file), document, tuple(findings)
        except errors.RecipeError as error:
            for fault in error.faults:
                message = f"a recipe cannot hold it: {fault.message}"
                findings.append(note("field-refused", message, path=fault.path, fix=fault.hint, objects=(main,)))
                document = _without(document, fault.path, main.name)
    return None, document, tuple(findings)


def _without(document: dict[str, Json], text: str, name: str) -> dict[str, Json]:
    """The document without a field; the recipe's name, which it must have, becomes one that it may have."""
    if text == "metadata.name":
        label = _NOT_A_LABEL.sub("-", name.lower()).strip("-")[:63].strip("-") or "imported"
        return {**document, "metadata": {**cast("dict[str, Any]", document["metadata"]), "name": label}}
    try:
        path = split_path(text)[0]
    except ValueError:
        return document
    return cast("dict[str, Json]", _cut(document, path))


def _cut(tree: Json, path: tuple[str | int, ...]) -> Json:
    if not path:
        return tree
    head, *rest = path
    if isinstance(tree, dict):
        held = cast("dict[str, Any]", tree)
        if head not in held:
            return held
        inner = _cut(held[str(head)], tuple(rest)) if rest else None
        return {key: (inner if key == head else each) for key, each in held.items() if key != head or rest}
    if isinstance(tree, list) and isinstance(head, int):
        items = cast("list[Any]", tree)
        changed = [_cut(each, tuple(rest)) if place == head else each for place, each in enumerate(items)]
        return changed if rest else [each for place, each in enumerate(items) if place != head]
    return cast("Json", tree)


def _with_patches(
    document: dict[str, Json],
    loaded: LoadedRecipe | None,
    imported: Imported,
    compared: import_comparison.Compared,
    settings: HubSettings,
) -> tuple[LoadedRecipe | None, dict[str, Json], import_comparison.Compared]:
    """The recipe with patches for what differs, compared again: what stays says why."""
    from shardwright.service import import_patches  # noqa: PLC0415 - only for those who ask for it

    kept = import_patches.patches_for(compared)
    if not kept.patches:
        return loaded, document, dataclasses.replace(compared, differences=kept.refused)
    target = {**cast("dict[str, Any]", document["target"]), "patches": kept.patches}
    patched: dict[str, Json] = {**document, "target": target}
    try:
        again = recipes.recipe_of_values(patched, imported.objects[0].root.mark.file)
    except errors.RecipeError as error:
        text = f"no patch is written: {error.faults[0]}"
        return loaded, document, dataclasses.replace(compared, findings=(note("not-kept", text),))
    after = import_comparison.compare(again, imported.objects, settings)
    return (
        again,
        patched,
        dataclasses.replace(after, differences=import_patches.with_reasons(after.differences, kept.refused)),
    )


def _left(objects: tuple[Object, ...], imported: Imported) -> Iterator[Finding]:
    """Objects of the input that the recipe does not stand for."""
    taken = {id(each) for each in imported.objects}
    inside = {mark for each in imported.objects for mark in _marks_inside(each)}
    for each in objects:
        if id(each) not in taken and each.root.mark not in inside:
            message = f"{each.kind} {each.name} is no part of the recipe"
            yield note("object-left", message, fix="keep it as it is, beside what is rendered", objects=(each,))


def _marks_inside(each: Object) -> Iterator[Mark]:
    """Places of the objects that a Template holds, which stand in the input beside it too."""
    held = each.node(("objects",)) if templates.is_template(each.api_version, each.kind) else None
    if isinstance(held, ListNode):
        yield from (item.mark for item in held.items)
