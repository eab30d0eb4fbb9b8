"""Facts are read as their files stand, whatever was kept of an earlier reading."""

from __future__ import annotations

import os
import sys
import tomllib
from importlib.util import cache_from_source
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from shardwright.facts import files

if TYPE_CHECKING:
    from collections.abc import Iterator

SOURCES = Path(files.__file__).parents[1]


@pytest.fixture
def keeping() -> Iterator[None]:
    """Byte code is written, whatever this machine's habit is."""
    before, sys.dont_write_bytecode = sys.dont_write_bytecode, False
    yield
    sys.dont_write_bytecode = before


@pytest.mark.parametrize("path", sorted(SOURCES.rglob("*.toml")), ids=lambda path: f"{path.parent.name}-{path.name}")
def test_every_file_of_the_package_reads_as_its_toml(path: Path, keeping: None) -> None:  # noqa: ARG001 - a fixture
    """Parsed, kept and read again it says the same."""
    wanted = tomllib.loads(path.read_text("utf-8"))
    assert files.read_toml(path) == wanted
    assert files.read_toml(path) == wanted


def test_a_file_that_changed_is_parsed_again(tmp_path: Path, keeping: None) -> None:  # noqa: ARG001 - a fixture
    """Another size or another time of change is another file."""
    path = tmp_path / "facts.toml"
    path.write_text("number = 1\n", "utf-8")
    assert files.read_toml(path) == {"number": 1}
    assert Path(cache_from_source(f"{path}.py")).exists()
    path.write_text("number = 2\n", "utf-8")
    state = path.stat()
    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns + 1))
    assert files.read_toml(path) == {"number": 2}


@pytest.mark.parametrize("content", [b"", b"nonsense", b"\xe9\x00\x00\x00\x00"])
def test_what_was_kept_and_is_damaged_is_passed_over(tmp_path: Path, keeping: None, content: bytes) -> None:  # noqa: ARG001 - a fixture
    """A half-written or foreign file never ends a plan."""
    path = tmp_path / "facts.toml"
    path.write_text("number = 1\n", "utf-8")
    kept = Path(cache_from_source(f"{path}.py"))
    kept.parent.mkdir()
    kept.write_bytes(content)
    assert files.read_toml(path) == {"number": 1}


def test_where_nothing_can_be_kept_the_file_is_parsed_each_time(tmp_path: Path, keeping: None) -> None:  # noqa: ARG001 - a fixture
    """The folder's cache is a file, so that not even root writes there."""
    path = tmp_path / "facts.toml"
    path.write_text("number = 1\n", "utf-8")
    (tmp_path / "__pycache__").write_text("", "utf-8")
    assert files.read_toml(path) == {"number": 1}
    assert sorted(each.name for each in tmp_path.iterdir()) == ["__pycache__", "facts.toml"]
