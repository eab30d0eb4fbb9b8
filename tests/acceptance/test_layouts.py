"""The real engine gives the same greedy text in every layout, and as many KV tokens as were planned."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Any

import httpx2
import pytest
from stories import PROMPT, Home, local_recipe, shared_twin

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(240)]


@cache
def model() -> Path:
    """One folder for all layouts, so that their texts can be compared."""
    return shared_twin(2, 2)


def served(home: Home, name: str, recipe: str) -> tuple[str, dict[str, Any], str]:
    """Apply a recipe, ask it, delete it: the text, the status and all logs."""
    home.run("apply", "-f", "-", "-y", text=recipe)
    status = home.status(name)
    body = {"model": name, "prompt": PROMPT, "max_tokens": 24, "temperature": 0}
    answer = httpx2.post(f"{status['url']}/v1/completions", json=body, timeout=60).json()
    logs = home.run("logs", name).stdout
    home.run("delete", name, "-y")
    return answer["choices"][0]["text"], status, logs


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What a single process answers."""
    home = Home(tmp_path_factory.mktemp("reference"))
    return served(home, "single", local_recipe("single", model(), tensor=1, pipeline=1))[0]


@pytest.mark.parametrize(
    ("tensor", "pipeline", "hosts"), [(1, 2, "netns"), (2, 2, "netns"), (1, 2, "loopback")], ids=str
)
def test_every_layout_answers_like_a_single_process(
    home: Home, reference: str, tensor: int, pipeline: int, hosts: str
) -> None:
    """Stages and shards on hosts of their own change where a token is computed, not which."""
    recipe = local_recipe("split", model(), tensor=tensor, pipeline=pipeline, hosts=hosts)
    text, status, _ = served(home, "split", recipe)
    assert text == reference
    assert len(set(text.split())) > 3
    assert [rank["percent"] for rank in status["ranks"]] == [100] * tensor * pipeline


def test_the_engine_reports_the_planned_tokens(home: Home) -> None:
    """On a CPU the pool is exact arithmetic: planned and printed tokens are equal."""
    recipe = local_recipe("pool", model(), tensor=1, pipeline=2)
    planned = home.run("plan", "-f", "-", "-o", "json", text=recipe)
    _, _, logs = served(home, "pool", recipe)
    printed = [int(number.replace(",", "")) for number in re.findall(r"KV cache size: ([\d,]+) tokens", logs)]
    assert f'"kvTokens": {min(printed)},' in planned.stdout
