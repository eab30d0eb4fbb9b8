"""`shardwright import` as people and programs call it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
import yaml
from click.testing import CliRunner

from shardwright.cli.main import cli

if TYPE_CHECKING:
    from pathlib import Path

    from click.testing import Result

MANIFEST = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: chat}
spec:
  selector: {matchLabels: {app: chat}}
  template:
    metadata: {labels: {app: chat}}
    spec:
      nodeSelector: {nvidia.com/gpu.product: NVIDIA-L40S}
      containers:
      - name: chat
        image: vllm/vllm-openai:v0.24.0
        command: [vllm, serve, meta-llama/Meta-Llama-3-8B-Instruct, --max-model-len, "4096"]
        resources: {limits: {nvidia.com/gpu: 1}}
"""


@pytest.fixture
def manifest(tmp_path: Path) -> str:
    path = tmp_path / "chat.yaml"
    path.write_text(MANIFEST, "utf-8")
    return str(path)


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["import", *arguments], env={"HF_HUB_OFFLINE": "1"})


def test_the_recipe_is_printed_and_the_differences_are_told(manifest: str) -> None:
    """Data on standard output, what differs on standard error."""
    result = run(manifest)
    assert result.exit_code == 0
    document = yaml.safe_load(result.stdout)
    assert document["hardware"]["gpu"] == "L40S"
    assert document["workload"] == {"maxModelLen": 4096}
    assert "differences between what was imported (-)" in result.stderr
    assert "spec.template.spec.enableServiceLinks" in result.stderr


def test_json_holds_recipe_and_differences(manifest: str) -> None:
    """One object for programs; a side without a value is null."""
    data = json.loads(run(manifest, "-o", "json").stdout)
    assert set(data) == {"recipe", "platform", "version", "compared", "differences", "findings"}
    assert data["compared"] is True
    (service_links,) = [each for each in data["differences"] if each["path"].endswith("enableServiceLinks")]
    assert service_links == {
        "kind": "Deployment",
        "name": "chat",
        "path": "spec.template.spec.enableServiceLinks",
        "change": "changed",
        "original": True,
        "rendered": False,
        "reason": None,
    }


def test_the_recipe_can_be_written_and_rendered(manifest: str, tmp_path: Path) -> None:
    """What is imported is a recipe like any other."""
    out = tmp_path / "recipe.yaml"
    assert run(manifest, "--keep-differences", "--out", str(out)).stdout == ""
    rendered = CliRunner().invoke(cli, ["render", "-f", str(out)])
    assert rendered.exit_code == 0, rendered.output
    (deployment,) = yaml.safe_load_all(rendered.stdout)
    assert deployment["spec"]["template"]["metadata"]["labels"] == {"app": "chat"}
    assert run(manifest, "--out", str(tmp_path)).exception is not None


def test_strict_fails_where_differences_remain(manifest: str) -> None:
    """Exit code 5, with the recipe printed all the same."""
    result = run(manifest, "--strict")
    assert (result.exit_code, yaml.safe_load(result.stdout)["kind"]) == (5, "Recipe")
