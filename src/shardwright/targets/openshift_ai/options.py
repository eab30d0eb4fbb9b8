"""`target.options` of this target: few, each checked and documented here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from shardwright.core.recipe import Recipe

__all__ = [
    "CHOICES",
    "MACHINE_KEYS",
    "OPTIONS",
    "SWITCHES",
    "complaint",
    "is_on",
    "machines_of",
    "option",
    "options_of",
    "runtime_name",
]

MACHINE_KEYS = ("infrastructure", "region", "zone", "image")

OPTIONS = {
    "runtime": (
        "`plain` (the default): a ServingRuntime; `template`: an OpenShift Template that holds it, for `oc process`"
    ),
    "runtimeName": "name of the ServingRuntime, as vllm-multinode-runtime; the deployment's own if left out",
    "dashboard": "true: the dashboard shows runtime and service; left out or false, it does not",
    "namespace": "true: the namespace is rendered too, as a project of OpenShift AI",
    "nfs": "storage class behind an NFS server that provides storage.class, for clusters without shared volumes",
    "machines": (
        "{infrastructure, region, zone, image}: a MachineSet on AWS with the nodes of hardware.nodeShape;"
        " infrastructure is the cluster's id, image the AMI of its workers"
    ),
}
"""What each option means, for the documentation and for messages."""

CHOICES = {"runtime": ("plain", "template")}
"""Values of options that have few."""

SWITCHES = ("dashboard", "namespace")
"""Options that are true or false."""


def options_of(recipe: Recipe) -> dict[str, Any]:
    """Options as written; checked by the rules, not here."""
    return recipe.target.options if recipe.target else {}


def option(recipe: Recipe, name: str) -> str:
    """One option that is a text; empty if it is not given."""
    given: object = options_of(recipe).get(name)
    return given if isinstance(given, str) else ""


def is_on(recipe: Recipe, name: str) -> bool:
    """Whether a switch is true."""
    return options_of(recipe).get(name) is True


def machines_of(recipe: Recipe) -> dict[str, str]:
    """What a MachineSet needs to know of its cluster; empty if none is asked for."""
    given: object = options_of(recipe).get("machines")
    if not isinstance(given, Mapping):
        return {}
    return {str(key): str(value) for key, value in cast("Mapping[object, object]", given).items()}


def runtime_name(recipe: Recipe) -> str:
    """Name of the ServingRuntime."""
    return option(recipe, "runtimeName") or recipe.metadata.name


def complaint(name: str, value: object) -> str:
    """What a value of that option must be; empty if it is that."""
    if name in SWITCHES:
        return "" if isinstance(value, bool) else "must be true or false"
    if name == "machines":
        return "" if _is_whole(value) else f"must be a mapping with {', '.join(MACHINE_KEYS)}, all texts"
    if not isinstance(value, str) or not value:
        return "must be a text"
    choices = CHOICES.get(name)
    return "" if choices is None or value in choices else f"must be {' or '.join(choices)}"


def _is_whole(value: object) -> bool:
    if not isinstance(value, Mapping):
        return False
    given = cast("Mapping[object, object]", value)
    return set(given) == set(MACHINE_KEYS) and all(isinstance(each, str) and each for each in given.values())
