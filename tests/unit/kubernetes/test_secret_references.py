"""References to keys of Secrets in manifests."""

from __future__ import annotations

from typing import Any

from shardwright.kubernetes.live import needs_reading, secret_references

REFERENCE: dict[str, Any] = {"valueFrom": {"secretKeyRef": {"name": "redis", "key": "password"}}}
OPTIONAL: dict[str, Any] = {"valueFrom": {"secretKeyRef": {"name": "extra", "key": "a", "optional": True}}}
CLUSTER: dict[str, Any] = {
    "apiVersion": "ray.io/v1",
    "kind": "RayCluster",
    "metadata": {"name": "llama", "namespace": "demo"},
    "spec": {
        "gcsFaultToleranceOptions": {"redisAddress": "redis:6379", "redisPassword": REFERENCE},
        "headGroupSpec": {"template": {"spec": {"containers": [{"name": "ray", "env": [{"name": "A", **OPTIONAL}]}]}}},
    },
}


def test_credentials_of_an_operator_count_as_those_of_pods() -> None:
    """A preflight looks for them, and they can be given at an apply; optional ones are nobody's need."""
    assert secret_references.references_in([CLUSTER]) == (("redis", "password"),)
    needs = needs_reading.needs_of("demo", "llama", "kuberay", [CLUSTER], None)
    assert [(each.name, each.key) for each in needs.secrets] == [("redis", "password")]
