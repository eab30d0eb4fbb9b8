"""Manifests of several platforms become recipes through the service: which reader answers, what is compared, what is left."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from shardwright import errors
from shardwright.service import importing
from shardwright.service.importing import Wish
from shardwright.settings import load_hub_settings

TESTS = Path(__file__).parents[2]
DATA = TESTS / "data" / "manifests"
GOLDEN = TESTS / "golden"

NO_RUNTIME = """
apiVersion: serving.kserve.io/v1beta1
kind: InferenceService
metadata: {name: other}
spec: {predictor: {model: {modelFormat: {name: vLLM}, runtime: nowhere, storageUri: 'pvc://models/a'}}}
"""


def imported(*files: Path, **wish: str) -> importing.ImportResult:
    asked = dataclasses.replace(Wish(), **wish)  # pyright: ignore[reportArgumentType] - texts alone are given
    return importing.import_manifests([str(each) for each in files], asked, load_hub_settings())


def test_a_template_with_all_that_stands_beside_it_comes_back_whole() -> None:
    """Compared by the service itself: no difference, and nothing said to be left."""
    made = imported(GOLDEN / "openshift_ai" / "add-ons.yaml", model="llama-3-8b", target_version="3.5")
    assert (made.platform, made.is_compared, made.differences, made.findings) == ("openshift-ai", True, (), ())


def test_a_guides_manifests_are_compared_with_what_is_rendered() -> None:
    """The service for sizes by variables is read, planned and rendered; what becomes otherwise is listed by its path."""
    made = imported(DATA / "kserve-by-variables.yaml", gpu="A10G", model="llama-3-8b")
    assert (made.platform, made.is_compared) == ("kserve", True)
    paths = {f"{each.kind} {each.difference.path}" for each in made.differences}
    assert "InferenceService spec.predictor.workerSpec.size" in paths
    assert "InferenceService spec.predictor.model.env" in paths
    assert {"import.size-by-variable", "import.runtime-assumed"} <= {each.id for each in made.findings}


def test_what_cannot_be_read_stops_nothing_else(tmp_path: Path) -> None:
    """A service without its runtime is an error where it is all there is or is asked for by name."""
    alone = tmp_path / "other.yaml"
    alone.write_text(NO_RUNTIME, "utf-8")
    beside = GOLDEN / "kserve" / "one-gpu-0.20.yaml"
    made = imported(alone, beside, gpu="A10G", model="llama-3-8b", target_version="0.20")
    assert "InferenceService other is no part of the recipe" in {each.message for each in made.findings}
    for files, name in (((alone,), ""), ((alone, beside), "other")):
        with pytest.raises(errors.InputError, match="runs by the runtime nowhere, which is not among the files"):
            imported(*files, name=name)


def test_two_deployments_are_told_apart_by_name() -> None:
    """Of two services in a file one is asked for."""
    with pytest.raises(errors.InputError, match="there are 2 deployments: RayService deepseek-r1, RayService old"):
        imported(DATA / "kuberay-serve.yaml")
    assert imported(DATA / "kuberay-serve.yaml", name="old").platform == "kuberay"
