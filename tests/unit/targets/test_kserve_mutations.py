"""Whatever stands in an object of KServe, its rules give findings and never an error, at every release."""

from __future__ import annotations

import copy
from typing import Any, cast

import pytest
import test_kserve_lint as isvc
import test_llmisvc_lint as llm
from hypothesis import given, settings
from hypothesis import strategies as st
from manifest_changes import as_object, changed

from shardwright.core.manifests.judge import judge
from shardwright.core.manifests.objects import Context
from shardwright.targets.kserve import lint as isvc_lint
from shardwright.targets.llmisvc import lint as llm_lint

CANARIES = changed(isvc.SINGLE, {"spec.canary": [isvc.CANARY], "spec.explainer.art": isvc.ART})
SCALED = changed(
    isvc.SINGLE,
    {
        isvc.SCALER: "keda",
        f"{isvc.PREDICTOR}.autoScaling.metrics": [
            {
                "type": "Resource",
                "resource": {"name": "memory", "target": {"type": "AverageValue", "averageValue": "2Gi"}},
            }
        ],
        f"{isvc.PREDICTOR}.storageUris": [
            {"uri": "s3://a", "mountPath": "/m/a"},
            {"uri": "s3://b", "mountPath": "/m/b"},
        ],
    },
)
ROUTED = changed(
    llm.SERVICE,
    {
        f"{llm.HTTP}.spec.rules": [llm.ROUTE_RULE],
        "spec.prefill": {"scaling": llm.KEDA, "kvCacheOffloading": llm.TIER},
        "spec.model.lora.adapters": [{"name": "a", "uri": "hf://a/b"}],
        "spec.parallelism": {"data": 8, "dataLocal": 4},
        "spec.worker": {},
    },
)
STARTS = [isvc.GROUP, isvc.RUNTIME, CANARIES, SCALED, ROUTED, llm.CONFIG]
VALUES: list[Any] = [
    None,
    0,
    -1,
    10**30,
    1.5,
    True,
    "",
    "x",
    "{{",
    "pvc://",
    "1e999",
    "é",
    [],
    {},
    [None],
    [[]],
    ["x"],
    {"name": 5},
]
JUNK: st.SearchStrategy[Any] = st.sampled_from(VALUES).map(copy.deepcopy) | st.text(max_size=5)


def _paths(tree: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:  # noqa: ANN401 - a tree of JSON
    inner: list[tuple[Any, Any]] = []
    if isinstance(tree, dict):
        inner = list(cast("dict[str, Any]", tree).items())
    elif isinstance(tree, list):
        inner = list(enumerate(cast("list[Any]", tree)))
    return [path, *(each for key, value in inner for each in _paths(value, (*path, key)))]


@pytest.mark.parametrize("start", STARTS, ids=["group", "runtime", "canaries", "scaled", "routed", "config"])
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_any_value_at_any_place_is_judged(start: dict[str, Any], data: st.DataObject) -> None:
    """A value of another type, or none, is a finding or fine; nothing is raised, also in an update."""
    made = copy.deepcopy(start)
    for _ in range(data.draw(st.integers(1, 3))):
        path = data.draw(
            st.sampled_from([path for path in _paths(made["spec"], ("spec",)) if len(path) > 1] or [("spec",)])
        )
        at: Any = made
        for part in path[:-1]:
            at = at[part]
        at[path[-1]] = data.draw(JUNK)
    context = Context(versions={"kserve": data.draw(st.sampled_from(isvc_lint.VERSIONS))})
    found = judge(
        [as_object(made), as_object(isvc.RUNTIME)], [isvc_lint.LINT, llm_lint.LINT], context, [as_object(start)]
    )
    assert all(finding.id and finding.message for finding in found)
