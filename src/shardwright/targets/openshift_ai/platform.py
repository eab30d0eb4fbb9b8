"""OpenShift AI serves through KServe: the same deployment as the target `kserve` is given it.

Targets do not import each other; this one asks the registry for the platform that it stands on, as it would ask for any.
What the release of OpenShift AI decides is filled in: the release of KServe, and the engine's image.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from shardwright import registry
from shardwright.core.recipe.model import Target
from shardwright.targets.openshift_ai import releases

if TYPE_CHECKING:
    from shardwright.core import plugins
    from shardwright.core.deployment import Deployment
    from shardwright.core.recipe import Recipe

__all__ = ["beneath", "checks_tokens", "deployment_beneath", "is_ours", "recipe_beneath"]

_BENEATH = "kserve"


def beneath() -> plugins.Target:
    """The target that this one stands on."""
    return registry.load_target(_BENEATH)


def checks_tokens(recipe: Recipe) -> bool:
    """Whether the platform checks a token before the engine is asked; it then makes the Route itself."""
    return recipe.expose.auth is not None and recipe.expose.auth.platform


def recipe_beneath(recipe: Recipe) -> Recipe:
    """The recipe less what is this target's: its options, its patches, and a way in that the platform makes."""
    release = releases.release_of(recipe)
    expose = recipe.expose
    if checks_tokens(recipe):
        expose = dataclasses.replace(expose, kind="service", host=None, path="/", tls=None, auth=None)
    target = Target(kind=_BENEATH, version=release.kserve if release else None)
    return dataclasses.replace(recipe, target=target, expose=expose)


def deployment_beneath(deployment: Deployment) -> Deployment:
    """The deployment as KServe is given it."""
    release = releases.release_of(deployment.recipe)
    image = deployment.recipe.engine.image or (release.image if release else "")
    recipe = recipe_beneath(deployment.recipe)
    return dataclasses.replace(deployment, recipe=recipe, image=image or deployment.image)


def is_ours(deployment: Deployment) -> bool:
    """Whether the platform's image is used, and not one of the recipe."""
    return deployment.recipe.engine.image is None
