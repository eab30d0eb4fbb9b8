"""Requirements are traced: a row that is marked done has a test that shows it, and every mark names a row."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
ROWS = tomllib.loads((ROOT / "docs/reference/requirements.toml").read_text("utf-8"))
MARK = re.compile(r"mark\.requirement\(([^)]*)\)")
SHOWN = {
    row
    for path in (ROOT / "tests").rglob("test_*.py")
    if path != Path(__file__)
    for arguments in MARK.findall(path.read_text("utf-8"))
    for row in re.findall(r"R\d{3}", arguments)
}


def test_rows_have_a_known_status() -> None:
    """A row is planned or done, nothing in between."""
    assert {row["status"] for row in ROWS.values()} <= {"planned", "done"}
    assert [f"R{number:03}" for number in range(1, len(ROWS) + 1)] == list(ROWS)


def test_what_is_done_is_shown_by_a_test() -> None:
    """A row counts as done only while a test shows it."""
    assert {name for name, row in ROWS.items() if row["status"] == "done"} - SHOWN == set()


def test_every_mark_names_a_row_that_is_done() -> None:
    """A test that shows a row is not forgotten in the list."""
    assert {row for row in SHOWN if row not in ROWS or ROWS[row]["status"] != "done"} == set()
