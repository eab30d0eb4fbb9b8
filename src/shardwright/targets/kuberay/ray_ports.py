"""Ports that a Ray head opens, and where two purposes have one.

Source: KubeRay v1.1.1 to v1.7.0, ray-operator/controllers/ray/utils/constant.go (defaults of ports); Ray 2.48,
`ray start --help`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from shardwright.kubernetes import manifest_pods
from shardwright.targets.kuberay.ray_objects import text_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shardwright.core.marked.paths import Path
    from shardwright.targets.kuberay.ray_objects import Cluster

__all__ = ["DEFAULT_PORTS", "complaints"]

DEFAULT_PORTS = {
    "port": 6379,
    "dashboard-port": 8265,
    "ray-client-server-port": 10001,
    "metrics-export-port": 8080,
}
"""Parameters of `ray start --head` that open a port, with what they are where nothing is said."""

_PURPOSES = {
    "port": "the control store",
    "dashboard-port": "the dashboard",
    "ray-client-server-port": "Ray's client",
    "metrics-export-port": "Ray's metrics",
}
_LARGEST = 65535
_SERVED_ON = re.compile(r"--port[ =](\d{1,5})(?!\d)")


def complaints(cluster: Cluster) -> Iterator[tuple[Path, str, str]]:
    """Where a port of the head is none, or is taken twice, with a message and the port."""
    params = (*cluster.head.path, "rayStartParams")
    taken: dict[int, str] = {}
    for name, default in DEFAULT_PORTS.items():
        text = text_of(cluster.owner.get(*params, name))
        number = int(text) if text.isascii() and text.isdigit() and len(text) < 10 else default
        if text and not (text.isascii() and text.isdigit() and 1 <= number <= _LARGEST):
            yield (*params, name), f"{name} is {text!r}; a port is 1 to {_LARGEST}", text
        elif number in taken:
            yield (*params, name), f"{_PURPOSES[name]} and {taken[number]} are both on port {number}", str(number)
        else:
            taken[number] = _PURPOSES[name]
    words = " ".join(manifest_pods.arguments(cluster.owner, cluster.head.container))
    if "vllm" in words and (served := _SERVED_ON.search(words)) and int(served[1]) in taken:
        yield cluster.head.container, f"the server and {taken[int(served[1])]} are both on port {served[1]}", served[1]
