from __future__ import annotations

import hashlib
import json
import math
import struct
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING

import pytest

from shardwright import errors
from shardwright.core.layout import Layout, split_layers
from shardwright.core.shape import shape_of
from shardwright.core.twin import Twin, twin_config
from shardwright.facts import load as facts
from shardwright.models import directory, safetensors, twin_files
from shardwright.units import GIB

if TYPE_CHECKING:
    from pathlib import Path


def twin_of(name: str = "llama-3-8b", pipeline: int = 2) -> Twin:
    """The twin of a model of the catalogue over as many nodes as stages."""
    shape = shape_of(facts.catalogue_model(name).config, name=name, source="test")
    layout = Layout(1, pipeline, pipeline, 1, split_layers(len(shape.layers), pipeline))
    twin = twin_config(shape, layout, 64 * GIB)
    assert isinstance(twin, Twin)
    return twin


def numbers(folder: Path, name: str) -> list[float]:
    """One tensor's numbers, read back by its offsets."""
    content = (folder / "model.safetensors").read_bytes()
    start = 8 + struct.unpack("<Q", content[:8])[0]
    first, last = json.loads(content[8:start])[name]["data_offsets"]
    return list(struct.unpack(f"<{(last - first) // 4}f", content[start + first : start + last]))


@pytest.mark.parametrize("name", ["llama-3-8b", "falcon-40b", "mixtral-8x7b", "deepseek-v3"])
def test_a_twin_is_a_whole_model(tmp_path: Path, name: str) -> None:
    """Read like any model, its files have exactly the tensors that its family expects."""
    twin = twin_of(name)
    shape = directory.load_directory(twin_files.write_twin(twin, tmp_path))
    assert shape.checkpoint_bytes == twin.shape.parameters * 4
    assert shape.notes == ()
    assert "differs" not in shape.bound


def test_the_same_seed_gives_the_same_bytes(tmp_path: Path) -> None:
    """Hosts, runs and machines serve the same model; another seed is another one."""

    def digest(cache: str, seed: int) -> str:
        folder = twin_files.write_twin(twin_of(), tmp_path / cache, seed=seed)
        return hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()

    assert digest("a", 1) == digest("b", 1) != digest("a", 2)
    assert digest("a", 0) == "6451d2915946f91cd1a543413b3d77b8206f361275a31f7866db2492b6c2dd6b"


def test_numbers_are_spread_around_zero(tmp_path: Path) -> None:
    """Norms are ones; a projection's numbers have the size that keeps activations level, half of them negative."""
    folder = twin_files.write_twin(twin_of(), tmp_path)
    assert set(numbers(folder, "model.layers.0.input_layernorm.weight")) == {1.0}
    values = numbers(folder, "model.layers.3.mlp.up_proj.weight")
    typical = math.sqrt(sum(value * value for value in values) / len(values))
    assert 0.7 < typical * math.sqrt(256) < 1.5
    assert 0.48 < sum(value < 0 for value in values) / len(values) < 0.52
    assert len(set(values)) > 0.9 * len(values)


def test_greedy_text_has_no_special_tokens(tmp_path: Path) -> None:
    """Their output rows are zero, and so are those of single characters; syllables have numbers."""
    rows = numbers(twin_files.write_twin(twin_of(), tmp_path), "lm_head.weight")
    assert not any(rows[: 98 * 256])
    assert all(rows[98 * 256 :])


def test_a_twin_is_written_once(tmp_path: Path) -> None:
    """The second call finds the first one's files and leaves them as they are."""
    folder = twin_files.write_twin(twin_of(), tmp_path)
    before = (folder / "model.safetensors").stat().st_mtime_ns
    assert twin_files.write_twin(twin_of(), tmp_path) == folder
    assert (folder / "model.safetensors").stat().st_mtime_ns == before


def test_two_at_once_end_with_one_whole_twin(tmp_path: Path) -> None:
    """Each writes a draft of its own; one is moved into place, none is left behind."""
    with ThreadPoolExecutor(4) as pool:
        folders = list(pool.map(partial(twin_files.write_twin, cache_dir=tmp_path), [twin_of()] * 4))
    assert len(set(folders)) == 1
    assert list((tmp_path / "twins").iterdir()) == [folders[0]]
    assert len(safetensors.load_header(folders[0] / "model.safetensors")) == 2 + 1 + 4 * 9


def test_no_room_is_the_machines_fault(tmp_path: Path) -> None:
    """A folder that cannot be made: the error says what is needed and which setting helps."""
    (tmp_path / "file").touch()
    with pytest.raises(errors.EnvironmentFault, match="cannot be written below") as caught:
        twin_files.write_twin(twin_of(), tmp_path / "file")
    assert "SHARDWRIGHT_CACHE_DIR" in caught.value.hint


def test_a_write_that_fails_half_way_leaves_nothing(tmp_path: Path) -> None:
    """With files limited to 64 KiB, as on a full disk, there is an error of ours and no draft."""
    program = (
        "import resource, sys; sys.path.insert(0, sys.argv[2]); resource.setrlimit(resource.RLIMIT_FSIZE, (65536, 65536));"
        "import pathlib, test_twin_files as t; from shardwright import errors\n"
        "try: t.twin_files.write_twin(t.twin_of(), pathlib.Path(sys.argv[1]))\n"
        "except errors.EnvironmentFault as error: print(error)"
    )
    arguments = [sys.executable, "-c", program, str(tmp_path), str(__file__).rpartition("/")[0]]
    result = subprocess.run(arguments, capture_output=True, text=True, check=True)
    assert "File too large" in result.stdout
    assert "it needs 11 MiB there" in result.stdout
    assert list((tmp_path / "twins").iterdir()) == []
