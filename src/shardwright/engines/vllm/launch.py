"""How a member of a group starts: `vllm serve` with the flags that the plan rests on, the same on every member.

Members differ by `--node-rank` and `--headless` alone; with Ray the leader alone starts vLLM (`ray`). Source: vLLM 0.24 and 0.32, entrypoints/cli/serve.py, envs.py,
v1/executor/multiproc_executor.py (workers are named `VllmWorker-N`, N counts over all nodes).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from shardwright.core import engine_images, engine_launch
from shardwright.core.deployment import Launch, Port, Probe, Variable
from shardwright.core.layout import split_layers
from shardwright.engines.vllm import arguments, drafting, facts, ray

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from shardwright.core.deployment import LaunchOrder
    from shardwright.core.plan.types import Plan

__all__ = ["RANK_PATTERN", "launch_of"]

RANK_PATTERN = r"VllmWorker-(\d+)"
"""Name of a worker process in logs and in multiprocessing; the number is the rank over all nodes."""


def launch_of(order: LaunchOrder) -> Launch:
    """Program, environment, ports and probe of the leader or of a worker."""
    is_leader, wiring = order.role == "leader", order.wiring
    return Launch(
        role=order.role,
        argv=ray.member_argv(order, tuple(_argv(order))) if ray.is_used(order.plan) else tuple(_argv(order)),
        environment=tuple(_environment(order)),
        ports=(Port("http", wiring.serve_port), *_group_port(order)) if is_leader else (),
        probe=Probe("/health", wiring.serve_port, _startup_seconds(order.plan)) if is_leader else None,
        rank_pattern=RANK_PATTERN,
        image=engine_images.image_of(facts.table("images"), order.plan.gpu, order.plan.engine.version),
    )


def _group_port(order: LaunchOrder) -> tuple[Port, ...]:
    """Where members meet: none on one node, and none where the platform's Ray has its own."""
    if ray.is_used(order.plan):
        return (Port("ray", order.wiring.ray_port),) if ray.starts_ray(order) else ()
    return (Port("group", order.wiring.group_port),) if order.plan.layout.nodes > 1 else ()


def _argv(order: LaunchOrder) -> Iterator[str]:
    plan, wiring = order.plan, order.wiring
    yield from ("vllm", "serve", wiring.model)
    yield from arguments.as_argv((("served-model-name", plan.recipe.served_name),))
    if wiring.also_served not in {"", plan.recipe.served_name}:
        yield wiring.also_served
    if wiring.listen_address:
        yield from ("--host", wiring.listen_address)
    yield from ("--port", wiring.serve_port)
    yield from arguments.as_argv(_parallel(plan))
    yield from arguments.as_argv(_settings(order))
    yield from arguments.as_argv(_model(plan))
    yield from arguments.as_argv(_device(plan))
    yield from arguments.as_argv(_others(plan))
    yield from _spanning(order)


def _spanning(order: LaunchOrder) -> Iterator[str]:
    """How ranks come to other processes and nodes; Ray finds the nodes by itself."""
    plan, wiring = order.plan, order.wiring
    if ray.is_used(plan):
        yield from ("--distributed-executor-backend", "ray")
        return
    if plan.layout.nodes > 1:
        yield from ("--nnodes", str(plan.layout.nodes), "--node-rank", wiring.member_index)
        yield from ("--master-addr", wiring.leader_address, "--master-port", wiring.group_port)
        yield from ("--distributed-executor-backend", "mp")
        if plan.layout.data > 1:
            yield from ("--data-parallel-address", wiring.leader_address)
    if order.role == "worker":
        yield "--headless"


def _settings(order: LaunchOrder) -> Iterator[tuple[str, Any]]:
    """As planned; where the draft model is found only the target knows."""
    recipe, tensor = order.plan.recipe, order.plan.layout.tensor
    for name, value in order.plan.engine.settings:
        is_draft = name == "speculative-config" and recipe.model.draft is not None
        yield name, drafting.config_of(recipe, tensor, place=order.wiring.draft) if is_draft else value


def _parallel(plan: Plan) -> Iterator[tuple[str, Any]]:
    """Sizes of the layout; with --nnodes vLLM finds from the node's rank which copies it runs."""
    layout = plan.layout
    yield "tensor-parallel-size", layout.tensor
    yield "pipeline-parallel-size", layout.pipeline
    if layout.data > 1:
        yield "data-parallel-size", layout.data
    if layout.expert:
        yield "enable-expert-parallel", True


def _model(plan: Plan) -> Iterator[tuple[str, Any]]:
    """Fields of the recipe's model that are flags of vLLM."""
    model = plan.recipe.model
    if model.revision:
        yield "revision", model.revision
    if model.trust_remote_code:
        yield "trust-remote-code", True


def _device(plan: Plan) -> Iterator[tuple[str, Any]]:
    given = arguments.normalized(plan.recipe.engine.args)
    if plan.gpu.device == "cpu":
        yield from ((name, value) for name, value in facts.table("cpu")["flags"] if name not in given)


def _others(plan: Plan) -> Iterator[tuple[str, Any]]:
    """The recipe's own flags, but for those that the plan resolved."""
    written = {name for name, _ in plan.engine.settings}
    dropped = {"gpu-memory-utilization"} if plan.gpu.device == "cpu" else set[str]()
    for name, value in arguments.normalized(plan.recipe.engine.args).items():
        if name not in written and name not in dropped:
            yield name, value


def _environment(order: LaunchOrder) -> Iterator[Variable]:
    ours = (*_addresses(order), *_hub(order), *_key(order), *_engine_variables(order))
    return engine_launch.environment_of(order.plan, ours)


def _startup_seconds(plan: Plan) -> int:
    return engine_launch.startup_seconds(plan, facts.table("startup"))


def _addresses(order: LaunchOrder) -> Iterator[Variable]:
    recipe, wiring = order.plan.recipe, order.wiring
    yield Variable("VLLM_HOST_IP", wiring.own_address)
    interface = wiring.interface or recipe.network.interface or ""
    if interface:
        yield Variable("GLOO_SOCKET_IFNAME", interface)
        yield from (Variable(name, interface) for name in _collectives(order.plan).get("interface", ()))
    if recipe.network.debug:
        yield from (Variable(name, value) for name, value in _collectives(order.plan).get("debug", {}).items())


def _collectives(plan: Plan) -> Mapping[str, Any]:
    """Variables of the device's library of collectives; none on processors."""
    return facts.table("collectives").get(plan.gpu.device, {})


def _hub(order: LaunchOrder) -> Iterator[Variable]:
    model, wiring = order.plan.recipe.model, order.wiring
    if wiring.cache_dir:
        yield Variable("HF_HOME", wiring.cache_dir)
    if all(place.startswith("/") for place in (wiring.model, wiring.draft) if place):
        yield Variable("HF_HUB_OFFLINE", "1")
    elif model.token is not None:
        yield Variable("HF_TOKEN", model.token)


def _key(order: LaunchOrder) -> Iterator[Variable]:
    """The key that requests must carry; asked for by the server alone, below /v1."""
    auth = order.plan.recipe.expose.auth
    if auth is not None and auth.api_key is not None and order.role == "leader":
        yield Variable("VLLM_API_KEY", auth.api_key)


def _engine_variables(order: LaunchOrder) -> Iterator[Variable]:
    plan = order.plan
    yield Variable("VLLM_ENGINE_READY_TIMEOUT_S", str(_startup_seconds(plan)))
    yield from ray.variables(plan)
    if plan.layout.stages != split_layers(len(plan.shape.layers), plan.layout.pipeline):
        yield Variable("VLLM_PP_LAYER_PARTITION", ",".join(str(layers) for layers in plan.layout.stages))
    if plan.gpu.device == "cpu":
        environment: dict[str, str] = facts.table("cpu")["environment"]
        yield from (Variable(name, value) for name, value in environment.items())


def is_rank_name(name: str) -> int | None:
    """The rank that a worker's name stands for; None if it is no worker's."""
    match = re.fullmatch(RANK_PATTERN, name)
    return int(match[1]) if match else None
