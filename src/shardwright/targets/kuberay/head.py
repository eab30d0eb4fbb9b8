"""What the head of a Ray cluster runs: Ray as the operator would start it, then the engine's server.

The operator wraps a container's command in a shell line without quoting it, so ours replaces the whole command (the
annotation says so) and takes Ray's part from the variable in which the operator leaves it. Without `--block` that part
returns when Ray runs, or fails. The server starts when all nodes have joined: engines count the GPUs they find.
Source: KubeRay v1.1.1 to v1.7.0, ray-operator/controllers/ray/common/pod.go; Ray 2.48, `ray start --help`.
"""

from __future__ import annotations

from shardwright.core import ray_nodes

__all__ = ["OVERWRITE", "RAYLET_LIVES", "head_command"]

OVERWRITE = {"ray.io/overwrite-container-cmd": "true"}
"""Annotation of a pod whose command the operator leaves as it is."""

RAYLET_LIVES = ("sh", "-c", "grep -qx raylet /proc/[0-9]*/comm")
"""Succeeds while Ray runs in the pod. The operator's own probes need wget and Ray's dashboard agent in the image."""

_HEAD = """set -eu
ulimit -n 65536 || true
eval "$(printf %s "$KUBERAY_GEN_RAY_START_CMD" | sed 's/ --block//')"
python3 -c "$1" "$2"
shift 2
exec "$@"
"""


def head_command(server: tuple[str, ...], nodes: int) -> tuple[str, ...]:
    """Ray, then the server, once that many nodes have joined, the head among them."""
    return ("sh", "-c", _HEAD, "ray-head", ray_nodes.COUNT, str(nodes), *server)
