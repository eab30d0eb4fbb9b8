"""`target.options` of this target: few, each checked and documented here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shardwright.core import target_options
from shardwright.core.target_options import Option
from shardwright.targets.kuberay import names

if TYPE_CHECKING:
    from shardwright.core.recipe import Recipe

__all__ = ["OPTIONS", "PORTS", "RAY_SERVE", "is_ray_serve", "port_parameters", "ports_of"]

RAY_SERVE = "ray-serve"

PORTS = {
    "gcsPort": ("port", 6379, "control store"),
    "dashboardPort": ("dashboard-port", 8265, "dashboard"),
    "clientPort": ("ray-client-server-port", 10001, "client"),
    "metricsPort": ("metrics-export-port", 8080, "metrics"),
}
"""Ports of the head, each with the parameter of `ray start` that sets it, what it is if nothing is said, and whose it is."""


def _is_reference(text: str) -> bool:
    secret, _, key = text.partition("/")
    return bool(secret and key) and "/" not in key


def _port_text(name: str, port: int) -> str:
    return f"{port}, if the image's Ray has its client" if name == "clientPort" else str(port)


OPTIONS = {
    "server": Option(
        "`head` (the engine's own server runs on the head of a RayCluster) or `ray-serve` (a RayService with Ray Serve LLM:"
        " a head without GPUs, and workers for all ranks)",
        default="`head`",
        choices=("head", RAY_SERVE),
    ),
    "rayVersion": Option(
        "version of Ray in the image, which decides the operator's probes",
        default="read from the image's tag",
        form=lambda text: bool(names.ray_version(text)),
        form_name="a version as 2.52.0",
    ),
    **{
        name: Option(f"port of Ray's {whose}", kind="port", default=_port_text(name, port), requirements=("R102",))
        for name, (_, port, whose) in PORTS.items()
    },
    "redisAddress": Option(
        "host:port of a Redis that keeps the control store's state, so that workers outlive the head"
    ),
    "redisPassword": Option(
        "Secret and key with its password, as SECRET/KEY",
        form=_is_reference,
        form_name="SECRET/KEY, never the password",
        is_value_shown=False,
    ),
    "redisNamespace": Option("name under which the state is kept", default="the cluster's own"),
    "upgradeStrategy": Option(
        "`None` (a changed service is not replaced by itself) or `NewCluster` (a second cluster is started beside the first,"
        " with as many GPUs); with `server: ray-serve`",
        default="`None`",
        choices=("None", "NewCluster"),
    ),
    "queue": Option("LocalQueue of Kueue that admits the cluster as a whole"),
    "gang": Option(
        "true: the operator's batch scheduler places all pods at once or none", kind="switch", default="false"
    ),
    "volcanoQueue": Option("queue of Volcano that the pods are placed from"),
}
"""What each takes."""


def is_ray_serve(recipe: Recipe) -> bool:
    """Whether Ray Serve runs the model instead of the engine's own server."""
    return target_options.text_of(recipe, "server") == RAY_SERVE


def ports_of(recipe: Recipe) -> dict[str, str]:
    """Ports of the head by the parameter of `ray start` that sets each."""
    asked = target_options.options_of(recipe)
    return {parameter: str(asked.get(name, default)) for name, (parameter, default, _) in PORTS.items()}


def port_parameters(recipe: Recipe) -> dict[str, str]:
    """Ports as the head's Ray is told them; the client's only where the recipe names it.

    Ray opens 10001 by itself if its client is installed, and refuses to start where it is not and the port is named.
    """
    asked, found = target_options.options_of(recipe), ports_of(recipe)
    parameter = PORTS["clientPort"][0]
    return {name: port for name, port in found.items() if name != parameter or "clientPort" in asked}
