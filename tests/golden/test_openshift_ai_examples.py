"""The examples for OpenShift AI, from recipe to manifests, word for word, and what the guides behind them got wrong.

After an intended change: `SHARDWRIGHT_UPDATE_GOLDEN=1 .venv/bin/pytest tests/golden`, then read the difference.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from shardwright import errors
from shardwright.core.plan import Infeasible, Plan
from shardwright.models import load
from shardwright.service import deploying, planning, recipes, rendering
from shardwright.settings import load_hub_settings
from shardwright.targets.openshift_ai.target import TARGET

FOLDER = Path(__file__).parent / "openshift_ai"
EXAMPLES = Path(__file__).parents[2] / "examples"
NAMES = ["llama-3-8b-openshift-ai", "mixtral-8x7b-openshift-ai", "mistral-7b-two-t4"]

# The guide's own release, whose engine is not known, so the recipe brings an image with Ray in it.
OLD = (
    "target.version=2.14",
    "engine={name: vllm, version: 0.10.2, executor: ray, image: quay.io/example/vllm:0.10.2}",
)
MACHINES = "{infrastructure: demo-x2k, region: us-west-2, zone: us-west-2a, image: ami-0abc}"
ADD_ONS = (
    "target.options={runtime: template, nfs: gp3-csi, namespace: true, runtimeName: vllm-multinode-runtime}",
    f"target.options.machines={MACHINES}",
)
CASES = {
    **{name: (name, ()) for name in (NAMES[0], NAMES[2])},
    "guide-of-2.14": (NAMES[0], OLD),
    "add-ons": (NAMES[0], ADD_ONS),
}


def planned(name: str, *overrides: str) -> Plan | Infeasible:
    (loaded,) = recipes.load_recipes([str(EXAMPLES / f"{name}.yaml")], list(overrides))
    shape = load.load_shape(loaded.recipe.model.shape or "", settings=load_hub_settings())
    return planning.plan_shape(loaded.recipe, shape)


def rendered(name: str, *overrides: str) -> dict[str, Any]:
    """Manifests by kind, as a tree and as a text."""
    plan = planned(name, *overrides)
    assert isinstance(plan, Plan), plan
    manifests = rendering.render(deploying.deployment_of(plan, TARGET), TARGET)
    return {made.kind: made.body for made in manifests} | {"text": rendering.as_stream(manifests)}


@pytest.mark.parametrize("case", CASES)
def test_examples_are_rendered_as_before(case: str) -> None:
    """What is rendered changes only when we mean it to."""
    name, overrides = CASES[case]
    path = FOLDER / f"{case}.yaml"
    text = rendered(name, *overrides)["text"]
    if os.environ.get("SHARDWRIGHT_UPDATE_GOLDEN"):
        path.write_text(text, "utf-8")
        pytest.skip("written anew")
    assert text == path.read_text("utf-8")


@pytest.mark.requirement("R017", "R022", "R030", "R034", "R035")
def test_one_bundle_in_order_with_the_service_that_the_guide_forgot() -> None:
    """Namespace, claim, Job, runtime, service and Route, with both sizes written out in service and runtime."""
    made = rendered(NAMES[0])
    order = ["Namespace", "PersistentVolumeClaim", "Job", "ServingRuntime", "InferenceService", "Route", "text"]
    assert list(made) == order
    sizes = {"pipelineParallelSize": 2, "tensorParallelSize": 1}
    for spec in (made["ServingRuntime"]["spec"], made["InferenceService"]["spec"]["predictor"]):
        assert sizes.items() <= spec["workerSpec"].items()
    assert made["InferenceService"]["spec"]["predictor"]["model"]["runtime"] == "vllm-multinode-runtime"


@pytest.mark.requirement("R001", "R009", "R011", "R012")
def test_the_guides_release_has_rules_of_its_own() -> None:
    """Up to 2.16 the autoscaler's class is external and groups are spanned by Ray."""
    old, new = rendered(NAMES[0], *OLD), rendered(NAMES[0])
    names = ("serving.kserve.io/autoscalerClass", "serving.kserve.io/deploymentMode")
    found = [[made["InferenceService"]["metadata"]["annotations"][name] for name in names] for made in (old, new)]
    assert found == [["external", "RawDeployment"], ["none", "Standard"]]
    assert "ray start --head" in old["text"]
    assert "ray" not in str(new["ServingRuntime"]["spec"]["containers"][0]["command"])


@pytest.mark.requirement("R008")
def test_two_gpus_are_too_few_for_mixtral() -> None:
    """The guide's manifest means two GPUs; eight hold the weights."""
    assert isinstance(planned(NAMES[1], "parallelism.pipeline=2", "hardware.nodes=2"), Infeasible)
    assert isinstance(planned(NAMES[1]), Plan)


@pytest.mark.requirement("R029", "R031")
def test_the_way_in_leads_to_the_head_under_the_services_name() -> None:
    """A Route with TLS at the edge, to the Service that KServe makes; requests name the service as their model."""
    made = rendered(NAMES[0])
    spec = made["Route"]["spec"]
    assert (spec["to"]["name"], spec["port"]["targetPort"]) == ("vllm-llama3-8b-predictor", "http")
    assert spec["tls"] == {"termination": "edge", "insecureEdgeTerminationPolicy": "Redirect"}
    command = made["ServingRuntime"]["spec"]["containers"][0]["command"]
    assert command[command.index("--served-model-name") + 1] == "vllm-llama3-8b"


@pytest.mark.requirement("R053")
def test_two_t4_share_one_pod() -> None:
    """Half precision, as many GPUs as shares, shared memory, the cache in the claim: a runtime without workers."""
    made = rendered(NAMES[2])
    runtime, predictor = made["ServingRuntime"]["spec"], made["InferenceService"]["spec"]["predictor"]
    command = runtime["containers"][0]["command"]
    assert command[command.index("--dtype") + 1] == "float16"
    assert command[command.index("--tensor-parallel-size") + 1] == "2"
    assert predictor["model"]["resources"]["limits"]["nvidia.com/gpu"] == "2"
    assert {"name": "shm", "emptyDir": {"medium": "Memory", "sizeLimit": "10Gi"}} in runtime["volumes"]
    assert "workerSpec" not in runtime
    assert "workerSpec" not in predictor


@pytest.mark.requirement("R003")
def test_the_dashboard_shows_what_it_is_told_to() -> None:
    """Hidden unless asked for."""
    shown = rendered(NAMES[0], "target.options.dashboard=true")
    for made, value in ((rendered(NAMES[0]), "false"), (shown, "true")):
        for kind in ("ServingRuntime", "InferenceService"):
            assert made[kind]["metadata"]["labels"]["opendatahub.io/dashboard"] == value


@pytest.mark.requirement("R018", "R019", "R024")
def test_add_ons_are_rendered_only_where_they_are_asked_for() -> None:
    """An NFS server for the claim's class, tainted machines of the planned shape, the runtime in a Template."""
    made = rendered(NAMES[0], *ADD_ONS)
    assert made["NFSProvisioner"]["spec"] == {"storageSize": "500Gi", "storageClass": "gp3-csi", "scForNFS": "nfs"}
    machines = made["MachineSet"]["spec"]
    value = machines["template"]["spec"]["providerSpec"]["value"]
    assert (machines["replicas"], value["instanceType"]) == (2, "g5.4xlarge")
    assert machines["template"]["spec"]["taints"] == [{"key": "nvidia.com/gpu", "effect": "NoSchedule"}]
    assert [entry["metadata"]["name"] for entry in made["Template"]["objects"]] == ["vllm-multinode-runtime"]
    assert not {"NFSProvisioner", "MachineSet", "Template"} & set(rendered(NAMES[0]))


@pytest.mark.requirement("R006")
def test_another_engine_than_the_platforms_needs_an_image() -> None:
    """What is planned is what runs: the platform's version, or the version in an image that the recipe names."""
    with pytest.raises(errors.InputError, match=r"has vllm 0\.24\.0; the plan is for 0\.23\.0"):
        rendered(NAMES[0], "engine.version=0.23.0")
    text = rendered(NAMES[0], "engine.version=0.23.0", "engine.image=quay.io/example/vllm:0.23.0")["text"]
    assert "quay.io/example/vllm:0.23.0" in text
    assert "rhaii" not in text
