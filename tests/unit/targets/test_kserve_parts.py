"""Where the pods of an InferenceService are, and what says that it serves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from kserve_cases import bodies, deployed

from shardwright.core.lifecycle import updates
from shardwright.core.lifecycle.changes import ObjectChange
from shardwright.core.manifests.differences import Difference
from shardwright.targets.kserve.parts import parts_of
from shardwright.testing import builders

if TYPE_CHECKING:
    from shardwright.core.layout import Layout
    from shardwright.core.lifecycle.parts import Parts

ONE = builders.layout(1, 1, nodes=1)


def parts(layout: Layout | None = None, **overrides: Any) -> Parts:  # noqa: ANN401 - fields of a recipe
    return parts_of(bodies(deployed(layout, **overrides))["InferenceService"])


def test_a_groups_pods_say_whether_it_serves() -> None:
    """KServe's own condition stays Unknown with workers; the engine's container has another name in their pods."""
    group = parts()
    assert (group.root.ready_condition, group.size) == ("", 2)
    assert [group.container_of(index) for index in (0, 1)] == ["kserve-container", "worker-container"]
    one = parts(ONE)
    assert (one.root.ready_condition, one.size) == ("Ready", 1)
    assert [one.container_of(index) for index in (0, 1)] == ["kserve-container", "kserve-container"]


@pytest.mark.parametrize(("kind", "is_anew"), [("InferenceService", True), ("LLMInferenceService", False)])
def test_labels_of_a_service_come_to_its_pods(kind: str, is_anew: bool) -> None:  # noqa: FBT001 - of a table
    """Changing them makes the pods anew, which is said before; of other kinds they stay with the object."""
    field = Difference("metadata.labels.team", ("metadata", "labels", "team"), None, "search")
    change = ObjectChange(action="update", api_version="v1", kind=kind, namespace="demo", name="llama", fields=(field,))
    assert updates.replaces_pods(change) is is_anew


def test_a_stopped_service_has_no_replicas() -> None:
    """KServe takes its Deployments away, whatever their number was."""
    assert (parts(replicas=0).replicas, parts(ONE, replicas=0).replicas, parts(ONE, replicas=2).replicas) == (0, 0, 2)


def test_a_model_that_kserve_does_not_bring_needs_no_agent() -> None:
    """Without storageUri only one format is not taken for a server of many models; the path is still the engine's own."""
    service = bodies(deployed(ONE, storage={"claim": None}))["InferenceService"]
    model = service["spec"]["predictor"]["model"]
    assert "storageUri" not in model
    assert model["modelFormat"]["name"] == "huggingface"
    assert parts_of(service).base_path == "/v1"
    assert bodies(deployed(ONE))["InferenceService"]["spec"]["predictor"]["model"]["modelFormat"]["name"] == "vLLM"


def test_kserves_own_server_answers_below_its_own_path() -> None:
    """Whatever the runtime is called."""
    assert parts(ONE, target={"options": {"runtime": "huggingface"}}).base_path == "/openai/v1"
