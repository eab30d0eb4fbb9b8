"""Calibrations as files: written so that they read back, and read so that a stranger's file can do no harm."""

from __future__ import annotations

import dataclasses
import os
import re
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as some

from shardwright import errors
from shardwright.core.calibration import MAX_TEXT, Calibration, CalibrationKey, SeenTerm
from shardwright.service import calibration_files

if TYPE_CHECKING:
    from pathlib import Path

WHOLE = Calibration(
    key=CalibrationKey("vllm", "0.24.0", "v2", "A10G", "LlamaForCausalLM", 1, 2),
    terms=(
        SeenTerm("activation", counted=True, planned_bytes=3_061_000_000, printed_bytes=3_135_000_000),
        SeenTerm("weights", counted=True, planned_bytes=8_061_000_000, printed_bytes=8_029_553_206),
    ),
    pool_bytes=1_751_140_991,
    pool_seen_bytes=11_141_644_288,
    total_bytes=23_686_744_637,
    model="llama-3-8b",
    shape="LlamaForCausalLM, 32 layers of 4096",
    settings=(("dtype", "bfloat16"), ("max-num-seqs", "256")),
    origin="engine.log",
    date="2026-11-21",
)


def text_of(folder: Path) -> str:
    """The file of the calibration above."""
    return calibration_files.save(folder, WHOLE).read_text("utf-8")


def said(path: Path, text: str | bytes) -> str:
    """The error that this file gives."""
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(errors.InputError) as caught:
        calibration_files.load_file(path)
    assert str(path) in caught.value.message
    assert caught.value.message.replace("\n", "").isprintable()
    return caught.value.message


def test_what_is_saved_reads_back(tmp_path: Path) -> None:
    """Every field, under a name that says what it holds for."""
    path = calibration_files.save(tmp_path / "new" / "folder", WHOLE)
    assert calibration_files.load_file(path) == WHOLE
    assert re.fullmatch(r"vllm-0\.24\.0-v2-a10g-llama-tp1-pp2-llama-3-8b-[0-9a-f]{8}\.toml", path.name)


def test_texts_of_strangers_are_written_harmlessly(tmp_path: Path) -> None:
    """Quotes, line breaks and controls in a model's name stay inside their text, and out of the file's name."""
    odd = dataclasses.replace(WHOLE, model='x"\nformat = 9\n../../\x1b[31m')
    path = calibration_files.save(tmp_path, odd)
    assert path.parent == tmp_path
    assert calibration_files.load_file(path).model.startswith('x" format = 9')


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (("format = 1", "format = 2"), "format: 2 is not 1"),
        (("tensor = 1", "tensor = 0"), "key.tensor"),
        (("tensor = 1", 'tensor = "one"'), "key.tensor"),
        (("tensor = 1", "tensor = true"), "key.tensor"),
        (("pool_bytes = 1", "pool_bytes = -9999999999999999999"), "pool_bytes"),
        (("pool_bytes = 1751140991", "pool_bytes = nan"), "pool_bytes"),
        (("format = 1", "format = true"), "format: True is not 1"),
        (("planned_bytes = 3", "planned_bytes = -3"), "terms.activation.planned_bytes"),
        (("counted = true", "counted = 1"), "terms.activation.counted: true or false"),
        (("[terms.weights]", "[terms.power]"), "terms.'power': no such field"),
        (("[terms.weights]", "[[terms.weights]]"), "terms.weights: a table was expected, not a list"),
        (("total_bytes = 2", "total_bytes = -2"), "total_bytes: must not be negative"),
        (("expert = false", 'expert = "no"'), "key.expert"),
        (("expert = false", "expert = false\nrun = 'rm'"), "key.'run': no such field"),
        (('model = "', 'command = "x"\nmodel = "'), "'command': no such field"),
        (('model = "', 'model = "\\u001b[31m'), "model: a text"),
        (('model = "', f'model = "{"x" * 400}'), "model: a text"),
        (("2026-11-21", "yesterday"), "date"),
        (('"dtype" = "bfloat16"', '"dtype" = 3'), "settings.dtype"),
        (('"dtype" = "bfloat16"', '"a\\nb" = "x"'), "is no name of a flag"),
        (("[key]", "[other]"), "key: a table was expected, not nothing"),
    ],
)
def test_every_fault_is_named(tmp_path: Path, change: tuple[str, str], fault: str) -> None:
    """The field, what was seen there, and what it should be."""
    text = text_of(tmp_path)
    assert change[0] in text
    assert fault in said(tmp_path / "odd.toml", text.replace(*change, 1))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff\xfe",
        b"[" * 30_000,
        b"a = " + b"9" * 50_000,
        b"x" * 70_000,
        b"a = {" * 9_000,
        b"a." * 20_000 + b"a=1",
    ],
    ids=["empty", "bytes", "lists", "digits", "large", "tables", "dots"],
)
def test_what_is_no_such_file_is_refused_at_once(tmp_path: Path, content: bytes) -> None:
    """Bounded in size, depth and time."""
    started = time.monotonic()
    said(tmp_path / "odd.toml", content)
    assert time.monotonic() - started < 5


@given(some.binary(max_size=400))
def test_no_bytes_escape_as_a_crash(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    """Whatever stands in it, the answer is an error of ours."""
    said(tmp_path_factory.getbasetemp() / "odd.toml", content)


def test_a_pipe_in_the_folder_holds_nobody_up(tmp_path: Path) -> None:
    """What is no plain file is a fault; the others are used."""
    calibration_files.save(tmp_path, WHOLE)
    os.mkfifo(tmp_path / "pipe.toml")
    (tmp_path / "zero.toml").symlink_to("/dev/zero")
    (tmp_path / "gone.toml").symlink_to("nothing")
    shelf = calibration_files.load_shelf([tmp_path, tmp_path / "absent"])
    assert [one.model for _, one in shelf.calibrations] == ["llama-3-8b"]
    assert [path.name for path, _ in shelf.faults] == ["gone.toml", "pipe.toml", "zero.toml"]


def test_ones_own_file_comes_before_the_teams(tmp_path: Path) -> None:
    """Of one name the first folder's counts."""
    own, team = tmp_path / "own", tmp_path / "team"
    calibration_files.save(team, WHOLE)
    first = calibration_files.save(own, WHOLE)
    assert [path for path, _ in calibration_files.load_shelf([own, team]).calibrations] == [first]


@pytest.mark.parametrize("name", ["../x", "", "/etc/passwd", "a/b", ".hidden", "absent"])
def test_only_what_is_there_can_be_removed(tmp_path: Path, name: str) -> None:
    """A name is no path; the error lists those there are."""
    kept = calibration_files.save(tmp_path / "own", WHOLE)
    (tmp_path / "x.toml").touch()
    with pytest.raises(errors.NotFound) as caught:
        calibration_files.remove(tmp_path / "own", name)
    assert kept.stem in caught.value.hint
    assert (tmp_path / "x.toml").exists()


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    """The machine's fault, with the way around it."""
    (tmp_path / "file").touch()
    with pytest.raises(errors.EnvironmentFault, match="cannot be written"):
        calibration_files.save(tmp_path / "file" / "folder", WHOLE)


def test_names_of_any_length_and_letters_are_names_of_files(tmp_path: Path) -> None:
    """The longest texts give a file that can be read, listed and removed, and no two starts share one."""
    key = dataclasses.replace(WHOLE.key, gpu="g" * MAX_TEXT, family="f" * MAX_TEXT, version="v" * MAX_TEXT)
    long = dataclasses.replace(WHOLE, key=key, model="\u6a21" * MAX_TEXT)
    other = dataclasses.replace(long, shape="another")
    paths = [calibration_files.save(tmp_path, one) for one in (long, other, WHOLE)]
    assert len({path.name for path in paths}) == 3
    assert all(len(path.name.encode()) <= 200 for path in paths)
    assert calibration_files.load_file(paths[0]) == long
    calibration_files.remove(tmp_path, paths[0].stem)
    assert len(calibration_files.load_shelf([tmp_path]).calibrations) == 2


def test_a_file_is_whole_however_many_write_it(tmp_path: Path) -> None:
    """Two calibrate at once: readers see the one or the other, never a part, and nothing is left over."""
    variants = [dataclasses.replace(WHOLE, pool_bytes=size) for size in range(8)]
    path = calibration_files.save(tmp_path, WHOLE)

    def write(one: Calibration) -> int:
        return sum(calibration_files.save(tmp_path, one) == path for _ in range(25))

    def read(_: int) -> int:
        shelves = [calibration_files.load_shelf([tmp_path]) for _ in range(25)]
        return sum(len(shelf.calibrations) == 1 and not shelf.faults for shelf in shelves)

    with ThreadPoolExecutor(12) as pool:
        written, seen = pool.map(write, variants), pool.map(read, range(4))
        assert (sum(written), sum(seen)) == (200, 100)
    assert list(tmp_path.iterdir()) == [path]


def test_what_a_killed_writer_left_is_not_looked_at(tmp_path: Path) -> None:
    """The part of a file has another name until it is whole."""
    path = calibration_files.save(tmp_path, WHOLE)
    (tmp_path / ".77-0a1b.part").write_text(path.read_text("utf-8")[:200], "utf-8")
    shelf = calibration_files.load_shelf([tmp_path])
    assert (len(shelf.calibrations), shelf.faults) == (1, ())


def test_a_later_format_is_named_and_nothing_else_said_of_it(tmp_path: Path) -> None:
    """A team's newer program wrote it: its fields are not judged by this one's rules."""
    path = calibration_files.save(tmp_path, WHOLE)
    path.write_text("format = 2\nseen = [1, 2]\n", "utf-8")
    shelf = calibration_files.load_shelf([tmp_path])
    (finding,) = calibration_files.shelf_findings(shelf)
    assert shelf.calibrations == ()
    assert "format: 2 is not 1" in finding.message
    assert "seen" not in finding.message
