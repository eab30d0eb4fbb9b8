from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from shardwright.core.recipe.model import KeyRef
from shardwright.kubernetes.render import download, dump, members, sources, storage
from shardwright.kubernetes.rules import rules
from shardwright.testing import builders

if TYPE_CHECKING:
    from shardwright.core.deployment import Deployment
    from shardwright.core.rules import Finding

KEYS: dict[str, Any] = {
    "AWS_ACCESS_KEY_ID": KeyRef("s3", "id"),
    "AWS_SECRET_ACCESS_KEY": KeyRef("s3", "secret"),
    "AWS_REGION": "eu-west-1",
    "HTTPS_PROXY": "http://proxy:3128",
}


def deployed(source: str, **overrides: object) -> Deployment:
    model = {"source": source, "token": overrides.pop("token", None)}
    return builders.deployment(builders.recipe(model=model, **{"storage": {"claim": "models"}, **overrides}))


def fetching(deployment: Deployment) -> dict[str, Any]:
    made: Any = dump.as_tree(download.download_job(deployment))
    return made["spec"]["template"]["spec"]["containers"][0]


def names(container: dict[str, Any]) -> set[str]:
    return {entry["name"] for entry in container["env"]}


def found(deployment: Deployment) -> dict[str, Finding]:
    return {finding.id: finding for finding in rules.findings_of(deployment)}


@pytest.mark.parametrize(
    ("source", "path"),
    [
        ("s3://bucket/llama/8b", "/models/fetched/bucket/llama/8b"),
        ("par://bucket/llama", "/models/fetched/bucket/llama"),
        ("oci://quay.io:5000/org/llama:v1", "/models/fetched/quay.io-5000/org/llama-v1"),
    ],
)
def test_the_engine_reads_the_folder_that_the_job_fills(source: str, path: str) -> None:
    """What is no repository of the hub is copied into the claim, and read there by its path, without the hub."""
    deployment = deployed(source, token=KeyRef("a", "b"))
    assert sources.model_argument(deployment.recipe) == path
    assert fetching(deployment)["command"][-1] == path
    files = storage.files_of(deployment)
    assert {entry.name: entry.value for entry in files.variables} == {"HF_HUB_OFFLINE": "1"}
    assert (files.is_offline, files.mounts[0].read_only, len(files.init_containers)) == (True, True, 1)


@pytest.mark.requirement("R160")
def test_a_bucket_is_read_by_the_images_own_python() -> None:
    """No package is installed at run time; the program is part of the manifest."""
    container = fetching(deployed("s3://bucket/llama"))
    assert container["command"][:4] == ["sh", "-c", 'python3 -c "$@" && touch "$DONE_FILE"', "download"]
    assert container["image"] == deployed("s3://bucket/llama").image
    compile(container["command"][4], "program", "exec")
    assert "$(" not in container["command"][4]


def test_keys_of_a_bucket_are_for_the_job_alone() -> None:
    """Pods that serve requests hold no credential that they do not need."""
    deployment = deployed("s3://bucket/llama", engine={"env": KEYS})
    assert set(KEYS) <= names(fetching(deployment))
    files = storage.files_of(deployment)
    pod: Any = dump.as_tree(members.member_template(deployment, deployment.leader, {}, files))
    assert not [name for name in names(pod["spec"]["containers"][0]) if name.startswith("AWS_")]
    assert not [name for name in names(fetching(deployed("hf://a/b", engine={"env": KEYS}))) if "AWS_" in name]


def test_the_address_of_a_request_comes_from_a_secret() -> None:
    """The address is the credential; without one nothing is rendered."""
    env = {entry["name"]: entry for entry in fetching(deployed("par://bucket", token=KeyRef("par", "url")))["env"]}
    assert env["MODEL_REQUEST"]["valueFrom"] == {"secretKeyRef": {"name": "par", "key": "url"}}
    assert "HF_TOKEN" not in env
    assert found(deployed("par://bucket"))["model.request-missing"].severity == "error"


def test_an_image_copies_its_own_folder() -> None:
    """The model's image runs in the Job, and must hold a shell; that only the registry can tell."""
    deployment = deployed("oci://quay.io/org/llama:v1")
    container = fetching(deployment)
    assert container["image"] == "quay.io/org/llama:v1"
    assert container["command"][2] == 'mkdir -p "$1" && cp -R /models/. "$1" && du -ah "$1" && touch "$DONE_FILE"'
    assert found(deployment)["model.image-layout"].status == "unknown"


def test_what_is_fetched_needs_a_claim() -> None:
    """There is nowhere else to copy it to; the error names what works without one."""
    finding = found(deployed("s3://bucket/llama", storage={}))["model.source-needs-claim"]
    assert "hf:// and pvc:// work without" in finding.fix


def test_a_bucket_without_keys_is_said_to_be_public() -> None:
    """Whoever forgot the keys learns where they belong."""
    assert "model.bucket-without-keys" in found(deployed("s3://bucket/llama"))
    assert "model.bucket-without-keys" not in found(deployed("s3://bucket/llama", engine={"env": KEYS}))


def test_each_source_has_a_mark_of_its_own() -> None:
    """The group does not start on what another source left in the claim."""
    marks = {storage.done_file(deployed(source).recipe).value for source in ("s3://b/x", "par://b/x", "hf://b/x")}
    assert len(marks) == 3
