"""A plain `pip install` into an empty environment gives a tool that plans, renders and starts recipes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def tool(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The command of a fresh environment."""
    folder = tmp_path_factory.mktemp("plain")
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    command = [folder / "bin" / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check", ROOT]
    subprocess.run(command, check=True)
    return folder / "bin" / "shardwright"


def said(tool: Path, *arguments: str, text: str = "") -> str:
    """What a command prints in an empty home, without the hub."""
    environment = {"HF_HUB_OFFLINE": "1", "HOME": str(tool.parent), "PATH": os.defpath}
    command = [tool, *arguments]
    return subprocess.run(command, input=text, env=environment, capture_output=True, text=True, check=True).stdout


def test_the_installed_tool_plans_and_renders(tool: Path) -> None:
    """Facts, catalogue and locks travel with the package."""
    plan = said(tool, "plan", "llama-3.3-70b", "--gpu", "L40S", "--gpus-per-node", "4", "--nodes", "2")
    assert "TP4 x PP2 on 2 nodes" in plan
    recipe = said(tool, "init", "llama-3-8b", "--target", "lws")
    assert "kind: LeaderWorkerSet" in said(tool, "render", "-f", "-", text=recipe)


def test_the_installed_tool_has_the_engine_files(tool: Path) -> None:
    """The engine's locks and launcher are data of the package, found where the build says."""
    code = "from pathlib import Path; from shardwright.engines.vllm.build import BUILD as b;"
    code += "print(all(Path(p).is_file() for p in (b.lock, b.torch_lock, b.launcher)))"
    shown = subprocess.run([tool.with_name("python"), "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "True"
