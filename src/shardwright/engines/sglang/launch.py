"""How a member of a group starts: `sglang.launch_server` with the flags that the plan rests on, the same on every member.

Members differ by `--node-rank` alone; workers answer no requests. Source: SGLang 0.5.1 to 0.5.23, launch_server.py,
entrypoints/{engine,http_server}.py, managers/scheduler.py (processes are named `sglang::scheduler_PP1_TP3`, TP counts over nodes).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shardwright.core import engine_images, engine_launch
from shardwright.core.deployment import Launch, Port, Probe, Variable
from shardwright.engines.sglang import arguments, facts, flags, lora

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shardwright.core.deployment import LaunchOrder
    from shardwright.core.plan.types import Plan

__all__ = ["RANK_PATTERN", "launch_of"]

RANK_PATTERN = r"sglang::scheduler(?:_[A-Z_]+\d+)*?_TP(\d+)"
"""Name of a process that holds a rank; the number is its place among the ranks of its stage, over all nodes."""

_KEY = "SGLANG_API_KEY"
_ALL_INTERFACES = "0.0.0.0"  # noqa: S104 - SGLang listens on the loopback interface alone unless told; a pod must be reached


def launch_of(order: LaunchOrder) -> Launch:
    """Program, environment, ports and probe of the leader or of a worker."""
    is_leader, wiring = order.role == "leader", order.wiring
    group_port = (Port("group", wiring.group_port),) if order.plan.layout.nodes > 1 and is_leader else ()
    return Launch(
        role=order.role,
        argv=tuple(_argv(order)),
        environment=tuple(_environment(order)),
        ports=(Port("http", wiring.serve_port), *group_port) if is_leader else (),
        probe=Probe("/health", wiring.serve_port, _startup_seconds(order.plan)) if is_leader else None,
        rank_pattern=RANK_PATTERN,
        image=engine_images.image_of(facts.table("images"), order.plan.gpu, order.plan.engine.version),
    )


def _argv(order: LaunchOrder) -> Iterator[str]:
    plan, wiring = order.plan, order.wiring
    yield from ("python3", "-m", "sglang.launch_server", "--model-path", wiring.model)
    yield from ("--served-model-name", plan.recipe.served_name)
    yield from ("--host", wiring.listen_address or _ALL_INTERFACES, "--port", wiring.serve_port)
    yield from arguments.as_argv(_parallel(plan))
    yield from arguments.as_argv(plan.engine.settings)
    yield from arguments.as_argv(_model(plan))
    yield from arguments.as_argv(_others(plan))
    if any(True for _ in _key(order)):
        yield from ("--api-key", f"$({_KEY})")
    if plan.layout.nodes > 1:
        yield from ("--nnodes", str(plan.layout.nodes), "--node-rank", wiring.member_index)
        yield from ("--dist-init-addr", _join(wiring.leader_address, wiring.group_port))


def _join(host: str, port: str) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _parallel(plan: Plan) -> Iterator[tuple[str, Any]]:
    """SGLang's `tp` counts all ranks of a stage: those of all copies that share layers."""
    layout, mode = plan.layout, flags.data_mode_of(plan.recipe, plan.shape, plan.layout)
    tensor = layout.tensor * (layout.data if mode == "attention" else 1)
    yield from (("tp-size", tensor), ("pp-size", layout.pipeline))
    if mode != "none":
        yield "dp-size", layout.data
    if mode == "attention":
        yield "enable-dp-attention", True
    if layout.expert:
        yield "ep-size", tensor


def _model(plan: Plan) -> Iterator[tuple[str, Any]]:
    """Fields of the recipe's model that are flags of SGLang, and the metrics page, which is off unless asked for."""
    model = plan.recipe.model
    if model.revision:
        yield "revision", model.revision
    if model.trust_remote_code:
        yield "trust-remote-code", True
    if model.lora_slots:
        yield "lora-target-modules", list(lora.PROJECTIONS)
    if "enable-metrics" not in arguments.normalized(plan.recipe.engine.args):
        yield "enable-metrics", True


def _others(plan: Plan) -> Iterator[tuple[str, Any]]:
    """The recipe's own flags, but for those that the plan resolved."""
    written = {*(name for name, _ in plan.engine.settings), "enable-dp-attention"}
    for name, value in arguments.normalized(plan.recipe.engine.args).items():
        if name not in written:
            yield name, value


def _environment(order: LaunchOrder) -> Iterator[Variable]:
    ours = (*_addresses(order), *_hub(order), *_key(order), *_partition(order.plan))
    return engine_launch.environment_of(order.plan, ours)


def _startup_seconds(plan: Plan) -> int:
    return engine_launch.startup_seconds(plan, facts.table("startup"))


def _addresses(order: LaunchOrder) -> Iterator[Variable]:
    recipe, wiring = order.plan.recipe, order.wiring
    yield Variable("SGLANG_HOST_IP", wiring.own_address)
    interface = wiring.interface or recipe.network.interface or ""
    if interface:
        yield Variable("GLOO_SOCKET_IFNAME", interface)
        yield Variable("NCCL_SOCKET_IFNAME", interface)
    if recipe.network.debug:
        yield Variable("NCCL_DEBUG", "INFO")


def _hub(order: LaunchOrder) -> Iterator[Variable]:
    model, wiring = order.plan.recipe.model, order.wiring
    if wiring.cache_dir:
        yield Variable("HF_HOME", wiring.cache_dir)
    if wiring.model.startswith("/"):
        yield Variable("HF_HUB_OFFLINE", "1")
    elif model.token is not None:
        yield Variable("HF_TOKEN", model.token)


def _key(order: LaunchOrder) -> Iterator[Variable]:
    """The key that requests must carry; the command refers to it, so that it stands in no manifest."""
    auth = order.plan.recipe.expose.auth
    if auth is not None and auth.api_key is not None and order.role == "leader":
        yield Variable(_KEY, auth.api_key)


def _partition(plan: Plan) -> Iterator[Variable]:
    """Wherever stages are uneven: which of them SGLang would give more layers differs between its versions."""
    if len(set(plan.layout.stages)) > 1:
        yield Variable("SGLANG_PP_LAYER_PARTITION", ",".join(str(layers) for layers in plan.layout.stages))
