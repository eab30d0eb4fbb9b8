"""`target.options` of this target: few, each checked and documented here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from shardwright.core.recipe import Recipe

__all__ = ["CHOICES", "OPTIONS", "PORTS", "RAY_SERVE", "SWITCHES", "is_ray_serve", "option", "options_of", "ports_of"]

RAY_SERVE = "ray-serve"

OPTIONS = {
    "server": (
        "`head` (the engine's own server runs on the head of a RayCluster; the default) or `ray-serve` (a RayService with "
        "Ray Serve LLM: a head without GPUs, and workers for all ranks)"
    ),
    "rayVersion": "version of Ray in the image, which decides the operator's probes; read from the image's tag if left out",
    "gcsPort": "port of Ray's control store (6379)",
    "dashboardPort": "port of Ray's dashboard (8265)",
    "clientPort": "port of Ray's client (10001)",
    "metricsPort": "port of Ray's metrics (8080)",
    "redisAddress": "host:port of a Redis that keeps the control store's state, so that workers outlive the head",
    "redisPassword": "Secret and key with its password, as SECRET/KEY",
    "redisNamespace": "name under which the state is kept; the cluster's own if left out",
    "upgradeStrategy": (
        "`None` (a changed service is not replaced by itself; the default) or `NewCluster` (a second cluster is started "
        "beside the first, with as many GPUs); with `server: ray-serve`"
    ),
    "queue": "LocalQueue of Kueue that admits the cluster as a whole",
    "gang": "true: the operator's batch scheduler places all pods at once or none",
    "volcanoQueue": "queue of Volcano that the pods are placed from",
}
"""What each option means, for the documentation and for messages."""

PORTS = {
    "gcsPort": ("port", 6379),
    "dashboardPort": ("dashboard-port", 8265),
    "clientPort": ("ray-client-server-port", 10001),
    "metricsPort": ("metrics-export-port", 8080),
}
"""Ports of the head, each with the parameter of `ray start` that sets it and what it is if nothing is said."""

CHOICES = {"server": ("head", RAY_SERVE), "upgradeStrategy": ("None", "NewCluster")}
"""Values of options that have few."""

SWITCHES = ("gang",)
"""Options that are true or false."""


def options_of(recipe: Recipe) -> dict[str, Any]:
    """Options as written; checked by the rules, not here."""
    return recipe.target.options if recipe.target else {}


def option(recipe: Recipe, name: str) -> str:
    """One option that is a text; empty if it is not given."""
    return str(options_of(recipe).get(name) or "")


def is_ray_serve(recipe: Recipe) -> bool:
    """Whether Ray Serve runs the model instead of the engine's own server."""
    return option(recipe, "server") == RAY_SERVE


def ports_of(recipe: Recipe) -> dict[str, str]:
    """Ports of the head by the parameter of `ray start` that sets each."""
    asked = options_of(recipe)
    return {parameter: str(asked.get(name, default)) for name, (parameter, default) in PORTS.items()}
