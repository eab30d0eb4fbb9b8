"""Numbers in documents are those that the code gives now, between `<!-- NAME -->` and `<!-- end -->`.

After an intended change: `SHARDWRIGHT_UPDATE_GOLDEN=1 .venv/bin/pytest tests/golden`, then read the difference.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

import measured_starts
import pytest

from shardwright.cli import main, plan_view
from shardwright.core.plan.types import Plan
from shardwright.models import load_shape
from shardwright.service import planning, recipes
from shardwright.settings import HubSettings

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parents[2]
HUB = HubSettings(endpoint="http://127.0.0.1:9", offline=True)


def fitting_plan() -> str:
    """The example's plan, with the shape that the hub would give."""
    (loaded,) = recipes.load_recipes([str(ROOT / "examples/llama-3-8b-two-nodes.yaml")], [])
    made = planning.plan_shape(loaded.recipe, load_shape("llama-3-8b-instruct", settings=HUB))
    assert isinstance(made, Plan)
    return f"```\n$ shardwright plan -f examples/llama-3-8b-two-nodes.yaml\n{plan_view.plan_text(made).rstrip()}\n```"


def infeasible_plan() -> str:
    """What is said where nothing fits, from the command itself."""
    asked = ["plan", "llama-3.3-70b", "--gpu", "A10G", "--gpus-per-node", "4"]
    said = io.StringIO()
    with contextlib.redirect_stdout(said), pytest.raises(SystemExit):
        main.run(asked)
    return f"```\n$ shardwright {' '.join(asked)}\n{said.getvalue().rstrip()}\n```"


PARTS: dict[str, tuple[str, Callable[[], str]]] = {
    "plan": ("README.md", fitting_plan),
    "nothing fits": ("README.md", infeasible_plan),
    "measured pools of vLLM": (
        "docs/explanation/memory.md",
        lambda: measured_starts.table(measured_starts.of_vllm()),
    ),
    "measured pools of SGLang": (
        "docs/explanation/memory.md",
        lambda: measured_starts.table(measured_starts.of_sglang()),
    ),
}


@pytest.mark.parametrize("name", PARTS)
def test_documents_show_what_the_code_says(name: str) -> None:
    """A number in a document that the code no longer gives is worse than none."""
    page, made = PARTS[name]
    path, wanted = ROOT / page, f"<!-- {name} -->\n{made()}\n<!-- end -->"
    text = path.read_text("utf-8")
    shown = re.search(rf"<!-- {name} -->\n.*?<!-- end -->", text, re.DOTALL)
    assert shown is not None, f"{page} has no part {name}"
    if os.environ.get("SHARDWRIGHT_UPDATE_GOLDEN"):
        path.write_text(text.replace(shown[0], wanted), "utf-8")
    else:
        assert shown[0] == wanted
