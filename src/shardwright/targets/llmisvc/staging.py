"""An LLMInferenceService in a rehearsal: the controller brings no model and opens no way in."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, cast

from shardwright.core.staging import Hindrance, Staging
from shardwright.targets.llmisvc import files, releases

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shardwright.core.deployment import Deployment
    from shardwright.core.staging import Tree

__all__ = ["STAGING"]


def _hindrance(deployment: Deployment) -> Hindrance | None:
    recipe = deployment.recipe
    release = releases.release_of(recipe)
    if release is None or release.has_download_switch:
        return None
    return Hindrance(
        f"KServe {release.version} puts {files.model_uri(recipe)} into every pod by itself, which cannot be turned off there",
        hint=f"rehearse for a newer KServe: target.version: '{releases.known_releases()[-1].version}'; or without --on",
    )


def _eased(deployment: Deployment, body: Mapping[str, object]) -> Tree:
    made = copy.deepcopy(dict(body))
    if made.get("kind") != "LLMInferenceService":
        return made
    spec = cast("Tree", made["spec"])
    spec.pop("router", None)
    if files.way_of(deployment.recipe) == "platform":
        spec["storageInitializer"] = {"enabled": False}
    return made


STAGING = Staging(hindrance=_hindrance, eased=_eased, left_out={})
