"""The hardware of a recipe: one kind of node or an inventory, and errors that say where they stand."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from shardwright import errors
from shardwright.core.plan import Infeasible, Plan
from shardwright.core.recipe.model import Bytes, Hardware, Pool
from shardwright.service import hardware, planning, recipes
from shardwright.settings import HubSettings
from shardwright.units import GIB

if TYPE_CHECKING:
    from shardwright.service.recipes import LoadedRecipe

OFFLINE = HubSettings(endpoint="https://example.org", offline=True)

RECIPE = """\
apiVersion: shardwright.dev/v1
kind: Recipe
metadata: {name: inventory}
model: {source: MODEL}
engine: {version: VERSION}
workload: {maxModelLen: 8192}
hardware:
  pools:
    - {gpu: A10G, gpusPerNode: 4, nodes: 4}
    - {gpu: GPU, gpusPerNode: 4, nodes: 2}
"""


def loaded(model: str = "llama-3.3-70b", gpu: str = "L40S", version: str = "0.24.0") -> LoadedRecipe:
    """The recipe above, read as a file."""
    text = RECIPE.replace("MODEL", model).replace("GPU}", f"{gpu}}}").replace("VERSION", version)
    return recipes.parse_recipes(text.replace("gpu: GPU", f"gpu: {gpu}"), "inventory.yaml")[0]


def test_an_inventory_becomes_one_pool_a_kind() -> None:
    """In the order of the recipe, with the memory and number that it gives."""
    asked = Hardware(pools=(Pool(gpu="L40S", gpus_per_node=4, nodes=2), Pool(node_shape="g5.12xlarge", nodes=3)))
    made = hardware.cluster_of(asked)
    assert [(pool.gpu.name, pool.gpus_per_node, pool.nodes) for pool in made.pools] == [("L40S", 4, 2), ("A10G", 4, 3)]


def test_what_is_wrong_with_a_pool_names_its_field() -> None:
    """The path leads to the pool, not to the inventory."""
    asked = Hardware(pools=(Pool(gpu="L40S"), Pool(node_shape="g5.12xlarge", gpus_per_node=8)))
    with pytest.raises(errors.InputError, match="more than g5") as caught:
        hardware.cluster_of(asked)
    assert caught.value.path == "hardware.pools[1].gpusPerNode"


@pytest.mark.requirement("R038")
@pytest.mark.parametrize(
    ("resource", "device"),
    [
        (None, "cuda"),
        ("nvidia.com/gpu", "cuda"),
        ("amd.com/gpu", "rocm"),
        ("gpu.intel.com/i915", "xpu"),
        ("habana.ai/gaudi", "hpu"),
    ],
)
def test_of_a_gpu_that_is_not_listed_the_resource_says_whose_it_is(resource: str | None, device: str) -> None:
    """Image, flags and tools follow from that."""
    asked = Hardware(gpu="Future 9", gpu_memory=Bytes(64 * GIB), resource=resource)
    assert hardware.cluster_of(asked).pools[0].gpu.device == device


def test_a_listed_gpu_is_no_other_vendor_s() -> None:
    """The plan would be for the one, the pods for the other; a slice of the same vendor's is fine."""
    with pytest.raises(errors.InputError, match=r"habana\.ai; H100.* is one of nvidia\.com") as caught:
        hardware.cluster_of(Hardware(gpu="H100", resource="habana.ai/gaudi"))
    assert caught.value.path == "hardware.resource"
    slices = hardware.cluster_of(Hardware(gpu="H100", resource="nvidia.com/mig-3g.40gb"))
    assert slices.pools[0].gpu.resource == "nvidia.com/mig-3g.40gb"


def test_an_inventory_is_planned_on_one_kind_where_that_is_enough() -> None:
    """One node of L40S holds 70B; the plan's ranks name that GPU."""
    made = planning.plan_loaded(loaded(), OFFLINE)
    assert isinstance(made, Plan)
    assert (made.gpu.name, made.layout.nodes, made.layout.world_size) == ("L40S", 1, 4)
    assert made.gpu.memory_bytes > 40 * GIB


@pytest.mark.parametrize(
    ("recipe", "place", "value"),
    [
        (loaded(gpu="L40Z"), "inventory.yaml:10: hardware.pools[1].gpu:", "'L40Z'"),
        (loaded(model="no-such-model"), "inventory.yaml:4: model.source:", "'no-such-model'"),
        (loaded(version="0.1.0"), "inventory.yaml:5: engine.version:", "0.1.0 is older"),
    ],
)
def test_what_only_planning_finds_is_placed_in_the_file(recipe: LoadedRecipe, place: str, value: str) -> None:
    """File, line and field, and one exit code for all of them."""
    with pytest.raises(errors.RecipeError) as caught:
        planning.plan_loaded(recipe, OFFLINE)
    assert place in str(caught.value)
    assert value in str(caught.value)
    assert caught.value.exit_code == 2


def test_more_of_each_kind_is_offered_where_an_inventory_is_too_small() -> None:
    """The changes name the kind of node, and each was planned."""
    made = planning.plan_loaded(loaded(model="llama-3.1-405b"), OFFLINE)
    assert isinstance(made, Infeasible)
    assert any("hardware.pools: {gpu: " in change.what for change in made.changes)
    assert all(change.kv_tokens >= 8192 for change in made.changes)
