"""The rehearsal as a user sees it: live phases, a real answer, what was shown and what was not, and nothing left."""

from __future__ import annotations

import json
import re
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest
from stories import EXAMPLE, Home, traces

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(240)]

SHOWN = ("2 members", "the same code made both command lines", "pipeline parallel 2", "/v1/completions")
NOT_SHOWN = (
    "NCCL",
    "RDMA",
    "GPU kernels and GPU memory (A10G)",
    "the real weights of",
    "hidden size 4096 -> 256",
    "replaced flags: ",
    "--gpu-memory-utilization 0.9 left out",
    "engine version 0.24.0: 0.32.0 was run",
    "target lws",
)
JAMBA: dict[str, Any] = {
    "architectures": ["JambaForCausalLM"],
    "model_type": "jamba",
    "hidden_size": 4096,
    "intermediate_size": 14336,
    "num_hidden_layers": 32,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "vocab_size": 65536,
    "max_position_embeddings": 262144,
    "num_experts": 16,
    "num_experts_per_tok": 2,
    "attn_layer_period": 8,
    "attn_layer_offset": 4,
    "expert_layer_period": 2,
    "expert_layer_offset": 1,
    "mamba_d_state": 16,
    "mamba_d_conv": 4,
    "mamba_expand": 2,
    "mamba_dt_rank": 256,
    "torch_dtype": "bfloat16",
}


def progress(shown: str) -> dict[int, list[int]]:
    """Percentages of each rank, in the order in which they were shown."""
    found: dict[int, list[int]] = {}
    for rank, percent in re.findall(r"rank (\d+) on host-\d+: .+ \((\d+) %\)", shown):
        found.setdefault(int(rank), []).append(int(percent))
    return found


def assert_risen(shown: str, ranks: int) -> None:
    """Each rank was seen in several phases, forwards only, up to the end."""
    seen = progress(shown)
    assert sorted(seen) == list(range(ranks))
    for percents in seen.values():
        assert len(percents) >= 5
        assert all(one < next_one for one, next_one in pairwise(percents))
        assert percents[-1] == 100


def test_the_example_is_rehearsed(home: Home) -> None:
    """Phases of both ranks while it starts, the answer, two lists that do not claim too much, and a clean machine."""
    command = home.start("rehearse", "-f", str(EXAMPLE))
    run = home.wait_for_state("preparing")["run"]
    out, err = command.communicate(timeout=200)
    assert command.returncode == 0, err
    assert traces(home, run) == set()
    assert list(home.state.glob("deployments/*/*")) == []
    assert_risen(err, ranks=2)
    assert out.startswith("llama-3-8b: TP1 x PP2 on 2 nodes answered; ready in ")
    answer = re.search(r"POST /v1/completions '.+', 32 tokens, .+ s\n  '(.+)'\n", out)
    assert answer is not None
    assert len(set(answer[1].split())) > 1
    shown, _, not_shown = out.partition("Not exercised:")
    assert [text for text in SHOWN if text not in shown] == []
    assert [text for text in NOT_SHOWN if text not in not_shown] == []


def test_two_rehearsals_of_one_recipe_at_once(home: Home) -> None:
    """Each has hosts, ports and state of its own; both answer the same, for programs to read."""
    commands = [home.start("rehearse", "-f", str(EXAMPLE), "-o", "json") for _ in range(2)]
    one, two = (finished(command) for command in commands)
    assert one["answer"] == two["answer"]
    assert one["answer"].strip()
    assert list(home.state.glob("deployments/*/*")) == []
    assert (one["name"], one["layout"]) == ("llama-3-8b", "TP1 x PP2 on 2 nodes")
    assert one["request"]["model"] == "llama-3-8b"
    assert one["kvTokens"] == one["kvTokensReported"] > 0
    assert one["readySeconds"] > 0
    assert any("/v1/completions" in line for line in one["exercised"])
    assert any("NCCL" in line for line in one["notExercised"])


def finished(command: subprocess.Popen[str]) -> dict[str, Any]:
    """What it printed, once it is over."""
    out, err = command.communicate(timeout=200)
    assert command.returncode == 0, err
    return json.loads(out)


def test_a_model_by_name_on_four_ranks(home: Home) -> None:
    """Without a recipe: two stages of two shards each, over two hosts."""
    hardware = ("--gpu", "A10G", "--gpus-per-node", "2", "--nodes", "2")
    done = home.run("rehearse", "llama-3-8b", *hardware, "--tensor", "2", "--pipeline", "2")
    assert_risen(done.stderr, ranks=4)
    assert "TP2 x PP2 on 2 nodes answered" in done.stdout
    assert "tensor parallel 2" in done.stdout.partition("Not exercised:")[0]


def rehearsed(home: Home, *, expert: bool, slots: int) -> dict[str, Any]:
    """What a rehearsal of Mixtral on two nodes prints."""
    recipe = {
        "apiVersion": "shardwright.dev/v1",
        "kind": "Recipe",
        "metadata": {"name": "experts"},
        "model": {"source": "mixtral-8x7b", "loraSlots": slots},
        "engine": {"version": "0.24.0"},
        "workload": {"maxModelLen": 4096},
        "parallelism": {"tensor": 2, "expert": expert},
        "hardware": {"gpu": "H200", "nodes": 2},
    }
    return json.loads(home.run("rehearse", "-f", "-", "-o", "json", text=json.dumps(recipe)).stdout)


def test_whole_experts_and_adapter_slots_are_really_run(home: Home) -> None:
    """Ranks that hold whole experts say what ranks say that share each, and only what was run is claimed."""
    whole, shared = rehearsed(home, expert=True, slots=0), rehearsed(home, expert=False, slots=2)
    assert whole["answer"] == shared["answer"]
    experts, slots = (
        [any(words in line for line in one["exercised"]) for one in (whole, shared)]
        for words in ("whole experts dealt out over 2 ranks", "2 adapter slots")
    )
    assert (experts, slots) == ([True, False], [False, True])


def test_a_model_that_the_engine_does_not_run_here_is_refused_at_once(home: Home, tmp_path: Path) -> None:
    """Before anything is started, with the reason."""
    (tmp_path / "config.json").write_text(json.dumps(JAMBA), encoding="utf-8")
    done = home.run("rehearse", str(tmp_path), "--gpu", "H200", "--nodes", "2", "--pipeline", "2", code=1)
    assert "does not run JambaForCausalLM" in done.stderr
    assert "Mamba 1" in done.stderr
    assert "warming" not in done.stderr
