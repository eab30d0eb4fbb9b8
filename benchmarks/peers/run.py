"""Memory of other planners against what vLLM printed, side by side with Shardwright's; each in an environment of its own.

Installs llm-d-planner, aiconfigurator, kvfit and hf-mem from the package index below the user's cache folder (1 GB; remove
it with `--clean`). What cannot be installed or asked is skipped, with the reason. They read models from the hub; here they
get the same configuration and the same sizes of tensors as Shardwright instead, so nothing is downloaded but packages.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

import cases
import uv

from shardwright.settings import load_settings

ADAPTERS = Path(__file__).parent / "adapters"
PEERS = {
    "llm-d-planner": ("llm-d-planner[estimation]==0.3.3", "llm_d_planner.py"),
    "aiconfigurator": ("aiconfigurator==0.12.0", "aiconfigurator_memory.py"),
    "kvfit": ("kvfit==0.3.0", "kvfit_memory.py"),
    "hf-mem": ("hf-mem==0.5.6", "hf_mem_memory.py"),
}
PATIENCE_SECONDS = 600

Answer = dict[str, Any]


def environment(name: str, requirement: str, folder: Path) -> Path:
    """The interpreter of an environment with the package; RuntimeError with the installer's last words."""
    home = folder / name
    python = home / "bin" / "python"
    program = uv.find_uv_bin()
    made = [program, "venv", "--quiet", "--no-project", "--allow-existing", "--python", sys.executable, str(home)]
    for command in (made, [program, "pip", "install", "--quiet", "--python", str(python), requirement]):
        ran = subprocess.run(command, capture_output=True, text=True, check=False, timeout=PATIENCE_SECONDS)
        if ran.returncode:
            raise RuntimeError(ran.stderr.strip().splitlines()[-1] if ran.stderr.strip() else "no reason given")
    return python


def answers_of(python: Path, adapter: str, asked: list[dict[str, Any]]) -> list[Answer]:
    """What a planner says to every case; RuntimeError if its adapter fails as a whole."""
    ran = subprocess.run(
        [str(python), str(ADAPTERS / adapter)],
        input=json.dumps(asked),
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_SECONDS,
    )
    if ran.returncode:
        raise RuntimeError(ran.stderr.strip().splitlines()[-1] if ran.stderr.strip() else f"exit {ran.returncode}")
    return json.loads(ran.stdout.splitlines()[-1])


def collected(folder: Path, measured: list[cases.Case]) -> tuple[dict[str, list[Answer]], dict[str, str]]:
    """Answers of all planners, and why some gave none."""
    answers = {"shardwright": [cases.ours(case) for case in measured]}
    skipped: dict[str, str] = {}
    for name, (requirement, adapter) in PEERS.items():
        try:
            python = environment(name, requirement, folder)
            answers[name] = answers_of(python, adapter, [case.as_json() for case in measured])
        except (RuntimeError, subprocess.TimeoutExpired, OSError) as problem:
            skipped[name] = str(problem)
    return answers, skipped


def error(answer: Answer, key: str, truth: float) -> float | None:
    """Relative error of one figure; None where the planner gave none."""
    value = answer.get(key)
    return None if value is None else value / truth - 1


def print_table(title: str, key: str, measured: list[cases.Case], answers: dict[str, list[Answer]]) -> None:
    """One row a case, one column a planner, then mean and worst."""
    truth = [float(getattr(case.point, key)) for case in measured]
    print(f"{title:52} {'measured':>12} " + " ".join(f"{name:>14}" for name in answers))
    errors: dict[str, list[float]] = {name: [] for name in answers}
    for row, case in enumerate(measured):
        cells: list[str] = []
        for name, given in answers.items():
            found = error(given[row], key, truth[row])
            cells.append(f"{'-':>14}" if found is None else f"{found:>+14.1%}")
            errors[name] += [] if found is None else [abs(found)]
        print(f"{case.name:52} {truth[row]:>12,.2f} " + " ".join(cells))
    for word, reduce in (("mean error", statistics.mean), ("worst", max)):
        cells = [f"{reduce(found):>14.1%}" if found else f"{'-':>14}" for found in errors.values()]
        print(f"{word:52} {'':>12} " + " ".join(cells))
    print(f"{'cases answered':52} {len(measured):>12} " + " ".join(f"{len(found):>14}" for found in errors.values()))
    print()


def main() -> None:
    """Make environments, ask every planner, print errors of pools and of tokens."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clean", action="store_true", help="remove the environments and end")
    folder = load_settings().cache_dir / "peers"
    if parser.parse_args().clean:
        shutil.rmtree(folder, ignore_errors=True)
        return
    folder.mkdir(parents=True, exist_ok=True)
    measured = cases.cases()
    answers, skipped = collected(folder, measured)
    print_table("KV pool of the first rank, GiB", "pool_gib", measured, answers)
    print_table("tokens in the pool", "tokens", measured, answers)
    for name, given in answers.items():
        reasons = sorted({str(answer["skipped"]) for answer in given if "skipped" in answer})
        for reason in reasons:
            print(f"{name}: not asked or no answer: {reason}")
    for name, reason in skipped.items():
        print(f"{name}: skipped: {reason}")


if __name__ == "__main__":
    main()
