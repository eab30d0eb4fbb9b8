"""Small, complete values for tests: a model, GPUs, a recipe, a plan, a deployment.

What stands here is plausible and fixed. It is built by hand, so that a test of one part does not need the others;
numbers of a plan made here are no prediction. Overrides are given by field name; a dict replaces single fields of a
section: `recipe(workload={"max_model_len": 4096})`.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Literal, TypeVar, cast

from shardwright import registry
from shardwright.core import memory
from shardwright.core.deployment import Deployment, Launch, LaunchOrder, Port, Probe, Variable, Wiring
from shardwright.core.group import group_of
from shardwright.core.hardware import Cluster, Gpu, NodePool
from shardwright.core.layout import Layout, split_layers
from shardwright.core.memory import Demand, RankDemand, Term
from shardwright.core.plan.types import EngineChoice, Plan
from shardwright.core.recipe import Recipe
from shardwright.core.recipe.model import Engine, Hardware, KeyRef, Metadata, Model, Parallelism, Target, Workload
from shardwright.core.shape.base import Cache, Layer, ModelShape, Split, Weight
from shardwright.units import GIB, MIB

if TYPE_CHECKING:
    from typing import Any

    from _typeshed import DataclassInstance

    from shardwright.core import plugins

__all__ = [
    "carried",
    "cluster",
    "deployment",
    "gpu",
    "launch",
    "layout",
    "llama_shape",
    "on_ray",
    "plan",
    "recipe",
    "wiring",
]

Value = TypeVar("Value", bound="DataclassInstance")

_GPUS = {
    "A10G": Gpu("A10G", int(22.1 * GIB), 600e9, 70e12, "8.6", "pcie4", 32e9, "nvidia.com/gpu"),
    "L40S": Gpu("L40S", int(44.4 * GIB), 864e9, 362e12, "8.9", "pcie4", 32e9, "nvidia.com/gpu"),
    "T4": Gpu("T4", int(14.6 * GIB), 320e9, None, "7.5", "pcie3", 16e9, "nvidia.com/gpu"),
    "H100": Gpu("H100", int(79.19 * GIB), 3.35e12, 989e12, "9.0", "nvlink4", 450e9, "nvidia.com/gpu"),
    "H200": Gpu("H200", int(139.8 * GIB), 4.8e12, 989e12, "9.0", "nvlink4", 450e9, "nvidia.com/gpu"),
    "cpu": Gpu("cpu", 8 * GIB, None, None, None, None, None, "cpu", device="cpu"),
}


def gpu(kind: str = "A10G", **overrides: object) -> Gpu:
    """A GPU: A10G, L40S, T4, H100, H200 or cpu (8 GiB of a machine's memory)."""
    return _replaced(_GPUS[kind], {"source": "made for tests", **overrides})


def cluster(name: str = "A10G", *, gpus_per_node: int = 1, nodes: int = 2, gpu_memory: int | None = None) -> Cluster:
    """Nodes of one kind; two with one A10G each unless said otherwise."""
    kind = gpu(name) if gpu_memory is None else gpu(name, memory_bytes=gpu_memory)
    return Cluster((NodePool(kind, gpus_per_node, nodes),))


def recipe(**overrides: object) -> Recipe:
    """Llama-3-8B on two nodes with one A10G each, TP1 x PP2, rendered for LeaderWorkerSet."""
    base = Recipe(
        metadata=Metadata(name="llama-3-8b", namespace="demo"),
        model=Model(source="hf://meta-llama/Meta-Llama-3-8B-Instruct", token=KeyRef("hf-token", "token")),
        target=Target(kind="lws"),
        engine=Engine(name="vllm", version="0.24.0", executor="mp", args={"gpu-memory-utilization": 0.9}),
        workload=Workload(max_model_len=8192, concurrency=32, input_tokens=512, output_tokens=64),
        parallelism=Parallelism(tensor=1, pipeline=2),
        hardware=Hardware(gpu="A10G", gpus_per_node=1, nodes=2),
    )
    return _replaced(base, overrides)


def llama_shape(layer_count: int = 32, **overrides: object) -> ModelShape:
    """Llama-3-8B: 32 layers, 8 KV heads, 128256 words, bfloat16, 8192 positions."""
    hidden, words = 4096, 128256
    shape = ModelShape(
        name="llama-3-8b",
        source="made for tests",
        architecture="LlamaForCausalLM",
        family="llama",
        hidden_size=hidden,
        attention_heads=32,
        kv_heads=8,
        head_size=128,
        intermediate_size=14336,
        vocabulary_size=words,
        max_positions=8192,
        element_bytes=2,
        dtype="bfloat16",
        tied_embeddings=False,
        rotary_size=128,
        embedding=(Weight("model.embed_tokens.weight", words, hidden, Split.VOCABULARY),),
        layers=(_llama_layer(),) * layer_count,
        head=(
            Weight("model.norm.weight", hidden, 1, Split.NONE),
            Weight("lm_head.weight", words, hidden, Split.VOCABULARY),
        ),
    )
    return _replaced(shape, overrides)


def _llama_layer() -> Layer:
    hidden, kv, wide = 4096, 1024, 14336
    return Layer(
        weights=(
            Weight("input_layernorm.weight", hidden, 1, Split.NONE),
            Weight("self_attn.q_proj.weight", hidden, hidden, Split.TENSOR, fused="qkv"),
            Weight("self_attn.k_proj.weight", kv, hidden, Split.KV_HEADS, fused="qkv"),
            Weight("self_attn.v_proj.weight", kv, hidden, Split.KV_HEADS, fused="qkv"),
            Weight("self_attn.o_proj.weight", hidden, hidden, Split.TENSOR),
            Weight("post_attention_layernorm.weight", hidden, 1, Split.NONE),
            Weight("mlp.gate_proj.weight", wide, hidden, Split.TENSOR, fused="gate_up"),
            Weight("mlp.up_proj.weight", wide, hidden, Split.TENSOR, fused="gate_up"),
            Weight("mlp.down_proj.weight", hidden, wide, Split.TENSOR),
        ),
        cache=Cache("full", heads=8, key_size=128, value_size=128),
    )


def layout(tensor: int = 1, pipeline: int = 2, *, nodes: int = 2, layers: int = 32) -> Layout:
    """A layout that fills its nodes evenly."""
    return Layout(tensor, pipeline, nodes, tensor * pipeline // nodes, split_layers(layers, pipeline))


def plan(asked: Recipe | None = None, **overrides: object) -> Plan:
    """A plan of TP1 x PP2 on two nodes; `layout`, `cluster` and any other field of Plan can be replaced by its name."""
    asked = asked or recipe()
    placed = cast("Layout | None", overrides.pop("layout", None)) or layout()
    default = cluster(gpus_per_node=placed.gpus_per_node, nodes=placed.nodes)
    usable = cast("Cluster | None", overrides.pop("cluster", None)) or default
    demand = _demand(placed, usable.pools[0].gpu)
    pool = memory.pool_of(demand)
    made = Plan(
        recipe=asked,
        shape=llama_shape(),
        cluster=usable,
        gpus=(usable.pools[0].gpu,),
        engine=EngineChoice("vllm", "0.24.0", "v2", "mp", demand.settings),
        layout=placed,
        ranks=memory.settle(demand, pool.blocks),
        pool=pool,
        max_model_len=8192,
        evidence=demand.evidence,
        evidence_reason=demand.evidence_reason,
        reasons=(f"{placed} is pinned",),
        findings=(),
        alternatives=(),
        sources=demand.sources,
    )
    return _replaced(made, overrides)


def _demand(placed: Layout, kind: Gpu) -> Demand:
    settings: tuple[tuple[str, str | int | float | bool], ...] = (
        ("max-model-len", 8192),
        ("max-num-batched-tokens", 2048),
        ("max-num-seqs", 256),
        ("gpu-memory-utilization", 0.9),
    )
    ranks = tuple(
        RankDemand(
            rank=rank.index,
            total_bytes=kind.memory_bytes,
            budget_bytes=int(kind.memory_bytes * 0.9),
            terms=(
                Term(
                    "weights", 15 * GIB // placed.world_size, counted=True, formula="15 GiB shared out", source="a test"
                ),
                Term("activation", 512 * MIB, counted=True, formula="fixed", source="a test"),
                Term("graphs", 256 * MIB, counted=False, formula="fixed", source="a test"),
                Term("other", 256 * MIB, counted=True, formula="fixed", source="a test"),
            ),
            block_bytes=16 * placed.stages[rank.stage] * 2 * 128 * 2 * max(8 // placed.tensor, 1),
            uncertainty_bytes=256 * MIB,
        )
        for rank in placed.ranks
    )
    return Demand(ranks, 8192, 512, settings, "source", "made for tests, never measured", "v2", ("a test",))


def wiring(**overrides: object) -> Wiring:
    """Wiring as LeaderWorkerSet gives it."""
    base = Wiring(
        leader_address="$(LWS_LEADER_ADDRESS)",
        member_index="$(LWS_WORKER_INDEX)",
        own_address="$(POD_IP)",
        model="meta-llama/Meta-Llama-3-8B-Instruct",
        serve_port="8000",
        group_port="29501",
        cache_dir="/models",
    )
    return _replaced(base, overrides)


def launch(role: Literal["leader", "worker"] = "leader", wired: Wiring | None = None) -> Launch:
    """How a member of a group of two starts; not asked of an engine."""
    wired = wired or wiring()
    group = ("--nnodes", "2", "--node-rank", wired.member_index, "--master-addr", wired.leader_address)
    last = ("--headless",) if role == "worker" else ()
    return Launch(
        role=role,
        argv=("vllm", "serve", wired.model, "--pipeline-parallel-size", "2", *group, *last),
        environment=(Variable("VLLM_HOST_IP", wired.own_address), Variable("HF_TOKEN", KeyRef("hf-token", "token"))),
        ports=(Port("http", wired.serve_port),) if role == "leader" else (),
        probe=Probe("/health", wired.serve_port, 1260) if role == "leader" else None,
        rank_pattern=r"VllmWorker-(\d+)",
    )


def deployment(asked: Recipe | None = None, **overrides: object) -> Deployment:
    """A deployment of the plan above; `plan` and any other field of Deployment can be replaced by its name."""
    planned = cast("Plan | None", overrides.pop("plan", None)) or plan(asked)
    group = group_of(planned.layout)
    made = Deployment(
        recipe=planned.recipe,
        plan=planned,
        group=group,
        leader=launch("leader"),
        worker=launch("worker") if group.size > 1 else None,
        image="docker.io/vllm/vllm-openai:v0.24.0",
        recipe_digest="0" * 64,
    )
    return _replaced(made, overrides)


def carried(target: plugins.Target, **overrides: object) -> Deployment:
    """The deployment above for a target, or the same model on one node where the target has no groups of nodes."""
    asked = recipe(target={"kind": target.kind}, **overrides)
    made = deployment(asked)
    if any(finding.severity == "error" for finding in target.findings(made)):
        made = deployment(plan=plan(asked, layout=layout(1, 1, nodes=1)))
    return made


def on_ray(platform: plugins.Target, nodes: int = 2, **overrides: object) -> Deployment:
    """Llama-3-8B on nodes with one GPU each, spanned by Ray, in an image that holds it; vLLM says how members start."""
    ray = {"executor": "ray", "image": "docker.io/rayproject/ray-llm:2.52.0-py311-cu128"}
    engine = {**ray, **cast("dict[str, object]", overrides.pop("engine", {}))}
    target_of = {"kind": platform.kind, **cast("dict[str, object]", overrides.pop("target", {}))}
    asked = recipe(engine=engine, target=target_of, **overrides)
    base = plan(asked, layout=layout(1, nodes, nodes=nodes))
    planned = dataclasses.replace(base, engine=dataclasses.replace(base.engine, executor="ray"))
    starts = registry.load_engine("vllm").launch
    wired = platform.wiring(asked)
    made = deployment(plan=planned, leader=starts(LaunchOrder(planned, "leader", wired)), image=asked.engine.image)
    worker = starts(LaunchOrder(planned, "worker", wired)) if nodes > 1 else None
    return dataclasses.replace(made, worker=worker)


def _replaced(base: Value, overrides: dict[str, object]) -> Value:
    """`base` with fields replaced; a dict for a section that is a dataclass replaces single fields of it."""
    fields: dict[str, Any] = {}
    for name, value in overrides.items():
        old: Any = getattr(base, name)
        is_section = isinstance(value, dict) and hasattr(old, "__dataclass_fields__")
        fields[name] = _replaced(old, cast("dict[str, object]", value)) if is_section else value
    return dataclasses.replace(base, **fields)
