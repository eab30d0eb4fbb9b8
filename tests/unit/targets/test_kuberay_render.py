from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from shardwright.core.recipe.model import PodOverrides
from shardwright.targets.kuberay import head
from shardwright.targets.kuberay.target import TARGET
from shardwright.testing import builders
from shardwright.units import GIB

if TYPE_CHECKING:
    from pathlib import Path

RAY_SERVE = {"options": {"server": "ray-serve"}}


def rendered(nodes: int = 2, **overrides: Any) -> dict[str, Any]:  # noqa: ANN401 - fields of a recipe
    """Bodies by kind, in the order of rendering."""
    return {made.kind: made.body for made in TARGET.render(builders.on_ray(TARGET, nodes, **overrides))}


def cluster(nodes: int = 2, **overrides: Any) -> dict[str, Any]:  # noqa: ANN401 - fields of a recipe
    return rendered(nodes, **overrides)["RayCluster"]["spec"]


def containers(spec: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    (workers,) = spec["workerGroupSpecs"]
    return tuple(each["template"]["spec"]["containers"][0] for each in (spec["headGroupSpec"], workers))  # pyright: ignore[reportReturnType]


def test_objects_come_in_the_order_in_which_they_are_needed() -> None:
    """Claim, then the Job that fills it, then the address, then the cluster."""
    kinds = ["PersistentVolumeClaim", "Job", "Service", "RayCluster"]
    assert list(rendered(storage={"claim": "models", "size": GIB})) == kinds


@pytest.mark.requirement("R106")
def test_the_head_serves_a_share_of_the_model_as_each_worker() -> None:
    """Ray's own services and a rank run on the head, with the GPUs of a worker."""
    spec = cluster(3)
    ours, theirs = containers(spec)
    assert ours["resources"] == theirs["resources"] == {"limits": {"nvidia.com/gpu": "1"}}
    assert spec["headGroupSpec"]["rayStartParams"]["num-gpus"] == "1"
    assert spec["workerGroupSpecs"][0]["rayStartParams"]["num-gpus"] == "1"


def test_the_number_of_workers_is_written_three_times() -> None:
    """The definition's default for replicas is 0, and nothing may change the number."""
    (workers,) = cluster(4)["workerGroupSpecs"]
    assert [workers[name] for name in ("replicas", "minReplicas", "maxReplicas")] == [3, 3, 3]


@pytest.mark.requirement("R099", "R100", "R101", "R102")
def test_ports_of_the_head_are_parameters_and_ports_of_its_container() -> None:
    """The head's Service has the ports of the container and no others."""
    asked = {"gcsPort": 6380, "dashboardPort": 8266, "metricsPort": 8090, "clientPort": 10002}
    spec = cluster(target={"options": asked})
    params = spec["headGroupSpec"]["rayStartParams"]
    names = ("port", "dashboard-port", "metrics-export-port", "ray-client-server-port")
    assert [params[name] for name in names] == ["6380", "8266", "8090", "10002"]
    found = {port["name"]: port["containerPort"] for port in containers(spec)[0]["ports"]}
    assert found == {"http": 8000, "gcs-server": 6380, "dashboard": 8266, "metrics": 8090, "client": 10002}


def test_ports_are_those_of_ray_where_none_are_named() -> None:
    """The server is on 8000, because Ray's metrics are on 8080."""
    found = {port["name"]: port["containerPort"] for port in containers(cluster())[0]["ports"]}
    assert found == {"http": 8000, "gcs-server": 6379, "dashboard": 8265, "client": 10001, "metrics": 8080}


def test_a_port_of_rays_client_is_asked_for_where_it_is_named_alone() -> None:
    """Ray without its client, as the engine's images have it, ends if that port is named; else it goes without."""
    assert "ray-client-server-port" not in cluster()["headGroupSpec"]["rayStartParams"]


@pytest.mark.parametrize(
    ("version", "strategy"), [("1.5", None), ("1.6", {"type": "Recreate"}), ("1.7", {"type": "Recreate"})]
)
def test_a_changed_cluster_is_made_anew_where_the_operator_can(version: str, strategy: dict[str, str] | None) -> None:
    """From 1.6 on the operator replaces all pods of a cluster that says so; before, it replaces none."""
    assert cluster(target={"version": version}).get("upgradeStrategy") == strategy
    service = rendered(target={"version": version, "options": {"server": "ray-serve"}})["RayService"]
    assert "upgradeStrategy" not in service["spec"]["rayClusterConfig"]


def test_the_service_selects_the_head_only() -> None:
    """Requests reach the pod that answers them; the operator's own Service has another name."""
    bodies = rendered()
    assert bodies["Service"]["spec"]["selector"] == {"ray.io/cluster": "llama-3-8b", "shardwright.dev/role": "leader"}
    assert bodies["Service"]["metadata"]["name"] not in {"llama-3-8b-head-svc", "llama-3-8b-serve-svc"}
    (workers,) = bodies["RayCluster"]["spec"]["workerGroupSpecs"]
    assert "shardwright.dev/role" not in workers["template"]["metadata"]["labels"]


def test_probes_of_workers_need_nothing_of_the_image() -> None:
    """Without any, the operator writes probes that need wget and Ray's dashboard agent."""
    ours, theirs = containers(cluster())
    assert ours["livenessProbe"]["httpGet"] == {"path": "/health", "port": 8000}
    assert theirs["livenessProbe"]["exec"]["command"] == list(head.RAYLET_LIVES)
    assert theirs["readinessProbe"]["exec"]["command"] == list(head.RAYLET_LIVES)


def test_workers_are_started_by_the_operator() -> None:
    """Their container has no command, and the head's replaces the operator's."""
    spec = cluster()
    ours, theirs = containers(spec)
    assert "command" not in theirs
    assert spec["headGroupSpec"]["template"]["metadata"]["annotations"]["ray.io/overwrite-container-cmd"] == "true"
    assert ours["command"][:2] == ["sh", "-c"]
    assert ours["command"][-2:] == ["--distributed-executor-backend", "ray"]


def stub(folder: Path, name: str, text: str) -> None:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{text}\n", "utf-8")
    path.chmod(0o755)


def run_head(folder: Path, start: str) -> subprocess.CompletedProcess[str]:
    """The head's command with programs of ours for `ray` and `python3`, and a server that prints its arguments."""
    stub(folder, "ray", start)
    stub(folder, "python3", 'shift 2; echo "waited for $1"')
    environment = {
        "PATH": f"{folder}:{os.environ['PATH']}",
        "KUBERAY_GEN_RAY_START_CMD": "ray start --head  --block  --labels='a=b c' ",
    }
    command = head.head_command(("echo", "serving", "a b"), 2)
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def test_the_head_starts_ray_then_waits_then_serves(tmp_path: Path) -> None:
    """Ray as the operator would start it, quotes kept, without --block, which would never return."""
    done = run_head(tmp_path, 'echo "ray $# $3"')
    assert done.stdout.splitlines() == ["ray 3 --labels=a=b c", "waited for 2", "serving a b"]


def test_the_head_ends_where_ray_does_not_start(tmp_path: Path) -> None:
    """A server without Ray would wait for its workers for ever."""
    done = run_head(tmp_path, "exit 3")
    assert done.returncode == 3
    assert done.stdout == ""


def test_state_of_the_control_store_is_kept_in_redis_where_that_is_asked_for() -> None:
    """The password is a reference."""
    options = {"redisAddress": "redis:6379", "redisPassword": "redis/password"}
    reference = {"valueFrom": {"secretKeyRef": {"name": "redis", "key": "password"}}}
    wanted = {"redisAddress": "redis:6379", "redisPassword": reference}
    assert cluster(target={"options": options})["gcsFaultToleranceOptions"] == wanted


def test_the_version_of_ray_is_that_of_the_image() -> None:
    """The operator chooses probes by it; an image whose tag says nothing leaves it out."""
    assert cluster()["rayVersion"] == "2.52.0"
    assert cluster(target={"options": {"rayVersion": "2.48.0"}})["rayVersion"] == "2.48.0"
    assert "rayVersion" not in cluster(engine={"image": "registry.example.org/ours:1"})


def test_no_replicas_suspend_the_cluster() -> None:
    """Its pods are deleted, the object stays."""
    assert cluster(replicas=0)["suspend"] is True
    assert cluster()["suspend"] is False
    assert "suspend" not in cluster(target={"options": {"queue": "gpus"}})


def test_one_node_is_a_head_alone() -> None:
    """No group of workers with no pods."""
    assert "workerGroupSpecs" not in cluster(1)


def test_ray_serve_has_workers_for_all_ranks_of_all_replicas() -> None:
    """The head holds none, so it needs no GPU node."""
    spec = rendered(target=RAY_SERVE, replicas=3)["RayService"]["spec"]["rayClusterConfig"]
    ours, theirs = containers(spec)
    assert spec["workerGroupSpecs"][0]["replicas"] == 6
    assert spec["headGroupSpec"]["rayStartParams"]["num-gpus"] == "0"
    assert "nvidia.com/gpu" not in ours["resources"]["limits"]
    assert theirs["resources"]["limits"]["nvidia.com/gpu"] == "1"
    assert "serve" in {port["name"] for port in ours["ports"]}


def test_ray_serve_is_given_the_flags_that_the_plan_rests_on() -> None:
    """The same names with underscores, numbers as numbers; what concerns the server stays out."""
    made = rendered(target=RAY_SERVE, engine={"args": {"enforce-eager": True, "kv-cache-dtype": "fp8"}})
    (application,) = yaml.safe_load(made["RayService"]["spec"]["serveConfigV2"])["applications"]
    (model,) = application["args"]["llm_configs"]
    given = model["engine_kwargs"]
    assert application["import_path"] == "ray.serve.llm:build_openai_app"
    assert model["model_loading_config"]["model_id"] == "llama-3-8b"
    assert (given["pipeline_parallel_size"], given["gpu_memory_utilization"]) == (2, 0.9)
    assert (given["enforce_eager"], given["kv_cache_dtype"]) == (True, "fp8")
    assert {"port", "host", "served_model_name", "distributed_executor_backend"}.isdisjoint(given)
    assert len(model["placement_group_config"]["bundles"]) == 2


@pytest.mark.parametrize(("version", "strategy"), [("1.2", None), ("1.3", {"type": "None"}), ("1.7", {"type": "None"})])
def test_a_changed_service_never_needs_twice_the_gpus(version: str, strategy: dict[str, str] | None) -> None:
    """Where the release can be told so, no second cluster is started beside the first."""
    spec = rendered(target={"version": version, **RAY_SERVE})["RayService"]["spec"]
    assert spec.get("upgradeStrategy") == strategy


def test_the_head_of_ray_serve_has_the_resources_that_are_asked_for_the_leader() -> None:
    """`pods.leader` speaks of the head."""
    leader = PodOverrides(cpu="8", memory=32 * GIB)  # pyright: ignore[reportArgumentType]  # an int is Bytes here
    spec = rendered(target=RAY_SERVE, pods={"leader": leader})["RayService"]["spec"]["rayClusterConfig"]
    assert containers(spec)[0]["resources"]["requests"] == {"cpu": "8", "memory": "32Gi"}
