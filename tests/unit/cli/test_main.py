"""The command line: help at once, errors on stderr with their cure, exit codes as documented, no traceback."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, cast

import pytest

from shardwright.cli import main

if TYPE_CHECKING:
    from command_line import Call

EXAMPLE = Path(__file__).parents[3] / "examples" / "llama-3-8b-two-nodes.yaml"
CONFIG = {
    "architectures": ["LlamaForCausalLM"],
    "model_type": "llama",
    "hidden_size": 4096,
    "intermediate_size": 14336,
    "num_hidden_layers": 32,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "vocab_size": 128256,
    "max_position_embeddings": 8192,
    "torch_dtype": "bfloat16",
}


@pytest.fixture
def model(tmp_path: Path) -> str:
    """A folder with a config.json, which is enough to plan."""
    (tmp_path / "config.json").write_text(json.dumps(CONFIG), "utf-8")
    return str(tmp_path)


def spelled(value: object) -> str | None:
    """Name of a case: its command line."""
    return " ".join(str(part) for part in cast("list[object]", value)) if isinstance(value, list) else None


@pytest.mark.parametrize("name", main.COMMANDS)
def test_every_command_has_help(name: str, shardwright: Call) -> None:
    """The table of commands and the commands agree, and each explains itself."""
    code, out, _ = shardwright(name, "--help")
    assert code == 0
    assert out.startswith(f"Usage: shardwright {name}")


def test_help_imports_no_command() -> None:
    """The list of commands is shown without importing what they need."""
    code = "import sys; from shardwright.cli import main\ntry: main.run(['--help'])\nexcept SystemExit: pass\n"
    code += "print([name for name in sys.modules if name in ('yaml', 'rich', 'psutil', 'httpx2', 'platformdirs')])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_a_plan_says_memory_of_each_rank_and_why(shardwright: Call, model: str) -> None:
    """A model in a folder is planned without a recipe."""
    code, out, err = shardwright("plan", model, "--gpu", "L40S", "--gpus-per-node", "4", "--nodes", "2")
    assert (code, err) == (0, "")
    assert "TP1 x PP1 on 1 node" in out
    assert "KV CACHE" in out
    assert "Why:" in out


def test_what_fits_nowhere_leaves_with_three_and_the_cheapest_change(shardwright: Call, model: str) -> None:
    """No layout: exit code 3, the numbers, and what would help."""
    code, out, _ = shardwright("plan", model, "--gpu", "T4", "--max-model-len", "8192")
    assert code == 3
    assert "no layout fits" in out
    assert "What would make it fit" in out


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["plan", "-f", "/no/such/recipe.yaml"], 2, ["/no/such/recipe.yaml"]),
        (["plan"], 2, ["-f FILE", "MODEL"]),
        (["plan", "llama-3-8b"], 2, ["hardware.gpu", "--gpu"]),
        (["plan", "llama-3-8b", "--gpu", "L40Z"], 2, ["L40Z", "L40S"]),
        (["plan", "llama-3-8b", "-f", str(EXAMPLE)], 2, ["--set"]),
        (["plan", "no-such-model", "--gpu", "L40S"], 2, ["no-such-model"]),
        (["model", "no-such-model"], 2, ["no-such-model", "llama-3-8b"]),
        (["model", "./no-such-folder"], 2, ["no-such-folder", "config.json"]),
        (["gpu", "show", "L40X"], 2, ["L40X", "L40S", "gpu list"]),
        (["calibrate", "-f", str(EXAMPLE)], 2, ["--from"]),
        (["calibrate", "remove", "../x"], 1, ["../x"]),
        (["plan", "llama-3-8b", "--gpu", "L40S", "--tensor", "3"], 3, []),
        (["render", "llama-3-8b", "--gpu", "L40S"], 2, ["target.kind"]),
        (["render", "llama-3-8b", "--gpu", "L40S", "--target", "knative"], 2, ["knative", "lws"]),
        (["render", "llama-3-8b", "--gpu", "L40S", "--target", "lsw"], 2, ["lsw", "lws"]),
        (["apply", "-f", str(EXAMPLE), "-y", "--kubeconfig", "/nowhere"], 1, ["/nowhere", "no such file"]),
        (["status", "nothing"], 1, ["nothing"]),
        (["logs", "nothing"], 1, ["nothing"]),
        (["delete", "nothing", "-y"], 1, ["nothing"]),
        (["stauts"], 2, ["status"]),
        (["plan", "--no-such-option"], 2, ["--no-such-option"]),
        (["plan", "llama-3-8b", "--gpu", "L40S", "--nodes", "²"], 2, ["²", "hardware.nodes"]),
        (["init", "llama-3-8b", "--gpus-per-node", "4"], 2, ["--gpu"]),
        (["plan", "llama-3-8b", "--gpu", "L40S", "--set", "engine.args.max-num-seqs=0"], 2, ["--set: engine.args."]),
        (["init", "llama-3-8b", "--out", ""], 2, ["--out"]),
    ],
    ids=spelled,
)
def test_trouble_names_its_cure(shardwright: Call, arguments: list[str], code: int, words: list[str]) -> None:
    """Each mistake ends with its exit code and a message that names the thing, without a traceback."""
    seen, out, err = shardwright(*arguments)
    assert seen == code
    assert [word for word in words if word not in err] == []
    assert "Traceback" not in out + err


@pytest.mark.parametrize("form", ["json", "yaml", "wide", "name", "table"])
def test_every_format_of_a_plan_is_printed(shardwright: Call, model: str, form: str) -> None:
    """`-o` is a format everywhere; JSON can be read back."""
    code, out, _ = shardwright("plan", model, "--gpu", "L40S", "-o", form)
    assert code == 0
    assert out.strip()
    if form == "json":
        assert json.loads(out)["layout"]["tensor"] == 1


def test_strict_turns_warnings_into_failure(shardwright: Call, model: str) -> None:
    """With --strict a plan that warns leaves with 4, without it with 0."""
    arguments = ["plan", model, "--gpu", "L40S", "--gpus-per-node", "2", "--tensor", "2"]
    assert shardwright(*arguments)[0] == 0
    assert shardwright(*arguments, "--strict")[0] == 4


def test_init_writes_a_recipe_that_plans(shardwright: Call, model: str, tmp_path: Path) -> None:
    """What init writes is read back by plan and render without a change."""
    recipe = str(tmp_path / "recipe.yaml")
    assert shardwright("init", model, "--target", "lws", "--out", recipe)[0] == 0
    assert shardwright("plan", "-f", recipe)[0] == 0
    code, _, err = shardwright("init", model, "--target", "lws", "--out", recipe)
    assert code == 1
    assert "--force" in err


def test_a_recipe_comes_from_standard_input() -> None:
    """`-f -` reads standard input, as kubectl does."""
    command = [sys.executable, "-m", "shardwright", "render", "-f", "-"]
    environment = {"HF_HUB_OFFLINE": "1", "PATH": "", "HOME": "/nonexistent"}
    recipe = EXAMPLE.read_text("utf-8")
    done = subprocess.run(command, input=recipe, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "kind: LeaderWorkerSet" in done.stdout


def test_init_says_that_no_single_node_holds_the_model(shardwright: Call, tmp_path: Path) -> None:
    """What stands in for a GPU that was not named is not praised as fitting."""
    deep = {**CONFIG, "num_hidden_layers": 4000}
    (tmp_path / "config.json").write_text(json.dumps(deep), "utf-8")
    code, out, err = shardwright("init", str(tmp_path))
    assert code == 0
    assert "nodes: auto" in out
    assert "smallest node" not in err


def test_render_tells_what_must_be_there_before_the_manifests(shardwright: Call) -> None:
    """What the target found is on standard error, with its cure; the manifests stay clean."""
    code, out, err = shardwright("render", "-f", str(EXAMPLE), "--set", "expose.kind=ingress")
    assert code == 0
    assert "kubectl create secret generic hf-token -n demo" in err
    assert "[expose.open]" in err
    assert "info:" not in out


@pytest.mark.parametrize(
    ("problem", "said"),
    [
        (PermissionError(13, "Permission denied", "/home/other/state"), "/home/other/state cannot be used: Permission"),
        (OSError(28, "No space left on device"), "the output cannot be written: No space left on device"),
        (FileNotFoundError(2, "No such file or directory", "/x"), "internal error: FileNotFoundError"),
        (KeyError("x"), "internal error: KeyError"),
    ],
)
def test_what_the_machine_refuses_is_told_apart_from_our_bugs(problem: Exception, said: str) -> None:
    """A folder of another user or a full disk is for the machine's owner; whatever else comes is reported as a bug."""
    assert main.unforeseen(problem).startswith(said)
    assert ("this is a bug" in main.unforeseen(problem)) == said.startswith("internal")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="/dev/full is Linux's")
def test_a_full_disk_behind_the_output_is_no_bug_of_ours() -> None:
    """`> FILE` on a full disk is said in a line, with exit code 1."""
    command = [sys.executable, "-m", "shardwright", "schema"]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert (done.returncode, done.stderr) == (1, "shardwright: the output cannot be written: No space left on device\n")


def test_a_token_that_cannot_be_read_is_for_the_user_to_mend(tmp_path: Path) -> None:
    """The hub's token file of another user, or a folder in its place: named, with what to set instead."""
    command = [sys.executable, "-m", "shardwright", "plan", "hf://owner/name", "--gpu", "L40S"]
    places = {"HF_TOKEN_PATH": str(tmp_path), "HOME": str(tmp_path), "HF_ENDPOINT": "http://127.0.0.1:9", "PATH": ""}
    done = subprocess.run(command, env=places, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert f"the hub's token cannot be read: {tmp_path}" in done.stderr
    assert "HF_TOKEN" in done.stderr
