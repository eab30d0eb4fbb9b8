"""What the leader of a Ray group runs before its server: a program for the image's own Python that counts nodes.

Engines count the GPUs that they find when they start, so the server must not start before all nodes have joined.
Source: Ray 2.48, `ray.nodes()`.
"""

from __future__ import annotations

__all__ = ["COUNT"]

COUNT = """import sys, time, ray
ray.init(address="auto", log_to_driver=False)
wanted, seen = int(sys.argv[1]), -1
while seen < wanted:
    alive = sum(1 for node in ray.nodes() if node["Alive"])
    if alive != seen:
        print(f"{alive} of {wanted} nodes have joined Ray", flush=True)
    seen = alive
    time.sleep(0 if seen >= wanted else 2)
"""
"""Waits until as many nodes have joined as its first argument says, and prints how many have."""
