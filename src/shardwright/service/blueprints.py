"""Use case: blueprints of OCI AI Blueprints are read as recipes, and a plan is written as one."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING

from shardwright import errors, registry
from shardwright.core.plan.types import Plan
from shardwright.formats.oci_blueprints import again, documents, keys, reading, writing
from shardwright.service import deploying, planning, recipes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shardwright.core.manifests.differences import Difference
    from shardwright.core.manifests.objects import Object
    from shardwright.formats.oci_blueprints.writing import WrittenBlueprint
    from shardwright.service.recipes import LoadedRecipe
    from shardwright.settings import HubSettings

__all__ = ["RELEASE", "as_text", "differences_of", "is_blueprint", "recipes_of", "write_blueprint"]

RELEASE = keys.known_releases()[-1]
"""The release of the format that is written."""
_OVER_NODES = "lws"
"""What the control plane makes of a service over several nodes; only the engine's image is asked of it here."""


def write_blueprint(plan: Plan) -> WrittenBlueprint:
    """The blueprint of a plan; InputError with all that cannot be said in one."""
    target = deploying.target_of(plan) if plan.recipe.target else registry.load_target(_OVER_NODES)
    made = writing.written(deploying.deployment_of(plan, target))
    wrong = [finding for finding in made.findings if finding.severity == "error"]
    if wrong:
        lines = [f"  {found.path}: {found.message} [{found.id}]\n    {found.fix}" for found in wrong]
        name, count = plan.recipe.metadata.name, "1 finding" if len(wrong) == 1 else f"{len(wrong)} findings"
        raise errors.InputError(f"{name} cannot be written as a blueprint: {count}\n" + "\n".join(lines))
    return made


def is_blueprint(found: Object) -> bool:
    """Whether an object of the input is a blueprint, or a group of them."""
    return found.kind in {documents.KIND, documents.GROUP} and not found.api_version


def recipes_of(objects: Sequence[Object], sets: Sequence[str] = ()) -> tuple[LoadedRecipe, ...]:
    """The recipes that blueprints among these objects mean; RecipeError with all faults."""
    read = reading.read_objects(tuple(each for each in objects if is_blueprint(each)))
    return tuple(
        dataclasses.replace(recipes.recipe_of_document(each.document, sets), findings=each.findings) for each in read
    )


def differences_of(loaded: LoadedRecipe, objects: Sequence[Object], settings: HubSettings) -> tuple[Difference, ...]:
    """What of a blueprint is lost or changed where its recipe is planned and written again.

    InputError, or another error of ours, where that cannot be done.
    """
    plan = planning.plan_loaded(loaded, settings)
    if not isinstance(plan, Plan):
        raise errors.InputError(plan.reasons[0] if plan.reasons else "no layout fits")
    name = loaded.recipe.metadata.name
    original = next(each for each in objects if each.kind == documents.KIND and each.name == name)
    return again.lost_or_changed(original, write_blueprint(plan).document)


def as_text(made: WrittenBlueprint) -> str:
    """The document as JSON."""
    return json.dumps(made.document, indent=2, ensure_ascii=False) + "\n"
