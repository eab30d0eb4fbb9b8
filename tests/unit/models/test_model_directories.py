from __future__ import annotations

from typing import TYPE_CHECKING

import model_files
import pytest

from shardwright import errors
from shardwright.models import directory

if TYPE_CHECKING:
    from pathlib import Path


def test_a_configuration_alone_is_enough(tmp_path: Path) -> None:
    """Planning needs no weights; their sum is then not known."""
    model_files.write_model(tmp_path / "tiny", files=0)
    shape = directory.load_directory(tmp_path / "tiny")
    assert (shape.name, shape.checkpoint_bytes, shape.notes) == ("tiny", None, ())
    assert shape.source == str(tmp_path / "tiny" / "config.json")


@pytest.mark.parametrize("files", [1, 3])
def test_headers_make_the_sum_exact(tmp_path: Path, files: int) -> None:
    """One file or several with an index: all tensors are found and add up."""
    total = model_files.write_model(tmp_path, files=files)
    shape = directory.load_directory(tmp_path)
    assert (shape.checkpoint_bytes, shape.notes, shape.bound) == (total, (), "")


def test_the_second_copy_of_mistral_models_is_not_counted(tmp_path: Path) -> None:
    """`consolidated.safetensors` holds the same weights under other names."""
    total = model_files.write_model(tmp_path)
    (tmp_path / "consolidated.safetensors").write_bytes((tmp_path / "model.safetensors").read_bytes())
    assert directory.load_directory(tmp_path).checkpoint_bytes == total


def test_missing_files_of_an_index_leave_its_sum(tmp_path: Path) -> None:
    """A download that is not complete still plans, and says what is missing."""
    total = model_files.write_model(tmp_path, files=3)
    (tmp_path / "model-00002-of-00003.safetensors").unlink()
    shape = directory.load_directory(tmp_path)
    assert shape.checkpoint_bytes == total
    assert "1 of 3 safetensors files of the index are not there: model-00002-of-00003.safetensors" in shape.notes


def test_a_truncated_file_is_an_error(tmp_path: Path) -> None:
    """A broken download would fail in the engine an hour later."""
    model_files.write_model(tmp_path)
    path = tmp_path / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(errors.InputError, match="the file is cut short"):
        directory.load_directory(tmp_path)


def test_what_is_not_there_is_named(tmp_path: Path) -> None:
    """No such directory, a file in its place, no config.json: each says so and what to give."""
    (tmp_path / "file").touch()
    for place, said in (
        ("none", "does not exist"),
        ("file", "is not a directory"),
        (".", "config.json does not exist"),
    ):
        with pytest.raises(errors.NotFound, match=said) as caught:
            directory.load_directory(tmp_path / place)
        assert "config.json" in caught.value.hint


@pytest.mark.parametrize(("text", "said"), [("{", "not JSON"), ("[]", "object was expected"), ("\udcff", "not JSON")])
def test_a_broken_configuration_is_named(tmp_path: Path, text: str, said: str) -> None:
    """Not JSON, not an object, not UTF-8."""
    (tmp_path / "config.json").write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(errors.InputError, match=said):
        directory.load_directory(tmp_path)


def test_an_absurdly_large_configuration_is_not_read(tmp_path: Path) -> None:
    """A sparse file of gigabytes called config.json costs nothing."""
    with (tmp_path / "config.json").open("wb") as file:
        file.truncate(directory.MAX_CONFIG_BYTES + 1)
    with pytest.raises(errors.InputError, match="larger than"):
        directory.load_directory(tmp_path)


def test_an_unreadable_file_is_the_machines_fault(tmp_path: Path) -> None:
    """The error names the file and the system's reason."""
    (tmp_path / "config.json").symlink_to("config.json")
    with pytest.raises(errors.EnvironmentFault, match="cannot be read"):
        directory.load_directory(tmp_path)
