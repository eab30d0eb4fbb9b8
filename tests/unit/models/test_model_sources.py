from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import model_files
import pytest

from shardwright import errors, models
from shardwright.settings import HubSettings

if TYPE_CHECKING:
    from pathlib import Path


SETTINGS = HubSettings(endpoint="http://127.0.0.1:9", offline=True)
"""No hub is reached with them."""


def test_a_catalogue_name_needs_no_file_and_no_network() -> None:
    """Short names work in any case; the source says where the numbers come from."""
    shape = models.load_shape("Llama-3-8B", settings=SETTINGS)
    assert shape.parameters == 8_030_261_248
    assert shape.source.startswith("the built-in catalogue (config.json published at")


def test_a_directory_is_read_however_it_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Absolute, relative, or by a bare name; where that is also the catalogue's, `./` makes it a directory."""
    model_files.write_model(tmp_path / "mine", files=0)
    model_files.write_model(tmp_path / "llama-3-8b", files=0)
    monkeypatch.chdir(tmp_path)
    for source in (str(tmp_path / "mine"), "./mine", "mine", "./llama-3-8b"):
        assert models.load_shape(source, settings=SETTINGS).hidden_size == 64
    assert models.load_shape("llama-3-8b", settings=SETTINGS).hidden_size == 4096


@pytest.mark.parametrize("source", ["pvc://models/llama", "oci://registry.example/models/llama:1", "s3://bucket/llama"])
def test_what_only_a_cluster_reaches_cannot_be_planned_from(source: str) -> None:
    """A claim, an image, a bucket: the error says what to give for planning."""
    with pytest.raises(errors.InputError, match="cannot be read from this machine") as caught:
        models.load_shape(source, settings=SETTINGS)
    assert "model.shape" in caught.value.hint


@pytest.mark.parametrize("source", ["http://host/model", "hf://no-owner", "hf://a/b/c", "ftp://x"])
def test_a_source_of_no_known_form_is_an_input_error(source: str) -> None:
    """The field is named with the forms that are allowed."""
    with pytest.raises(errors.InputError, match=r"model\.source: "):
        models.load_shape(source, settings=SETTINGS)


def test_an_unknown_name_is_told_the_nearest_and_the_hubs_form() -> None:
    """A repository without hf:// is a common slip."""
    with pytest.raises(errors.NotFound, match=r"nearest: .*llama-3-8b"):
        models.load_shape("llama-3-9b", settings=SETTINGS)
    with pytest.raises(errors.NotFound) as caught:
        models.load_shape("Qwen/Qwen3-0.6B", settings=SETTINGS)
    assert caught.value.hint == "on the hub it would be hf://Qwen/Qwen3-0.6B"


def test_a_path_that_is_not_there_is_not_looked_up_elsewhere() -> None:
    """What looks like a path is one."""
    with pytest.raises(errors.NotFound, match="does not exist"):
        models.load_shape("./llama-3-8b-not-here", settings=SETTINGS)


def test_local_models_do_not_import_the_hubs_library(tmp_path: Path) -> None:
    """It takes longer to import than the whole plan of a local model takes."""
    model_files.write_model(tmp_path, files=0)
    program = (
        "import sys; from shardwright import models, settings; loaded = settings.load_hub_settings();"
        f"models.load_shape({str(tmp_path)!r}, settings=loaded); models.load_shape('llama-3-8b', settings=loaded);"
        "print([name for name in ('huggingface_hub', 'httpx2', 'torch', 'numpy') if name in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


def test_a_link_to_nothing_is_not_a_matter_of_permissions(tmp_path: Path) -> None:
    """A cache that was cleared leaves links whose files are gone."""
    model_files.write_model(tmp_path, files=0)
    (tmp_path / "model.safetensors").symlink_to(tmp_path / "gone")
    with pytest.raises(errors.EnvironmentFault, match="link to nothing") as caught:
        models.load_shape(str(tmp_path), settings=SETTINGS)
    assert "download" in caught.value.hint
