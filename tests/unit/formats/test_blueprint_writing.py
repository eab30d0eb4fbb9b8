"""Recipes are written as blueprints: there and back keeps the plan, back and there keeps the keys."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import blueprint_cases as cases
import pytest
from blueprint_cases import CLUSTER, STORAGE

from shardwright import errors
from shardwright.core.plan import Plan
from shardwright.service import blueprints, planning, recipes
from shardwright.settings import load_hub_settings

if TYPE_CHECKING:
    from shardwright.core.recipe.model import Recipe

SHORT = "workload.maxModelLen=8192"


def planned(recipe: Recipe) -> Plan:
    plan = planning.plan_recipe(recipe, load_hub_settings())
    assert isinstance(plan, Plan), plan
    return plan


def written(recipe: Recipe) -> dict[str, Any]:
    """What is written of a recipe, as it is read again."""
    return json.loads(blueprints.as_text(blueprints.write_blueprint(planned(recipe))))


def example(name: str, *sets: str) -> Recipe:
    (one,) = recipes.load_recipes([str(cases.EXAMPLES / f"{name}.yaml")], sets)
    return one.recipe


@pytest.mark.requirement("R116")
@pytest.mark.parametrize("sample", ["multinode-vm-a10", "multinode-bm-a10"])
def test_a_blueprint_comes_back_with_all_its_keys(sample: str) -> None:
    """Values too, and nothing that was not there."""
    there = json.loads((cases.SAMPLES / f"{sample}.json").read_text("utf-8"))
    assert written(cases.recipe(there)) == there


EXTRAS: dict[str, Any] = {
    "recipe_max_pods_per_node": 60,
    "recipe_container_port": "8100",
    "recipe_node_labels": {"pool": "a"},
    "service_endpoint_domain": "example.org",
    f"{STORAGE}__0__exclude": ["*.bin"],
    f"{STORAGE}__0__include": ["NousResearch"],
    f"{CLUSTER}__redis_port": "6380",
    f"{CLUSTER}__metrics_export_port": "8090",
    "recipe_liveness_probe_params": {"period_seconds": 600},
    "recipe_replica_count": 1,
    "recipe_container_memory_size": 64,
    "recipe_shared_memory_volume_size_limit_in_mb": 10000,
    "recipe_container_env": [{"key": "NCCL_DEBUG", "value": "INFO"}],
    "recipe_environment_secrets": [{"envvar_name": "KEY", "secret_name": "mine", "secret_key": "a"}],
    "input_file_system": [{"file_system_ocid": "a", "mount_target_ocid": "b", "mount_location": "/data"}],
}


def test_keys_without_a_field_come_back_too() -> None:
    """Each of them as it was."""
    there = cases.ray_cluster(**EXTRAS)
    assert written(cases.recipe(there)) == there


def test_a_group_comes_back_as_a_group() -> None:
    """Pool and service, with all their keys; the arguments are then those that the plan rests on."""
    there = cases.group(cases.pool(recipe_availability_domain="AD-1"), cases.service())
    back = written(cases.recipe(there))["deployment_group"]["deployments"]
    pool, service = (each["recipe"] for each in back)
    assert pool == cases.pool(recipe_availability_domain="AD-1")
    words = service.pop("recipe_container_command_args")
    wanted = cases.service()
    given = wanted.pop("recipe_container_command_args")
    assert service == wanted
    assert set(given) <= set(words)
    assert words[words.index("--max-num-seqs") + 1] == "1024"


@pytest.mark.requirement("R088", "R115")
@pytest.mark.parametrize("name", ["llama-3.3-70b-oci-blueprint", "llama-3.1-405b-oci-blueprint"])
def test_a_recipe_comes_back_with_its_plan(name: str) -> None:
    """Recipe, blueprint, recipe: the same layout, memory and flags."""
    there = example(name)
    back = cases.recipe(written(there))
    one, other = planned(there), planned(back)
    assert (one.layout, one.ranks, one.pool, one.max_model_len) == (
        other.layout,
        other.ranks,
        other.pool,
        other.max_model_len,
    )
    assert (one.engine, one.recipe.target) == (other.engine, other.recipe.target)
    assert cases.ids(written(back)) == []


@pytest.mark.requirement("R085", "R093")
def test_numbers_are_written_as_the_schema_has_them() -> None:
    """The port and all of `recipe_raycluster_params` are texts, sizes are numbers."""
    made = written(cases.recipe(cases.ray_cluster(recipe_container_port=8100, **{f"{CLUSTER}__num_worker_nodes": 3})))
    assert made["recipe_raycluster_params"]["num_worker_nodes"] == "3"
    assert all(isinstance(value, str) for value in made[CLUSTER].values())
    assert isinstance(made["recipe_node_pool_size"], int)


def test_a_recipe_that_was_never_a_blueprint_is_written_too() -> None:
    """Shape, disks and pool are found; what lint says of it is nothing."""
    made = written(
        example(
            "llama-3.1-405b-oci-blueprint",
            "metadata.annotations=null",
            "hardware={gpu: H100, gpusPerNode: 8, nodes: 2}",
            "pods=null",
        )
    )
    pool, service = (each["recipe"] for each in made["deployment_group"]["deployments"])
    assert (pool["shared_node_pool_shape"], pool["shared_node_pool_size"]) == ("BM.GPU.H100.8", 2)
    assert service["recipe_ephemeral_storage_size"] < pool["shared_node_pool_boot_volume_size_in_gbs"]
    assert cases.ids(made) == []


CANNOT = {
    "write-source": ["model.source=hf://meta-llama/Llama-3.3-70B-Instruct", "model.token=null"],
    "write-shape": ["hardware={gpu: L4, gpusPerNode: 2, nodes: 6}", SHORT],
    "write-layout": ["parallelism={tensor: 1, pipeline: 12}", SHORT],
    "write-replicas": ["replicas=2"],
    "write-engine": ["engine={name: sglang}", SHORT],
}


@pytest.mark.requirement("R087", "R105")
@pytest.mark.parametrize("case", CANNOT)
def test_what_a_blueprint_cannot_say_is_refused(case: str) -> None:
    """With the finding that says what would do."""
    plan = planned(example("llama-3.3-70b-oci-blueprint", *CANNOT[case]))
    with pytest.raises(errors.InputError, match=rf"blueprint\.{case}"):
        blueprints.write_blueprint(plan)


def test_what_is_lost_is_named() -> None:
    """Fields without a key, and an executor that the control plane does not know."""
    plan = planned(
        example("llama-3.1-405b-oci-blueprint", "engine={name: vllm}", "network.interface=eth1", "metadata.namespace=a")
    )
    found = {each.id: each for each in blueprints.write_blueprint(plan).findings}
    assert "metadata.namespace, network.interface" in found["blueprint.not-written"].message
    assert found["blueprint.write-executor"].severity == "warning"
