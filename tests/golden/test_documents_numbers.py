"""Numbers in documents are those that the code gives now, between `<!-- NAME -->` and `<!-- end -->`.

After an intended change: `SHARDWRIGHT_UPDATE_GOLDEN=1 .venv/bin/pytest tests/golden`, then read the difference.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

import measured_starts
import pytest

from shardwright.cli import main, plan_view
from shardwright.core.plan.types import Plan
from shardwright.facts import load as facts
from shardwright.models import load_shape
from shardwright.service import planning, recipes
from shardwright.settings import HubSettings
from shardwright.units import GIB

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parents[2]
SIZING = "docs/explanation/sizing.md"
HUB = HubSettings(endpoint="http://127.0.0.1:9", offline=True)


def fitting_plan() -> str:
    """The example's plan, with the shape that the hub would give."""
    (loaded,) = recipes.load_recipes([str(ROOT / "examples/llama-3-8b-two-nodes.yaml")], [])
    made = planning.plan_shape(loaded.recipe, load_shape("llama-3-8b-instruct", settings=HUB))
    assert isinstance(made, Plan)
    return f"```\n$ shardwright plan -f examples/llama-3-8b-two-nodes.yaml\n{plan_view.plan_text(made).rstrip()}\n```"


def said_when_refused(asked: list[str]) -> str:
    """What is said where nothing fits, from the command itself."""
    said = io.StringIO()
    with contextlib.redirect_stdout(said), pytest.raises(SystemExit):
        main.run(asked)
    return f"```\n$ shardwright {' '.join(asked)}\n{said.getvalue().rstrip()}\n```"


def raw_sizes() -> str:
    """Weights of the catalogue's models, one row for those that have the same."""
    rows: dict[tuple[int, float, str], list[str]] = {}
    for model in facts.catalogue_models():
        shape = load_shape(model.name, settings=HUB)
        rows.setdefault((shape.weights_bytes, model.parameters / 1e9, shape.quantization or shape.dtype), []).append(
            f"`{model.name}`"
        )
    lines = [
        f"| {', '.join(names)} | {parameters:.2f} | {bytes_ / GIB:.1f} ({dtype}) |"
        for (bytes_, parameters, dtype), names in sorted(rows.items())
    ]
    return "\n".join(["| Model | Parameters, 10^9 | Weights, GiB |", "| --- | --- | --- |", *lines])


def before_flash_attention() -> str:
    """GPUs of the catalogue that FlashAttention 2 does not run on."""
    known = [gpu for gpu in facts.gpus() if gpu.device == "cuda" and gpu.compute_capability]
    old = [f"{gpu.name} ({gpu.compute_capability})" for gpu in known if float(gpu.compute_capability or 0) < 8]
    return f"  {', '.join(old)}."


def demonstrations() -> str:
    """The guide's three, planned."""
    asked = [("mistral-7b", "T4", 2), ("llama-3-8b", "T4", 2), ("falcon-40b", "A10G", 8)]
    lines = ["| Model | GPUs | Layout | KV cache, tokens |", "| --- | --- | --- | --- |"]
    for name, gpu, count in asked:
        fields = {"model": {"source": name}, "hardware": {"gpu": gpu, "gpusPerNode": count}}
        head = {"apiVersion": "shardwright.dev/v1", "kind": "Recipe", "metadata": {"name": "demonstration"}}
        (loaded,) = recipes.parse_recipes(json.dumps({**head, **fields}), "demonstration")
        made = planning.plan_loaded(loaded, HUB)
        assert isinstance(made, Plan)
        lines.append(f"| {name} | {count}x {gpu} in a node | {made.layout} | {made.pool.tokens:,} |")
    return "\n".join(lines)


PARTS: dict[str, tuple[str, Callable[[], str]]] = {
    "plan": ("README.md", fitting_plan),
    "nothing fits": (
        "README.md",
        lambda: said_when_refused(["plan", "llama-3.3-70b", "--gpu", "A10G", "--gpus-per-node", "4"]),
    ),
    "raw sizes": (SIZING, raw_sizes),
    "before 8.0": (SIZING, before_flash_attention),
    "one T4 is too small": (SIZING, lambda: said_when_refused(["plan", "llama-3-8b", "--gpu", "T4"])),
    "demonstrations": (SIZING, demonstrations),
    "measured pools of vLLM": (
        "docs/explanation/memory.md",
        lambda: measured_starts.table(measured_starts.of_vllm()),
    ),
    "measured pools of SGLang": (
        "docs/explanation/memory.md",
        lambda: measured_starts.table(measured_starts.of_sglang()),
    ),
}


@pytest.mark.requirement("R048", "R052", "R056")
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
