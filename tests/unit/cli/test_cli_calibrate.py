"""`calibrate` from a log to the next plan: what was printed is planned, said, listed, shared and forgotten."""

from __future__ import annotations

import io
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from command_line import Call

EXAMPLE = str(Path(__file__).parents[3] / "examples" / "llama-3-8b-two-nodes.yaml")
LOG = """\
(APIServer pid=1) INFO 11-21 10:00:00 [api_server.py:1] vLLM API server version 0.24.0
(EngineCore_DP0 pid=10) INFO 11-21 10:00:01 [model.py:1] Using max model len 8192
(Worker_PP0 pid=21) INFO 11-21 10:00:20 [gpu_model_runner.py:3000] Model loading took 7.49 GiB memory and 12.1 seconds
(Worker_PP1 pid=22) INFO 11-21 10:00:21 [gpu_model_runner.py:3000] Model loading took 7.49 GiB memory and 12.9 seconds
(EngineCore_DP0 pid=10) INFO 11-21 10:00:41 [kv_cache_utils.py:1087] GPU KV cache size: 190,000 tokens
(Worker_PP0 pid=21) INFO 11-21 10:00:50 [gpu_model_runner.py:3480] Graph capturing finished in 20 secs, took 0.52 GiB
"""


@pytest.fixture
def log(tmp_path: Path) -> str:
    """The log of a start."""
    path = tmp_path / "engine.log"
    path.write_text(LOG, "utf-8")
    return str(path)


def planned(shardwright: Call, *more: str) -> dict[str, Any]:
    """The plan of the example."""
    return json.loads(shardwright("plan", "-f", EXAMPLE, "-o", "json", *more)[1])


def test_later_plans_use_what_was_printed_and_say_so(shardwright: Call, log: str) -> None:
    """The same recipe then plans the very pool, in a narrower interval, as measured."""
    before = planned(shardwright)
    code, out, _ = shardwright("calibrate", "--from", log, "-f", EXAMPLE)
    after = planned(shardwright)
    assert code == 0
    assert "190,000" in out
    assert before["kvTokens"] != after["kvTokens"] == 190_000
    assert after["kvTokensHigh"] - after["kvTokensLow"] < before["kvTokensHigh"] - before["kvTokensLow"]
    assert (before["evidence"], after["evidence"]) == ("source", "measured")
    assert any("engine.log" in reason and "calibration" in reason for reason in after["reasons"])
    assert any("engine.log" in source for source in after["sources"])


def test_a_second_log_replaces_the_first(shardwright: Call, log: str) -> None:
    """The difference is always taken from the plan without calibrations."""
    shardwright("calibrate", "--from", log, "-f", EXAMPLE)
    Path(log).write_text(LOG.replace("190,000", "180,000"), "utf-8")
    shardwright("calibrate", "--from", log, "-f", EXAMPLE)
    assert planned(shardwright)["kvTokens"] == 180_000
    assert len(json.loads(shardwright("calibrate", "list", "-o", "json")[1])) == 1


def test_what_is_forgotten_is_no_longer_used(shardwright: Call, log: str) -> None:
    """`remove` brings the plan back to what it was."""
    before = planned(shardwright)
    _, name, _ = shardwright("calibrate", "--from", log, "-f", EXAMPLE, "-o", "name")
    assert shardwright("calibrate", "list", "-o", "name")[1] == name
    assert shardwright("calibrate", "remove", name.strip().partition("/")[2])[0] == 0
    assert planned(shardwright) == before


def test_a_dry_run_keeps_nothing(shardwright: Call, log: str) -> None:
    """The table is shown, the plan stays."""
    code, out, _ = shardwright("calibrate", "--from", log, "-f", EXAMPLE, "--dry-run", "-o", "json")
    document = json.loads(out)
    assert code == 0
    assert document["calibration"]["file"] is None
    assert document["kvTokens"]["printed"] == 190_000
    assert [row["rank"] for row in document["terms"] if row["term"] == "weights"] == [0, 1]
    assert shardwright("calibrate", "list", "-o", "name")[1] == ""


def test_calibrations_are_shared_as_files(
    shardwright: Call, log: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder of the team's is read besides one's own; a file of theirs can be taken over."""
    team = str(tmp_path / "team")
    shardwright("calibrate", "--from", log, "-f", EXAMPLE, "--calibrations", team)
    assert planned(shardwright)["kvTokens"] != 190_000
    monkeypatch.setenv("SHARDWRIGHT_CALIBRATIONS", os.pathsep.join(["/no/such/folder", team]))
    assert planned(shardwright)["kvTokens"] == 190_000
    monkeypatch.delenv("SHARDWRIGHT_CALIBRATIONS")
    (file,) = Path(team).iterdir()
    assert shardwright("calibrate", "import", str(file))[0] == 0
    assert planned(shardwright)["kvTokens"] == 190_000


def test_a_damaged_file_is_named_and_not_used(shardwright: Call, tmp_path: Path) -> None:
    """Plans go on without it and warn; --strict fails."""
    folder = tmp_path / "config" / "shardwright" / "calibrations"
    folder.mkdir(parents=True)
    (folder / "odd.toml").write_text("format = 2\n", "utf-8")
    document = planned(shardwright)
    assert [finding["id"] for finding in document["findings"] if "odd.toml" in finding["message"]] == [
        "calibration.unreadable"
    ]
    assert "odd.toml" in shardwright("calibrate", "list")[2]


def test_the_log_comes_from_standard_input(shardwright: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    """`kubectl logs --prefix --timestamps POD | shardwright calibrate --from -`, with colours."""
    lines = (f"[pod/llama-0/vllm] 2026-11-21T10:00:00.123456789Z \x1b[36m{line}\x1b[0m\n" for line in LOG.splitlines())
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO("".join(lines).encode())))
    code, out, _ = shardwright("calibrate", "--from", "-", "-f", EXAMPLE, "--dry-run", "-o", "json")
    assert code == 0
    assert json.loads(out)["kvTokens"]["printed"] == 190_000
    assert len(json.loads(out)["terms"]) == 4


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("nothing of interest\n" * 10, "nothing was printed"),
        ("", "nothing was printed"),
        ("\x00\xff" * 100_000, "nothing was printed"),
        (LOG.replace("max model len 8192", "max model len 4096"), "max-model-len is 4096, planned is 8192"),
        (LOG.replace("Worker_PP1", "Worker_PP3"), "another layout"),
        (LOG.replace("190,000", "190,000,000,000"), "more than such a device can hold"),
    ],
    ids=["other", "empty", "binary", "length", "layout", "gigantic"],
)
def test_a_log_of_something_else_teaches_nothing(shardwright: Call, log: str, text: str, said: str) -> None:
    """Another start, another layout, no log at all: an error that says so, and nothing is kept."""
    Path(log).write_text(text, "utf-8")
    code, _, err = shardwright("calibrate", "--from", log, "-f", EXAMPLE)
    assert code == 2
    assert said in err
    assert shardwright("calibrate", "list", "-o", "name")[1] == ""


@pytest.mark.parametrize(("place", "code"), [("/no/such.log", 2), ("nobody", 1), (".", 2), ("team/nobody", 1)])
def test_a_log_that_is_not_there_is_named(shardwright: Call, place: str, code: int) -> None:
    """A file, a deployment, a folder."""
    seen, _, err = shardwright("calibrate", "--from", place, "-f", EXAMPLE)
    assert (seen, place.rpartition("/")[2] in err) == (code, True)


def test_the_last_start_in_a_log_counts(shardwright: Call, log: str) -> None:
    """A pod that was restarted has both in one log."""
    Path(log).write_text(LOG.replace("190,000", "150,000") + LOG, "utf-8")
    shardwright("calibrate", "--from", log, "-f", EXAMPLE)
    assert planned(shardwright)["kvTokens"] == 190_000
