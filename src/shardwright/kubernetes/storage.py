"""The model's files in a cluster: the claim, the Job that fills it, and how pods wait for it and mount it.

The Job runs the engine image's own `hf download`: no package is installed at run time, and the image has to be pulled
on these nodes anyway. When it has ended well it leaves a mark in the claim; pods of the group wait for that mark, so
that objects applied all at once start in the right order too.
Source of the flags: huggingface_hub 2.4.0, `hf download --help`, and 0.34, whose `hf` takes the same ones.
"""

from __future__ import annotations

import hashlib
import json
import posixpath
from dataclasses import dataclass
from typing import TYPE_CHECKING

from shardwright.core.deployment import Variable
from shardwright.core.recipe.model import KeyRef
from shardwright.kubernetes import dump, labels, pods, sources
from shardwright.kubernetes.objects import ClaimSpec, Job, JobSpec, PersistentVolumeClaim
from shardwright.kubernetes.podspec import ClaimSource, Container, EnvVar, Resources, Volume, VolumeMount
from shardwright.units import GIB, format_quantity

if TYPE_CHECKING:
    from shardwright.core.deployment import Deployment
    from shardwright.core.recipe import Recipe

__all__ = ["ModelFiles", "claim_bytes", "claim_of", "download_job", "files_of", "is_read_only"]

_VOLUME = "model"
_HEADROOM = 1.5
"""Size of a new claim over the model's: a download needs room for files that are not finished, and a next revision."""
_DEFAULT_REVISION = "main"
# Copies of the weights in the publisher's own format; engines that read a repository leave this folder out.
_NOT_NEEDED = "original/*"

_FETCH = 'hf download "$@" && touch "$DONE_FILE"'
_WAIT = """trap 'exit 1' TERM
test -e "$DONE_FILE" || echo "waiting for $DONE_FILE, left by the download Job"
until test -e "$DONE_FILE"; do sleep 2; done
"""

_NETWORK_VARIABLES = {
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "ALL_PROXY",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE",
}
_NOT_FOR_DOWNLOAD = {"HF_HOME", "HF_HUB_CACHE", "HF_HUB_OFFLINE", "HF_TOKEN", "HUGGINGFACE_HUB_CACHE"}


@dataclass(frozen=True, slots=True)
class ModelFiles:
    """What the engine's pods need to read the model."""

    variables: tuple[EnvVar, ...] = ()
    volumes: tuple[Volume, ...] = ()
    mounts: tuple[VolumeMount, ...] = ()
    init_containers: tuple[Container, ...] = ()
    is_offline: bool = False
    """The hub is asked for nothing, so pods need no token of it."""


def files_of(deployment: Deployment) -> ModelFiles:
    """Volume, mount and variables of the model's files; nothing for a model that each pod fetches itself."""
    recipe = deployment.recipe
    claim = sources.mounted_claim(recipe)
    if claim is None:
        return ModelFiles()
    read_only = True if is_read_only(recipe) else None
    hub = sources.source_of(recipe).kind == "hub"
    variables = [EnvVar(name="HF_HOME", value=recipe.storage.cache_dir)] if hub else []
    is_offline = (sources.has_download(recipe) or not hub) and "HF_HUB_OFFLINE" not in recipe.engine.env
    if is_offline:
        variables.append(EnvVar(name="HF_HUB_OFFLINE", value="1"))
    return ModelFiles(
        variables=tuple(variables),
        volumes=(_volume(claim, read_only=read_only),),
        mounts=(_mount(recipe, read_only=read_only),),
        init_containers=(_waiting(deployment),) if sources.has_download(recipe) else (),
        is_offline=is_offline,
    )


def is_read_only(recipe: Recipe) -> bool:
    """Whether pods of the group mount the claim read-only."""
    return sources.source_of(recipe).kind == "claim" or recipe.storage.access_mode == "ReadOnlyMany"


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


def download_job(deployment: Deployment) -> Job | None:
    """The Job that fetches the model into the claim, if one is to.

    A Job cannot be changed once it is there, so its name carries a digest of all that it does: the same work has the
    same name, other work is another Job.
    """
    recipe = deployment.recipe
    claim = recipe.storage.claim
    if claim is None or not sources.has_download(recipe):
        return None
    spec = JobSpec(
        backoff_limit=3,
        template=pods.template(
            deployment,
            "download",
            {},
            containers=(_fetching(deployment),),
            volumes=(pods.HOME_VOLUME, _volume(claim, read_only=None)),
        ),
    )
    digest = _digest(json.dumps(dump.as_tree(spec), sort_keys=True))
    name = f"{recipe.metadata.name[:45].rstrip('-')}-download-{digest}"
    return Job(metadata=labels.metadata(deployment, name, "download"), spec=spec)


def _fetching(deployment: Deployment) -> Container:
    recipe = deployment.recipe
    revision = recipe.model.revision or _DEFAULT_REVISION
    wanted = (sources.source_of(recipe).name, "--revision", revision, "--exclude", _NOT_NEEDED)
    own = (
        *pods.HOME_VARIABLES,
        EnvVar(name="HF_HOME", value=recipe.storage.cache_dir),
        EnvVar(name="HF_HUB_DISABLE_UPDATE_CHECK", value="1"),
        _done_file(recipe),
    )
    return Container(
        name="download",
        image=deployment.image,
        command=("sh", "-c", _FETCH, "download", *wanted),
        env=pods.environment(own, _access(recipe)),
        resources=Resources(requests={"cpu": "1", "memory": "2Gi"}, limits={"cpu": "2", "memory": "4Gi"}),
        security_context=pods.security_context(recipe.pods),
        volume_mounts=(pods.HOME_MOUNT, _mount(recipe, read_only=None)),
    )


def _waiting(deployment: Deployment) -> Container:
    recipe = deployment.recipe
    small = {"cpu": "50m", "memory": "64Mi"}
    return Container(
        name="wait-for-model",
        image=deployment.image,
        command=("sh", "-c", _WAIT),
        env=(_done_file(recipe),),
        resources=Resources(requests=small, limits=small),
        security_context=pods.security_context(recipe.pods),
        volume_mounts=(_mount(recipe, read_only=True),),
    )


def _access(recipe: Recipe) -> tuple[Variable, ...]:
    """What reaches the hub: the token, and the recipe's variables on endpoint, proxies and certificates."""
    token = (Variable("HF_TOKEN", recipe.model.token),) if recipe.model.token else ()
    given = (Variable(name, value) for name, value in recipe.engine.env.items() if _is_for_download(name, value))
    return (*token, *given)


def _is_for_download(name: str, value: str | KeyRef) -> bool:
    if name == "HF_TOKEN":
        return isinstance(value, KeyRef)
    return name.upper() in _NETWORK_VARIABLES or (name.startswith("HF_") and name not in _NOT_FOR_DOWNLOAD)


def _done_file(recipe: Recipe) -> EnvVar:
    """The mark of one repository at one revision; another image or user of the Job does not change it."""
    digest = _digest(f"{sources.source_of(recipe).name}@{recipe.model.revision or _DEFAULT_REVISION}")
    return EnvVar(name="DONE_FILE", value=posixpath.join(recipe.storage.cache_dir, f".shardwright-{digest}"))


def _volume(claim: str, *, read_only: bool | None) -> Volume:
    return Volume(name=_VOLUME, persistent_volume_claim=ClaimSource(claim_name=claim, read_only=read_only))


def _mount(recipe: Recipe, *, read_only: bool | None) -> VolumeMount:
    return VolumeMount(name=_VOLUME, mount_path=recipe.storage.cache_dir, read_only=read_only)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:8]
