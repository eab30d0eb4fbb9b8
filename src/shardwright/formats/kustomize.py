"""A folder for `kubectl apply -k`, Argo CD and Flux: one file an object, and the kustomization that lists them.

Source: Kustomize 5.8, `kustomize.config.k8s.io/v1beta1`; only fields that older releases read too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from shardwright.core.marked import writing
from shardwright.formats import sync_waves, texts
from shardwright.formats.texts import File

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shardwright.core.plugins import Manifest

__all__ = ["kustomize_files"]


def kustomize_files(manifests: Sequence[Manifest]) -> tuple[File, ...]:
    """The kustomization and the files that it lists, in the order in which they are applied."""
    body = {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "resources": list(texts.file_names(manifests)),
    }
    kustomization = File("kustomization.yaml", f"{texts.mark_of(manifests)}\n{writing.as_yaml(body)}")
    return (kustomization, *texts.object_files(sync_waves.with_waves(manifests)))
