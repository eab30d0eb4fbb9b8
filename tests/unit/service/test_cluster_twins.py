"""What a rehearsal in a cluster applies: the planned manifests, less what only GPUs and their cluster can give."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

from shardwright import errors
from shardwright.cli import cluster_rehearsal
from shardwright.cli.rehearse import rehearse
from shardwright.core import rehearsal
from shardwright.core.manifests.differences import differences
from shardwright.core.recipe.model import Rdma
from shardwright.core.rehearsal import ClusterRun
from shardwright.service import cluster_twins, rollout
from shardwright.testing import builders

if TYPE_CHECKING:
    from shardwright.core.plan.types import Plan
    from shardwright.service.cluster_twins import Prepared

PUBLIC = "public.ecr.aws/q9t5s3a7/vllm-cpu-release-repo:v0.24.0"


def planned(**overrides: Any) -> Plan:  # noqa: ANN401 - fields of a recipe
    """Llama on two nodes with LeaderWorkerSet, its files on a claim of its own that a Job fills."""
    return builders.plan(builders.recipe(**{"storage": {"claim": "models", "size": 50 * 2**30}, **overrides}))


def body(prepared: Prepared, kind: str) -> dict[str, Any]:
    (found,) = [each.body for each in prepared.mapped.manifests if each.kind == kind]
    return json.loads(json.dumps(found))


def templates(prepared: Prepared) -> list[dict[str, Any]]:
    """Of the leader and of the workers."""
    group = body(prepared, "LeaderWorkerSet")["spec"]["leaderWorkerTemplate"]
    return [group["leaderTemplate"], group["workerTemplate"]]


def test_all_that_a_cpu_can_run_stays_word_for_word() -> None:
    """Names, labels, Service, probes, ports, sizes and policies are those that will be applied; every change is told."""
    prepared = cluster_twins.prepare(planned(), namespace="demo")
    before = {each.kind: dict(each.body) for each in rollout.manifests_of(planned())}
    for kind in ("Service", "LeaderWorkerSet"):
        told = dict(prepared.mapped.changed).get(f"{kind} {body(prepared, kind)['metadata']['name']}", ())
        assert told == differences(before[kind], body(prepared, kind))
    paths = {each.path for _, found in prepared.mapped.changed for each in found}
    assert paths
    assert not [path for path in paths if "emplate.spec." not in path]
    for word in ("robe", "ports", "securityContext", "shm"):
        assert not [path for path in paths if word in path]


def test_gpus_the_model_and_the_image_are_replaced() -> None:
    """No GPU is asked for; the twin's files lie where the claim was, the download's mark among them; a public image runs them."""
    prepared = cluster_twins.prepare(planned(), namespace="demo")
    assert prepared.mapped.left_out == (
        "PersistentVolumeClaim models: the twin's files are mounted instead",
        next(each for each in prepared.mapped.left_out if each.startswith("Job llama-3-8b-download-")),
    )
    files = body(prepared, "ConfigMap")["data"]
    assert {"config.json", "tokenizer.json", "tokenizer_config.json", "generation_config.json"} < set(files)
    assert [name for name in files if name.startswith(".shardwright-")]
    assert len(json.dumps(files)) < 100_000
    for template in templates(prepared):
        (container,) = template["spec"]["containers"]
        assert "limits" not in container["resources"]
        assert {each["image"] for each in (container, *template["spec"]["initContainers"])} == {PUBLIC}
        assert {"name": "model", "configMap": {"name": "llama-3-8b-twin"}} in template["spec"]["volumes"]
        assert container["command"][:3] == ["vllm", "serve", "/models"]
        assert "--gpu-memory-utilization" not in container["command"]


def test_each_member_keeps_its_own_words() -> None:
    """A leader's words are the beginning of its workers', and what the platform fills in stays."""
    leader, worker = (each["spec"]["containers"][0]["command"] for each in templates(cluster_twins.prepare(planned())))
    assert worker == [*leader, "--headless"]
    assert leader[leader.index("--node-rank") + 1] == "$(LWS_WORKER_INDEX)"
    assert leader[leader.index("--master-addr") + 1] == "$(LWS_LEADER_ADDRESS)"


def test_what_would_keep_pods_from_other_nodes_is_lifted() -> None:
    """Selectors, queues, networks, devices, accounts and classes of the real cluster; tolerations harm nobody and stay."""
    toleration = {"key": "nvidia.com/gpu", "operator": "Exists"}
    asked = planned(
        pods={
            "node_selector": {"gpu": "A10G"},
            "tolerations": (toleration,),
            "priority_class": "high",
            "service_account": "engine",
            "cpu": 32,
            "memory": 200 * 2**30,
        },
        network={"rdma": Rdma(devices=("rdma/a",), networks=("net/a",)), "ip_family": "ipv6"},
        replicas=3,
    )
    prepared = cluster_twins.prepare(asked)
    for template in templates(prepared):
        spec = template["spec"]
        assert not {"nodeSelector", "priorityClassName", "serviceAccountName"} & set(spec)
        assert spec["tolerations"] == [toleration]
        assert spec["containers"][0]["resources"] == {"requests": {"cpu": "500m", "memory": "2Gi"}}
        assert not [name for name in template["metadata"].get("annotations", {}) if "networks" in name]
        assert "podAntiAffinity" in spec["affinity"]
    assert body(prepared, "LeaderWorkerSet")["spec"]["replicas"] == 1
    assert "ipFamilies" not in body(prepared, "Service")["spec"]


def test_without_a_claim_the_files_are_mounted_all_the_same() -> None:
    """Each pod would fetch the model itself; of Secrets none is needed."""
    for template in templates(cluster_twins.prepare(planned(storage={"claim": None, "size": None}))):
        (container,) = template["spec"]["containers"]
        assert {"name": "twin", "mountPath": "/models", "readOnly": True} in container["volumeMounts"]
        assert {"name": "twin", "configMap": {"name": "llama-3-8b-twin"}} in template["spec"]["volumes"]
        assert "HF_TOKEN" not in {each["name"] for each in container["env"]}


def test_a_target_without_groups() -> None:
    """One node, several ranks: they stay together in their pod."""
    asked = builders.recipe(
        target={"kind": "kubernetes"},
        parallelism={"tensor": 2, "pipeline": 1},
        hardware={"nodes": 1, "gpus_per_node": 2},
    )
    prepared = cluster_twins.prepare(builders.plan(asked, layout=builders.layout(2, 1, nodes=1)))
    spec = body(prepared, "Deployment")["spec"]["template"]["spec"]
    command = spec["containers"][0]["command"]
    assert command[command.index("--tensor-parallel-size") + 1] == "2"
    assert spec["containers"][0]["resources"]["requests"]["memory"] == "3Gi"
    assert "affinity" not in spec


def test_the_images_tag_says_which_version_runs() -> None:
    """Where it says none, it is taken for the planned one."""
    assert cluster_twins.prepare(planned(), image="here/vllm-cpu:v0.32.0").run.plan.engine.version == "0.32.0"
    assert cluster_twins.prepare(planned(), image="here/engine:1").run.plan.engine.version == "0.24.0"


def test_what_a_controller_makes_into_pods_is_mapped_too() -> None:
    """A command that is divided into program and arguments, bare pods, a way in of the platform; sizes stay the planned ones."""
    expose = {"kind": "gateway", "host": "llama.example.org"}
    prepared = cluster_twins.prepare(planned(target={"kind": "llmisvc", "version": "0.20"}, expose=expose))
    spec = body(prepared, "LLMInferenceService")["spec"]
    assert spec["parallelism"] == {"tensor": 1, "pipeline": 2}
    assert "router" not in spec
    assert body(prepared, "LLMInferenceServiceConfig")["spec"] == {}
    for pod in (spec["template"], spec["worker"]):
        (container,) = pod["containers"]
        assert (container["command"], container["args"][:2]) == (["vllm"], ["serve", "/models"])
        assert "--gpu-memory-utilization" not in container["args"]
        assert "limits" not in container["resources"]
        assert {each["image"] for each in (container, *pod["initContainers"])} == {PUBLIC}
        assert {"name": "model", "configMap": {"name": "llama-3-8b-twin"}} in pod["volumes"]


ONE_NODE: dict[str, Any] = {"parallelism": {"pipeline": 1}, "hardware": {"nodes": 1}}


@pytest.mark.parametrize("kind", ["kserve", "openshift-ai"])
@pytest.mark.parametrize("claim", ["models", None])
def test_a_service_and_its_runtime_are_mapped_as_one(kind: str, claim: str | None) -> None:
    """The runtime starts the twin and says what is asked for; KServe finds the volume that it would mount, or no model to bring."""
    asked = builders.recipe(target={"kind": kind}, storage={"claim": claim}, **ONE_NODE)
    prepared = cluster_twins.prepare(builders.plan(asked, layout=builders.layout(1, 1, nodes=1)))
    runtime, predictor = (
        body(prepared, "ServingRuntime")["spec"],
        body(prepared, "InferenceService")["spec"]["predictor"],
    )
    (container,) = runtime["containers"]
    assert container["command"][:3] == ["vllm", "serve", "/models"]
    assert container["image"] == prepared.run.image
    assert container["resources"]["requests"]["cpu"] == "500m"
    assert "resources" not in predictor["model"]
    where = predictor if claim else runtime
    mounted = next(each["name"] for each in container["volumeMounts"] if each["mountPath"] == "/models")
    assert {"name": mounted, "configMap": {"name": "llama-3-8b-twin"}} in where["volumes"]
    assert predictor["model"].get("storageUri") == ("pvc://models" if claim else None)
    assert predictor["model"]["modelFormat"]["name"] == ("vLLM" if claim else "huggingface")


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        ({"target": {"kind": "kserve"}}, "KServe itself writes GPUs"),
        ({"target": {"kind": "kserve", "options": {"runtime": "huggingface"}}}, "Hugging Face server"),
        ({"target": {"kind": "openshift-ai"}}, "KServe itself writes GPUs"),
        ({"target": {"kind": "openshift-ai", "options": {"runtime": "template"}}}, "oc process"),
        ({"target": {"kind": "llmisvc", "version": "0.16"}}, "cannot be turned off"),
        ({"target": {"kind": "local"}}, "no cluster"),
        ({"target": {"kind": "kuberay"}, "engine": {"executor": "ray"}}, "no executor ray on a CPU"),
    ],
)
def test_what_cannot_be_rehearsed_there_is_said(overrides: dict[str, Any], words: str) -> None:
    """Before anything is asked of a cluster: why, of each target its own reason, with the way that there is."""
    with pytest.raises(errors.InputError, match=words) as refused:
        cluster_twins.prepare(planned(**overrides))
    assert "without --on" in refused.value.hint


def test_copies_of_other_nodes_are_not_started() -> None:
    """The group would be smaller than the manifests say."""
    plan = planned()
    layout = dataclasses.replace(plan.layout, pipeline=1, data=2, stages=(32,))
    with pytest.raises(errors.EnvironmentFault, match="copies"):
        cluster_twins.prepare(dataclasses.replace(plan, layout=layout))


def test_what_was_shown_follows_from_what_was_seen() -> None:
    """Nodes, the Service that was asked and what was left out are those of the run; one node shows no network."""
    prepared = cluster_twins.prepare(planned())
    seen = ClusterRun(objects=("Service a",), left_out=("Job b: gone",), nodes=("n1", "n2"), asked="services/a:80")
    exercised, missing = (
        "\n".join(lines)
        for lines in dataclasses.astuple(
            rehearsal.cluster_coverage_of(prepared.planned, prepared.run, prepared.shrunk, seen)
        )
    )
    assert "2 pods on 2 nodes, 1 rank each" in exercised
    assert "services/a:80" in exercised
    assert f"the image docker.io/vllm/vllm-openai:v0.24.0: {PUBLIC} was run" in missing
    assert "Job b: gone" in missing
    alone = dataclasses.replace(seen, nodes=("n1",))
    told = rehearsal.cluster_coverage_of(prepared.planned, prepared.run, prepared.shrunk, alone).not_exercised
    assert "the network between nodes: all 2 pods were on n1" in told


def test_changes_are_shown_once_for_templates_that_change_alike() -> None:
    """Values stand behind their flags, command lines are not repeated whole."""
    lines = list(cluster_rehearsal.changes_text(cluster_twins.prepare(planned())))
    assert lines.count("      leaderTemplate, workerTemplate:") == 1
    assert "        spec.containers[name=vllm].command: --max-model-len 8192 -> 1024" in lines
    assert not [line for line in lines if line.count("--") > 8]


def test_options_of_a_cluster_without_one_are_a_slip() -> None:
    """The rehearsal would run elsewhere than is thought."""
    given = ["llama-3-8b", "--gpu", "A10G", "--image", "engine:1", "--keep"]
    result = CliRunner().invoke(rehearse, given)
    assert result.exit_code == 2
    assert "--image, --keep: only with --on cluster" in result.output
