"""The plug-in as a whole: versions, evidence, warnings, savings, and that loading it costs little."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from shardwright import errors
from shardwright.core.hardware import Cluster, NodePool
from shardwright.core.plan import Infeasible, Plan, plan
from shardwright.core.recipe.model import Parallelism
from shardwright.core.shape.base import Mixture
from shardwright.engines.vllm import ENGINE, facts
from shardwright.facts import load as catalogue
from shardwright.testing import builders
from shardwright.units import GIB


def planned(*, gpu: str = "A10G", nodes: int = 1, **recipe: object) -> Plan:
    """Llama-3-8B alone on a GPU, or as the recipe says."""
    asked = builders.recipe(**{"parallelism": "auto", "hardware": {"nodes": nodes}, **recipe})
    made = plan(asked, builders.llama_shape(), builders.cluster(gpu, nodes=nodes), ENGINE)
    assert isinstance(made, Plan), made
    return made


def found(made: Plan) -> set[str]:
    """Rules that warn."""
    return {finding.id for finding in made.findings}


def test_every_measured_point_is_of_a_known_version() -> None:
    """Evidence is compared with the planned version."""
    assert {point.version for point in facts.points()} <= set(facts.versions())


@pytest.mark.parametrize("version", ["0.99", "0.27.3"])
def test_an_unknown_version_has_a_wider_interval_and_says_whose_rules_hold(version: str) -> None:
    """Never measured, never silently exact."""
    known = planned(engine={"version": facts.rules_of(version).version, "args": {}})
    made = planned(engine={"version": version, "args": {}})
    assert made.evidence == "source"
    assert made.pool.tokens == known.pool.tokens
    assert made.pool.tokens_low < known.pool.tokens_low
    assert "engine.version-unknown" in found(made)


def test_the_newest_version_is_planned_where_none_is_given() -> None:
    """And stands in the plan."""
    assert planned(engine={"version": None, "args": {}}).engine.version == facts.versions()[-1]


@pytest.mark.parametrize("version", ["latest", "0.9.2"])
def test_versions_that_cannot_be_planned_are_input_errors(version: str) -> None:
    """Malformed, or older than all rules."""
    with pytest.raises(errors.InputError, match=version):
        planned(engine={"version": version, "args": {}})


@pytest.mark.parametrize(
    ("gpu", "engine", "evidence"),
    [
        ("H100", {}, "measured"),
        ("A10G", {}, "source"),
        ("H100", {"version": "0.32.0"}, "source"),
        ("H100", {"args": {"block-size": 32}}, "measured"),
        ("H100", {"args": {"quantization": "fp8", "kv-cache-dtype": "fp8"}}, "source"),
    ],
)
def test_evidence_is_measured_only_for_this_gpu_version_and_kind_of_start(
    gpu: str, engine: dict[str, object], evidence: str
) -> None:
    """And always names the nearest measured point."""
    made = planned(gpu=gpu, engine={"args": {}, **engine})
    assert made.evidence == evidence
    assert "llama-3.1-8b" in made.evidence_reason


def test_another_size_of_a_measured_family_is_not_measured() -> None:
    """Half as many layers were never started there."""
    asked = builders.recipe(parallelism="auto", hardware={"nodes": 1})
    made = plan(asked, builders.llama_shape(16), builders.cluster("H100", nodes=1), ENGINE)
    assert isinstance(made, Plan)
    assert made.evidence == "source"


def test_a_mixture_is_a_bound_and_says_what_no_bound_covers() -> None:
    """On compute capability 10 graphs of mixtures were seen to take most of a GPU."""
    mixture = Mixture(experts=8, experts_per_token=2, intermediate_size=14336)
    shape = builders.llama_shape(32, mixture=mixture, bound="a mixture")
    asked = builders.recipe(parallelism="auto", hardware={"nodes": 1})
    for capability, part in (("9.0", ""), ("10.0", "no bound covers")):
        gpu = builders.gpu("H200", compute_capability=capability)
        made = plan(asked, shape, Cluster((NodePool(gpu, 1, 1),)), ENGINE)
        assert isinstance(made, Plan)
        assert made.evidence == "bound"
        assert "a mixture" in made.evidence_reason
        assert ("no bound covers" in made.evidence_reason) is bool(part)


@pytest.mark.parametrize("name", [gpu.name for gpu in catalogue.gpus() if gpu.memory_bytes])
def test_every_gpu_of_the_catalogue_can_be_planned(name: str) -> None:
    """Whatever its maker calls its architecture, as `gfx942`, planning reads it."""
    asked = builders.recipe(parallelism="auto", engine={"args": {}}, hardware={"nodes": 1})
    pool = NodePool(catalogue.gpu(name), gpus_per_node=8, nodes=1)
    made = plan(asked, builders.llama_shape(), Cluster((pool,)), ENGINE)
    assert isinstance(made, Plan)
    assert made.pool.tokens >= made.max_model_len


@pytest.mark.parametrize(
    ("version", "counted"), [("0.24.0", False), ("0.28.0", False), ("0.29.0", True), ("0.32.0", True)]
)
def test_rocm_takes_graphs_beside_the_budget_until_0_29(version: str, *, counted: bool) -> None:
    """Before, only CUDA devices are estimated."""
    asked = builders.recipe(engine={"version": version, "args": {}}, parallelism="auto", hardware={"nodes": 1})
    gpu = builders.gpu("H200", name="MI300X", device="rocm", compute_capability="gfx942", link=None)
    made = plan(asked, builders.llama_shape(), Cluster((NodePool(gpu, 1, 1),)), ENGINE)
    assert isinstance(made, Plan)
    assert [term.counted for term in made.ranks[0].terms if term.name == "graphs"] == [counted]


@pytest.mark.requirement("R038")
def test_a_device_without_a_known_image_is_warned_of_unless_one_is_given() -> None:
    """CUDA's image finds no GPU of another maker."""
    gpu = builders.gpu(
        "H200", name="Gaudi3", device="hpu", compute_capability=None, link=None, resource="habana.ai/gaudi"
    )
    for image, expected in ((None, True), ("registry.example/vllm-gaudi:1", False)):
        engine: dict[str, object] = {"version": "0.32.0", "args": {}, "image": image}
        asked = builders.recipe(engine=engine, parallelism="auto", hardware={"nodes": 1})
        made = plan(asked, builders.llama_shape(), Cluster((NodePool(gpu, 1, 1),)), ENGINE)
        assert isinstance(made, Plan)
        assert ("vllm.image-not-known" in found(made)) is expected
        assert made.evidence == "bound"
        assert "nothing was measured on hpu" in made.evidence_reason
    assert "vllm.image-not-known" not in found(planned())


@pytest.mark.requirement("R051")
@pytest.mark.parametrize(
    ("recipe", "rule"),
    [
        ({"engine": {"args": {"quantization": "fp8"}}}, "vllm.quantization"),
        ({"workload": {"concurrency": 500, "input_tokens": 10, "output_tokens": 10}}, "vllm.max-num-seqs"),
        ({}, "vllm.pool-uncertain"),
    ],
)
def test_warnings_of_the_engine_are_findings_of_the_plan(recipe: dict[str, Any], rule: str) -> None:
    """Lower precision, requests that wait, pools known only roughly."""
    made = planned(**recipe)
    warned = next(finding for finding in made.findings if finding.id == rule)
    assert warned.fix
    assert warned.path


def test_a_small_pool_offers_a_size_that_is_sure_to_fit() -> None:
    """The offered flag is planned without doubt, and holds no more than the lower end."""
    made = planned()
    offer = next(finding.fix for finding in made.findings if finding.id == "vllm.pool-uncertain")
    size = int(offer.split("kv-cache-memory-bytes: ")[1].split("}")[0])
    fixed = planned(engine={"args": {"gpu-memory-utilization": 0.9, "kv-cache-memory-bytes": size}})
    assert fixed.pool.tokens_low == fixed.pool.tokens_high <= made.pool.tokens_low
    assert "vllm.pool-uncertain" not in found(fixed)


def test_quantizing_while_loading_is_offered_where_it_helps() -> None:
    """Llama-3-8B on a T4: fp8 weights fit, fp8 caches do not run there."""
    asked = builders.recipe(engine={"args": {}}, parallelism=Parallelism(1, 1), hardware={"nodes": 1})
    made = plan(asked, builders.llama_shape(), builders.cluster("T4", nodes=1), ENGINE)
    assert isinstance(made, Infeasible)
    whats = [change.what for change in made.changes]
    assert "engine.args: {quantization: fp8}" in whats
    assert not any("kv-cache-dtype" in what for what in whats)


def test_a_pinned_utilization_that_exceeds_the_device_is_refused_and_leaving_it_open_offered() -> None:
    """Graphs come on top of 99 % with 0.24."""
    asked = builders.recipe(
        engine={"args": {"gpu-memory-utilization": 0.99}}, parallelism="auto", hardware={"nodes": 1}
    )
    made = plan(asked, builders.llama_shape(), builders.cluster(nodes=1), ENGINE)
    assert isinstance(made, Infeasible)
    assert "on top of the engine's budget" in made.reasons[0]
    assert made.changes[0].what == "engine.args: without gpu-memory-utilization"


def test_a_fixed_pool_larger_than_the_device_is_not_called_close() -> None:
    """Tokens of a pool that no device holds are no reason for hope; leaving the size open is offered."""
    pool = {"args": {"kv-cache-memory-bytes": 900 * GIB}}
    asked = builders.recipe(parallelism="auto", engine=pool, hardware={"nodes": 1})
    made = plan(asked, builders.llama_shape(), builders.cluster("L40S", nodes=1), ENGINE)
    assert isinstance(made, Infeasible)
    assert "a fixed pool of 900.00" in made.reasons[0]
    assert not [reason for reason in made.reasons if "close" in reason]
    assert made.changes[0].what == "engine.args: without kv-cache-memory-bytes"


def test_loading_the_plugin_reads_no_facts_and_little_else() -> None:
    """`plan` pays for it: no parser of TOML, none of the log's patterns, no library."""
    heavy = (
        "shardwright.engines.vllm.log",
        "shardwright.engines.vllm.launch",
        "tomllib",
        "json.tool",
        "yaml",
        "click",
        "huggingface_hub",
        "importlib.resources",
        "asyncio",
    )
    code = f"import shardwright.engines.vllm, sys; print([name for name in {heavy!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
