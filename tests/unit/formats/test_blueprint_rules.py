"""Rules on blueprints of OCI AI Blueprints: each is met by one change of a blueprint that is right."""

from __future__ import annotations

import json
from typing import Any

import blueprint_cases as cases
import pytest
from blueprint_cases import CLUSTER, REMOVED, STORAGE

from shardwright.formats.oci_blueprints import keys

REQUIRED = (
    "recipe_mode",
    "recipe_container_port",
    "deployment_name",
    "recipe_node_shape",
    "input_object_storage",
    "recipe_node_pool_size",
    "recipe_node_boot_volume_size_in_gbs",
    "recipe_ephemeral_storage_size",
    "recipe_nvidia_gpu_count",
    "recipe_raycluster_params",
)
PARAMETERS = (
    "model_path_in_container",
    "head_node_num_cpus",
    "head_node_num_gpus",
    "head_node_cpu_mem_in_gbs",
    "num_worker_nodes",
    "worker_node_num_cpus",
    "worker_node_num_gpus",
    "worker_node_cpu_mem_in_gbs",
)


@pytest.mark.requirement("R116")
@pytest.mark.parametrize("name", ["multinode-vm-a10", "multinode-bm-a10"])
def test_the_samples_are_right(name: str) -> None:
    """The two samples of the guide, rebuilt, break no rule but that their mode is gone."""
    assert cases.ids((cases.SAMPLES / f"{name}.json").read_text("utf-8")) == []


@pytest.mark.requirement("R085", "R086", "R087", "R088", "R090", "R091", "R092", "R093")
@pytest.mark.parametrize("key", REQUIRED)
def test_each_missing_key_is_one_finding(key: str) -> None:
    """Every key that the guide calls required is asked for by its name, at the blueprint."""
    found = [each for each in cases.linted(cases.ray_cluster(**{key: REMOVED})) if each.id == "blueprint.missing-field"]
    assert [each.path for each in found] == [key]
    assert found[0].severity == "error"
    assert key in found[0].fix


@pytest.mark.requirement("R093", "R094")
@pytest.mark.parametrize("key", PARAMETERS)
def test_each_missing_parameter_of_the_cluster_is_one_finding(key: str) -> None:
    """So is every key of `recipe_raycluster_params`."""
    found = cases.linted(cases.ray_cluster(**{f"{CLUSTER}__{key}": REMOVED}))
    assert [each.path for each in found if each.id == "blueprint.missing-field"] == [f"{CLUSTER}.{key}"]


@pytest.mark.requirement("R088")
@pytest.mark.parametrize("key", ["mount_location", "volume_size_in_gbs"])
def test_each_missing_key_of_the_storage_is_one_finding(key: str) -> None:
    """And what its object storage must say."""
    found = cases.linted(cases.ray_cluster(**{f"{STORAGE}__0__{key}": REMOVED}))
    assert [each.path for each in found if each.id == "blueprint.missing-field"] == [f"{STORAGE}[0].{key}"]


CLUSTER_RULES: dict[str, tuple[str, dict[str, Any]]] = {
    "mode": ("mode-unknown", {"recipe_mode": "raycluter"}),
    "name": ("name-invalid", {"deployment_name": "Llama_8B"}),
    "long name": ("name-invalid", {"deployment_name": "a" * 48}),
    "key": ("unknown-field", {"recipe_node_shap": "VM.GPU.A10.2"}),
    "inner key": ("unknown-field", {f"{CLUSTER}__head_node_cpus": "26"}),
    "type": ("wrong-type", {"recipe_node_boot_volume_size_in_gbs": "800"}),
    "text": ("wrong-type", {"recipe_id": 3}),
    "flag": ("wrong-type", {"skip_quota_validation": "true"}),
    "list": ("wrong-type", {"recipe_container_command": "serve"}),
    "port": ("wrong-type", {"recipe_container_port": "70000"}),
    "no number": ("wrong-type", {f"{CLUSTER}__redis_port": "six"}),
    "pool": ("pool-size", {"recipe_node_pool_size": 3}),
    "cpus": ("head-unlike-workers", {f"{CLUSTER}__head_node_num_cpus": "20"}),
    "memory": ("head-unlike-workers", {f"{CLUSTER}__worker_node_cpu_mem_in_gbs": "300"}),
    "all cpus": ("no-headroom", {f"{CLUSTER}__{who}_node_num_cpus": "30" for who in ("head", "worker")}),
    "more cpus": ("node-exceeded", {f"{CLUSTER}__{who}_node_num_cpus": "31" for who in ("head", "worker")}),
    "more memory": ("node-exceeded", {f"{CLUSTER}__{who}_node_cpu_mem_in_gbs": "500" for who in ("head", "worker")}),
    "no GPUs": ("shape-without-gpus", {"recipe_node_shape": "VM.Standard.E4.Flex"}),
    "shape": ("shape-unknown", {"recipe_node_shape": "VM.GPU.A10.3"}),
    "disk": ("disk-exceeded", {"recipe_ephemeral_storage_size": 900}),
    "path": ("model-path", {f"{CLUSTER}__model_path_in_container": "/weights/model"}),
    "not fetched": ("model-path", {f"{STORAGE}__0__include": ["other/model"]}),
    "two sources": ("one-source", {f"{STORAGE}__0__bucket_name": "models"}),
    "no source": ("one-source", {f"{STORAGE}__0__par": REMOVED}),
    "volume": ("volume-small", {f"{STORAGE}__0__volume_size_in_gbs": 10}),
    "same port": ("ports-clash", {f"{CLUSTER}__redis_port": "8265"}),
    "taken port": ("ports-clash", {"recipe_container_port": "8080"}),
    "placeholder": ("placeholder", {"recipe_id": "<recipe-id>"}),
    "token": ("secret-clear", {"recipe_container_env": [{"key": "HF_TOKEN", "value": "abc"}]}),
}


@pytest.mark.requirement("R084", "R089", "R095", "R097", "R098", "R099", "R100", "R101", "R102", "R104")
@pytest.mark.parametrize("case", CLUSTER_RULES)
def test_each_change_breaks_its_rule(case: str) -> None:
    """One thing wrong is one kind of finding, with what to do about it."""
    name, changes = CLUSTER_RULES[case]
    found = [each for each in cases.linted(cases.ray_cluster(**changes)) if each.id == f"blueprint.{name}"]
    assert found, cases.ids(cases.ray_cluster(**changes))
    assert set(cases.ids(cases.ray_cluster(**changes))) == {f"blueprint.{name}"}
    assert all(each.fix and each.line and each.file == "blueprint.json" for each in found)


@pytest.mark.requirement("R092", "R096", "R103", "R106")
def test_gpus_are_those_of_the_shape_on_head_and_workers() -> None:
    """A count that differs is told at each place where it stands."""
    found = cases.linted(cases.ray_cluster(recipe_nvidia_gpu_count=1))
    told = {(each.id, each.path) for each in found if each.severity == "error"}
    assert told == {
        ("blueprint.gpu-count", "recipe_nvidia_gpu_count"),
        ("blueprint.cluster-gpus", f"{CLUSTER}.head_node_num_gpus"),
        ("blueprint.cluster-gpus", f"{CLUSTER}.worker_node_num_gpus"),
    }
    assert "VM.GPU.A10.2 has 2 GPUs" in next(each.message for each in found if each.id == "blueprint.gpu-count")


@pytest.mark.requirement("R090", "R091")
def test_disks_hold_the_model_one_and_a_half_times() -> None:
    """16 GB of weights: 24 GB are asked for, as a warning."""
    found = cases.linted(cases.ray_cluster(recipe_node_boot_volume_size_in_gbs=20, recipe_ephemeral_storage_size=20))
    small = [each for each in found if each.id == "blueprint.disk-small"]
    assert [(each.severity, each.value) for each in small] == [("warning", "20")] * 2
    assert "24 GB" in small[0].message


@pytest.mark.parametrize(
    ("written", "meant"),
    [("recipe_mod", "recipe_mode"), ("deployment_nam", "deployment_name"), ("recipe_idd", "recipe_id")],
)
def test_misspelt_keys_name_the_nearest(written: str, meant: str) -> None:
    """A slip of the pen is answered with what was meant."""
    found = cases.linted(cases.ray_cluster(**{written: "x"}))
    assert [each.fix for each in found if each.id == "blueprint.unknown-field"] == [f'did you mean "{meant}"?']


def test_numbers_may_be_texts_where_the_samples_have_texts() -> None:
    """Ports and all of `recipe_raycluster_params`, both ways."""
    as_numbers = {
        f"{CLUSTER}__{name}": int(text) for name, text in cases.ray_cluster()[CLUSTER].items() if text.isdigit()
    }
    assert cases.ids(cases.ray_cluster(recipe_container_port=8000, **as_numbers)) == []


@pytest.mark.requirement("R084")
def test_the_mode_is_judged_by_the_release() -> None:
    """Ray clusters are gone since 1.0; pools came with it."""
    at = {release: [each.id for each in cases.linted(cases.ray_cluster(), release)] for release in ("0.1", "1.0")}
    assert [("blueprint.mode-removed" in found) for found in at.values()] == [False, True]
    assert "blueprint.mode-new" in cases.ids(cases.pool(), "0.1")
    assert cases.ids(cases.pool()) == []


SERVICE_RULES: dict[str, tuple[str, dict[str, Any]]] = {
    "layout": ("layout", {"multinode_num_nodes_to_use_from_shared_pool": 3}),
    "no layout": ("layout", {"recipe_container_command_args": ["--model", "/models/a/b"]}),
    "one node": ("pool-small", {"multinode_num_nodes_to_use_from_shared_pool": 1}),
    "required": ("missing-field", {"recipe_use_shared_node_pool": REMOVED}),
    "more GPUs": ("gpu-count", {"recipe_nvidia_gpu_count": 16}),
    "short start": ("startup-probe", {"recipe_startup_probe_params": {"failure_threshold": 30}}),
    "no fabric": ("rdma", {"recipe_node_shape": "BM.GPU.A10.4", "multinode_rdma_enabled_in_shared_pool": True}),
    "other mode": ("key-without-effect", {"shared_node_pool_size": 2}),
}


@pytest.mark.requirement("R087", "R115")
@pytest.mark.parametrize("case", SERVICE_RULES)
def test_services_over_nodes_have_rules_too(case: str) -> None:
    """Today's mode: the same care, other keys."""
    name, changes = SERVICE_RULES[case]
    assert f"blueprint.{name}" in cases.ids(cases.service(**changes))
    assert cases.ids(cases.service()) == []


def test_a_group_is_judged_as_a_whole() -> None:
    """The pool must have the nodes and the shape that its service asks for; names are used once."""
    assert cases.ids(cases.group(cases.pool(), cases.service())) == []
    small = cases.group(cases.pool(shared_node_pool_size=1), cases.service())
    assert cases.ids(small) == ["blueprint.pool-small"]
    assert cases.ids(cases.group(cases.service(), cases.service())) == ["blueprint.name-twice"]
    waiting = cases.group(cases.pool(), cases.service())
    waiting["deployment_group"]["deployments"][1]["depends_on"] = ["nobody"]
    assert cases.ids(waiting) == ["blueprint.group"]


def test_a_request_in_clear_text_is_told_and_never_shown() -> None:
    """The address of a pre-authenticated request is a credential."""
    address = "https://objectstorage.us-ashburn-1.oraclecloud.com/p/SECRETPART/n/space/b/models/o/"
    found = cases.linted(cases.ray_cluster(**{f"{STORAGE}__0__par": address}))
    assert "blueprint.request-clear" in [each.id for each in found]
    assert "SECRETPART" not in repr(found)


def test_all_keys_have_a_type_that_is_known() -> None:
    """The facts are read by these names alone."""
    known = {"text", "whole", "flag", "port", "count", "any"}
    tables = {"": keys.keys_of(), **{name: keys.keys_of(name) for name in keys.table("tables")}}
    for name, table in tables.items():
        for key, held in table.items():
            kind = held.type.strip("[]{}")
            assert kind in known or kind.removeprefix("@") in tables, (name, key)
    assert json.dumps(sorted(keys.table("modes_of_keys"))) != "[]"
    assert set(keys.table("modes_of_keys")) <= set(keys.keys_of())
