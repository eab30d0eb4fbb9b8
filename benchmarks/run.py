"""Speed as ratios in one run: whole processes against a bare interpreter, and a rehearsal's start against one by hand.

Machines differ and are noisy, so nothing here is a time limit in seconds: each figure is processor time, user and system,
a median over a median of the same run. One row a command: milliseconds, ratio, goal. `make benchmark` prints the table;
`--engine` adds the start of the real engine (minutes).
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
PYTHON = Path(sys.executable)
SHARDWRIGHT = PYTHON.with_name("shardwright")
RUNS = 21

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
    "tie_word_embeddings": False,
}


def seconds_of(command: list[str]) -> float:
    """Processor time of one whole process."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def ratio(command: list[str]) -> tuple[float, float]:
    """Median milliseconds of a command and its ratio to a bare interpreter, run in turn."""
    bare = [str(PYTHON), "-c", "pass"]
    pairs = [(seconds_of(command), seconds_of(bare)) for _ in range(RUNS + 1)][1:]
    median = statistics.median(first for first, _ in pairs)
    return median * 1000, median / statistics.median(second for _, second in pairs)


def main() -> None:
    """Print one row a measurement: what, milliseconds, ratio, goal."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--engine", action="store_true", help="also start the real engine, forked and by hand")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "config.json").write_text(json.dumps(CONFIG), "utf-8")
        rows = [
            ("--help", [str(SHARDWRIGHT), "--help"], 5),
            ("plan --help", [str(SHARDWRIGHT), "plan", "--help"], 5),
            ("plan of a local config", [str(SHARDWRIGHT), "plan", folder, "--gpu", "L40S", "--gpus-per-node", "4"], 12),
        ]
        for name, command, goal in rows:
            milliseconds, times = ratio(command)
            print(f"{name:<28}{milliseconds:7.0f} ms   {times:5.1f}x a bare interpreter   goal at most {goal}x")
    if arguments.engine:
        subprocess.run([str(PYTHON), str(ROOT / "benchmarks" / "engine_start.py")], check=True)


if __name__ == "__main__":
    main()
