"""Stands in for `vllm serve ... --distributed-executor-backend ray`, which refuses Ray on a CPU: no model, but a real Ray.

It uses Ray as vLLM 0.32 does (v1/executor/ray_executor_v2.py): it connects to the cluster of its pod, has a placement group
with one GPU a rank, starts an actor a rank that says what a rank of vLLM says, and ends when one of them ends. It answers
only what all actors have answered. Run by the Python of the pods, which has Ray and nothing of this project.
"""

from __future__ import annotations

import argparse
import http.server
import importlib
import json
import os
import sys
import threading
import time
from typing import Any

ray: Any = importlib.import_module("ray")  # by name: the environment of the tests has none
groups: Any = importlib.import_module("ray.util.placement_group")
strategies: Any = importlib.import_module("ray.util.scheduling_strategies")


def say(text: str) -> None:
    """One line of the log, now."""
    print(text, flush=True)  # noqa: T201 - it is the server's log


class RayWorkerProc:
    """A rank: the name of vLLM's actor, because Ray puts it before each line that the actor prints."""

    def __init__(self, rank: int, size: int) -> None:
        self._prefix = f"(Worker_PP{rank} pid={os.getpid()})"
        self._size = size
        self._say(
            f"INFO 11-21 18:00:00 [parallel_state.py:1] world_size={size} rank={rank} local_rank=0 "
            "distributed_init_method=tcp://head:1 backend=nccl"
        )
        self._say("INFO 11-21 18:00:03 [gpu_model_runner.py:1] Model loading took 7.5 GiB memory and 3.000000 seconds")

    def _say(self, text: str) -> None:
        say(f"{self._prefix} {text}")

    def where(self) -> str:
        """The node of Ray that it runs on."""
        return ray.get_runtime_context().get_node_id()

    def step(self, words: str) -> str:
        """Its part of an answer."""
        return words

    def run(self) -> None:
        """Goes on as long as the rank lives; the server waits for its end."""
        while True:
            time.sleep(1)


def ranks_of(count: int) -> list[Any]:
    """Actors, one a GPU, the head's first."""
    group = groups.placement_group([{"GPU": 1.0}] * count, strategy="PACK")
    ray.get(group.ready(), timeout=120)
    here = ray.get_runtime_context().get_node_id()
    nodes: dict[int, str] = groups.placement_group_table(group)["bundles_to_node_id"]
    bundles = sorted(nodes, key=lambda index: (nodes[index] != here, nodes[index]))
    actor = ray.remote(RayWorkerProc)
    made: list[Any] = []
    for rank, bundle in enumerate(bundles):
        place = strategies.PlacementGroupSchedulingStrategy(placement_group=group, placement_group_bundle_index=bundle)
        options: dict[str, Any] = {"num_cpus": 0, "num_gpus": 1, "max_concurrency": 2, "scheduling_strategy": place}
        made.append(actor.options(**options).remote(rank, count))
    say(f"ranks are on {len(set(ray.get([each.where.remote() for each in made])))} nodes of Ray")
    return made


def watch(ranks: list[Any]) -> None:
    """End as vLLM ends when a rank does."""
    runs = {each.run.remote(): number for number, each in enumerate(ranks)}
    while True:
        done, _ = ray.wait(list(runs), num_returns=1, timeout=5.0)
        if done:
            say(
                f"(EngineCore pid={os.getpid()}) ERROR 11-21 18:01:00 [ray_executor_v2.py:1] RayWorkerProc rank="
                f"{[runs[each] for each in done]} died unexpectedly, shutting down executor."
            )
            os._exit(1)


def handler_of(ranks: list[Any], name: str) -> type[http.server.BaseHTTPRequestHandler]:
    """What answers requests."""

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name in the library
            """Nothing."""

        def _answer(self, tree: object) -> None:
            body = json.dumps(tree).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_GET(self) -> None:
            """Health and models."""
            ray.get([each.step.remote("") for each in ranks], timeout=20)
            self._answer({} if self.path == "/health" else {"object": "list", "data": [{"id": name}]})

        def do_POST(self) -> None:
            """A completion of which each rank says a part."""
            self.rfile.read(int(self.headers["Content-Length"]))
            words = ["Mount ", "Everest ", "is ", "high"]
            parts = ray.get([each.step.remote(words[rank % 4]) for rank, each in enumerate(ranks)], timeout=20)
            self._answer({"choices": [{"index": 0, "text": "".join(parts), "finish_reason": "length"}]})

    return Handler


def main() -> None:
    """Serve until a rank ends."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--served-model-name")
    parser.add_argument("--port", type=int)
    parser.add_argument("--tensor-parallel-size", type=int, default=1)
    parser.add_argument("--pipeline-parallel-size", type=int, default=1)
    parser.add_argument("--distributed-executor-backend")
    given, _ = parser.parse_known_args()
    if given.distributed_executor_backend != "ray":
        sys.exit("started without Ray")
    ray.init(address=os.environ.get("RAY_ADDRESS"))
    ranks = ranks_of(given.tensor_parallel_size * given.pipeline_parallel_size)
    say(
        f"(EngineCore pid={os.getpid()}) INFO 11-21 18:00:04 [kv_cache_utils.py:1] "
        f"GPU KV cache size: {os.environ.get('TOKENS', '1,000')} tokens"
    )
    threading.Thread(target=watch, args=(ranks,), daemon=True).start()
    server = http.server.ThreadingHTTPServer(("", given.port), handler_of(ranks, given.served_model_name))
    say("INFO:     Application startup complete.")
    server.serve_forever()


if __name__ == "__main__":
    main()
