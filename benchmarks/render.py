"""What rendering costs once a plan is at hand: launch, rules, manifests and text, for every target and form.

Processor time of one render in milliseconds, median and slowest of many; the first one, which imports the target and
reads its facts, stands apart. The goal is 50 ms for the slowest. Run with `make benchmark`.
"""

from __future__ import annotations

import statistics
import sys
import time
from typing import TYPE_CHECKING

from shardwright import registry
from shardwright.formats import helm, kustomize, texts
from shardwright.service import deploying, rendering
from shardwright.testing import builders
from shardwright.units import GIB

if TYPE_CHECKING:
    from collections.abc import Callable

    from shardwright.core.plan.types import Plan

RUNS = 50
GOAL_MILLISECONDS = 50.0


def plan_for(kind: str, nodes: int) -> Plan:
    """Llama-3.3-70B, TP4 on one node of L40S or TP4 x PP2 on two, with a claim, a Job and a way in."""
    asked = builders.recipe(
        model={"source": "hf://meta-llama/Llama-3.3-70B-Instruct"},
        target={"kind": kind},
        parallelism={"tensor": 4, "pipeline": nodes},
        hardware={"gpu": "L40S", "gpus_per_node": 4, "nodes": nodes},
        storage={"claim": "models", "size": 300 * GIB},
        expose={"kind": "ingress", "host": "llm.example.org"},
    )
    shape = builders.llama_shape(layer_count=80)
    cluster = builders.cluster("L40S", gpus_per_node=4, nodes=nodes)
    return builders.plan(asked, layout=builders.layout(4, nodes, nodes=nodes, layers=80), cluster=cluster, shape=shape)


def rendered(plan: Plan) -> str:
    """One render from a plan to text, with everything that the command shows beside it."""
    target = deploying.target_of(plan)
    deployment = deploying.deployment_of(plan, target)
    manifests = target.render(deployment)
    rendering.remarks(deployment, target)
    return texts.as_stream(manifests)


def milliseconds_of(work: Callable[[], object]) -> float:
    """Processor time of one call."""
    before = time.process_time()
    work()
    return (time.process_time() - before) * 1000


def is_carried(plan: Plan) -> bool:
    """Whether the target has a group of so many nodes; what else it finds does not matter here."""
    target = deploying.target_of(plan)
    found = target.findings(deploying.deployment_of(plan, target))
    return not any(each.severity == "error" and "node" in each.id for each in found)


def row(name: str, work: Callable[[], object]) -> float:
    """Print one measurement; the slowest of its runs."""
    first = milliseconds_of(work)
    runs = [milliseconds_of(work) for _ in range(RUNS)]
    print(f"{name:<34}{statistics.median(runs):7.1f} ms median   {max(runs):6.1f} slowest   {first:6.1f} first")
    return max(runs)


def main() -> int:
    """Print a row for each target and form; 1 if one is slower than the goal."""
    slowest = 0.0
    for kind in (kind for kind, place in registry.TARGETS.items() if place and kind != "local"):
        for nodes in (1, 2):
            plan = plan_for(kind, nodes)
            if is_carried(plan):
                slowest = max(slowest, row(f"{kind}, {nodes} node(s)", lambda plan=plan: rendered(plan)))
    plan = plan_for("lws", 2)
    target = deploying.target_of(plan)
    manifests = target.render(deploying.deployment_of(plan, target))
    for name, form in (("kustomize", kustomize.kustomize_files), ("helm", helm.helm_files)):
        slowest = max(slowest, row(f"  as {name}, manifests at hand", lambda form=form: form(manifests)))
    print(f"slowest {slowest:.1f} ms, goal at most {GOAL_MILLISECONDS:.0f} ms")
    return int(slowest > GOAL_MILLISECONDS)


if __name__ == "__main__":
    sys.exit(main())
