"""The model in KServe's terms: its storageUri, and the claim mounted under the name that KServe gives to such a volume.

KServe mounts the claim of a storageUri at /mnt/models, read-only, unless the container mounts a volume of that name
already. Ours does: the download Job, the wait for it and the engine then see one folder, at `storage.cacheDir`, and the
hub's cache stays a cache. Source: kserve/kserve, pkg/webhook/admission/pod/storage_initializer_injector.go at v0.13.1 to
v0.15.2, pkg/utils/storage.go at v0.16.0 to v0.20.0.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from shardwright.kubernetes.render import sources, storage
from shardwright.targets.kserve import wiring

if TYPE_CHECKING:
    from shardwright.core.deployment import Deployment
    from shardwright.core.recipe import Recipe
    from shardwright.kubernetes.render.podspec import Volume, VolumeMount
    from shardwright.kubernetes.render.storage import ModelFiles

__all__ = ["VOLUME", "files_of", "storage_uri"]

VOLUME = "kserve-pvc-source"


def storage_uri(recipe: Recipe) -> str | None:
    """`pvc://` or `oci://`; None for a model that each pod fetches itself."""
    found = sources.source_of(recipe)
    if wiring.is_mounted_image(recipe):
        return found.name
    claim = sources.mounted_claim(recipe)
    if claim is None:
        return None
    path = found.path.strip("/")
    return f"pvc://{claim}/{path}" if path else f"pvc://{claim}"


def files_of(deployment: Deployment) -> ModelFiles:
    """As every target has them, with the volume's name that KServe looks for."""
    files = storage.files_of(deployment)
    containers = tuple(
        dataclasses.replace(entry, volume_mounts=_mounts(entry.volume_mounts, files)) for entry in files.init_containers
    )
    volumes = tuple(dataclasses.replace(entry, name=VOLUME) for entry in files.volumes)
    return dataclasses.replace(files, volumes=volumes, mounts=_mounts(files.mounts, files), init_containers=containers)


def _mounts(mounts: tuple[VolumeMount, ...], files: ModelFiles) -> tuple[VolumeMount, ...]:
    ours = {entry.name for entry in files.volumes}
    return tuple(dataclasses.replace(entry, name=VOLUME) if entry.name in ours else entry for entry in mounts)


def is_claim(volume: Volume) -> bool:
    """Whether a volume is a claim, not a folder of the pod."""
    return volume.persistent_volume_claim is not None
