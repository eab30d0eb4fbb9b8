"""What a rehearsal shows and what it cannot: the planned deployment held against the one that was run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shardwright.values import frozen

if TYPE_CHECKING:
    from shardwright.core.deployment import Deployment, Launch
    from shardwright.core.plan.types import Plan

__all__ = ["ClusterRun", "Coverage", "cluster_coverage_of", "coverage_of", "flags_of"]


@frozen
class Coverage:
    """Two lists for the reader: what was exercised, and what was not."""

    exercised: tuple[str, ...]
    not_exercised: tuple[str, ...]


def coverage_of(planned: Deployment, run: Deployment, shrunk: tuple[str, ...], host_kind: str) -> Coverage:
    """Compare what was planned with what was run; `shrunk` says what the twin made smaller."""
    run_flags = _compare(flags_of(planned.leader), flags_of(run.leader))
    layout = run.plan.layout
    exercised = [
        f"the group: {_count(run.group.size, 'member')} on as many emulated hosts, {_count(layout.gpus_per_node, 'rank')} each",
        _launch_line(run_flags),
        "the meeting of the members over the network at the leader's address and port",
        *_splits(run.plan),
        "readiness by /health, and one real request to /v1/completions",
        "the end: every process of the group is stopped and counted",
    ]
    not_exercised = [
        "NCCL: ranks exchanged tensors with Gloo over TCP, inside a host too",
        "RDMA and the real fabric",
        f"GPU kernels and GPU memory ({planned.plan.gpu.name}): ranks ran on this machine's CPUs",
        f"the real weights of {planned.plan.shape.name}: a twin of {run.plan.shape.parameters:,} parameters was served",
        *_differences(planned, run, shrunk, run_flags),
        f"the container image and the platform's objects (target {_target(planned)})",
    ]
    if host_kind == "loopback":
        not_exercised.append("separate hosts: without root all members share one network, /dev/shm and host name")
    return Coverage(tuple(exercised), tuple(not_exercised))


@frozen(kw_only=True)
class ClusterRun:
    """What a rehearsal in a cluster came to."""

    objects: tuple[str, ...]
    """Of the planned manifests those that were applied: `Service llama-api`."""
    left_out: tuple[str, ...]
    """Those that were not, with the reason."""
    nodes: tuple[str, ...]
    """Nodes that members ran on."""
    asked: str
    """What was asked through the API server: `services/llama-api:8080`."""


def cluster_coverage_of(planned: Deployment, run: Deployment, shrunk: tuple[str, ...], seen: ClusterRun) -> Coverage:
    """The same for a rehearsal of the manifests themselves."""
    run_flags = _compare(flags_of(planned.leader), flags_of(run.leader))
    size, recipe = run.group.size, planned.recipe
    applied = ", ".join(seen.objects)
    on_nodes, ranks = _count(len(seen.nodes), "node"), _count(run.plan.layout.gpus_per_node, "rank")
    weights = f"a twin of {run.plan.shape.parameters:,} parameters with made-up weights was served"
    meeting = (
        "the meeting of the members over the cluster's own network, at the address that its platform gives the leader"
    )
    exercised = [
        f"the manifests for target {_target(planned)}, as the cluster's own controllers carry them out: {applied}",
        f"the group: {_count(size, 'pod')} on {on_nodes}, {ranks} each",
        _launch_line(run_flags),
        *([meeting] if size > 1 else []),
        *_splits(run.plan),
        f"the probes, and one real request to /v1/completions through the API server and {seen.asked}",
    ]
    rdma = recipe.network.rdma
    not_exercised = [
        "NCCL: ranks exchanged tensors with Gloo over TCP",
        f"the networks {', '.join(rdma.networks)}" if rdma and rdma.networks else "RDMA and the real fabric",
        f"GPU kernels and GPU memory ({planned.plan.gpu.name}), and the choice of nodes that have GPUs",
        f"the real weights of {planned.plan.shape.name}: {weights}, so its words mean nothing",
        *_differences(planned, run, shrunk, run_flags),
        f"the image {planned.image}: {run.image} was run",
        *seen.left_out,
    ]
    if size > 1 and len(seen.nodes) == 1:
        not_exercised.append(f"the network between nodes: all {size} pods were on {seen.nodes[0]}")
    return Coverage(tuple(exercised), tuple(not_exercised))


def _differences(
    planned: Deployment, run: Deployment, shrunk: tuple[str, ...], flags: tuple[list[str], list[str], list[str]]
) -> list[str]:
    """What was asked for otherwise than it was run."""
    _, _, replaced = flags
    return [
        *([f"made smaller: {', '.join(shrunk)}"] if shrunk else []),
        *([f"replaced flags: {', '.join(replaced)}"] if replaced else []),
        *_left_out(planned, run),
        *_versions(planned, run),
    ]


def flags_of(launch: Launch) -> dict[str, str]:
    """Flags of a command line with their values; a flag without a value is `true`."""
    flags: dict[str, str] = {}
    name = ""
    for part in launch.argv:
        if part.startswith("-") and not part.lstrip("-").replace(".", "").isdigit():
            name, _, value = part.partition("=")
            flags[name] = value or "true"
        elif name:
            flags[name] = part
            name = ""
    return flags


def _launch_line(flags: tuple[list[str], list[str], list[str]]) -> str:
    kept, wired, _ = flags
    return (
        f"the launch: the same code made both command lines; equal flags: {', '.join(kept)};"
        f" filled in where a member starts: {', '.join(wired)}"
    )


def _compare(planned: dict[str, str], run: dict[str, str]) -> tuple[list[str], list[str], list[str]]:
    """Flags that are equal, those that stand for addresses, indices and ports, and what was done to the others."""
    wired = [name for name, value in run.items() if value.startswith("$(")]
    kept = [name for name in planned if name not in wired and run.get(name) == planned[name]]
    others = [name for name in {**planned, **run} if name not in {*wired, *kept}]
    return kept, wired, [_change(name, planned.get(name), run.get(name)) for name in others]


def _change(name: str, planned: str | None, run: str | None) -> str:
    if run is None:
        return f"{name} {planned} left out"
    if planned is None:
        return f"{name} {run} added"
    return f"{name} {planned} -> {run}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _splits(plan: Plan) -> list[str]:
    lines: list[str] = []
    tensor, pipeline = plan.layout.tensor, plan.layout.pipeline
    if pipeline > 1:
        lines.append(f"pipeline parallel {pipeline}: stages hand over between processes of the real engine")
    if tensor > 1:
        lines.append(f"tensor parallel {tensor}: sums over ranks of the real engine")
    if plan.layout.data > 1:
        lines.append(f"data parallel {plan.layout.data}: copies of the real engine behind one address")
    if plan.layout.expert:
        lines.append(f"expert parallel: whole experts dealt out over {_count(plan.layout.expert_ranks, 'rank')}")
    if plan.recipe.model.lora_slots:
        lines.append(f"{_count(plan.recipe.model.lora_slots, 'adapter slot')}: made by the real engine, and left empty")
    return lines


def _left_out(planned: Deployment, run: Deployment) -> list[str]:
    """What the recipe asks for beside the model and the run had not at all."""
    model, kept = planned.recipe.model, run.recipe.model
    lines: list[str] = []
    if model.lora_slots and not kept.lora_slots:
        lines.append(f"{_count(model.lora_slots, 'adapter slot')}: left out")
    if model.draft and not kept.draft:
        lines.append(f"guessing ahead with {model.draft.source}: no draft was loaded")
    return lines


def _versions(planned: Deployment, run: Deployment) -> list[str]:
    there, here = planned.plan.engine.version, run.plan.engine.version
    return [] if there == here else [f"engine version {there}: {here} was run"]


def _target(planned: Deployment) -> str:
    return planned.recipe.target.kind if planned.recipe.target else "none"
