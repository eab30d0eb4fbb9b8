"""Where an InferenceService takes its model from: one address or several, and models that are kept encrypted.

Source: kserve/kserve v0.16.0 to v0.20.0 pkg/apis/serving/v1beta1/inference_service_validation.go, pkg/validation,
pkg/utils/storage.go; the reconciler's list of schemes in pkg/controller/v1beta1/inferenceservice/utils/utils.go.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from shardwright.core.rules.rule import Breach, Rule
from shardwright.targets.kserve import components

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shardwright.core.manifests.objects import Context, Object
    from shardwright.core.marked.paths import Path

__all__ = ["RULES"]

_SOURCE = "kserve/kserve v0.20.0 pkg/apis/serving/v1beta1/inference_service_validation.go"
_KEY = re.compile(r"kbs:///[a-zA-Z0-9_.-]+/[a-zA-Z0-9_.-]+/[a-zA-Z0-9_.-]+")
_SCHEMES = ("gs", "s3", "pvc", "file", "https", "http", "hdfs", "webhdfs", "oci", "oci+native", "hf")


def _several(manifest: Object, _: Context) -> Iterator[Breach]:
    for component in components.components(manifest):
        if manifest.get(*component, "storageUris") is None:
            continue
        found = components.implementations(manifest, component)
        if found and found[0].storage_uri is not None:
            yield Breach((*component, "storageUris"), "storageUri and storageUris are both set; one may be")
        yield from _places(manifest, (*component, "storageUris"))


def _places(manifest: Object, path: Path) -> Iterator[Breach]:
    claims: list[str] = []
    others: list[str] = []
    for index, each in enumerate(manifest.list_at(*path)):
        if not isinstance(each, dict):
            continue
        at = (*path, index)
        mount = manifest.text_at(*at, "mountPath")
        if complaint := _complaint(manifest.text_at(*at, "uri"), mount):
            yield Breach(at, complaint, mount)
            return
        (claims if manifest.text_at(*at, "uri").startswith("pvc://") else others).append(mount)
    # As upstream has it, claims are compared only where something else is downloaded to two places or more.
    if len(others) < 2:
        return
    if len(set(claims)) < len(claims):
        yield Breach(path, "two claims are mounted at the same path")
    if not _have_common_parent(others):
        yield Breach(path, f"the paths {', '.join(others)} have no parent in common but /")


def _complaint(uri: str, mount: str) -> str:
    if not uri:
        return "uri is empty"
    if mount == "/":
        return "mountPath is /, where no model can be mounted"
    if not mount.startswith("/"):
        return "mountPath does not start with /"
    return "mountPath holds '..'" if ".." in mount else ""


def _have_common_parent(mounts: list[str]) -> bool:
    split = [mount.strip("/").split("/") for mount in mounts]
    return len({parts[0] for parts in split}) == 1 and bool(split[0][0])


def _scheme(manifest: Object, _: Context) -> Iterator[Breach]:
    for component in components.components(manifest):
        for each in components.implementations(manifest, component)[:1]:
            scheme, separator, _rest = (each.storage_uri or "").partition("://")
            if separator and each.name != "containers" and scheme not in _SCHEMES:
                message = f'"{scheme}" is none of {", ".join(_SCHEMES)}; a ClusterStorageContainer could serve it'
                yield Breach(each.storage_path, message, each.storage_uri or "", can_tell=False)


def _confidential(manifest: Object, _: Context) -> Iterator[Breach]:
    for each in components.implementations(manifest, components.PREDICTOR):
        at = (*each.path, "confidential")
        if each.name == "containers" or manifest.get(*at, "enabled") is not True:
            continue
        if not each.storage_uri:
            yield Breach(at, "a model that is kept encrypted needs storageUri")
        key = manifest.text_at(*at, "resourceId")
        if key and not _KEY.fullmatch(key):
            yield Breach((*at, "resourceId"), f'"{key}" is not of the form kbs:///REPOSITORY/TYPE/TAG', key)
        return


def _confidential_unused(manifest: Object, _: Context) -> Iterator[Breach]:
    for each in components.implementations(manifest, components.PREDICTOR):
        is_on = each.name != "containers" and manifest.get(*each.path, "confidential", "enabled") is True
        if is_on and (each.storage_uri or "").startswith(("oci://", "pvc://")):
            yield Breach(
                (*each.path, "confidential"), "nothing is decrypted: oci:// and pvc:// pass by the storage initializer"
            )


RULES = (
    Rule(
        "kserve.storage-uris",
        "error",
        components.ISVC,
        "Several models are mounted at absolute paths of their own, under one common directory.",
        "The storage initializer downloads all of them under their common parent.",
        "give each a path such as /mnt/models/NAME and leave storageUri out",
        "webhook",
        _SOURCE,
        components.live(_several),
        since="0.16",
    ),
    Rule(
        "kserve.storage-scheme",
        "error",
        components.ISVC,
        "storageUri has a scheme that the storage initializer knows.",
        "The reconciler refuses others unless a ClusterStorageContainer serves them.",
        f"use one of {', '.join(_SCHEMES)}, or install a ClusterStorageContainer for the scheme",
        "operator",
        "kserve/kserve v0.20.0 pkg/controller/v1beta1/inferenceservice/utils/utils.go (ValidateStorageURI)",
        _scheme,
    ),
    Rule(
        "kserve.confidential",
        "error",
        components.ISVC,
        "An encrypted model names where it is stored, and its key as kbs:///REPOSITORY/TYPE/TAG.",
        "The storage initializer decrypts what it has downloaded.",
        "set storageUri, and resourceId in that form or not at all",
        "webhook",
        _SOURCE,
        components.live(_confidential),
        since="0.20",
    ),
    Rule(
        "kserve.confidential-unused",
        "warning",
        components.ISVC,
        "An encrypted model is downloaded, not mounted.",
        "Claims and OCI images are mounted as they are.",
        "store the model where it is downloaded from, such as s3://, or turn confidential off",
        "webhook",
        "kserve/kserve v0.20.0 pkg/validation",
        _confidential_unused,
        since="0.20",
    ),
)
