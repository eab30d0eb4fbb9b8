"""The model of an LLMInferenceService: where it is, its adapters, encrypted models, and the cache beyond GPU memory.

Source: kserve/kserve v0.19.0 and v0.20.0 pkg/apis/serving/v1alpha2/llm_inference_service_validation.go, pkg/validation,
and the reconciler's pkg/controller/v1alpha2/llmisvc/workload_storage.go and workload_lora.go.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from shardwright.core.rules.rule import Breach, Rule
from shardwright.kubernetes import manifest_pods
from shardwright.targets.llmisvc import workloads

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shardwright.core.manifests.objects import Context, Object
    from shardwright.core.marked.paths import Path

__all__ = ["RULES"]

_SOURCE = "kserve/kserve v0.20.0 pkg/apis/serving/v1alpha2/llm_inference_service_validation.go"
_LORA: Path = ("spec", "model", "lora")
_KEY = re.compile(r"kbs:///[a-zA-Z0-9_.-]+/[a-zA-Z0-9_.-]+/[a-zA-Z0-9_.-]+")
_SCHEMES = ("hf", "s3", "pvc", "oci")


def _uri(manifest: Object, context: Context) -> Iterator[Breach]:
    at = ("spec", "model", "uri")
    uri = manifest.text_at(*at)
    if not uri or manifest.get("spec", "storageInitializer", "enabled") is False:
        return
    scheme, separator, _rest = uri.partition("://")
    allowed = (*_SCHEMES, "oci+native") if workloads.at_release(context, "0.20") else _SCHEMES
    if not separator or scheme not in allowed:
        message = f'"{uri}" does not start with one of {", ".join(f"{each}://" for each in allowed)}'
        yield Breach(at, message, uri)


def _adapters(manifest: Object, _: Context) -> Iterator[Breach]:
    for field in ("maxRank", "maxAdapters", "maxCpuAdapters"):
        value = manifest.number_at(*_LORA, field)
        if value is not None and value < 1:
            yield Breach((*_LORA, field), f"{field} is {value}; at least 1 is allowed", str(value))
    base = manifest.text_at("spec", "model", "name") or manifest.name
    seen: dict[str, int] = {}
    adapters = manifest.get(*_LORA, "adapters")
    if adapters is not None and not isinstance(adapters, list):
        yield Breach((*_LORA, "adapters"), "adapters are no list")
    for index, each in enumerate(manifest.list_at(*_LORA, "adapters")):
        if not isinstance(each, dict):
            yield Breach((*_LORA, "adapters", index), "an adapter is a mapping with name and uri")
            continue
        at = (*_LORA, "adapters", index, "name")
        name = manifest.text_at(*at)
        if complaint := _adapter_complaint(name, base, seen):
            yield Breach(at, complaint, name)
        seen.setdefault(name, index)


def _adapter_complaint(name: str, base: str, seen: dict[str, int]) -> str:
    if not name:
        return "an adapter has no name"
    if name in {".", ".."}:
        return f'"{name}" is no name: it would lead to another directory'
    if name in seen:
        return f'"{name}" is the name of adapter {seen[name]} too'
    return f'"{name}" is the name of the model itself' if name == base else ""


def _adapter_uris(manifest: Object, _: Context) -> Iterator[Breach]:
    is_off = manifest.get("spec", "storageInitializer", "enabled") is False
    for index, _each in enumerate(manifest.list_at(*_LORA, "adapters")):
        at = (*_LORA, "adapters", index, "uri")
        uri = manifest.text_at(*at)
        scheme, separator, _rest = uri.partition("://")
        if not separator or scheme not in {"hf", "s3", "pvc"}:
            yield Breach(at, f'"{uri}" does not start with hf://, s3:// or pvc://', uri)
        elif is_off:
            yield Breach(at, "adapters need the storage initializer, which is turned off", uri)


def _confidential(manifest: Object, _: Context) -> Iterator[Breach]:
    at = ("spec", "model", "confidential")
    key = manifest.text_at(*at, "resourceId")
    if manifest.get(*at, "enabled") is True and key and not _KEY.fullmatch(key):
        yield Breach((*at, "resourceId"), f'"{key}" is not of the form kbs:///REPOSITORY/TYPE/TAG', key)


def _confidential_unused(manifest: Object, _: Context) -> Iterator[Breach]:
    uri = manifest.text_at("spec", "model", "uri")
    if manifest.get("spec", "model", "confidential", "enabled") is True and uri.startswith(("oci://", "pvc://")):
        message = "nothing is decrypted: oci:// and pvc:// pass by the storage initializer"
        yield Breach(("spec", "model", "confidential"), message)


def _offloading(manifest: Object, _: Context) -> Iterator[Breach]:
    for workload in workloads.workloads(manifest):
        at = (*workload, "kvCacheOffloading")
        tiers = manifest.list_at(*at, "secondary")
        if not tiers:
            continue
        if _is_zero(manifest, (*at, "cpu")):
            yield Breach((*at, "cpu"), "secondary tiers need an amount of cpu memory before them")
        for index in range(len(tiers)):
            yield from _tier(manifest, (*at, "secondary", index, "fileSystem"))


def _is_zero(manifest: Object, path: Path) -> bool:
    try:
        return manifest_pods.quantity(manifest.get(*path)) == 0
    except ValueError:
        return manifest.get(*path) is None


def _tier(manifest: Object, path: Path) -> Iterator[Breach]:
    if not isinstance(manifest.get(*path), dict):
        yield Breach(path[:-1], "a secondary tier needs fileSystem; there is no other kind")
        return
    found = [name for name in ("emptyDir", "pvc") if isinstance(manifest.get(*path, name), dict)]
    if len(found) != 1:
        yield Breach(
            path, f"{'both emptyDir and pvc are' if found else 'neither emptyDir nor pvc is'} set; one must be"
        )
    elif found == ["pvc"]:
        claim = (*path, "pvc")
        sources = [name for name in ("spec", "ref") if isinstance(manifest.get(*claim, name), dict)]
        if len(sources) != 1:
            yield Breach(claim, f"{'both spec and ref are' if sources else 'neither spec nor ref is'} set; one must be")
        elif sources == ["ref"] and not manifest.text_at(*claim, "ref", "name"):
            yield Breach((*claim, "ref"), "the claim that is referred to has no name")


RULES = (
    Rule(
        "kserve.llm-uri",
        "error",
        workloads.SERVICE,
        "The model's address has a scheme that the controller knows.",
        "The reconciler cannot mount or download anything else.",
        "write hf://OWNER/NAME, s3://, pvc://CLAIM/PATH or oci://",
        "operator",
        "kserve/kserve v0.20.0 pkg/controller/v1alpha2/llmisvc/workload_storage.go (attachModelArtifacts)",
        _uri,
    ),
    Rule(
        "kserve.llm-adapters",
        "error",
        workloads.SERVICE,
        "LoRA adapters have names of their own, unlike the model's; limits are at least 1.",
        "A request chooses an adapter by its name, and its files lie in a directory of that name.",
        "give each adapter a name of its own",
        "webhook",
        _SOURCE + " (validateLoRAAdapters)",
        workloads.live(_adapters),
        since="0.19",
    ),
    Rule(
        "kserve.llm-adapter-uri",
        "error",
        workloads.SERVICE,
        "LoRA adapters come from hf://, s3:// or pvc://, with the storage initializer on.",
        "The reconciler refuses OCI images and other schemes for them.",
        "put the adapter into a claim or bucket",
        "operator",
        "kserve/kserve v0.20.0 pkg/controller/v1alpha2/llmisvc/workload_lora.go",
        _adapter_uris,
        since="0.19",
    ),
    Rule(
        "kserve.llm-confidential",
        "error",
        workloads.SERVICE,
        "The key of an encrypted model is written as kbs:///REPOSITORY/TYPE/TAG.",
        "The storage initializer fetches it from the key broker by that address.",
        "write it in that form",
        "webhook",
        "kserve/kserve v0.20.0 pkg/validation",
        workloads.live(_confidential),
        since="0.20",
    ),
    Rule(
        "kserve.llm-confidential-unused",
        "warning",
        workloads.SERVICE,
        "An encrypted model is downloaded, not mounted.",
        "Claims and OCI images are mounted as they are.",
        "store the model where it is downloaded from, or turn confidential off",
        "webhook",
        "kserve/kserve v0.20.0 pkg/validation",
        _confidential_unused,
        since="0.20",
    ),
    Rule(
        "kserve.llm-offloading",
        "error",
        workloads.SERVICE,
        "A secondary tier of the cache is an emptyDir, or a claim by spec or by ref, behind an amount of cpu memory.",
        "Blocks go from GPU memory to the processor's and from there to the file system.",
        "set cpu, and in each fileSystem exactly one of emptyDir and pvc",
        "webhook",
        _SOURCE + " (validateKVCacheOffloading)",
        workloads.live(_offloading),
        since="0.20",
    ),
)
