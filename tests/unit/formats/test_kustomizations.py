from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from shardwright.core.plugins import Manifest
from shardwright.formats import kustomize, sync_waves, texts
from shardwright.service import rendering
from shardwright.targets.lws.target import TARGET
from shardwright.testing import builders

if TYPE_CHECKING:
    from collections.abc import Mapping

CLAIM: dict[str, Any] = {"claim": "models", "storage_class": "nfs"}


def manifests(**overrides: object) -> tuple[Manifest, ...]:
    asked = {"storage": CLAIM, "expose": {"kind": "ingress"}, **overrides}
    return rendering.render(builders.deployment(builders.recipe(**asked)), TARGET)


def waves(made: tuple[Manifest, ...]) -> dict[str, str]:
    return {one.kind: wave_of(one.body) for one in sync_waves.with_waves(made)}


def wave_of(body: Mapping[str, Any]) -> str:
    return body["metadata"]["annotations"][sync_waves.WAVE]


def test_the_kustomization_lists_every_object_in_order() -> None:
    """`kubectl apply -k` and GitOps tools find all of them, and nothing that is not there."""
    files = {file.path: file.text for file in kustomize.kustomize_files(manifests())}
    listed = yaml.safe_load(files.pop("kustomization.yaml"))
    assert listed["apiVersion"] == "kustomize.config.k8s.io/v1beta1"
    assert listed["resources"] == sorted(files)
    assert [yaml.safe_load(files[name])["kind"] for name in listed["resources"]] == [m.kind for m in manifests()]


def test_the_model_is_there_before_gpus_are_taken_and_the_way_in_is_last() -> None:
    """Argo CD waits for the Job, then for the group; an Ingress without a load balancer holds nothing up."""
    assert waves(manifests()) == {
        "PersistentVolumeClaim": "0",
        "Job": "0",
        "Service": "1",
        "LeaderWorkerSet": "1",
        "Ingress": "2",
    }


def test_a_claim_comes_with_what_mounts_it() -> None:
    """A volume that is made for its first consumer is never bound in a wave before that consumer."""
    assert waves(manifests(storage={**CLAIM, "download": "never"}))["PersistentVolumeClaim"] == "1"


def test_a_wave_of_the_recipe_stays() -> None:
    """Who runs several deployments in one application knows better."""
    made = sync_waves.with_waves(manifests(metadata={"annotations": {sync_waves.WAVE: "7"}}))
    assert {wave_of(one.body) for one in made} == {"7"}


def test_files_of_several_recipes_name_them_all() -> None:
    """The kustomization belongs to every deployment whose objects it lists."""
    made = (*manifests(), *manifests(metadata={"name": "b"}, storage={}))
    first = kustomize.kustomize_files(made)[0].text.partition("\n")[0]
    assert texts.owners_of_line(first) == {"demo/llama-3-8b", "demo/b"}


def test_json_is_one_list_in_order() -> None:
    """One text that kubectl takes, with the objects as they were rendered."""
    listed = json.loads(texts.as_json(manifests()))
    assert (listed["apiVersion"], listed["kind"]) == ("v1", "List")
    assert listed["items"] == [made.body for made in manifests()]


@pytest.mark.parametrize(
    ("digests", "source"),
    [
        ((), "from a recipe."),
        (("a" * 64,), "from recipe sha256:aaaaaaaaaaaa."),
        (("a" * 64, "b" * 64), "from 2 recipes."),
    ],
)
def test_the_first_line_names_the_recipe_and_no_time(digests: tuple[str, ...], source: str) -> None:
    """The same recipe gives the same bytes, today and next year."""
    made = tuple(
        Manifest(
            "Service",
            name,
            {"metadata": {"name": name, "annotations": {"shardwright.dev/recipe-digest": f"sha256:{name}"}}},
        )
        for name in digests
    )
    bare = Manifest("Service", "x", {"metadata": {"name": "x"}})
    assert source in texts.mark_of(made or (bare,))
