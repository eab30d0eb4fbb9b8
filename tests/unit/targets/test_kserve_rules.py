from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from typing import Any

import pytest
from kserve_cases import deployed, errors_of, found

from shardwright import errors
from shardwright.core.layout import Layout
from shardwright.core.recipe.model import Patch, PatchTarget
from shardwright.service import rendering
from shardwright.targets.kserve import options, releases
from shardwright.targets.kserve.target import TARGET
from shardwright.testing import builders

ROOT = Path(__file__).parents[3]
ONE = builders.layout(1, 1, nodes=1)
FOUR = builders.layout(1, 4, nodes=4)


def test_a_sound_recipe_has_no_errors_and_no_warnings() -> None:
    """No rule speaks up without a reason."""
    assert {finding.severity for finding in found().values()} == {"info"}
    assert {finding.severity for finding in found(ONE).values()} == {"info"}


@pytest.mark.parametrize(
    ("asked", "known"),
    [
        ("0.13", "0.13"),
        ("v0.14.1", "0.14"),
        ("0.15", "0.15.1"),
        ("0.15.0", "0.15.0"),
        ("0.15.2", "0.15.1"),
        ("0.20.0", "0.20"),
    ],
)
def test_versions_are_known_by_major_and_minor_but_for_0_15(asked: str, known: str) -> None:
    """The first patch release of 0.15 has rules of its own."""
    release = releases.release_of(builders.recipe(target={"version": asked}))
    assert release is not None
    assert release.version == known


@pytest.mark.parametrize("asked", ["0.12", "0.21", "1", "newest"])
def test_unknown_versions_are_refused_with_the_known_ones(asked: str) -> None:
    """What a release accepts must be known before something is written for it."""
    finding = found(target={"version": asked})["kserve.version-unknown"]
    assert "0.13, 0.14, 0.15.0, 0.15.1, 0.16" in finding.message
    with pytest.raises(errors.InputError, match=r"0\.20"):
        TARGET.render(deployed(target={"version": asked}))


def test_a_version_that_is_assumed_is_said() -> None:
    """Without a version the newest known is written."""
    assert "0.20" in found(target={"version": None})["kserve.version-assumed"].message


@pytest.mark.parametrize(("name", "value"), [("runtime", "triton"), ("runtime", 1), ("mode", "Knative")])
def test_options_are_checked(name: str, value: object) -> None:
    """A misspelt option would do nothing."""
    assert errors_of(target={"options": {name: value}}) & {"kserve.option-unknown", "kserve.option-value"}


@pytest.mark.parametrize(("name", "layout", "rule"), [
    ("8b", None, "kserve.name-invalid"),
    ("a" * 42, None, "kserve.name-too-long"),
    ("a" * 49, ONE, "kserve.name-too-long"),
])  # fmt: skip
def test_names_fit_into_what_is_made_of_them(name: str, layout: Layout | None, rule: str) -> None:
    """A label of the pods holds the name with the longest of KServe's endings."""
    assert errors_of(layout, metadata={"name": name}) == {rule}
    assert not errors_of(layout, metadata={"name": "a" * 41})


def test_0_13_has_no_groups() -> None:
    """It runs one node only."""
    assert errors_of(target={"version": "0.13"}) == {"kserve.no-groups"}
    assert not errors_of(ONE, target={"version": "0.13"})


def test_0_14_has_the_field_but_nothing_that_reads_it() -> None:
    """Upstream's controller makes no workers, so the head would wait for ever: rendered, with a warning."""
    assert not errors_of(target={"version": "0.14"})
    assert found(target={"version": "0.14"})["kserve.workers-not-made"].severity == "warning"
    assert "kserve.workers-not-made" not in found(ONE, target={"version": "0.14"})


@pytest.mark.requirement("R010", "R061", "R062")
def test_several_groups_are_an_error_that_names_what_makes_them() -> None:
    """More replicas would be more heads behind one name."""
    finding = found(replicas=2)["kserve.one-group"]
    assert finding.severity == "error"
    assert "lws" in finding.fix
    assert "llmisvc" in finding.fix
    assert not errors_of(ONE, replicas=2)


def test_no_replicas_need_a_release_that_can_stop() -> None:
    """Before 0.16 a service of plain Deployments cannot be stopped."""
    assert errors_of(replicas=0, target={"version": "0.15"}) == {"kserve.not-stoppable"}
    assert not errors_of(replicas=0)


@pytest.mark.requirement("R013", "R041")
@pytest.mark.parametrize(("source", "version", "rule"), [
    ("hf://meta-llama/Meta-Llama-3-8B-Instruct", "0.19", "kserve.storage-needed"),
    ("oci://quay.io/org/llama:1", "0.15.1", "kserve.storage-scheme"),
])  # fmt: skip
def test_groups_need_storage_that_the_release_takes(source: str, version: str, rule: str) -> None:
    """The webhook refuses a group whose model is not in a claim, or from 0.16 on in an image."""
    asked: dict[str, Any] = {"model": {"source": source, "token": None}, "storage": {"claim": None}}
    assert errors_of(target={"version": version}, **asked) == {rule}
    assert not errors_of(ONE, target={"version": version}, **asked)


def test_what_an_installation_decides_is_said() -> None:
    """Switches of KServe's ConfigMap are named with the command that shows them."""
    image: dict[str, Any] = {
        "model": {"source": "oci://quay.io/org/llama:1", "token": None},
        "storage": {"claim": None},
    }
    assert "kubectl get configmap" in found(**image)["kserve.image-mounted"].fix
    assert "kserve.direct-volumes" in found(target={"version": "0.15"})
    assert "kserve.direct-volumes" not in found(target={"version": "0.16"})


@pytest.mark.requirement("R033", "R065", "R069")
@pytest.mark.parametrize("name", ["TENSOR_PARALLEL_SIZE", "PIPELINE_PARALLEL_SIZE"])
def test_sizes_are_no_variables(name: str) -> None:
    """The webhook refuses them; they are fields."""
    assert "kserve.size-variable" in errors_of(engine={"env": {name: "2"}})


@pytest.mark.parametrize(("name", "version"), [("HEAD_SVC", "0.16"), ("MODEL_DIR", "0.19"), ("PYTHONPATH", "0.19")])
def test_variables_of_kserve_are_left_to_it(name: str, version: str) -> None:
    """It writes over some and refuses others."""
    assert "kserve.variable-taken" in errors_of(engine={"env": {name: "x"}}, target={"version": version})


def test_braces_that_kserve_would_fill_in_are_refused() -> None:
    """The head's container is a template of Go."""
    assert "kserve.template" in errors_of(engine={"env": {"CHAT": "{{ messages }}"}})


@pytest.mark.requirement("R031")
def test_an_engine_that_serves_one_name_serves_the_services() -> None:
    """SGLang answers to one name, the Hugging Face server too."""
    server = {"version": "0.20", "options": {"runtime": "huggingface"}}
    assert "kserve.served-name" in errors_of(ONE, model={"served_name": "llama"}, target=server)
    assert not errors_of(ONE, model={"served_name": "llama"})


@pytest.mark.requirement("R038", "R039")
def test_gpus_that_kserve_does_not_count_are_refused_where_it_counts() -> None:
    """By requests of others than the known kinds it would make one pod for each."""
    layout, slices = builders.layout(2, 2), {"resource": "nvidia.com/mig-2g.24gb"}
    assert errors_of(layout, hardware=slices, target={"version": "0.17"}) == {"kserve.gpu-type"}
    assert not errors_of(layout, hardware=slices, target={"version": "0.19"})


@pytest.mark.requirement("R066", "R071")
def test_nodes_with_different_numbers_of_gpus_are_refused() -> None:
    """KServe has one number of GPUs for all nodes."""
    assert "kserve.nodes-uneven" in errors_of(Layout(1, 3, 2, 2, (11, 11, 10)))


@pytest.mark.requirement("R071")
def test_sizes_that_differ_from_the_engines_are_explained() -> None:
    """Who reads workerSpec would take them for the engine's."""
    assert "TP8 x PP1" in found(builders.layout(8, 1))["kserve.sizes-are-nodes"].message
    assert "kserve.sizes-are-nodes" not in found()


def test_more_than_one_worker_needs_an_index() -> None:
    """Before 0.18 workers cannot find each other; afterwards their order can change."""
    assert errors_of(FOUR, target={"version": "0.17"}) == {"kserve.no-member-index"}
    assert found(FOUR)["kserve.member-index-by-address"].severity == "warning"
    ray = {"executor": "ray", "image": "registry.example.org/vllm-ray:1"}
    assert not {name for name in found(FOUR, engine=ray) if "index" in name}


def test_the_server_is_held_against_the_plan() -> None:
    """It brings its own engine, of one version, spans nodes with Ray only, and checks no keys."""
    server = {"options": {"runtime": "huggingface"}}
    assert errors_of(target={"version": "0.20", **server}) == {"kserve.server-executor"}
    assert errors_of(ONE, target={"version": "0.19", **server}) == {"kserve.server-version"}
    assert errors_of(ONE, target={"version": "0.18", **server}) == {"kserve.server-image"}
    assert "/openai/v1" in found(ONE, target={"version": "0.20", **server})["kserve.server-route"].message


def test_a_known_defect_of_a_release_is_said() -> None:
    """Who deploys a group there should know."""
    assert "6113" in found(target={"version": "0.20"})["kserve.known-defect"].message
    assert "kserve.known-defect" not in found(ONE, target={"version": "0.20"})


@pytest.mark.parametrize(("kind", "patch", "rule"), [
    ("ServingRuntime", {"spec": {"multiModel": True}}, ""),
    ("InferenceService", {"spec": {"predictor": {"enableServiceLinks": None}}}, "patch.service-links"),
    ("InferenceService", {"spec": {"predictor": {"hostNetwork": True}}}, "patch.host"),
    ("InferenceService", {"spec": {"predictor": {"model": {"resources": {"limits": {"nvidia.com/gpu": "2"}}}}}}, "patch.devices"),
])  # fmt: skip
def test_patches_are_held_against_what_must_stay(kind: str, patch: object, rule: str) -> None:
    """Also where a platform's kind has a pod's fields among its own."""
    patches = (Patch(PatchTarget(kind), patch),)
    assert errors_of(target={"patches": patches}) == ({rule} if rule else set())


def test_errors_stop_rendering() -> None:
    """What is refused is not half written."""
    with pytest.raises(errors.InputError, match=r"kserve\.one-group"):
        rendering.render(deployed(replicas=2), TARGET)


def test_every_rule_and_option_is_documented() -> None:
    """Who meets a finding can read about it."""
    made = re.compile(r'(?:error|warning|info|unknown)\(\s*"(kserve\.[a-z0-9-]+)"')
    folder = ROOT / "src/shardwright/targets/kserve"
    ids = {name for path in folder.glob("*.py") for name in made.findall(path.read_text("utf-8"))}
    text = (ROOT / "docs/explanation/kserve.md").read_text("utf-8")
    assert len(ids) > 20
    assert {name for name in {*ids, *options.OPTIONS} if f"`{name}`" not in text} == set()


def test_a_group_that_is_one_node_by_plan_has_no_group_rules() -> None:
    """What holds for groups alone is not said of one pod."""
    made = dataclasses.replace(deployed(ONE), worker=None)
    assert not {finding.id for finding in TARGET.findings(made)} & {"kserve.no-group-restart", "kserve.storage-needed"}
