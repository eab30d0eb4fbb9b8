"""Whatever stands in a manifest, lint gives findings and never an error."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any, cast

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from shardwright import registry
from shardwright.core.manifests import judge, reading
from shardwright.core.manifests.objects import Context

if TYPE_CHECKING:
    from collections.abc import Iterable

    from shardwright.core.rules import Finding

SET: dict[str, Any] = {
    "apiVersion": "leaderworkerset.x-k8s.io/v1",
    "kind": "LeaderWorkerSet",
    "metadata": {"name": "a", "labels": {"x": "y"}, "annotations": {"leaderworkerset.sigs.k8s.io/exclusive-topology": "z"}},
    "spec": {
        "replicas": 2,
        "startupPolicy": "LeaderReady",
        "rolloutStrategy": {"type": "RollingUpdate", "rollingUpdateConfiguration": {"maxSurge": "25%", "partition": 1}},
        "leaderWorkerTemplate": {
            "size": 4,
            "subGroupPolicy": {"subGroupSize": 2},
            "workerTemplate": {
                "spec": {
                    "containers": [
                        {
                            "name": "w",
                            "image": "vllm/vllm-openai:v0.19.0",
                            "command": ["sh", "-c", "ray start; vllm serve m --tensor-parallel-size 8 --nnodes 2 --node-rank 1"],
                            "env": [{"name": "HF_TOKEN", "value": "x"}],
                            "resources": {"limits": {"nvidia.com/gpu": "8", "rdma/a": 1}},
                            "livenessProbe": {"httpGet": {"port": 1}},
                            "volumeMounts": [{"name": "s", "mountPath": "/dev/shm"}],
                        }
                    ],
                    "volumes": [{"name": "s", "emptyDir": {}}],
                }
            },
        },
    },
}  # fmt: skip
ROLES: dict[str, Any] = {
    "apiVersion": "disaggregatedset.x-k8s.io/v1",
    "kind": "DisaggregatedSet",
    "metadata": {"name": "d"},
    "spec": {
        "slices": 2,
        "placementPolicy": {"type": "ExclusiveSlice"},
        "roles": [{"name": "prefill", "spec": SET["spec"]}, {"name": "decode", "scaling": {"mode": "External"}, "spec": SET["spec"]}],
    },
}  # fmt: skip
SERVICE = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "a"}, "spec": {"selector": {"a": "b"}}}
JUNK: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=6), inner, max_size=2),
    max_leaves=4,
)
PIECES = st.sampled_from(["", "null", "[", "]", "{", "}", ": ", "- ", "\n", "\t", "'", '"', "&a ", "*a", "<<: ", "!!int ", "# ", "|", "-1", "yes", "é", "\r", "\x00", "x:\n", "---\n", "${A}", "0" * 90])  # fmt: skip


def lint(text: str) -> tuple[Finding, ...]:
    """The findings on a text, judged as an update of itself."""
    found = reading.read_manifests(text.encode("utf-8", "surrogatepass"), "a.yaml")
    judged = judge.judge(found.objects, registry.load_platforms(), Context(), found.objects)
    return (*found.findings, *judged)


def paths_of(tree: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:  # noqa: ANN401 - a tree of JSON
    """Paths of all values in a tree."""
    inner: Iterable[tuple[Any, Any]] = ()
    if isinstance(tree, dict | list):
        inner = cast("dict[str, Any]", tree).items() if isinstance(tree, dict) else enumerate(cast("list[Any]", tree))
    return [path, *(each for key, value in inner for each in paths_of(value, (*path, key)))]


@pytest.mark.parametrize("start", [SET, ROLES], ids=["set", "roles"])
@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_any_value_at_any_place_is_judged(start: dict[str, Any], data: st.DataObject) -> None:
    """A value of another type, or none, is a finding or fine; nothing is raised."""
    made = copy.deepcopy(start)
    for _ in range(data.draw(st.integers(1, 3))):
        path = data.draw(st.sampled_from(paths_of(made)[1:]))
        node = made
        for part in path[:-1]:
            node = node[part]
        node[path[-1]] = data.draw(JUNK)
    text = yaml.safe_dump_all([made, SERVICE], allow_unicode=True)
    assert all(finding.id and finding.message for finding in lint(text))


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_any_cut_text_is_read(data: st.DataObject) -> None:
    """Texts that are cut and pieced together end in findings."""
    text = yaml.safe_dump_all([SET, SERVICE])
    for _ in range(data.draw(st.integers(1, 3))):
        start = data.draw(st.integers(0, len(text)))
        text = text[:start] + data.draw(PIECES) + text[start + data.draw(st.integers(0, 5)) :]
    assert all(finding.file == "a.yaml" for finding in lint(text))
