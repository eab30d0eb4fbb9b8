"""The cases that the source documents name, planned as they stand there."""

from __future__ import annotations

import pytest

from shardwright.core.plan.types import Infeasible, Plan
from shardwright.service import planning, short_form
from shardwright.settings import HubSettings

OFFLINE = HubSettings(endpoint="http://localhost", offline=True)


def planned(model: str, **options: object) -> Plan | Infeasible:
    """What the short form plans, without the hub."""
    return planning.plan_recipe(short_form.recipe_of_options({"model": model, **options}, ()), OFFLINE)


@pytest.mark.parametrize(
    ("model", "options", "layout"),
    [
        pytest.param(
            "llama-3-8b",
            {"node_shape": "g5.4xlarge", "nodes": "2", "tensor": 1, "pipeline": 2},
            "TP1 x PP2 on 2 nodes",
            marks=[pytest.mark.requirement("R005"), pytest.mark.requirement("R007")],
        ),
        pytest.param(
            "mixtral-8x7b",
            {"node_shape": "g5.4xlarge", "nodes": "8", "tensor": 1, "pipeline": 8, "max_model_len": 4096},
            "TP1 x PP8 on 8 nodes",
            marks=pytest.mark.requirement("R008"),
        ),
        pytest.param(
            "llama-3-8b",
            {"gpu": "T4", "gpus_per_node": 2, "tensor": 2, "max_model_len": 4096},
            "TP2 x PP1 on 1 node",
            marks=pytest.mark.requirement("R054"),
        ),
        pytest.param(
            "falcon-40b",
            {"gpu": "A10G", "gpus_per_node": 8, "tensor": 8},
            "TP8 x PP1 on 1 node",
            marks=pytest.mark.requirement("R055"),
        ),
        pytest.param(
            "llama-3.3-70b",
            {"gpu": "L40S", "gpus_per_node": 4, "nodes": "2", "max_model_len": 8192},
            "TP4 x PP1 on 1 node",
            marks=pytest.mark.requirement("R154"),
        ),
    ],
)
def test_a_case_of_a_source_document_fits(model: str, options: dict[str, object], layout: str) -> None:
    """What the documents ran fits by our count, in their layout."""
    result = planned(model, **options)
    assert isinstance(result, Plan), result.reasons
    assert str(result.layout) == layout


@pytest.mark.requirement("R008")
def test_two_stages_of_mixtral_do_not_fit_an_a10g() -> None:
    """The case as it was shipped started two GPUs; 47 GB on each do not fit 24."""
    result = planned("mixtral-8x7b", node_shape="g5.4xlarge", nodes="2", tensor=1, pipeline=2)
    assert isinstance(result, Infeasible)


@pytest.mark.requirement("R114")
@pytest.mark.parametrize("model", ["llama-3.1-405b", "deepseek-v3"])
def test_a_model_for_many_nodes_does_not_fit_one(model: str) -> None:
    """405B in bfloat16 and DeepSeek-V3 need more than eight GPUs of 80 GB, and fit where there are enough."""
    assert isinstance(planned(model, gpu="H100", gpus_per_node=8, max_model_len=8192), Infeasible)
    enough = planned(model, gpu="H100", gpus_per_node=8, nodes="auto", max_model_len=8192)
    assert isinstance(enough, Plan)
    assert enough.layout.nodes > 1
