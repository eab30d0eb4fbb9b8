from __future__ import annotations

import dataclasses
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from shardwright.core.recipe.model import Draft, KeyRef
from shardwright.kubernetes.render import download, dump, sources, storage
from shardwright.testing import builders
from shardwright.units import GIB

if TYPE_CHECKING:
    from shardwright.core.deployment import Deployment

CLAIM: dict[str, Any] = {"claim": "models", "size": 40 * GIB}


def deployed(**overrides: object) -> Deployment:
    return builders.deployment(builders.recipe(**{"storage": CLAIM, **overrides}))


def job(deployment: Deployment) -> dict[str, Any]:
    made = download.download_job(deployment)
    assert made is not None
    return dict(dump.as_manifest(made).body)


def pod(deployment: Deployment) -> dict[str, Any]:
    return job(deployment)["spec"]["template"]


def env(container: dict[str, Any]) -> dict[str, Any]:
    return {entry["name"]: entry.get("value", entry.get("valueFrom")) for entry in container["env"]}


@pytest.mark.requirement("R157", "R164")
def test_the_job_fetches_the_model_of_the_recipe() -> None:
    """Model and revision stand in the command itself: there is no default that could be fetched by mistake."""
    container = pod(deployed(model={"revision": "v1"}))["spec"]["containers"][0]
    assert container["command"][5:] == [
        "meta-llama/Meta-Llama-3-8B-Instruct",
        "--revision",
        "v1",
        "--exclude",
        "original/*",
    ]
    assert container["image"] == deployed().image


@pytest.mark.requirement("R158")
def test_the_model_lands_in_the_cache_that_the_group_reads() -> None:
    """The Job and the engine have one HF_HOME, the claim's mount; the hub's cache is `hub` below it."""
    deployment = deployed(storage={**CLAIM, "cache_dir": "/data"})
    container = pod(deployment)["spec"]["containers"][0]
    files = storage.files_of(deployment)
    assert env(container)["HF_HOME"] == "/data"
    assert {entry.name: entry.value for entry in files.variables} == {"HF_HOME": "/data", "HF_HUB_OFFLINE": "1"}
    assert [mount.mount_path for mount in files.mounts] == ["/data"]


@pytest.mark.requirement("R159")
def test_the_job_has_no_sidecar() -> None:
    """With a sidecar of a mesh the Job would never complete; label and annotation both say so."""
    metadata = pod(deployed())["metadata"]
    assert metadata["labels"]["sidecar.istio.io/inject"] == "false"
    assert metadata["annotations"]["sidecar.istio.io/inject"] == "false"


@pytest.mark.requirement("R160", "R161", "R162")
def test_the_job_retries_within_limits_and_installs_nothing() -> None:
    """Three retries on the same pod, bounded memory, the image's own program with flags that are not deprecated."""
    spec = job(deployed())["spec"]
    container = spec["template"]["spec"]["containers"][0]
    assert (spec["backoffLimit"], spec["template"]["spec"]["restartPolicy"]) == (3, "OnFailure")
    assert container["resources"] == {
        "requests": {"cpu": "1", "memory": "2Gi"},
        "limits": {"cpu": "2", "memory": "4Gi"},
    }
    assert container["command"][:2] == ["sh", "-c"]
    assert 'hf download "$@"' in container["command"][2]
    assert container["command"][5:7] == ["meta-llama/Meta-Llama-3-8B-Instruct", "--revision"]
    assert "pip" not in " ".join(container["command"])


HUB = """#!/bin/sh
test "$*" = "download meta-llama/Meta-Llama-3-8B-Instruct --revision main --exclude original/*" || exit 9
at="$HF_HOME/hub/models--meta-llama--Meta-Llama-3-8B-Instruct"
mkdir -p "$at/refs" "$at/blobs" "$at/snapshots/abc/tokenizer"
printf abc > "$at/refs/main"
printf 123456 > "$at/blobs/one"
ln -s ../../blobs/one "$at/snapshots/abc/model-1.safetensors"
printf '{"weight_map": {"a": "model-1.safetensors", "b": "model-%s.safetensors"}}' "$SHARD" \
  > "$at/snapshots/abc/model.safetensors.index.json"
printf 12 > "$at/snapshots/abc/tokenizer/vocabulary"
"""


def fetched(folder: Path, shard: str) -> subprocess.CompletedProcess[str]:
    """The Job's own command, over a hub that leaves two shards in the index and the first in the cache."""
    (folder / "hf").write_text(HUB, "utf-8")
    (folder / "hf").chmod(0o755)
    container = job(deployed())["spec"]["template"]["spec"]["containers"][0]
    path = f"{folder}:{Path(sys.executable).parent}:/usr/bin:/bin"
    given = {"PATH": path, "HF_HOME": str(folder), "DONE_FILE": str(folder / "done"), "SHARD": shard}
    return subprocess.run(container["command"], env=given, capture_output=True, text=True, check=False)


@pytest.mark.requirement("R163")
def test_the_job_shows_what_it_fetched(tmp_path: Path) -> None:
    """Each file with its size, and the total; links count as what they lead to."""
    done = fetched(tmp_path, "1")
    assert done.returncode == 0, done.stderr
    lines = [line.split() for line in done.stdout.splitlines()]
    assert ["6", "model-1.safetensors"] in lines
    assert ["2", "tokenizer/vocabulary"] in lines
    assert lines[-1] == ["80", "bytes", "in", "3", "files"]
    assert (tmp_path / "done").exists()


@pytest.mark.requirement("R163")
def test_a_file_of_the_index_that_is_missing_fails_the_job(tmp_path: Path) -> None:
    """The group waits for the mark, and would else be started on half a model."""
    done = fetched(tmp_path, "2")
    assert done.returncode != 0
    assert "model-2.safetensors" in done.stderr
    assert not (tmp_path / "done").exists()


@pytest.mark.requirement("R074", "R123")
def test_the_token_is_referred_to() -> None:
    """The token's value is in no manifest, only the name of its Secret."""
    container = pod(deployed(model={"token": KeyRef("hub", "read")}))["spec"]["containers"][0]
    assert env(container)["HF_TOKEN"] == {"secretKeyRef": {"name": "hub", "key": "read"}}


def test_the_job_reaches_the_hub_as_the_recipe_says() -> None:
    """Endpoint, proxies and certificates are those of engine.env; what belongs to the engine alone stays there."""
    given = {
        "HF_ENDPOINT": "http://hub:8080",
        "https_proxy": "http://p",
        "HF_HUB_OFFLINE": "1",
        "VLLM_LOGGING_LEVEL": "DEBUG",
    }
    container = pod(deployed(engine={"env": given}))["spec"]["containers"][0]
    variables = env(container)
    assert (variables["HF_ENDPOINT"], variables["https_proxy"]) == ("http://hub:8080", "http://p")
    assert {"HF_HUB_OFFLINE", "VLLM_LOGGING_LEVEL"} & set(variables) == set()


def test_the_job_runs_as_any_user() -> None:
    """Its home is a folder that any user number can write."""
    spec = pod(deployed())["spec"]
    assert env(spec["containers"][0])["HOME"] == "/home/engine"
    assert {"name": "home", "emptyDir": {}} in spec["volumes"]
    assert spec["containers"][0]["securityContext"]["capabilities"] == {"drop": ["ALL"]}


@pytest.mark.parametrize(
    "change", [{"model": {"revision": "v2"}}, {"engine": {"image": "mirror/vllm:1"}}, {"pods": {"cpu": "2"}}]
)
def test_other_work_is_another_job(change: dict[str, Any]) -> None:
    """A Job cannot be changed, so its name differs when, and only when, what it does differs."""
    asked = builders.recipe(storage=CLAIM, **change)
    changed = builders.deployment(asked, image=asked.engine.image or deployed().image)
    same_work = "pods" in change
    assert (job(changed)["metadata"]["name"] == job(deployed())["metadata"]["name"]) == same_work


def test_the_name_of_the_job_fits() -> None:
    """Job names become labels of at most 63 characters, for the longest name of a deployment too."""
    name = job(deployed(metadata={"name": "a" * 50}))["metadata"]["name"]
    assert len(name) == 63


def test_the_group_waits_for_what_the_job_leaves() -> None:
    """Objects applied all at once start in the right order: pods wait for the mark that the Job sets last."""
    deployment = deployed()
    (waiting,) = storage.files_of(deployment).init_containers
    done = env(pod(deployment)["spec"]["containers"][0])["DONE_FILE"]
    assert [entry.value for entry in waiting.env] == [done]
    assert done.startswith("/models/.shardwright-")
    assert waiting.volume_mounts[0].read_only is True


@pytest.mark.parametrize(
    "change",
    [{"storage": {"download": "never"}}, {"storage": {"claim": None}}, {"model": {"source": "pvc://models/llama"}}],
)
def test_no_job_where_nothing_is_to_be_fetched(change: dict[str, Any]) -> None:
    """A download that is switched off, has nowhere to go or is already there makes no Job, and nobody waits for one."""
    merged = {"storage": {**CLAIM, **change.get("storage", {})}, "model": change.get("model", {})}
    deployment = deployed(**merged)
    assert download.download_job(deployment) is None
    assert storage.files_of(deployment).init_containers == ()


@pytest.mark.parametrize("written", ["llama-3-8b-instruct", "meta-llama/Meta-Llama-3-8B-Instruct"])
def test_a_name_of_the_catalogue_stands_for_its_repository(written: str) -> None:
    """What can be planned by a short name can be served by it."""
    assert sources.model_argument(builders.recipe(model={"source": written})) == "meta-llama/Meta-Llama-3-8B-Instruct"


def test_a_model_in_a_claim_is_mounted_read_only() -> None:
    """The engine is given the path in the claim, and nobody asks the hub."""
    recipe = builders.recipe(model={"source": "pvc://shared/llama/8b"})
    files = storage.files_of(builders.deployment(recipe))
    assert sources.model_argument(recipe) == "/models/llama/8b"
    assert files.mounts[0].read_only is True
    assert [entry.name for entry in files.variables] == ["HF_HUB_OFFLINE"]


@pytest.mark.parametrize(
    ("source", "draft", "given", "offline"),
    [
        ("hf://meta-llama/Meta-Llama-3-8B-Instruct", "llama-3-8b", "meta-llama/Meta-Llama-3-8B", False),
        ("pvc://models/big", "pvc://models/small", "/models/small", True),
        ("pvc://models/big", "hf://test/small", "test/small", False),
    ],
)
def test_a_draft_is_named_and_found_like_the_model(source: str, draft: str, given: str, *, offline: bool) -> None:
    """By its repository or its path in the mounted claim; pods ask the hub for it where it lies there."""
    recipe = builders.recipe(storage=CLAIM, model={"source": source, "draft": Draft(draft)})
    assert sources.draft_argument(recipe) == given
    assert storage.files_of(builders.deployment(recipe)).is_offline is offline


@pytest.mark.requirement("R073")
@pytest.mark.parametrize(("asked", "written"), [(40 * GIB, "40Gi"), (None, "23Gi")])
def test_a_claim_of_ours_has_the_size_asked_or_half_as_much_again_as_the_model(asked: int | None, written: str) -> None:
    """Without a size a new claim has 1.5 times the model's bytes, in whole GiB (16.06 GB of weights here)."""
    claim = storage.claim_of(deployed(storage={"claim": "models", "size": asked, "storage_class": "nfs"}))
    assert claim is not None
    spec = dump.as_tree(claim.spec)
    assert spec == {
        "accessModes": ["ReadWriteMany"],
        "storageClassName": "nfs",
        "resources": {"requests": {"storage": written}},
        "volumeMode": "Filesystem",
    }


@pytest.mark.requirement("R136")
def test_a_claim_that_is_not_ours_is_only_used() -> None:
    """Without size and class the claim is expected to exist; its one name is used by Job and group alike."""
    deployment = deployed(storage={"claim": "models"})
    mounted: Any = dump.as_tree(storage.files_of(deployment).volumes[0])
    volumes = [*pod(deployment)["spec"]["volumes"], mounted]
    assert storage.claim_of(deployment) is None
    assert [v["persistentVolumeClaim"] for v in volumes if "persistentVolumeClaim" in v] == [
        {"claimName": "models"}
    ] * 2


def test_the_size_on_disk_counts_where_it_is_known() -> None:
    """A checkpoint's own size is preferred to the one computed from its tensors."""
    shape = builders.llama_shape(checkpoint_bytes=100 * GIB)
    planned = dataclasses.replace(
        builders.plan(builders.recipe(storage={"claim": "m", "storage_class": "c"})), shape=shape
    )
    assert storage.claim_bytes(builders.deployment(plan=planned)) == 150 * GIB
