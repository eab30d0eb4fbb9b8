"""Use case: a recipe becomes a plan, or the reasons why none fits."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from shardwright import errors, models, registry
from shardwright.core.plan import plan
from shardwright.core.plan.version import parse_version
from shardwright.core.rules import Finding
from shardwright.service import hardware

if TYPE_CHECKING:
    from pathlib import Path

    from shardwright.core.calibration import Calibration
    from shardwright.core.plan.types import Infeasible, Plan
    from shardwright.core.plugins import Engine
    from shardwright.core.recipe import Recipe
    from shardwright.core.shape import ModelShape
    from shardwright.service.recipes import LoadedRecipe
    from shardwright.settings import HubSettings

__all__ = ["draft_of", "plan_loaded", "plan_recipe", "plan_shape", "shape_of_recipe"]


def shape_of_recipe(recipe: Recipe, settings: HubSettings) -> ModelShape:
    """The shape of a recipe's model, read from where the recipe says."""
    model = recipe.model
    field = "model.shape" if model.shape else "model.source"
    return _shape(model.shape or model.source, field, model.revision, settings)


def draft_of(recipe: Recipe, settings: HubSettings) -> ModelShape | None:
    """The shape of the model that guesses tokens, if the recipe names one."""
    draft = recipe.model.draft
    return None if draft is None else _shape(draft.source, "model.draft.source", None, settings)


def _shape(place: str, field: str, revision: str | None, settings: HubSettings) -> ModelShape:
    try:
        return models.load_shape(place, revision=revision, settings=settings)
    except errors.NotFound as error:
        # A name that the catalogue has not is a wrong value; a repository that the hub has not may come to be.
        if "://" in place:
            raise
        message = error.message.removeprefix("model.source: ")
        raise errors.InputError(message, hint=error.hint, path=field) from error


def plan_loaded(loaded: LoadedRecipe, settings: HubSettings, *, with_front: bool = False) -> Plan | Infeasible:
    """As `plan_recipe`; faults that only planning finds are placed where they are written."""
    try:
        made = plan_recipe(loaded.recipe, settings, with_front=with_front)
    except errors.RecipeError as error:
        raise errors.RecipeError(tuple(loaded.placed(fault) for fault in error.faults)) from error
    except errors.InputError as error:
        if not error.path:
            raise
        fault = errors.Fault(error.message, error.path, loaded.file, 0, error.hint)
        raise errors.RecipeError((loaded.placed(fault),)) from error
    return dataclasses.replace(made, findings=(*loaded.findings, *made.findings)) if loaded.findings else made


def plan_recipe(recipe: Recipe, settings: HubSettings, *, with_front: bool = False) -> Plan | Infeasible:
    """Read the model's shape, look the hardware up, ask the engine, choose a layout."""
    cluster = hardware.cluster_of(recipe.hardware)
    shape, draft = shape_of_recipe(recipe, settings), draft_of(recipe, settings)
    engine = registry.load_engine(recipe.engine.name)
    version = _version_of_platform(recipe, engine)
    calibrations, found = _calibrations(settings)
    made = plan(
        recipe,
        shape,
        cluster,
        engine,
        version,
        draft=draft,
        calibrations=calibrations,
        with_front=with_front,
    )
    return _with_findings(_with_reason(made, version), *found)


def _with_reason(made: Plan | Infeasible, version: str | None) -> Plan | Infeasible:
    """Why this version, where the platform decided."""
    if version is None or made.recipe.target is None:
        return made
    reason = f"engine.version is open: {version} is what {made.recipe.target.kind} has in its own image."
    return dataclasses.replace(made, reasons=(*made.reasons, reason))


def _version_of_platform(recipe: Recipe, engine: Engine) -> str | None:
    """What the platform's own image has, where the recipe leaves both version and image open and rules are known for it."""
    if recipe.engine.version or recipe.engine.image:
        return None
    own = registry.own_engine(recipe)
    return own if own and parse_version(own) >= parse_version(engine.versions[0]) else None


def _calibrations(settings: HubSettings) -> tuple[tuple[Calibration, ...], tuple[Finding, ...]]:
    """What engines printed of earlier starts, and findings on files that cannot be used."""
    if all(_is_absent(folder) for folder in settings.calibration_dirs):
        return (), ()
    from shardwright.service import calibration_files  # noqa: PLC0415 - 4 ms, and most machines have no calibrations

    shelf = calibration_files.load_shelf(settings.calibration_dirs)
    return tuple(one for _, one in shelf.calibrations), calibration_files.shelf_findings(shelf)


def _is_absent(folder: Path) -> bool:
    """Whether there is no such folder; one that cannot be looked at is there."""
    try:
        folder.stat()
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return False


def plan_shape(recipe: Recipe, shape: ModelShape, *, draft: ModelShape | None = None) -> Plan | Infeasible:
    """The same with the model's shape at hand, and without calibrations."""
    cluster = hardware.cluster_of(recipe.hardware)
    engine = registry.load_engine(recipe.engine.name)
    return _with_findings(plan(recipe, shape, cluster, engine, _version_of_platform(recipe, engine), draft=draft))


def _with_findings(made: Plan | Infeasible, *found: Finding) -> Plan | Infeasible:
    """What only the rim knows: platforms that cannot be rendered for yet, files that are not what they should be."""
    return dataclasses.replace(made, findings=(*made.findings, *found, *_target_findings(made.recipe)))


def _target_findings(recipe: Recipe) -> tuple[Finding, ...]:
    """A platform that recipes may name before it can be rendered."""
    kind = recipe.target.kind if recipe.target else ""
    if not kind or registry.TARGETS[kind]:
        return ()
    usable = ", ".join(name for name, place in registry.TARGETS.items() if place)
    return (
        Finding(
            "target.not-yet",
            "warn",
            "info",
            f"target {kind} can be planned for, but not rendered in this version",
            fix=f"render for one of: {usable}",
            path="target.kind",
            value=kind,
        ),
    )
