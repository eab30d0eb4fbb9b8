"""`model` and `gpu`: what is known, with its source, in every format; `--strict` of render; Ctrl-C in the first moments."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from shardwright.facts import load as facts

if TYPE_CHECKING:
    from command_line import Call

EXAMPLE = str(Path(__file__).parents[3] / "examples" / "llama-3-8b-two-nodes.yaml")


def shape(shardwright: Call, name: str) -> dict[str, Any]:
    """The JSON of a model."""
    return json.loads(shardwright("model", name, "-o", "json")[1])


@pytest.mark.parametrize("form", ["table", "wide", "json", "yaml", "name"])
@pytest.mark.parametrize("arguments", [("model", "mixtral-8x7b"), ("gpu", "list"), ("gpu", "list", "--nodes")])
def test_every_format_is_printed(shardwright: Call, arguments: tuple[str, ...], form: str) -> None:
    """`-o` is a format everywhere."""
    code, out, err = shardwright(*arguments, "-o", form)
    assert (code, err) == (0, "")
    assert out.strip()


def test_the_shape_of_a_dense_model(shardwright: Call) -> None:
    """The figures that its publisher states, counted by its tensors."""
    seen = shape(shardwright, "llama-3.3-70b")
    assert seen["parameters"] == seen["activeParameters"] == 70_553_706_496
    assert seen["weightsBytes"] == 2 * 70_553_706_496
    assert seen["kvBytesPerToken"] == 80 * 2 * 8 * 128 * 2
    assert (seen["kvHeads"], seen["vocabularySize"], seen["experts"]) == (8, 128_256, None)
    assert [(kind["kind"], kind["count"]) for kind in seen["layerKinds"]] == [("full", 80)]


def test_the_shape_of_mixtures(shardwright: Call) -> None:
    """Of the routed experts only those count as active that a token passes; a latent cache is one vector."""
    mixtral, deepseek = shape(shardwright, "mixtral-8x7b"), shape(shardwright, "deepseek-v3")
    assert (round(mixtral["parameters"] / 1e9, 1), round(mixtral["activeParameters"] / 1e9, 1)) == (46.7, 12.9)
    assert (round(deepseek["parameters"] / 1e9), round(deepseek["activeParameters"] / 1e9)) == (671, 38)
    assert deepseek["kvBytesPerToken"] == 61 * (512 + 64) * 2
    assert [kind["count"] for kind in deepseek["layerKinds"]] == [3, 58]
    assert deepseek["latentAttention"]["kvRank"] == 512


def test_a_model_in_a_folder_says_what_was_not_read(shardwright: Call, tmp_path: Path) -> None:
    """Windows are told apart, a key that does not apply is null, and nothing is invented."""
    config = {**dict(facts.catalogue_model("mistral-7b").config), "num_hidden_layers": 4, "sliding_window": 1024}
    (tmp_path / "config.json").write_text(json.dumps(config), "utf-8")
    seen = shape(shardwright, str(tmp_path))
    assert [(kind["kind"], kind["windowTokens"], kind["count"]) for kind in seen["layerKinds"]] == [("window", 1024, 4)]
    assert (seen["checkpointBytes"], seen["bound"], seen["stateBytesPerRequest"]) == (None, None, 0)


@pytest.mark.parametrize("kind", [gpu.name for gpu in facts.gpus()])
def test_every_gpu_is_shown_with_its_sources(shardwright: Call, kind: str) -> None:
    """Memory as the runtime reports it, how that is known and since when; absent figures are null."""
    seen = json.loads(shardwright("gpu", "show", kind, "-o", "json")[1])
    assert seen["name"] == kind
    assert seen["memoryEvidence"] in {"measured", "source", "given"}
    assert seen["memorySource"].rpartition(", ")[2][:2] == "20"
    assert (seen["bandwidthBytesPerSecond"] is None) == (seen["dataSheet"] is None)
    assert shardwright("gpu", "show", kind)[1].startswith("name")


@pytest.mark.requirement("R005")
def test_a_node_shape_is_shown_by_its_name(shardwright: Call) -> None:
    """The first example's instance: one A10G, 16 threads, 64 GiB."""
    seen = json.loads(shardwright("gpu", "show", "g5.4xlarge", "-o", "json")[1])
    assert (seen["gpu"], seen["gpus"], seen["cpus"], seen["memoryBytes"]) == ("A10G", 1, 16, 64 * 2**30)
    assert "AWS" in seen["source"]


@pytest.mark.parametrize(
    "name",
    [
        *("g5.4xlarge", "g5.48xlarge", "g4dn.12xlarge", "VM.GPU.A10.2", "BM.GPU.A10.4", "BM.GPU.A100-v2.8"),
        *("BM.GPU.H100.8", "BM.GPU.H200.8", "BM.GPU.MI300X.8", "BM.GPU.B200.8", "BM.GPU.B4.8", "BM.GPU.L40S.4"),
    ],
)
def test_the_nodes_of_the_guides_are_in_the_catalogue(name: str) -> None:
    """What the guides of the field name can be planned for by that name."""
    assert facts.node_shape(name).gpus >= 1


def test_strict_rendering_stops_at_warnings(shardwright: Call, tmp_path: Path) -> None:
    """With --strict a warning leaves with 4 and nothing is written; without it the manifests are there."""
    out = tmp_path / "manifests"
    code, _, err = shardwright("render", "-f", EXAMPLE, "--strict", "--out", str(out))
    assert (code, out.exists()) == (4, False)
    assert "--strict" in err
    assert shardwright("render", "-f", EXAMPLE, "--out", str(out))[0] == 0


def test_ctrl_c_in_the_first_moments_is_said_in_a_line() -> None:
    """While the command line is imported as well: no traceback of ours, exit code 130."""
    seen: set[tuple[int, str]] = set()
    for milliseconds in range(20, 120, 5):
        command = subprocess.Popen([sys.executable, "-m", "shardwright", "schema"], stdout=-3, stderr=-1, text=True)
        time.sleep(milliseconds / 1000)
        command.send_signal(signal.SIGINT)
        said = command.communicate(timeout=20)[1].lstrip("\n")
        if "shardwright/" in said or "Traceback" not in said:  # else Python itself was still starting
            seen.add((command.returncode, said))
    assert seen <= {
        (130, "shardwright: interrupted\n"),
        (0, ""),
        (-signal.SIGINT, ""),
        (-signal.SIGINT, "shardwright: interrupted\n"),
    }
