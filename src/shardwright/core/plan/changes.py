"""The cheapest changes that make an unfit recipe fit, each found by planning again; never a guess.

Cheapest first: another layout on the hardware there (rank 0), then what an engine offers (its own ranks), a shorter context
(rank 4), more of the same hardware (rank 10; 11 where tensor-parallel groups would span nodes). With prices, of equal rank the lower price an hour comes first.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from shardwright.core.hardware import Cluster
from shardwright.core.layout import split_layers
from shardwright.core.plan import choose, lengths, objectives
from shardwright.core.plan import search as searching
from shardwright.core.plan.types import Change

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from shardwright.core.hardware import NodePool
    from shardwright.core.layout import Layout
    from shardwright.core.plan.search import Ask, Trial
    from shardwright.core.plan.types import Saving

__all__ = ["MOST_CHANGES", "find_changes"]

MOST_CHANGES = 3
_CONTEXT_RANK = 4
_FLAG_RANK = 1
_HARDWARE_RANK = 10
_SPANNING_RANK = 11
"""Hardware that holds it only with tensor-parallel groups that span nodes."""
_MOST_NODES = 16
"""How far more nodes are looked for."""


def find_changes(ask: Ask, tried: Sequence[Trial]) -> tuple[Change, ...]:
    """Up to three changes, cheapest first; empty where no single one that was tried helps."""
    found = [
        *_other_layout(ask),
        *_without_flags(ask, tried),
        *_savings(ask),
        *_shorter_context(ask, tried),
        *_more_hardware(ask),
    ]
    ordered = sorted(found, key=lambda pair: (pair[0], pair[1].price_per_hour or 0.0, pair[1].gpus))
    return tuple(change for _, change in ordered[:MOST_CHANGES])


def _change(ask: Ask, what: str, cost: str) -> Change | None:
    """The change if planning with it fits."""
    trial = choose.choose(ask).chosen
    return None if trial is None else _made(ask, trial, what, cost)


def _made(ask: Ask, trial: Trial, what: str, cost: str) -> Change:
    price = objectives.price_of(ask.recipe, trial.candidate.counts) if trial.candidate else None
    return Change(what, cost, trial.tokens, trial.layout.world_size, price)


def _with_recipe(ask: Ask, **sections: object) -> Ask:
    fields = {
        name: dataclasses.replace(getattr(ask.recipe, name), **value) if isinstance(value, dict) else value
        for name, value in sections.items()
    }
    return dataclasses.replace(ask, recipe=dataclasses.replace(ask.recipe, **fields))


def _other_layout(ask: Ask) -> Iterator[tuple[int, Change]]:
    """On the hardware that is there: stages of other lengths for a pinned layout, or another layout."""
    if not ask.is_pinned:
        return
    free = _with_recipe(ask, parallelism="auto")
    trial = choose.choose(free).chosen
    if trial is None or trial.candidate is None:
        return
    layout = trial.layout
    nodes = f", hardware.nodes: {layout.nodes}" if _names_other_nodes(ask, layout) else ""
    what = f"parallelism: {_sizes(ask, layout)}{nodes}"
    yield 0, _made(free, trial, what, f"no cost: {layout} on the GPUs that are there")


def _names_other_nodes(ask: Ask, layout: Layout) -> bool:
    return not ask.recipe.hardware.pools and layout.nodes != ask.recipe.hardware.nodes


def _sizes(ask: Ask, layout: Layout) -> str:
    """A layout as a recipe writes it."""
    parts = [f"tensor: {layout.tensor}", f"pipeline: {layout.pipeline}"]
    parts += [f"data: {layout.data}"] if layout.data > 1 else []
    parts += ["expert: true"] if layout.expert else []
    own = split_layers(sum(layout.stages), layout.pipeline, ask.engine.remainder)
    parts += [f"layerPartition: [{', '.join(map(str, layout.stages))}]"] if layout.stages != own else []
    return f"{{{', '.join(parts)}}}"


def _without_flags(ask: Ask, tried: Sequence[Trial]) -> Iterator[tuple[int, Change]]:
    """Without a flag of the recipe that the engine refuses on these GPUs or with this model."""
    messages = [refusal.message for trial in tried for refusal in trial.refusals]
    for name, value in ask.recipe.engine.args.items():
        if any(message.startswith(f"{name.replace('_', '-')} ") for message in messages):
            kept = {flag: given for flag, given in ask.recipe.engine.args.items() if flag != name}
            changed = _with_recipe(ask, engine={"args": kept})
            change = _change(changed, f"engine.args: without {name}", f"the engine's default instead of {_yaml(value)}")
            if change is not None:
                yield _FLAG_RANK, change


def _savings(ask: Ask) -> Iterator[tuple[int, Change]]:
    enough: list[Saving] = []
    for saving in sorted(ask.engine.savings, key=lambda saving: saving.rank):
        arguments = _applied(ask, saving)
        is_more_than_enough = any(set(other.arguments) < set(saving.arguments) for other in enough)
        if arguments == ask.recipe.engine.args or is_more_than_enough:
            continue
        changed = _with_recipe(ask, engine={"args": arguments})
        change = _change(changed, _words(saving), saving.cost)
        if change is not None:
            enough.append(saving)
            yield saving.rank, change


def _applied(ask: Ask, saving: Saving) -> dict[str, object]:
    arguments: dict[str, object] = dict(ask.recipe.engine.args)
    for name, value in saving.arguments:
        arguments.pop(name, None)
        arguments.pop(name.replace("-", "_"), None)
        if value is not None:
            arguments[name] = value
    return arguments


def _words(saving: Saving) -> str:
    removed = [name for name, value in saving.arguments if value is None]
    given = ", ".join(f"{name}: {_yaml(value)}" for name, value in saving.arguments if value is not None)
    parts = [f"engine.args: {{{given}}}"] if given else []
    parts += [f"engine.args: without {name}" for name in removed]
    return "; ".join(parts)


def _yaml(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _shorter_context(ask: Ask, tried: Sequence[Trial]) -> Iterator[tuple[int, Change]]:
    """The longest context that the roomiest possible layout holds, in whole steps, within the model's positions."""
    workload = ask.recipe.workload
    asked = workload.max_model_len or ask.shape.max_positions
    rooms = [lengths.room_tokens(trial) for trial in tried if trial.demand]
    room = max(rooms, default=asked)
    if ask.shape.max_positions and asked > ask.shape.max_positions:
        length = min(room, ask.shape.max_positions)
    else:
        length = lengths.whole_steps(min(room, asked - 1))
    if length < max(workload.input_tokens + workload.output_tokens, 1):
        return
    cost = (
        f"requests of more than {length:,} tokens, prompt and answer together, are refused ({asked:,} were asked for)"
    )
    shorter = _with_recipe(ask, workload={"max_model_len": length})
    change = _change(shorter, f"workload.maxModelLen: {length}", cost)
    if change is not None:
        yield _CONTEXT_RANK, change


def _more_hardware(ask: Ask) -> Iterator[tuple[int, Change]]:
    """More of the same hardware, of each kind that is there, with the layout left to the planner."""
    for pool in searching.pools_of(ask):
        yield from _more_of(ask, pool)


def _more_of(ask: Ask, pool: NodePool) -> Iterator[tuple[int, Change]]:
    """More nodes of the same kind, more GPUs in one node, else more of both."""
    free = _with_recipe(ask, parallelism="auto", workload={"objective": "fewest-gpus"})
    more_nodes: list[tuple[int, Change]] = []
    if ask.recipe.hardware.nodes != "auto" and pool.nodes < _MOST_NODES:
        more_nodes += _bought(free, pool, nodes=_MOST_NODES, per_node=pool.gpus_per_node)
    yield from more_nodes
    larger = [gpus for gpus in (2, 4, 8) if gpus > pool.gpus_per_node and pool.gpu.device != "cpu"]
    for gpus in larger:
        bought = list(_bought(free, pool, nodes=1, per_node=gpus))
        yield from bought
        if bought:
            return
    if larger and all(rank == _SPANNING_RANK for rank, _ in more_nodes):
        yield from _bought(free, pool, nodes=_MOST_NODES, per_node=larger[-1])


def _bought(ask: Ask, pool: NodePool, *, nodes: int, per_node: int) -> Iterator[tuple[int, Change]]:
    more, before = dataclasses.replace(pool, nodes=nodes, gpus_per_node=per_node), pool.nodes * pool.gpus_per_node
    trial = choose.choose(dataclasses.replace(ask, cluster=Cluster((more,)))).chosen
    if trial is None or trial.candidate is None or trial.layout.world_size <= before:
        return
    layout, gpu = trial.layout, pool.gpu.name
    field = "hardware.pools" if ask.recipe.hardware.pools else "hardware"
    what = (
        f"{field}: {{gpu: {gpu}, gpusPerNode: {per_node}, nodes: {layout.nodes}}}, parallelism: {_sizes(ask, layout)}"
    )
    cost = f"{layout.world_size - before} more {gpu} ({layout.world_size} instead of {before})"
    is_inside = layout.tensor <= per_node
    cost += "" if is_inside else ", and every token waits for the network between the nodes"
    rank = _HARDWARE_RANK if is_inside else _SPANNING_RANK
    yield rank, _made(ask, trial, what, cost)
