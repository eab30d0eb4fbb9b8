"""Blueprints become recipes: what each key means, what is kept, and where faults are shown."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import blueprint_cases as cases
import pytest
from blueprint_cases import CLUSTER, REMOVED, STORAGE
from hypothesis import given, settings
from hypothesis import strategies as st

from shardwright import errors
from shardwright.core.plan import Plan
from shardwright.core.recipe.model import Bytes, KeyRef, Parallelism
from shardwright.formats.oci_blueprints.reading import ANNOTATION, INSTANCE_TYPE
from shardwright.service import importing, planning, recipes
from shardwright.settings import load_hub_settings
from shardwright.units import GIB

if TYPE_CHECKING:
    from pathlib import Path

SECRET = "https://objectstorage.us-ashburn-1.oraclecloud.com/p/SECRETPART/n/space/b/models/o/"


@pytest.mark.requirement("R084", "R089", "R092", "R098", "R115")
def test_the_sample_is_a_ray_cluster_of_four_nodes() -> None:
    """GPUs of a node are the tensor parallel size, nodes the pipeline parallel size."""
    made = cases.recipe(cases.ray_cluster())
    assert made.target is not None
    assert (made.target.kind, made.engine.executor) == ("kuberay", "ray")
    assert made.parallelism == Parallelism(tensor=2, pipeline=4)
    assert (made.hardware.node_shape, made.hardware.gpus_per_node, made.hardware.nodes) == ("VM.GPU.A10.2", 2, 4)
    assert made.pods.node_selector == {INSTANCE_TYPE: "VM.GPU.A10.2"}


@pytest.mark.requirement("R095", "R097", "R103")
def test_pods_get_what_head_and_workers_ask_for() -> None:
    """26 OCPUs are 52 threads; 400 GB are decimal, and never more than that."""
    pods = cases.recipe(cases.ray_cluster()).pods
    assert pods.cpu == "52"
    assert pods.memory is not None
    assert 0 <= 400 * 10**9 - pods.memory < 2**20
    assert (pods.leader, pods.worker) == (None, None)


@pytest.mark.requirement("R088", "R094")
def test_the_model_is_fetched_from_the_bucket_by_reference() -> None:
    """Bucket and folder are named; the address of the request is in a Secret."""
    made = cases.recipe(cases.ray_cluster(**{f"{STORAGE}__0__par": SECRET}))
    assert made.model.source == "par://models/NousResearch/Meta-Llama-3.1-8B-Instruct"
    assert made.model.token == KeyRef("multinode-vm-a10-request", "address")
    assert made.model.shape == "llama-3.1-8b-instruct"
    assert (made.storage.claim, made.storage.size) == ("multinode-vm-a10-model", Bytes(500 * GIB))
    assert made.storage.cache_dir == "/models"
    assert "SECRETPART" not in repr(made)


@pytest.mark.requirement("R099", "R100", "R101", "R102")
def test_ports_of_the_cluster_are_options() -> None:
    """Only those that are given; the others stay at their defaults."""
    given_ports = {f"{CLUSTER}__redis_port": "6380", f"{CLUSTER}__dashboard_port": 8266}
    target = cases.recipe(cases.ray_cluster(**given_ports)).target
    assert target is not None
    assert target.options == {"gcsPort": 6380, "dashboardPort": 8266}


@pytest.mark.requirement("R107", "R108", "R109")
def test_the_host_is_the_name_before_the_endpoint() -> None:
    """Never `dashboard.`, as the quickstart has it; without an endpoint there is no host, and a finding says so."""
    named = cases.recipe(cases.ray_cluster(service_endpoint_domain="192-0-2-10.nip.io")).expose
    assert (named.kind, named.host, named.dashboard) == ("ingress", "multinode-vm-a10.192-0-2-10.nip.io", True)
    one = cases.loaded(cases.ray_cluster())
    assert (one.recipe.expose.kind, one.recipe.expose.host) == ("service", None)
    told = next(found for found in one.findings if found.id == "blueprint.endpoint-open")
    assert "dashboard.multinode-vm-a10.ENDPOINT" in told.message


def test_what_a_recipe_has_no_field_for_is_kept() -> None:
    """In an annotation, without secrets; what had an effect is told."""
    gateway = {"model_name": "llama", "api_key": "abc"}
    extras = {"recipe_id": "mine", "recipe_inference_gateway": gateway, "recipe_max_pods_per_node": 31}
    one = cases.loaded(cases.ray_cluster(**extras))
    kept = json.loads(one.recipe.metadata.annotations[ANNOTATION])
    assert kept["recipe_id"] == "mine"
    assert kept["recipe_inference_gateway"] == {"model_name": "llama"}
    told = next(found for found in one.findings if found.id == "blueprint.not-carried")
    assert "recipe_inference_gateway" in told.message
    assert "recipe_id" not in told.message


@pytest.mark.requirement("R115")
def test_a_service_over_nodes_is_a_leader_worker_set() -> None:
    """Today's mode: the arguments are the layout, the context and the name."""
    made = cases.recipe(cases.service())
    assert made.target is not None
    assert (made.target.kind, made.engine.executor, made.engine.version) == ("lws", "ray", "0.17.0")
    assert made.parallelism == Parallelism(tensor=8, pipeline=2)
    assert made.workload.max_model_len == 32768
    assert (made.model.served_name, made.engine.args) == ("llama-405b", {"gpu-memory-utilization": 0.92})
    assert made.pods.shared_memory == 16384 * 2**20
    assert made.engine.env["AWS_SECRET_ACCESS_KEY"] == KeyRef("llama-405b-bucket", "secret-key")


def test_an_engine_older_than_plans_know_is_replaced_and_told() -> None:
    """The project's own image has vLLM 0.8.3."""
    old = "iad.ocir.io/x/corrino-devops-repository:ray2430_vllmv083"
    one = cases.loaded(cases.service(recipe_image_uri=old))
    assert (one.recipe.engine.image, one.recipe.engine.version) == (None, None)
    told = next(found for found in one.findings if found.id == "blueprint.engine-old")
    assert "0.8.3" in told.message


def test_arguments_are_read_as_they_are_written() -> None:
    """Short forms, `=`, underscores, several words in one entry, and a variable for the model."""
    words = ["vllm serve -tp 8 --pipeline_parallel_size=2", "--model", "$(Model_Path)", "--enforce-eager", "--seed=7"]
    env = [{"key": "Model_Path", "value": "/models/meta-llama/Llama-3.1-405B-Instruct"}]
    made = cases.recipe(cases.service(recipe_container_command_args=words, recipe_container_env=env))
    assert made.parallelism == Parallelism(tensor=8, pipeline=2)
    assert made.engine.args == {"enforce-eager": True, "seed": 7}
    assert made.model.served_name == "/models/meta-llama/Llama-3.1-405B-Instruct"


def test_a_service_on_one_node_reads_from_the_hub() -> None:
    """Without a pool it is a Deployment; a token stays a reference."""
    changes = {
        "multinode_num_nodes_to_use_from_shared_pool": REMOVED,
        "recipe_use_shared_node_pool": REMOVED,
        STORAGE: REMOVED,
        "recipe_container_command_args": ["--model", "meta-llama/Llama-3.1-8B-Instruct", "--max-model-len", "8192"],
        "recipe_environment_secrets": [{"envvar_name": "HF_TOKEN", "secret_name": "hf", "secret_key": "token"}],
    }
    made = cases.recipe(cases.service(**changes))
    assert made.target is not None
    assert (made.target.kind, made.model.source) == ("kubernetes", "hf://meta-llama/Llama-3.1-8B-Instruct")
    assert made.engine.env["HF_TOKEN"] == KeyRef("hf", "token")


@pytest.mark.requirement("R090")
def test_all_faults_stand_where_the_blueprint_has_them() -> None:
    """File and line of the blueprint, for its own rules and for the recipe's."""
    wrong = cases.ray_cluster(recipe_node_pool_size=3, recipe_node_boot_volume_size_in_gbs=REMOVED)
    with pytest.raises(errors.RecipeError) as caught:
        cases.recipe(wrong)
    lines = json.dumps(wrong, indent=2).splitlines()
    told = {fault.path: lines[fault.line - 1] for fault in caught.value.faults}
    assert '"num_worker_nodes"' in told[f"{CLUSTER}.num_worker_nodes"]
    assert "recipe_node_boot_volume_size_in_gbs" in told
    with pytest.raises(errors.RecipeError) as caught:
        planning.plan_loaded(cases.loaded(cases.service(recipe_node_shape="BM.GPU.X1.8")), load_hub_settings())
    assert '"recipe_node_shape"' in json.dumps(cases.service(), indent=2).splitlines()[caught.value.faults[0].line - 1]


def test_options_change_the_recipe_that_it_becomes() -> None:
    """`--set` names fields of the recipe."""
    made = cases.recipe(cases.ray_cluster(), "target.kind=lws", "workload.maxModelLen=4096")
    assert made.target is not None
    assert (made.target.kind, made.workload.max_model_len) == ("lws", 4096)


def test_a_pool_alone_serves_nothing() -> None:
    """It is refused with what to do; in a group its service is read."""
    with pytest.raises(errors.RecipeError, match="nothing is served"):
        cases.recipe(cases.pool())
    assert cases.recipe(cases.group(cases.pool(), cases.service())).hardware.nodes == 2


def test_plans_tell_what_is_to_be_known(tmp_path: Path) -> None:
    """Findings on the blueprint are findings of its plan; import gives the same recipe."""
    path = tmp_path / "blueprint.json"
    path.write_text(json.dumps(cases.ray_cluster()), "utf-8")
    (one,) = recipes.load_recipes([str(path)])
    plan = planning.plan_loaded(one, load_hub_settings())
    assert isinstance(plan, Plan)
    assert {"blueprint.mode-removed", "blueprint.request-secret"} <= {found.id for found in plan.findings}
    result = importing.import_manifests([str(path)], importing.Wish(), load_hub_settings())
    assert recipes.recipe_of_values(result.document, "imported").recipe == one.recipe
    assert (result.platform, result.is_compared, result.differences) == ("blueprint", True, ())


@pytest.mark.requirement("R093")
def test_import_lists_what_is_not_the_same_when_written_again(tmp_path: Path) -> None:
    """Every difference by its path; numbers as texts are none, and addresses are never compared."""
    path = tmp_path / "blueprint.json"
    env = [{"key": "NCCL_DEBUG", "value": "INFO"}]
    arguments = [
        *cases.service()["recipe_container_command_args"][4:],
        "--model=/models/meta-llama/Llama-3.1-405B-Instruct",
    ]
    path.write_text(
        json.dumps(cases.service(recipe_container_env=env, recipe_container_command_args=arguments)), "utf-8"
    )
    result = importing.import_manifests([str(path)], importing.Wish(), load_hub_settings())
    assert {told.difference.path for told in result.differences} == {"recipe_container_command_args"}


KEYS = st.sampled_from([*cases.ray_cluster(), *cases.service(), "recipe_startup_probe_params", "team", "x"])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([STORAGE, "par", "key", "a"]), inner),
    max_leaves=8,
)


@settings(max_examples=25, deadline=None)
@given(st.dictionaries(KEYS, VALUES, max_size=8), st.sampled_from(["ray", "service", "empty"]))
def test_whatever_stands_there_is_read_or_refused(changes: dict[str, object], base: str) -> None:
    """Values of any form end in a recipe or in faults, never in an error of ours."""
    start = {"ray": cases.ray_cluster(), "service": cases.service(), "empty": {"recipe_mode": "service"}}[base]
    blueprint = {**start, **changes}
    errors_found = [each for each in cases.linted(blueprint) if each.severity == "error"]
    try:
        recipes.parse_recipes(json.dumps(blueprint), "blueprint.json")
    except errors.RecipeError:
        return
    assert errors_found == []


def test_a_bomb_is_refused_quickly() -> None:
    """Bounds on depth, values and length hold for blueprints too, and unknown keys without end are not all compared."""
    deep = '{"recipe_mode": ' + "[" * 5000 + "]" * 5000 + "}"
    many = json.dumps({f"recipe_{index}": index for index in range(9000)})
    for text in (deep, many, '{"recipe_mode": "raycluster", "recipe_mode": "service"}'):
        with pytest.raises(errors.RecipeError):
            recipes.parse_recipes(text, "blueprint.json")
    assert len(cases.linted(many)) <= 101
