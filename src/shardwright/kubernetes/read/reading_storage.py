"""Where pods find the model as fields: claim and path, the hub's cache in a claim, the Job that fills it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from shardwright.core.importing import note
from shardwright.core.recipe import source
from shardwright.kubernetes.read.reading_pods import items_of, maps_of, size_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shardwright.core.importing import Fields
    from shardwright.core.manifests.objects import Object
    from shardwright.core.rules.finding import Finding
    from shardwright.kubernetes.read.reading_pods import Place, ReadPod

__all__ = ["claim_at", "fields_of", "jobs_of", "mounts_of", "objects_of", "shared_memory_of"]

_SHM = "/dev/shm"  # noqa: S108 - a mount point in pods
_CACHES = ("/root/.cache/huggingface", "/root/.cache", "/home/vllm/.cache/huggingface")
_CACHE_VARIABLES = ("HF_HOME", "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "TRANSFORMERS_CACHE")
_DEFAULT_DIR = "/models"
_FETCHED = re.compile(r"(s3|par)://\S+")
_MODES = frozenset({"ReadWriteMany", "ReadOnlyMany", "ReadWriteOnce"})


def fields_of(leader: ReadPod, place: Place) -> tuple[Fields, tuple[Finding, ...]]:
    """`model.source`, `model.revision` and `storage.*`."""
    model = leader.command.model if leader.command else ""
    if model.startswith("/"):
        return _in_a_claim(leader, place, model)
    found: Fields = {"model.source": _source(model), "storage.download": "never"}
    cache = _cache_of(leader)
    claim = claim_at(leader, cache)
    if not claim:
        return {"model.source": _source(model)}, ()
    mount = mounts_of(leader)[_covering(leader, cache)]
    found |= {"storage.claim": claim, "storage.cacheDir": _unless_default(mount["mountPath"])}
    return {**found, **_claim_fields(claim, place), **_job_fields(claim, place)}, ()


def _in_a_claim(leader: ReadPod, place: Place, model: str) -> tuple[Fields, tuple[Finding, ...]]:
    at = _covering(leader, model)
    claim = claim_at(leader, model)
    if not claim:
        finding = note(
            "model-place-unknown",
            f"{model} is not in a claim of the pods, so that no source of a model says where it is",
            path="model.source",
            fix="set model.source: where the files come from, as hf://OWNER/NAME or pvc://CLAIM/PATH",
        )
        return {"model.source": model}, (finding,)
    folder = model.removeprefix(at).strip("/")
    fields: Fields = {"storage.cacheDir": _unless_default(at), **_claim_fields(claim, place)}
    job = _job_fields(claim, place)
    if folder.startswith("fetched/") and "model.source" in job:
        return {**fields, "storage.claim": claim, **job}, ()
    return {"model.source": f"pvc://{claim}/{folder}".rstrip("/"), **fields}, ()


def _source(model: str) -> str:
    try:
        source.parse_source(f"hf://{model}")
    except source.SourceError:
        return model
    return f"hf://{model}"


def _unless_default(path: str) -> str:
    return "" if path.rstrip("/") == _DEFAULT_DIR else path.rstrip("/") or "/"


def mounts_of(pod: ReadPod) -> dict[str, dict[str, Any]]:
    """Mounts of the container by their path."""
    return {str(each.get("mountPath", "")): each for each in items_of(pod.container.get("volumeMounts"))}


def claim_at(pod: ReadPod, path: str) -> str:
    """The claim whose mount covers a path; empty where none does."""
    at = _covering(pod, path)
    volume = _volume(pod, mounts_of(pod)[at]) if at else {}
    return str(maps_of(volume, "persistentVolumeClaim").get("claimName") or "")


def _covering(pod: ReadPod, path: str) -> str:
    """The mount under which a path lies, the nearest one; empty where none does."""
    found = [at for at in mounts_of(pod) if at.strip("/") and f"{path.rstrip('/')}/".startswith(f"{at.rstrip('/')}/")]
    return max(found, key=len, default="") if path else ""


def _volume(pod: ReadPod, mount: dict[str, Any]) -> dict[str, Any]:
    named = (each for each in items_of(pod.spec.get("volumes")) if each.get("name") == mount.get("name"))
    return next(named, dict[str, Any]())


def _cache_of(pod: ReadPod) -> str:
    """Where the hub's files are kept: as the variables or the command say, else at a home that images have."""
    asked = pod.command.fields.get("storage.cacheDir") if pod.command else None
    texts = {str(each.get("name")): str(each.get("value") or "") for each in items_of(pod.container.get("env"))}
    places = [str(asked or ""), *(texts.get(name, "") for name in _CACHE_VARIABLES), *_CACHES]
    return next((each for each in places if each and claim_at(pod, each)), "")


def shared_memory_of(pod: ReadPod) -> str | None:
    """The limit of the volume at /dev/shm; None where there is none."""
    mount = mounts_of(pod).get(_SHM)
    empty = maps_of(_volume(pod, mount), "emptyDir") if mount else {}
    return size_text(empty.get("sizeLimit"))


def _claim_fields(claim: str, place: Place) -> Fields:
    found = place.surroundings.named("PersistentVolumeClaim", claim)
    if found is None:
        return {}
    modes = [str(each) for each in found.list_at("spec", "accessModes")]
    return {
        "storage.class": found.text_at("spec", "storageClassName"),
        "storage.size": size_text(found.get("spec", "resources", "requests", "storage")),
        "storage.accessMode": modes[0] if modes and modes[0] in _MODES else None,
        # A claim that holds the model is made with it, a cache's too.
        "storage.claim": claim,
    }


def jobs_of(claim: str, place: Place) -> Iterator[tuple[Object, ReadPod]]:
    """Jobs whose pods mount a claim and fetch a model into it."""
    from shardwright.kubernetes.read.reading import pod_of  # noqa: PLC0415 - that module is made of this one

    for job in place.surroundings.of_kind("Job"):
        pod = pod_of(job.get("spec", "template"), place.surroundings)
        if pod and any(claim_at(pod, path) == claim for path in mounts_of(pod)) and _fetches(pod):
            yield job, pod


def _words(pod: ReadPod) -> list[str]:
    parts = (pod.container.get("command"), pod.container.get("args"))
    return [str(each) for part in parts if isinstance(part, list) for each in part]


def _fetches(pod: ReadPod) -> bool:
    text = " ".join(_words(pod))
    return any(
        mark in text
        for mark in ("hf download", "huggingface-cli download", "snapshot_download", "s3://", "par://", "cp -R")
    )


def _job_fields(claim: str, place: Place) -> Fields:
    """What the Job that fills the claim says: that it does, from where, at which revision."""
    for _, pod in jobs_of(claim, place):
        words = _words(pod)
        fetched = next((word for word in words if _FETCHED.fullmatch(word)), None)
        after = words[words.index("--revision") + 1 :] if "--revision" in words else []
        fields: Fields = {
            "storage.download": None,
            "model.revision": after[0] if after and after[0] != "main" else None,
        }
        return {**fields, **({"model.source": fetched} if fetched else {})}
    return {}


def objects_of(leader: ReadPod, place: Place) -> tuple[Object, ...]:
    """The claims that the pods mount and the Jobs that fill them, as far as they are in the input."""
    claims = [claim_at(leader, path) for path in mounts_of(leader)]
    found: list[Object] = []
    for claim in dict.fromkeys(each for each in claims if each):
        made = place.surroundings.named("PersistentVolumeClaim", claim)
        found += [made] if made else []
        found += [job for job, _ in jobs_of(claim, place)]
    return tuple(found)
