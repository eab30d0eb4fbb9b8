"""Use case: blueprints of OCI AI Blueprints are read as recipes, and a plan is written as one."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING

from shardwright import errors, registry
from shardwright.formats.oci_blueprints import documents, reading, writing
from shardwright.service import deploying, recipes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shardwright.core.manifests.objects import Object
    from shardwright.core.plan.types import Plan
    from shardwright.formats.oci_blueprints.writing import WrittenBlueprint
    from shardwright.service.recipes import LoadedRecipe

__all__ = ["as_text", "is_blueprint", "recipes_of", "write_blueprint"]

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


def as_text(made: WrittenBlueprint) -> str:
    """The document as JSON."""
    return json.dumps(made.document, indent=2, ensure_ascii=False) + "\n"
