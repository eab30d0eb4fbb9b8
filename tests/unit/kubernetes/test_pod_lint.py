"""Rules on the pods of every platform: each finds its trap and leaves a sound pod alone."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from shardwright.core.manifests import reading
from shardwright.core.manifests.objects import Context
from shardwright.kubernetes.manifest_pods import flag_value, pods_of
from shardwright.kubernetes.rules.pod_lint import pod_rules

MEMORY = {"volumes": [{"name": "shm", "emptyDir": {"medium": "Memory", "sizeLimit": "16Gi"}}]}
CONTAINER: dict[str, Any] = {
    "name": "c",
    "image": "vllm/vllm-openai:v0.24.0",
    "resources": {"limits": {"nvidia.com/gpu": 2}, "requests": {"nvidia.com/gpu": "2"}},
    "volumeMounts": [{"name": "shm", "mountPath": "/dev/shm/"}],
    "startupProbe": {"httpGet": {"port": 1}, "failureThreshold": 360},
}
SECRET = {"secretKeyRef": {"name": "s", "key": "k"}}


def ids(spec: dict[str, Any]) -> list[str]:
    """Ids of what the rules find in a pod spec."""
    made = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"}, "spec": spec}
    (found,) = reading.read_manifests(yaml.safe_dump(made).encode(), "a.yaml").objects
    return [rule.id for rule in pod_rules(("Pod",), pods_of) for _ in rule.check(found, Context())]


def test_a_sound_pod_has_no_findings() -> None:
    """Nothing is found in what the rules ask for."""
    probe = {"httpGet": {"port": 1}, "timeoutSeconds": 10}
    env = [{"name": "HF_TOKEN", "valueFrom": SECRET}, {"name": "MAX_TOKENS", "value": "5"}]
    assert ids({**MEMORY, "containers": [{**CONTAINER, "env": env, "livenessProbe": probe}]}) == []


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"env": [{"name": "HF_TOKEN", "value": "hf_" + "aB3" * 10}]}, "pod.token-literal"),
        ({"args": ["--token hf_" + "aB3" * 10]}, "pod.token-literal"),
        ({"env": [{"name": "API_KEY", "value": "x"}]}, "pod.secret-literal"),
        ({"volumeMounts": []}, "pod.shared-memory"),
        ({"livenessProbe": {"httpGet": {"port": 1}, "periodSeconds": 5}}, "pod.liveness"),
        ({"startupProbe": {"httpGet": {"port": 1}}}, "pod.startup"),
        ({"args": ["ray start --head; python3 -m vllm.entrypoints.openai.api_server"]}, "pod.after-shell"),
        ({"securityContext": {"privileged": True}}, "pod.rights"),
        ({"image": "vllm/vllm-openai"}, "pod.image-version"),
        ({"image": "host:5000/vllm:latest"}, "pod.image-version"),
        ({"env": [{"name": "A", "value": "$(B)"}, {"name": "B", "value": "1"}]}, "pod.variable-order"),
    ],
)
def test_each_trap_is_found(change: dict[str, Any], expected: str) -> None:
    """One change, one finding."""
    assert ids({**MEMORY, "containers": [{**CONTAINER, **change}]}) == [expected]


def test_devices_for_rdma_need_the_right_to_lock_memory() -> None:
    """IPC_LOCK, or all rights, satisfies them."""
    resources = {"limits": {"rdma/rdma_shared_device_a": 1}}
    container = {"name": "c", "image": "a:1", "resources": resources}
    assert ids({"containers": [container]}) == ["pod.lock-memory"]
    locked = {**container, "securityContext": {"capabilities": {"add": ["IPC_LOCK"]}}}
    assert ids({"containers": [locked]}) == []


def test_requests_of_gpus_without_equal_limits_make_no_pod() -> None:
    """The API server refuses the pod, not the object that makes it."""
    container = {"name": "c", "image": "a:1", "resources": {"requests": {"nvidia.com/gpu": 1}}}
    assert ids({"containers": [container]}) == ["pod.gpu-limit"]


def test_memory_volumes_are_of_memory() -> None:
    """A volume on disk at /dev/shm is none."""
    spec: dict[str, Any] = {"volumes": [{"name": "shm", "emptyDir": {}}], "containers": [CONTAINER]}
    assert ids(spec) == ["pod.shared-memory"]
    assert ids({**spec, "hostIPC": True}) == []


@pytest.mark.parametrize(
    ("words", "value"),
    [(["--a", "1"], "1"), (["--a=2"], "2"), (["--a", "1", "--a=3"], "3"), (["--b"], None), (["--a"], "")],
)
def test_flags_are_read_as_the_engine_reads_them(words: list[str], value: str | None) -> None:
    """With a blank or =, and the last one counts."""
    assert flag_value(words, "--a") == value
