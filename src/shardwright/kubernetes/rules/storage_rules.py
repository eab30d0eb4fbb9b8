"""Rules on the claim that holds the model: who writes to it and mounts it, and what it must allow for that."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from shardwright.kubernetes.render import sources, storage
from shardwright.kubernetes.rules.findings import error, info, unknown, warning

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shardwright.core.deployment import Deployment
    from shardwright.core.rules import Finding

__all__ = ["RULES"]

_PLACEHOLDER = re.compile(r"[%<>{}$]")


def download_by_each_pod(deployment: Deployment) -> Iterator[Finding]:
    """Without a claim every pod fetches the whole model at every start."""
    recipe = deployment.recipe
    if sources.source_of(recipe).kind == "hub" and recipe.storage.claim is None:
        yield info(
            "storage.no-claim",
            path="storage.claim",
            message="each pod downloads the whole model each time it starts",
            fix="give storage.claim, so that one Job downloads it once",
            requirements=("R157",),
        )


def access_mode(deployment: Deployment) -> Iterator[Finding]:
    """A claim that several pods mount, on several nodes, must allow it."""
    recipe = deployment.recipe
    claim = sources.mounted_claim(recipe)
    pods = deployment.group.size * max(recipe.replicas, 1)
    if claim is None or pods == 1:
        return
    is_ours = sources.source_of(recipe).kind != "claim" and storage.claim_of(deployment) is not None
    if recipe.storage.access_mode == "ReadWriteOnce":
        yield error(
            "storage.access-mode",
            path="storage.accessMode",
            value="ReadWriteOnce",
            message=f"{pods} pods mount claim {claim}, but ReadWriteOnce is for one node only",
            fix="use ReadWriteMany, with a storage class that has it (NFS, CephFS, EFS, FSS ...)",
            requirements=("R014", "R165"),
        )
    elif not is_ours:
        yield unknown(
            "storage.claim-expected",
            path="storage.claim",
            value=claim,
            message=f"claim {claim} must exist and allow ReadWriteMany or ReadOnlyMany: {pods} pods mount it",
            fix=f"kubectl get pvc {claim} -n {recipe.metadata.namespace} -o jsonpath='{{.spec.accessModes}}'",
            requirements=("R014", "R136", "R165"),
        )


def writable_for_download(deployment: Deployment) -> Iterator[Finding]:
    """The download Job writes to the claim, and must get at it before the group does."""
    recipe = deployment.recipe
    if not sources.has_download(recipe):
        return
    if recipe.storage.access_mode == "ReadOnlyMany":
        yield error(
            "storage.read-only-download",
            path="storage.accessMode",
            value="ReadOnlyMany",
            message="the download Job cannot write to a claim that is ReadOnlyMany",
            fix="use ReadWriteMany, or storage.download: never if the model is already there",
        )
    if recipe.storage.access_mode == "ReadWriteOnce":
        yield warning(
            "storage.one-node-at-a-time",
            path="storage.accessMode",
            value="ReadWriteOnce",
            message="the download Job and the group may be placed on different nodes, and each would wait for the other",
            fix="wait until the Job is complete before you apply the set, or use ReadWriteMany",
        )


def filled_claim(deployment: Deployment) -> Iterator[Finding]:
    """A new claim that no Job fills stays empty, and the group does not ask the hub."""
    recipe = deployment.recipe
    if storage.claim_of(deployment) is not None and not sources.has_download(recipe):
        yield warning(
            "storage.claim-stays-empty",
            path="storage.download",
            value=recipe.storage.download,
            message=f"claim {recipe.storage.claim} is new, and nothing downloads the model into it",
            fix="if it is there and filled, leave out storage.size and storage.class; else give hf:// and download: auto",
        )


def one_claim(deployment: Deployment) -> Iterator[Finding]:
    """A model in a claim is read from that claim; what `storage` says of another one would be ignored."""
    recipe = deployment.recipe
    source = sources.source_of(recipe)
    claim = recipe.storage.claim
    if source.kind == "claim" and claim is not None and claim != source.name:
        yield error(
            "storage.two-claims",
            path="storage.claim",
            value=claim,
            message=f"model.source names claim {source.name}, storage.claim names {claim}; pods mount one",
            fix="remove storage.claim, or give model.source: hf://... to fill that claim",
        )
    if claim is None and (recipe.storage.size is not None or recipe.storage.storage_class is not None):
        yield warning(
            "storage.claim-without-name",
            path="storage",
            message="storage.size and storage.class are for a new claim, but storage.claim does not name one",
            fix="give storage.claim, or remove them",
        )


def no_placeholder(deployment: Deployment) -> Iterator[Finding]:
    """Guides leave names such as `%STORAGECLASS%` to fill in."""
    fields = {
        "storage.claim": deployment.recipe.storage.claim,
        "storage.class": deployment.recipe.storage.storage_class,
    }
    for path, value in fields.items():
        if value is not None and _PLACEHOLDER.search(value):
            yield error(
                "storage.placeholder",
                path=path,
                value=value,
                message=f"{value!r} is a placeholder that was not filled in",
                fix="give the name that kubectl get storageclass or kubectl get pvc shows",
                requirements=("R073",),
            )


RULES = (download_by_each_pod, access_mode, writable_for_download, filled_claim, one_claim, no_placeholder)
