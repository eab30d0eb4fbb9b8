"""The model's files in a cluster: the claim, and how pods wait for the Job that fills it and mount it.

When the Job has ended well it leaves a mark in the claim; pods of the group wait for that mark, so that objects applied
all at once start in the right order too.
"""

from __future__ import annotations

import hashlib
import posixpath
from typing import TYPE_CHECKING

from shardwright.kubernetes.render import labels, pods, sources
from shardwright.kubernetes.render.objects import ClaimSpec, PersistentVolumeClaim
from shardwright.kubernetes.render.podspec import ClaimSource, Container, EnvVar, Resources, Volume, VolumeMount
from shardwright.units import GIB, format_quantity
from shardwright.values import frozen

if TYPE_CHECKING:
    from shardwright.core.deployment import Deployment
    from shardwright.core.recipe import Recipe

__all__ = [
    "DEFAULT_REVISION",
    "ModelFiles",
    "claim_bytes",
    "claim_of",
    "digest_of",
    "done_file",
    "files_of",
    "is_read_only",
    "mount_of",
    "volume_of",
]

_VOLUME = "model"
_HEADROOM = 1.5
"""Size of a new claim over the model's: a download needs room for files that are not finished, and a next revision."""
DEFAULT_REVISION = "main"
_WAIT = """trap 'exit 1' TERM
test -e "$DONE_FILE" || echo "waiting for $DONE_FILE, left by the download Job"
until test -e "$DONE_FILE"; do sleep 2; done
"""


@frozen
class ModelFiles:
    """What the engine's pods need to read the model."""

    variables: tuple[EnvVar, ...] = ()
    volumes: tuple[Volume, ...] = ()
    mounts: tuple[VolumeMount, ...] = ()
    init_containers: tuple[Container, ...] = ()
    is_offline: bool = False
    """The hub is asked for nothing, so pods need no token of it."""
    job_only: tuple[str, ...] = ()
    """How names of variables begin that only the download Job needs."""


def files_of(deployment: Deployment) -> ModelFiles:
    """Volume, mount and variables of the model's files; nothing for a model that each pod fetches itself."""
    recipe = deployment.recipe
    claim = sources.mounted_claim(recipe)
    if claim is None:
        return ModelFiles()
    read_only = True if is_read_only(recipe) else None
    hub = sources.source_of(recipe).kind == "hub"
    variables = [EnvVar(name="HF_HOME", value=recipe.storage.cache_dir)] if hub else []
    is_here = sources.has_download(recipe) or not hub
    # The Job fetches the model alone: each pod fetches a draft of the hub itself.
    draft = sources.draft_source_of(recipe)
    is_offline = is_here and not (draft and draft.kind == "hub") and "HF_HUB_OFFLINE" not in recipe.engine.env
    if is_offline:
        variables.append(EnvVar(name="HF_HUB_OFFLINE", value="1"))
    return ModelFiles(
        variables=tuple(variables),
        volumes=(volume_of(claim, read_only=read_only),),
        mounts=(mount_of(recipe, read_only=read_only),),
        init_containers=(_waiting(deployment),) if sources.has_download(recipe) else (),
        is_offline=is_offline,
        job_only=("AWS_",) if sources.source_of(recipe).kind == "bucket" else (),
    )


def is_read_only(recipe: Recipe) -> bool:
    """Whether pods of the group mount the claim read-only; only the hub's library writes into its cache."""
    return sources.source_of(recipe).kind != "hub" or recipe.storage.access_mode == "ReadOnlyMany"


def claim_of(deployment: Deployment) -> PersistentVolumeClaim | None:
    """The claim, if it is ours to make: `storage.size` or `storage.class` is given; else it is expected to exist."""
    recipe = deployment.recipe
    storage = recipe.storage
    if storage.claim is None or (storage.size is None and storage.storage_class is None):
        return None
    return PersistentVolumeClaim(
        metadata=labels.metadata(deployment, storage.claim, "model-storage"),
        spec=ClaimSpec(
            access_modes=(storage.access_mode,),
            storage_class_name=storage.storage_class,
            resources=Resources(requests={"storage": format_quantity(claim_bytes(deployment))}),
        ),
    )


def claim_bytes(deployment: Deployment) -> int:
    """Size of a new claim: as asked, else 1.5 times the model's files, in whole GiB."""
    asked = deployment.recipe.storage.size
    if asked is not None:
        return asked
    shape = deployment.plan.shape
    model_bytes = shape.checkpoint_bytes or shape.weights_bytes
    return int(-(-model_bytes * _HEADROOM // GIB)) * GIB


def _waiting(deployment: Deployment) -> Container:
    recipe = deployment.recipe
    small = {"cpu": "50m", "memory": "64Mi"}
    return Container(
        name="wait-for-model",
        image=deployment.image,
        command=("sh", "-c", _WAIT),
        env=(done_file(recipe),),
        resources=Resources(requests=small, limits=small),
        security_context=pods.security_context(recipe.pods),
        volume_mounts=(mount_of(recipe, read_only=True),),
    )


def done_file(recipe: Recipe) -> EnvVar:
    """The mark of one repository at one revision; another image or user of the Job does not change it."""
    digest = digest_of(f"{sources.source_of(recipe).name}@{recipe.model.revision or DEFAULT_REVISION}")
    return EnvVar(name="DONE_FILE", value=posixpath.join(recipe.storage.cache_dir, f".shardwright-{digest}"))


def volume_of(claim: str, *, read_only: bool | None) -> Volume:
    """The claim as a volume of a pod."""
    return Volume(name=_VOLUME, persistent_volume_claim=ClaimSource(claim_name=claim, read_only=read_only))


def mount_of(recipe: Recipe, *, read_only: bool | None) -> VolumeMount:
    """Where that volume appears: at `storage.cacheDir`."""
    return VolumeMount(name=_VOLUME, mount_path=recipe.storage.cache_dir, read_only=read_only)


def digest_of(text: str) -> str:
    """Eight characters that stand for a text."""
    return hashlib.sha256(text.encode()).hexdigest()[:8]
