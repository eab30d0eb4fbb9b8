from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from shardwright import errors, facts
from shardwright.core.shape import shape_of
from shardwright.facts import load
from shardwright.units import GIB

FOLDER = Path(facts.__file__).parent


@pytest.mark.parametrize(
    ("name", "listed"),
    [
        ("A10G", "A10G"),
        ("a10g", "A10G"),
        ("NVIDIA-A10G", "A10G"),
        ("NVIDIA-H100-80GB-HBM3", "H100"),
        ("NVIDIA A100-SXM4-80GB", "A100-80GB"),
        ("Tesla-T4", "T4"),
        ("AMD Instinct MI300X", "MI300X"),
        ("CPU", "cpu"),
    ],
)
def test_gpus_go_by_the_names_of_recipes_drivers_and_node_labels(name: str, listed: str) -> None:
    """Case, maker and punctuation do not matter."""
    assert load.gpu(name).name == listed


def test_memory_is_what_the_runtime_reports() -> None:
    """Measured totals are the engine's own; others name their source and say that they were not measured."""
    assert load.gpu("H200").memory_bytes == pytest.approx(139.80 * GIB, abs=1)
    assert load.gpu("H100").source.startswith("measured: vLLM 0.24.0")
    a10g = load.gpu("A10G")
    assert 22.0 * GIB < a10g.memory_bytes < 22.2 * GIB
    assert a10g.source.startswith("not measured by this project: public log")


@pytest.mark.parametrize(("name", "near"), [("A100", "A100-40GB, A100-80GB"), ("V100", "V100-16GB"), ("L40", "L40S")])
def test_an_unknown_gpu_names_the_nearest_and_the_way_out(name: str, near: str) -> None:
    """A name with several memories is no guess; any GPU can be planned for when its memory is given."""
    with pytest.raises(errors.InputError, match=r"hardware\.gpuMemory") as caught:
        load.gpu(name)
    assert near in caught.value.message


def test_a_name_like_nothing_lists_all() -> None:
    """Where no name is near, the catalogue is shown."""
    with pytest.raises(errors.InputError, match=r"known: T4, .*MI300X, cpu"):
        load.gpu("quantum")


def test_memory_that_is_given_holds() -> None:
    """It replaces the catalogue's total, and makes an unlisted GPU usable with nothing else invented."""
    assert load.gpu("L4", 20 * GIB).memory_bytes == 20 * GIB
    unlisted = load.gpu("RTX 4090", 23 * GIB)
    assert (unlisted.name, unlisted.memory_bytes, unlisted.dense_flops) == ("RTX 4090", 23 * GIB, None)


def test_the_cpu_has_no_memory_of_its_own() -> None:
    """What a rank may take is the recipe's to say."""
    cpu = load.gpu("cpu")
    assert (cpu.device, cpu.memory_bytes, cpu.resource) == ("cpu", 0, "cpu")


def test_every_gpu_is_complete_and_plausible() -> None:
    """A GPU has bandwidth and, where one is known, a link; its memory lies within what was seen."""
    for name, row in tomllib.loads((FOLDER / "gpus.toml").read_text("utf-8")).items():
        if name == "cpu":
            continue
        low, high = row["memory_seen_gib"]
        assert low <= row["memory_gib"] <= high, name
        assert row["memory_evidence"] in {"measured", "source"}, name
        assert row["bandwidth_gb_per_second"] > row.get("link_gb_per_second", 1) > 0, name
        assert ("link" in row) == ("link_gb_per_second" in row), name
        assert row["data_sheet"], name
    assert [gpu.name for gpu in load.gpus() if gpu.device == "rocm"] == ["MI300X"]


@pytest.mark.parametrize("table", ["gpus", "nodes", "models"])
def test_every_fact_has_a_source_and_a_date(table: str) -> None:
    """Nothing stands in a table without where and when it was found."""
    for name, row in tomllib.loads((FOLDER / f"{table}.toml").read_text("utf-8")).items():
        source, date = row.get("source", row.get("memory_source")), row.get("date", row.get("memory_date"))
        assert source, name
        assert re.fullmatch(r"20\d\d-(0[1-9]|1[0-2])", date), name


def test_node_shapes_name_their_gpus() -> None:
    """The first example's instance: one A10G, 16 threads, 64 GiB; every shape's GPU is in the catalogue."""
    shape = load.node_shape("G5.4xlarge")
    assert (shape.gpu, shape.gpus, shape.cpus, shape.memory_bytes) == ("A10G", 1, 16, 64 * GIB)
    for known in load.node_shapes():
        assert load.gpu(known.gpu).name == known.gpu
    assert load.node_shape("BM.GPU.H100.8").rdma_bits_per_second == 3_200_000_000_000


def test_an_unknown_node_shape_names_the_nearest() -> None:
    """A slip in a vendor's name is easily made."""
    with pytest.raises(errors.InputError, match=r"nearest: .*g5\.4xlarge"):
        load.node_shape("g5.x4large")


@pytest.mark.parametrize("model", load.catalogue_models(), ids=lambda model: model.name)
def test_catalogue_models_add_up(model: load.CatalogueModel) -> None:
    """The parameters written down are those that the family's tensors have."""
    assert shape_of(model.config, name=model.name, source=model.source).parameters == model.parameters
    assert re.fullmatch(r"[\w-]+/[\w.-]+", model.hub_id)


@pytest.mark.parametrize(
    ("name", "hub_id"),
    [
        ("llama-3-8b", "meta-llama/Meta-Llama-3-8B"),
        ("Llama3-8B", "meta-llama/Meta-Llama-3-8B"),
        ("Meta-Llama-3-8B-Instruct", "meta-llama/Meta-Llama-3-8B-Instruct"),
        ("meta-llama/Meta-Llama-3.1-8B-Instruct", "meta-llama/Llama-3.1-8B-Instruct"),
        ("llama-3.3-70b", "meta-llama/Llama-3.3-70B-Instruct"),
        ("falcon-180B", "tiiuae/falcon-180B"),
        ("deepseek-ai/DeepSeek-V3", "deepseek-ai/DeepSeek-V3"),
    ],
)
def test_models_go_by_short_names_and_names_on_the_hub(name: str, hub_id: str) -> None:
    """Earlier names on the hub count as well."""
    assert load.catalogue_model(name).hub_id == hub_id


def test_another_owners_model_of_the_same_name_is_not_known() -> None:
    """A repository is its owner's: its configuration may be another one."""
    with pytest.raises(errors.NotFound, match="nearest"):
        load.catalogue_model("someone/Meta-Llama-3-8B")
