"""A stand-in for the engine in pods on real nodes: it logs what vLLM logs, answers what vLLM answers, and takes no GPU.

The pods are the rendered ones but for their command; the engine itself is tested elsewhere.
"""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from shardwright.service import rollout
from shardwright.testing import builders
from shardwright.testing.cluster import engine_pods
from shardwright.testing.cluster.engine_pods import EnginePlace

if TYPE_CHECKING:
    from shardwright.core.lifecycle.revision import Revision
    from shardwright.core.plan.types import Plan
    from shardwright.testing.cluster.api import Tree

__all__ = ["NAME", "PORT", "planned", "wanted"]

NAME, PORT = "llama", 8080

# Runs in the pods. KEY: what requests have to carry; WORDS: what is answered; DELAY: after how many seconds.
PROGRAM = r"""
import http.server, json, os, sys, time
index, key, words = os.environ.get("LWS_WORKER_INDEX", "0"), os.environ.get("KEY", ""), os.environ.get("WORDS", "Mount Everest is.").split(" ")
def say(text):
    print(text, flush=True)
say(f"(Worker_PP{index}_TP0 pid=7) INFO 11-21 18:00:00 [parallel_state.py:1] world_size=2 rank={index} local_rank=0 distributed_init_method=tcp://leader:1 backend=nccl")
say("\x1b[32mstarting\x1b[0m")
for done in (1, 2, 3):
    say(f"(Worker_PP{index}_TP0 pid=7) Loading safetensors checkpoint shards:  {done * 33}% Completed | {done}/3 [00:0{done}<00:01]")
    time.sleep(float(os.environ.get("STEP", "0.2")))
say(f"(Worker_PP{index}_TP0 pid=7) INFO 11-21 18:00:03 [gpu_model_runner.py:1] Model loading took 7.5 GiB memory and 3.000000 seconds")
if index != "0":
    while True:
        time.sleep(0.5)
        if os.path.exists("/tmp/die"):
            sys.exit(3)
say("(EngineCore pid=8) INFO 11-21 18:00:04 [kv_cache_utils.py:1] GPU KV cache size: " + os.environ.get("TOKENS", "190,704") + " tokens")
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def log_message(self, *given): pass
    def answer(self, tree, code=200):
        body = json.dumps(tree).encode()
        self.send_response(code); self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body))); self.end_headers(); self.wfile.write(body)
    def allowed(self):
        good = not key or self.headers.get("Authorization") == "Bearer " + key
        if not good: self.answer({"error": "Unauthorized"}, 401)
        return good
    def do_GET(self):
        if self.path == "/health": self.answer({})
        elif self.allowed(): self.answer({"object": "list", "data": [{"id": os.environ.get("SERVED", "llama")}]})
    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if not self.allowed(): return
        time.sleep(float(os.environ.get("DELAY", "0")))
        if not asked.get("stream"):
            return self.answer({"choices": [{"index": 0, "text": " ".join(words), "finish_reason": "length"}]})
        self.send_response(200); self.send_header("Content-Type", "text/event-stream"); self.send_header("Connection", "close"); self.end_headers()
        for word in words:
            delta = {"choices": [{"delta": {"content": word + " "}}]}
            self.wfile.write(f"data: {json.dumps(delta)}\n\n".encode()); self.wfile.flush(); time.sleep(0.05)
        self.wfile.write(b"data: [DONE]\n\n"); self.close_connection = True
server = http.server.ThreadingHTTPServer(("", 8080), Handler)
say("INFO:     Application startup complete.")
server.serve_forever()
"""

SMI = """#!/bin/sh
echo "index, name, memory.used [MiB], memory.total [MiB], utilization.gpu [%]"
echo "0, NVIDIA A10G, 20000 MiB, 23028 MiB, 17 %"
"""
RAY = """#!/bin/sh
echo "2 node(s) active"
"""


def planned(namespace: str, **overrides: Any) -> Plan:  # noqa: ANN401 - fields of a recipe
    """Llama over two nodes, the model on somebody else's claim."""
    given = {
        "metadata": {"name": NAME, "namespace": namespace},
        "model": {"source": "pvc://models/llama", "token": None},
        "target": {"kind": "lws", "version": "0.8"},
    }
    plan = builders.plan()
    return dataclasses.replace(plan, recipe=builders.recipe(**{**given, **overrides}))


def wanted(plan: Plan, cache: Path, **environment: str) -> Revision:
    """The revision of a plan with the stand-in in its pods."""
    tools = cache / "tools"
    tools.mkdir(parents=True, exist_ok=True)
    for name, text in (("nvidia-smi", SMI), ("ray", RAY)):
        (tools / name).write_text(text)
        (tools / name).chmod(0o755)
    place = EnginePlace(Path(sys.prefix), cache, cpu="50m", memory="64Mi")
    revision = rollout.wanted_of(plan)
    environment = {"PATH": f"{tools}:{sys.prefix}/bin:/usr/bin:/bin", **environment}
    bodies = [
        _standing_in(engine_pods.templates_adapted(dict(body), place), environment) for body in revision.manifests
    ]
    return dataclasses.replace(revision, manifests=tuple(bodies))


def _standing_in(node: Any, environment: dict[str, str]) -> Any:  # noqa: ANN401 - a JSON tree
    if isinstance(node, list):
        return [_standing_in(each, environment) for each in cast("list[Any]", node)]
    if not isinstance(node, dict):
        return node
    tree = cast("Tree", node)
    if "containers" not in tree:
        return {key: _standing_in(value, environment) for key, value in tree.items()}
    return _pod(tree, environment)


def _pod(pod: Tree, environment: dict[str, str]) -> Tree:
    """The claim is nobody's here, and nothing waits for a model on it."""
    claims = {each["name"] for each in pod.get("volumes", ()) if "persistentVolumeClaim" in each}
    pod = {**pod, "volumes": [each for each in pod["volumes"] if each["name"] not in claims]}
    pod.pop("initContainers", None)
    for container in pod["containers"]:
        container["command"], container["args"] = ["python3", "-c", PROGRAM], []
        container["volumeMounts"] = [each for each in container["volumeMounts"] if each["name"] not in claims]
        kept = [each for each in container["env"] if each["name"] not in environment]
        container["env"] = [*kept, *({"name": name, "value": value} for name, value in environment.items())]
        for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
            if probe in container:
                container[probe] |= {"periodSeconds": 1}
    return {**pod, "terminationGracePeriodSeconds": 1}
