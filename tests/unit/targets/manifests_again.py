"""Manifests read into a recipe and rendered again: what tests of readers share.

A plan is put together by hand, as the golden tests do it, so that what is compared is the reader and nothing else.
"""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import yaml

from shardwright import registry
from shardwright.core.importing import Surroundings, document
from shardwright.core.layout import Layout, split_layers
from shardwright.core.manifests import differences as core_differences
from shardwright.core.manifests import reading
from shardwright.core.plan.types import EngineChoice
from shardwright.core.recipe.canonical import to_document
from shardwright.service import deploying, recipes
from shardwright.testing import builders

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from shardwright.core.importing import Command, Imported, Reader, Started
    from shardwright.core.manifests.objects import Object
    from shardwright.core.plan.types import Plan
    from shardwright.core.plugins import Manifest
    from shardwright.core.recipe import Recipe

EXAMPLES = Path(__file__).parents[3] / "examples"
DIGEST = "shardwright.dev/recipe-digest"


def objects_of(text: str, file: str = "in.yaml") -> tuple[Object, ...]:
    """The objects of a text."""
    return reading.read_manifests(text.encode(), file).objects


def surroundings(objects: Sequence[Object], version: str) -> Surroundings:
    """What a reader is given, with the readers of all engines."""
    engines = registry.load_argument_readers()

    def started(given: Started) -> Command | None:
        return next((found for each in engines.values() if (found := each.started(given))), None)

    def options(name: str, values: Mapping[str, Any]) -> Command:
        return engines[name].options(values)

    return Surroundings(version, tuple(objects), started, options)


def read(reader: Reader, text: str, version: str) -> Imported | None:
    """The recipe of the first object of a reader's kinds."""
    found = objects_of(text)
    main = next(each for each in found if each.kind in reader.kinds)
    return reader.read(main, surroundings(found, version))


def recipe_of(imported: Imported, kind: str, version: str, **more: object) -> Recipe:
    """The recipe, checked as one that a user wrote."""
    target = {"target.kind": kind, "target.version": version}
    made = document({**imported.fields, **target, **more})
    header = {"apiVersion": "shardwright.dev/v1", "kind": "Recipe"}
    return recipes.recipe_of_values({**header, **made}, "import").recipe


def plan_of(recipe: Recipe) -> Plan:
    """A plan of the recipe's own sizes."""
    split = recipe.parallelism
    assert not isinstance(split, str), "no sizes were read"
    nodes = recipe.hardware.nodes
    assert isinstance(nodes, int)
    gpus = split.tensor * split.pipeline * split.data // nodes
    layout = Layout(
        split.tensor,
        split.pipeline,
        nodes,
        gpus,
        split_layers(32, split.pipeline),
        data=split.data,
        expert=split.expert,
    )
    made = builders.plan(recipe, layout=layout)
    given = {**recipe.engine.args, "max-model-len": recipe.workload.max_model_len or 8192}
    dtype = (("dtype", recipe.model.dtype),) if recipe.model.dtype else ()
    settings = (*dtype, *((name, given.get(name, value)) for name, value in made.engine.settings))
    version = recipe.engine.version or "0.24.0"
    engine = EngineChoice(recipe.engine.name, version, "v2", recipe.engine.executor or "mp", settings)
    return dataclasses.replace(made, engine=engine)


def rendered(recipe: Recipe) -> list[dict[str, Any]]:
    """The manifests of a recipe, less the digest of the recipe that they were made of."""
    assert recipe.target is not None
    target = registry.load_target(recipe.target.kind)
    made: Sequence[Manifest] = target.render(deploying.deployment_of(plan_of(recipe), target))
    return [plain(each.body) for each in made]


def documents(text: str) -> list[dict[str, Any]]:
    """The documents of a text, less such digests."""
    return [plain(each) for each in yaml.safe_load_all(text)]


def plain(tree: Mapping[str, Any]) -> dict[str, Any]:
    """A tree of plain values without digests, and without annotations where there was nothing else."""
    text = "\n".join(line for line in yaml.safe_dump(_copied(tree)).splitlines() if not line.strip().startswith(DIGEST))
    return {name: _less_empty(each) for name, each in yaml.safe_load(text).items()}


def _copied(value: Any) -> Any:  # noqa: ANN401 - JSON
    return json.loads(json.dumps(value, default=dict))


def _less_empty(value: Any) -> Any:  # noqa: ANN401 - JSON
    if isinstance(value, dict):
        tree = cast("dict[str, Any]", value)
        return {key: _less_empty(each) for key, each in tree.items() if (key, each) != ("annotations", None)}
    return [_less_empty(each) for each in cast("list[Any]", value)] if isinstance(value, list) else value


def differences(before: list[dict[str, Any]], after: list[dict[str, Any]]) -> list[str]:
    """Where two lists of documents differ, by kind and path."""
    kinds = [each["kind"] for each in before], [each["kind"] for each in after]
    if kinds[0] != kinds[1]:
        return [f"{kinds[0]} -> {kinds[1]}"]
    pairs = zip(before, after, strict=True)
    return [f"{one['kind']} {each.path}" for one, other in pairs for each in core_differences.differences(one, other)]


def changes(recipe: Recipe, example: str) -> dict[str, Any]:
    """Where a recipe differs from an example, with what it has in its place; the target apart."""
    (loaded,) = recipes.load_recipes([str(EXAMPLES / f"{example}.yaml")])
    ours, theirs = (_leaves(to_document(each)) for each in (recipe, loaded.recipe))
    names = (name for name in {**theirs, **ours} if not name.startswith("target."))
    return {name: ours.get(name) for name in names if ours.get(name) != theirs.get(name)}


def _leaves(tree: Any, path: str = "") -> dict[str, Any]:  # noqa: ANN401 - JSON
    if not isinstance(tree, dict) or not tree:
        return {path.removeprefix("."): tree}
    held = cast("dict[str, Any]", tree)
    return {name: value for key, each in held.items() for name, value in _leaves(each, f"{path}.{key}").items()}
