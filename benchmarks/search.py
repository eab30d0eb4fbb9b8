"""Cost of a search against the size of the inventory: milliseconds of the decision alone, without reading or printing.

Processor time, because nothing is waited for. Eight kinds of nodes with eight GPUs each, from one node of each kind to 64. Medians of several runs on this machine; the
goal, at most 100 ms for 1,024 GPUs of 8 kinds, is for the default objective. `--profile` shows where the time goes.
"""

from __future__ import annotations

import argparse
import cProfile
import dataclasses
import pstats
import statistics
import time

from shardwright import registry
from shardwright.core.hardware import Cluster, NodePool
from shardwright.core.plan import Plan, plan
from shardwright.core.recipe.model import LatencyGoal, Metadata, Model, Prices, Recipe, Workload
from shardwright.facts import load as facts
from shardwright.models import load_shape
from shardwright.settings import HubSettings, load_hub_settings

KINDS = ("A10G", "L4", "L40S", "A100-40GB", "A100-80GB", "H100", "H200", "B200")
NODES = (1, 4, 16, 64)
GPUS_PER_NODE = 8
RUNS = 5
GOAL_MILLISECONDS = 100
CASES = (
    ("llama-3-8b", "fewest-gpus", 32, None),
    ("llama-3.3-70b", "fewest-gpus", 256, None),
    ("llama-3.1-405b", "fewest-gpus", 64, None),
    ("llama-3.1-405b", "fewest-gpus", 100_000, None),
    ("deepseek-v3", "fewest-gpus", 256, None),
    ("llama-3.3-70b", "price", 256, None),
    ("llama-3.3-70b", "latency", 64, None),
    ("llama-3.3-70b", "throughput", 1024, None),
    ("llama-3.3-70b", "fewest-gpus", 64, 0.001),
)
PRICES: dict[str, float] = dict(zip(KINDS, (1.0, 0.7, 1.6, 2.0, 2.6, 4.0, 5.0, 7.0), strict=True))


def recipe(name: str, objective: str, concurrency: int, goal_seconds: float | None) -> Recipe:
    """One question for the planner."""
    goal = None if goal_seconds is None else LatencyGoal(inter_token_seconds=goal_seconds)
    workload = Workload(max_model_len=8192, concurrency=concurrency, input_tokens=2048, output_tokens=256)
    workload = dataclasses.replace(workload, latency_goal=goal, objective=objective)  # type: ignore[arg-type]
    return Recipe(
        metadata=Metadata(name="search"), model=Model(source=name), workload=workload, prices=Prices(gpu_hour=PRICES)
    )


def milliseconds(asked: Recipe, cluster: Cluster, settings: HubSettings) -> tuple[float, str]:
    """Median time of a decision, and what was decided."""
    shape, engine = load_shape(asked.model.source, revision=None, settings=settings), registry.load_engine("vllm")
    times: list[float] = []
    made = plan(asked, shape, cluster, engine)
    for _ in range(RUNS):
        started = time.process_time()
        made = plan(asked, shape, cluster, engine)
        times.append(time.process_time() - started)
    chosen = f"{made.layout} of {made.gpu.name}" if isinstance(made, Plan) else "nothing fits"
    return 1000 * statistics.median(times), chosen


def inventory(nodes: int) -> Cluster:
    """So many nodes of every kind."""
    return Cluster(tuple(NodePool(facts.gpu(kind), GPUS_PER_NODE, nodes) for kind in KINDS))


def main() -> None:
    """Print one row a case: what is sought, and milliseconds for every size."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--profile", action="store_true", help="profile every case at 1,024 GPUs")
    arguments = parser.parse_args()
    settings = load_hub_settings()
    sizes = [len(KINDS) * GPUS_PER_NODE * nodes for nodes in NODES]
    print(f"{'model, objective, requests':<44}" + "".join(f"{size:>9,} GPUs" for size in sizes))
    for name, objective, concurrency, goal in CASES:
        asked = recipe(name, objective, concurrency, goal)
        if arguments.profile:
            _profile(asked, settings)
            continue
        found = [milliseconds(asked, inventory(nodes), settings) for nodes in NODES]
        label = f"{name}, {objective}, {concurrency:,}{', goal missed' if goal else ''}"
        print(f"{label:<44}" + "".join(f"{each:>11,.0f} ms" for each, _ in found) + f"   {found[2][1]}")
    print(f"goal: at most {GOAL_MILLISECONDS} ms for {sizes[2]:,} GPUs of {len(KINDS)} kinds")


def _profile(asked: Recipe, settings: HubSettings) -> None:
    profiler = cProfile.Profile()
    profiler.enable()
    milliseconds(asked, inventory(16), settings)
    profiler.disable()
    pstats.Stats(profiler).sort_stats("cumulative").print_stats(25)


if __name__ == "__main__":
    main()
