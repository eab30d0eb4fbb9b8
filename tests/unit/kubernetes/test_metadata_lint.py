"""Metadata of any kind: what the API server refuses before anybody else is asked."""

from __future__ import annotations

import json
from typing import Any

import pytest

from shardwright import registry
from shardwright.core.manifests import judge, reading
from shardwright.core.manifests.objects import Context


def said(**metadata: object) -> set[str]:
    """Ids of what is said of the metadata of a runtime."""
    body = {
        "apiVersion": "serving.kserve.io/v1alpha1",
        "kind": "ServingRuntime",
        "metadata": {"name": "demo", **metadata},
        "spec": {"containers": [{"name": "kserve-container"}]},
    }
    objects = reading.read_manifests(json.dumps(body).encode(), "a.json").objects
    found = judge.judge(objects, registry.load_platforms(), Context())
    return {each.id for each in found if each.id.startswith("object.")}


@pytest.mark.parametrize(
    ("metadata", "expected"),
    [
        (
            {"name": "a.b-c", "namespace": "n", "labels": {"a/b": "C_d"}, "annotations": {"Example.com/a": "b c"}},
            set[str](),
        ),
        ({"name": "A"}, {"object.name"}),
        ({"namespace": "a.b"}, {"object.namespace"}),
        ({"labels": {"a b": "c"}}, {"object.labels"}),
        ({"labels": {"a": "b c"}}, {"object.labels"}),
        ({"annotations": {"a/b/c": "d"}}, {"object.annotations"}),
        ({"annotations": {"a": "b" * 2**18}}, {"object.annotations"}),
    ],
)
def test_metadata_is_judged_as_the_api_server_does(metadata: dict[str, Any], expected: set[str]) -> None:
    """Names, namespaces, labels and annotations have the form that Kubernetes demands."""
    assert said(**metadata) == expected
