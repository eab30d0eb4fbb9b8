"""Updates by the command on a real API server: what is looked at before, what stays when they are broken off."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from check_stage import EXAMPLE, Stage

from shardwright import errors
from shardwright.core.plan.types import Plan
from shardwright.kubernetes.client import Place, Ref, connect
from shardwright.service import past, planning, recipes, rollout
from shardwright.service.rollout import Options
from shardwright.settings import HubSettings
from shardwright.testing.cluster import control_plane

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from shardwright.testing.cluster.building import Programs
    from shardwright.testing.cluster.fixtures import Clusters

SHARDWRIGHT = str(Path(sys.executable).with_name("shardwright"))
NAME = "llama-3-8b"
TARGET = "target={kind: lws, version: '0.8'}"
ROLLING = "/spec/rolloutStrategy/rollingUpdateConfiguration"
SURGE = (
    "target={kind: lws, version: '0.8', patches: [{target: {kind: LeaderWorkerSet}, patch: ["
    f"{{op: replace, path: {ROLLING}/maxSurge, value: 1}}, {{op: replace, path: {ROLLING}/maxUnavailable, value: 0}}]}}]}}"
)
"""A set that starts a new group before it ends the old one."""


@pytest.fixture(scope="module")
def empty(programs: Programs, runs: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with control_plane.running(programs, runs) as plane, plane.api() as api:
        yield Stage(plane, api, tmp_path_factory.mktemp("updates"))


@pytest.fixture(scope="module")
def stage(empty: Stage) -> Stage:
    """The same server, from here on with all that the example needs; tests of an empty one come first."""
    empty.furnish()
    return empty


@pytest.fixture
def namespace(stage: Stage) -> Iterator[str]:
    """A new one, with the example applied and its pods on both nodes; they are made here, for no controller runs."""
    made = stage.namespace()
    done = apply(stage, made, when_waiting=lambda _: complete(stage, made))
    assert done.returncode == 0, done.stderr
    for pod, node in ((f"{NAME}-0", "gpu-a"), (f"{NAME}-0-1", "gpu-b")):
        stage.pod(made, pod, node)
        labels = {"leaderworkerset.sigs.k8s.io/name": NAME}
        path = f"/api/v1/namespaces/{made}/pods/{pod}"
        stage.patch(path, {"op": "add", "path": "/metadata/labels", "value": labels})
    yield made
    for each in stage.api.items(f"/api/v1/namespaces/{made}/pods"):
        end(stage, made, each["metadata"]["name"])


def end(stage: Stage, namespace: str, pod: str) -> None:
    """No kubelet would let it go; a pod that is done takes nothing."""
    stage.status(f"/api/v1/namespaces/{namespace}/pods/{pod}", {"phase": "Succeeded"})


def command(stage: Stage, verb: str, namespace: str, *more: str) -> list[str]:
    """Sets of `more` win over those before."""
    sets = ("--set", TARGET, "--set", f"metadata.namespace={namespace}", "--kubeconfig", str(stage.plane.kubeconfig))
    own = ("-y", "--no-wait") if verb == "apply" else ()
    return [SHARDWRIGHT, verb, "-f", str(EXAMPLE), *sets, *own, *more]


def apply(
    stage: Stage, namespace: str, *more: str, when_waiting: Callable[[subprocess.Popen[str]], object] | None = None
) -> subprocess.CompletedProcess[str]:
    """The command, and what is done while it waits for the model."""
    arguments = command(stage, "apply", namespace, *more)
    told: list[str] = []
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        for line in process.stderr or ():
            told.append(line)
            if line.startswith("waiting for Job") and when_waiting is not None:
                when_waiting(process)
                when_waiting = None
        out = process.stdout.read() if process.stdout else ""
    return subprocess.CompletedProcess(arguments, process.returncode, out, "".join(told))


def jobs(stage: Stage, namespace: str) -> list[dict[str, Any]]:
    return list(stage.api.items(f"/apis/batch/v1/namespaces/{namespace}/jobs"))


def complete(stage: Stage, namespace: str) -> None:
    """The download ends, as its controller would write it."""
    (job,) = jobs(stage, namespace)
    at = "2026-11-21T12:00:00Z"
    conditions = [{"type": each, "status": "True"} for each in ("SuccessCriteriaMet", "Complete")]
    status = {"conditions": conditions, "startTime": at, "completionTime": at, "succeeded": 1}
    stage.status(f"/apis/batch/v1/namespaces/{namespace}/jobs/{job['metadata']['name']}", status)


def sets_of(stage: Stage, namespace: str) -> list[dict[str, Any]]:
    return list(stage.api.items(f"/apis/leaderworkerset.x-k8s.io/v1/namespaces/{namespace}/leaderworkersets"))


def outcomes(stage: Stage, namespace: str) -> list[tuple[int, str]]:
    with stage.client() as client:
        return [(each.number, each.outcome) for each in past.history(client, namespace, NAME)]


def test_what_is_missing_is_said_before_anything_is_written(empty: Stage) -> None:
    """No operator, no GPU, no Secret: each with its cure, exit code 4, and not even a revision; a dry run says the same."""
    empty.make("v1", "Namespace", "bare")
    for more in ((), ("--dry-run", "server")):
        done = apply(empty, "bare", *more)
        assert done.returncode == 4, done.stderr
        assert "FAIL operator: LeaderWorkerSet is not installed" in done.stderr
        assert "FAIL gpus: none of 0 nodes has nvidia.com/gpu; 2 are needed" in done.stderr
        assert "fix: kubectl create secret generic hf-token -n bare" in done.stderr
    assert list(empty.api.items("/api/v1/namespaces/bare/configmaps")) == []


@pytest.mark.parametrize("ended_by", [signal.SIGINT, signal.SIGTERM])
def test_a_broken_off_apply_is_gone_on_with(stage: Stage, ended_by: signal.Signals) -> None:
    """While the model is fetched: said, nobody is kept out, and the next one waits for the very same Job."""
    namespace = stage.namespace()
    done = apply(stage, namespace, when_waiting=lambda process: process.send_signal(ended_by))
    assert done.returncode == 130, done.stderr
    assert "interrupted: what was applied stays; the same command again goes on from there" in done.stderr
    leases = f"/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases"
    assert list(stage.api.items(leases)) == []
    (before,) = jobs(stage, namespace)
    assert sets_of(stage, namespace) == []
    again = apply(stage, namespace, when_waiting=lambda _: complete(stage, namespace))
    assert again.returncode == 0, again.stderr
    assert [each["metadata"]["uid"] for each in jobs(stage, namespace)] == [before["metadata"]["uid"]]
    assert len(sets_of(stage, namespace)) == 1
    assert outcomes(stage, namespace) == [(1, "superseded"), (2, "applied")]


def test_a_download_that_is_late_goes_on(stage: Stage) -> None:
    """The time that is given holds for it too: 124, nothing is called failed, and the next apply waits for the same Job."""
    namespace = stage.namespace()
    done = apply(stage, namespace, "--timeout", "1")
    assert done.returncode == 124, done.stderr
    assert "the download of the model is not complete after 1 s: " in done.stderr
    assert "; it goes on starting" in done.stderr
    assert (len(jobs(stage, namespace)), sets_of(stage, namespace)) == (1, [])
    assert outcomes(stage, namespace) == [(1, "applying")]


def test_what_a_download_waits_for_is_told(stage: Stage) -> None:
    """By apply as it changes, and by status and logs afterwards; a Job that counts as running may have a pod that does not."""
    namespace = stage.namespace()
    waits = "it has no pod"  # nobody makes pods of Jobs on this server
    assert waits in apply(stage, namespace, "--timeout", "5").stderr
    for verb in ("status", "logs"):
        arguments = [SHARDWRIGHT, verb, NAME, "-n", namespace, "--kubeconfig", str(stage.plane.kubeconfig)]
        done = subprocess.run(arguments, capture_output=True, text=True, timeout=60, check=False)
        assert waits in done.stdout + done.stderr


def test_a_second_apply_is_not_held_up_by_the_first(stage: Stage, namespace: str) -> None:
    """Its own pods on all GPUs, its own names and its own claim are nobody's fault."""
    done = apply(stage, namespace)
    assert done.returncode == 0, done.stderr
    assert "nothing changes" in done.stderr
    assert "FAIL" not in done.stderr
    assert outcomes(stage, namespace) == [(1, "applied")]


def test_an_update_within_its_own_gpus_has_room_on_full_nodes(stage: Stage, namespace: str) -> None:
    """The old group ends before the new one starts: said, and not refused; nor by diff."""
    changed = ("--set", "engine.env.TZ=UTC")
    for verb in ("diff", "apply"):
        arguments = command(stage, verb, namespace, *changed)
        done = subprocess.run(arguments, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == (5 if verb == "diff" else 0), done.stderr
        told = done.stdout + done.stderr
        assert f"LeaderWorkerSet {NAME} is updated within its own 2 GPUs" in told
        assert "meanwhile it does not serve" in told
    assert outcomes(stage, namespace) == [(1, "applied"), (2, "applied")]


def test_an_update_that_needs_more_gpus_says_how_many_and_why(stage: Stage, namespace: str) -> None:
    """A surge on full nodes never ends: which field asks for it, and that it is not applied."""
    changed = ("--set", SURGE, "--set", "engine.env.TZ=UTC")
    done = apply(stage, namespace, *changed)
    assert done.returncode == 4, done.stderr
    assert "new pods start before old ones end, on 2 more GPUs" in done.stderr
    assert "FAIL surge" in done.stderr
    assert "rollingUpdateConfiguration.maxSurge: 1" in done.stderr
    assert outcomes(stage, namespace) == [(1, "applied")]
    different = subprocess.run(
        command(stage, "diff", namespace, *changed), capture_output=True, text=True, timeout=60, check=False
    )
    assert "FAIL surge" in different.stdout


def test_gpus_of_others_hold_an_update_up_and_may_be_left_unseen(stage: Stage) -> None:
    """Too few GPUs end it with 4; --skip-check is the user's own word."""
    namespace, others = stage.namespace(), stage.namespace()
    stage.pod(others, "other", "gpu-a")
    try:
        refused = apply(stage, namespace)
        assert refused.returncode == 4
        assert "1 of 2 nvidia.com/gpu are free" in refused.stderr
        done = apply(stage, namespace, "--skip-check", when_waiting=lambda _: complete(stage, namespace))
        assert done.returncode == 0, done.stderr
        assert "check:" not in done.stderr
    finally:
        end(stage, others, "other")


def test_a_namespace_is_told_once(stage: Stage) -> None:
    """It is made before all else, and no second time."""
    done = apply(
        stage, "made-here", "--create-namespace", "--skip-check", when_waiting=lambda _: complete(stage, "made-here")
    )
    assert done.returncode == 0, done.stderr
    assert [line for line in done.stderr.splitlines() if line == "create Namespace made-here"] != []
    steps = done.stderr.partition("\nrevision ")[2]
    assert "Namespace" not in steps


def ray(namespace: str, *sets: str) -> Plan:
    """The example on KubeRay, its model on a claim that somebody filled."""
    own = (
        *("target={kind: kuberay, version: '1.5'}", "storage={claim: models, download: never}"),
        *("engine.executor=ray", "engine.image=rayproject/ray-llm:2.52.0-py311-cu128", "engine.version=0.10.2"),
    )
    (loaded,) = recipes.load_recipes([str(EXAMPLE)], [f"metadata.namespace={namespace}", *own, *sets])
    plan = planning.plan_loaded(loaded, HubSettings("https://huggingface.co", offline=True))
    assert isinstance(plan, Plan)
    return plan


def test_a_ray_cluster_is_made_anew_only_with_leave(clusters: Clusters) -> None:
    """KubeRay replaces no pod of a cluster that changes: an update without making it anew would do nothing."""
    running = clusters.api("kuberay")
    with running.namespace() as inside, connect(Place(str(running.kubeconfig), "", inside)) as client:
        list(rollout.carry_out(rollout.prepare(ray(inside), client, Options()), client, Options()))
        cluster = Ref("ray.io/v1", "RayCluster", NAME, inside)
        before = client.get(cluster)["metadata"]["uid"]
        changed = rollout.prepare(ray(inside, "engine.env.TZ=UTC"), client, Options())
        assert (changed.course is not None, [each.kind for each in changed.to_recreate]) == (True, ["RayCluster"])
        with pytest.raises(errors.InputError, match="does not replace the pods"):
            list(rollout.carry_out(changed, client, Options()))
        assert client.get(cluster)["metadata"]["uid"] == before
        list(rollout.carry_out(changed, client, Options(recreate=True)))
        assert client.get(cluster)["metadata"]["uid"] != before
        assert not rollout.prepare(ray(inside, "engine.env.TZ=UTC"), client, Options()).is_needed
