"""Text on a terminal: long lines are broken between words, tables and pipes are left alone; ranks that are alike are one row."""

from __future__ import annotations

from shardwright.cli import output, plan_view
from shardwright.core.hardware import Cluster, NodePool
from shardwright.core.plan import Infeasible, Plan, plan
from shardwright.core.recipe.model import Parallelism
from shardwright.engines.vllm import ENGINE
from shardwright.testing import builders


def test_long_lines_are_broken_between_words_under_their_beginning() -> None:
    """A reason goes on under its first word; nothing is lost."""
    line = "  - " + " ".join(["word"] * 40)
    broken = output.fitted(f"Why:\n{line}", 80).split("\n")
    assert broken[0] == "Why:"
    assert max(map(len, broken)) <= 80
    assert all(each.startswith("    word") for each in broken[2:])
    assert " ".join(" ".join(broken[1:]).split()) == line.strip()


def test_rows_of_tables_and_short_lines_stay_as_they_are() -> None:
    """Broken columns would be unreadable, and a flag is never cut in two."""
    row = "   ".join(["column"] * 20)
    flag = "engine.args: {" + "x" * 90 + "}"
    assert output.fitted(f"{row}\nshort", 80) == f"{row}\nshort"
    assert "x" * 90 in output.fitted(flag, 80)


def test_ranks_of_a_stage_that_are_alike_are_one_row() -> None:
    """Sixteen ranks on two nodes are two rows; the JSON has them all."""
    asked = builders.recipe(
        engine={"version": None, "args": {}},
        parallelism=Parallelism(8, 2),
        hardware={"gpu": "H100", "gpus_per_node": 8, "nodes": 2},
    )
    made = plan(asked, builders.llama_shape(64), Cluster((NodePool(builders.gpu("H100"), 8, 2),)), ENGINE)
    assert isinstance(made, Plan)
    rows = [line.split() for line in plan_view.plan_text(made).splitlines()]
    at = rows.index(next(row for row in rows if row[:2] == ["RANK", "NODE"]))
    assert [row[:3] for row in rows[at + 1 : at + 3]] == [["0-7", "0", "0"], ["8-15", "1", "1"]]
    assert rows[at + 3] == []


def test_where_no_change_helps_this_is_said() -> None:
    """Silence would leave the user without a next step."""
    asked = builders.recipe(engine={"version": None, "args": {}}, parallelism="auto")
    pool = NodePool(builders.gpu("T4", memory_bytes=1 << 30), 1, 1)
    made = plan(asked, builders.llama_shape(600), Cluster((pool,)), ENGINE)
    assert isinstance(made, Infeasible)
    assert not made.changes
    assert "No single change that was tried makes it fit" in plan_view.infeasible_text(made)
