from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shardwright.kubernetes import amounts
from shardwright.kubernetes.live import facts_usage, facts_views, needs_reading

GIB = 1 << 30


def container(**resources: dict[str, str]) -> dict[str, Any]:
    return {"name": "a", "image": "a", "resources": resources}


@pytest.mark.parametrize(
    ("text", "number"),
    [("100m", 0.1), ("2", 2.0), (3, 3.0), ("1Gi", GIB), ("1e3", 1000.0), ("1M", 1e6), ("", 0.0), ("x", 0.0)],
)
def test_quantities_are_numbers(text: str | int, number: float) -> None:
    """In whole units and bytes; what is no quantity counts nothing."""
    assert amounts.amount_of(text) == pytest.approx(number)


def test_a_pod_counts_its_containers_together_or_its_largest_first_one() -> None:
    """As the scheduler counts: what runs before the others is over when they begin; a sidecar is not."""
    spec = {
        "containers": [container(requests={"cpu": "2"}), container(requests={"cpu": "1"})],
        "initContainers": [
            container(requests={"cpu": "5"}),
            {**container(requests={"cpu": "1"}), "restartPolicy": "Always"},
        ],
    }
    assert needs_reading.pod_need("a", 1, {"spec": spec}).requests["cpu"] == 5
    spec["initContainers"][0]["resources"] = {"requests": {"cpu": "3"}}
    assert needs_reading.pod_need("a", 1, {"spec": spec}).requests["cpu"] == 4


def test_a_limit_stands_for_a_request_that_is_not_said() -> None:
    """The API server writes it so; GPUs are given as limits alone."""
    need = needs_reading.pod_need(
        "a", 1, {"spec": {"containers": [container(limits={"nvidia.com/gpu": "4", "memory": "1Gi"})]}}
    )
    assert need.requests == {"nvidia.com/gpu": 4.0, "memory": float(GIB), "pods": 1.0}
    assert need.lacks == {"requests.cpu", "limits.cpu"}


QUANTITIES = st.dictionaries(st.sampled_from(["cpu", "memory", "nvidia.com/gpu"]), st.integers(0, 64).map(str))


@st.composite
def containers(draw: st.DrawFn, *, first: bool = False) -> dict[str, Any]:
    """One that asks for something; of those that run first some are sidecars."""
    made = container(requests=draw(QUANTITIES), limits=draw(QUANTITIES))
    return {**made, "restartPolicy": "Always"} if first and draw(st.booleans()) else made


@given(st.lists(containers(), min_size=1, max_size=3), st.lists(containers(first=True), max_size=3))
def test_a_pod_that_runs_counts_as_the_pod_that_is_planned(
    main: list[dict[str, Any]], first: list[dict[str, Any]]
) -> None:
    """What a manifest asks for and what the same pod takes in a cluster are counted alike."""
    spec = {"nodeName": "a", "containers": main, "initContainers": first}
    running = msgspec.convert({"spec": spec}, facts_views.PodUse)
    planned = needs_reading.pod_need("a", 1, {"spec": spec})
    assert facts_usage.effective(running, limits=False) == planned.requests
    assert facts_usage.effective(running, limits=True) == planned.limits
