"""Use case: a recipe for a model. Without a GPU named, the smallest node of the catalogue that holds the model is taken."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

from shardwright import errors, registry
from shardwright.core.plan.types import Plan
from shardwright.core.recipe.canonical import to_document
from shardwright.core.recipe.model import Hardware
from shardwright.facts import load as facts
from shardwright.kubernetes.render import storage
from shardwright.service import deploying, planning, short_form
from shardwright.units import GIB
from shardwright.values import frozen

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shardwright.core.hardware import Gpu
    from shardwright.core.recipe import Recipe
    from shardwright.core.shape import ModelShape
    from shardwright.settings import HubSettings

__all__ = ["NewRecipe", "initialise", "write"]

_SMALLEST_SHARE = 0.9
"""Nodes with less memory than this part of the checkpoint are not asked about: engines load it nearly as it is."""
_ALIKE_BYTES = 8 * GIB
"""Totals of memory that round to the same multiple of this are alike."""
GPUS_PER_NODE = (1, 2, 4, 8)
BF16_CAPABILITY = 8.0


@frozen
class NewRecipe:
    """A recipe as text, and what the user should know about it."""

    text: str
    notes: tuple[str, ...]


def initialise(options: Mapping[str, object], settings: HubSettings) -> NewRecipe:
    """The recipe for a model, planned once so that it is known to fit."""
    recipe = short_form.recipe_of_options(options, ())
    needs = registry.needs_of(recipe)
    if needs:
        recipe = short_form.recipe_of_options(options, [f"{path}={text}" for path, text in needs.items()])
    _refuse_counts_of_nothing(recipe.hardware)
    shape = planning.shape_of_recipe(recipe, settings)
    written = ", ".join(f"{path}: {text}" for path, text in needs.items())
    notes = (
        [f"target {options['target']} needs {written}; change what names an image or a version to yours"]
        if needs
        else []
    )
    if recipe.hardware.gpu is None and recipe.hardware.node_shape is None:
        recipe = dataclasses.replace(recipe, hardware=_smallest_node(recipe, shape))
        notes.append(_choice(recipe.hardware))
    result = planning.plan_shape(recipe, shape)
    if isinstance(result, Plan):
        notes.append(f"planned: {result.layout}, {result.pool.tokens:,} KV tokens")
        if _needs_claim(result):
            recipe = _with_claim(recipe, result)
            notes.append(
                f"the target needs the model on a claim, {recipe.storage.claim}, which is rendered; or name yours"
            )
    else:
        notes.append(f"does not fit as it stands: {result.reasons[0]}")
        notes += [f"would fit with {change.what} ({change.cost})" for change in result.changes[:1]]
    return NewRecipe(_text(recipe), tuple(notes))


def _with_claim(recipe: Recipe, plan: Plan) -> Recipe:
    """With a claim to be made, large enough; its name is free wherever the deployment's own is."""
    size = storage.claim_bytes(deploying.deployment_of(plan, deploying.target_of(plan)))
    kept = dataclasses.replace(recipe.storage, claim=recipe.metadata.name, size=recipe.storage.size or size)
    return dataclasses.replace(recipe, storage=kept)


def _needs_claim(plan: Plan) -> bool:
    """Whether the target refuses to render the plan without a claim for the model."""
    if plan.recipe.target is None or plan.recipe.storage.claim is not None:
        return False
    target = deploying.target_of(plan)
    try:
        found = target.findings(deploying.deployment_of(plan, target))
    except errors.InputError:
        return False  # said when it is rendered
    return any(each.severity == "error" and each.path == "storage.claim" for each in found)


def _refuse_counts_of_nothing(hardware: Hardware) -> None:
    """A number of GPUs or nodes means nothing while the GPU is left open."""
    is_counted = hardware.gpus_per_node is not None or hardware.nodes != 1
    if is_counted and hardware.gpu is None and hardware.node_shape is None:
        raise errors.InputError(
            "--gpus-per-node and --nodes are counts of a GPU, but no GPU is named",
            hint="add --gpu, as --gpu L40S; or leave all three out for the smallest node that holds the model",
        )


def _choice(hardware: Hardware) -> str:
    """What was taken where no GPU was named, and why."""
    node = f"{hardware.gpus_per_node} x {hardware.gpu}"
    if hardware.nodes == "auto":
        reason = f"{node}, the largest node of the catalogue, is taken, and as many of them as needed"
    else:
        reason = f"{node} is the smallest node of the catalogue that holds it"
    return f"no --gpu given: {reason}; change hardware to what you have"


def write(text: str, out: str, *, replace: bool) -> None:
    """Write the recipe to a file; Conflict if it is there and may not be replaced."""
    if not out:
        raise errors.InputError("--out names no file", hint="name a file, or - for standard output")
    path = Path(out)
    try:
        with path.open("w" if replace else "x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError as problem:
        raise errors.Conflict(
            f"{out} is there already", hint="choose another name, or replace it with --force"
        ) from problem
    except OSError as problem:
        raise errors.EnvironmentFault(
            f"cannot write {out}: {problem.strerror}", hint="choose a folder that exists and can be written"
        ) from problem


def _smallest_node(recipe: Recipe, shape: ModelShape) -> Hardware:
    """Of the catalogue's GPUs, one to eight on a node, the least memory that surely holds the model; all GPUs are used.

    Nodes of about the same memory count as equal; of those the one with the fewest GPUs is taken.
    """
    sizes = sorted(
        (round(gpu.memory_bytes * count / _ALIKE_BYTES), count, gpu.memory_bytes, gpu.name)
        for gpu in facts.gpus()
        if _is_current(gpu)
        for count in GPUS_PER_NODE
        if gpu.memory_bytes * count > shape.weights_bytes * _SMALLEST_SHARE
    )
    for _, count, _, name in sizes:
        hardware = Hardware(gpu=name, gpus_per_node=count)
        result = planning.plan_shape(dataclasses.replace(recipe, hardware=hardware), shape)
        if isinstance(result, Plan) and result.layout.world_size == count and _is_sure(result):
            return hardware
    largest = max((gpu for gpu in facts.gpus() if _is_current(gpu)), key=lambda gpu: gpu.memory_bytes)
    return Hardware(gpu=largest.name, gpus_per_node=max(GPUS_PER_NODE), nodes="auto")


def _is_sure(plan: Plan) -> bool:
    return all(finding.id != "memory.near-limit" for finding in plan.findings)


def _is_current(gpu: Gpu) -> bool:
    """Whether it computes in bfloat16, in which most models come; older ones are for who asks for them."""
    return gpu.device == "cuda" and gpu.memory_bytes > 0 and float(gpu.compute_capability or 0) >= BF16_CAPABILITY


def _text(recipe: Recipe) -> str:

    from shardwright.core.marked import writing  # noqa: PLC0415 - brings the YAML library, only where a recipe is written

    head = "# A recipe: what is asked. What it leaves open is planned: shardwright plan -f FILE\n"
    return head + writing.as_yaml(to_document(recipe), width=110)
