"""Pods in manifests of any source: their containers, variables, resources and mounts, as paths into an object.

Reads what is there and judges nothing but what goes wrong with pods everywhere: tokens written out, tolerations that
match nothing, shared memory left at the runtime's 64 MiB. Knows no platform's kinds.
Source: API core/v1; a container's /dev/shm is 64 MiB where nothing is mounted there.
"""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING

from shardwright.core.marked import secret_values
from shardwright.core.rules.rule import Breach

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shardwright.core.manifests.objects import Object, Value
    from shardwright.core.marked.paths import Path

__all__ = [
    "arguments",
    "containers",
    "count_of",
    "literal_tokens",
    "quantity",
    "requested",
    "small_memory",
    "unmatched_tolerations",
    "value_of",
    "variables",
]

_QUANTITY = re.compile(r"([-+]?(?:\d+\.?\d*|\.\d+))([KMGTPE]i|[numkMGTPE]?|[eE][-+]?\d{1,3})")
_POWERS = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_BINARY = {"Ki": 1, "Mi": 2, "Gi": 3, "Ti": 4, "Pi": 5, "Ei": 6}
_REFERENCE = re.compile(r"\$[({].*|%.*%|<.*>", re.DOTALL)


def containers(manifest: Object, pod: Path, field: str = "containers") -> Iterator[Path]:
    """Paths of the containers of a pod's specification."""
    for index, each in enumerate(manifest.list_at(*pod, field)):
        if isinstance(each, dict):
            yield (*pod, field, index)


def variables(manifest: Object, container: Path) -> Iterator[tuple[Path, str]]:
    """Paths and names of a container's variables."""
    for index, each in enumerate(manifest.list_at(*container, "env")):
        if isinstance(each, dict) and isinstance(name := each.get("name"), str):
            yield (*container, "env", index), name


def value_of(manifest: Object, container: Path, name: str) -> str | None:
    """What a variable is set to, None where it is not set; empty where it comes from elsewhere."""
    for path, each in variables(manifest, container):
        if each == name:
            return manifest.text_at(*path, "value")
    return None


def arguments(manifest: Object, container: Path) -> list[str]:
    """Command and arguments of a container, in order."""
    words = [*manifest.list_at(*container, "command"), *manifest.list_at(*container, "args")]
    return [word for word in words if isinstance(word, str)]


def quantity(value: Value) -> Decimal:
    """The amount of a quantity of Kubernetes; ValueError if it is none."""
    match = _QUANTITY.fullmatch("" if isinstance(value, bool | list | dict) else str(value))
    if match is None:
        raise ValueError("no quantity")
    number, suffix = Decimal(match[1]), match[2]
    if suffix in _BINARY:
        return number * 1024 ** _BINARY[suffix]
    if suffix in _POWERS:
        return number.scaleb(_POWERS[suffix])
    try:
        return Decimal(match[1] + suffix)
    except InvalidOperation:
        raise ValueError("no quantity") from None


def count_of(value: Value) -> int:
    """A whole number of devices; 0 for what is none."""
    try:
        return int(quantity(value))
    except (ValueError, OverflowError):
        return 0


def requested(manifest: Object, container: Path, part: str = "requests") -> dict[str, Value]:
    """What a container requests, or its `limits`, by resource."""
    return manifest.map_at(*container, "resources", part)


def literal_tokens(manifest: Object, pod: Path) -> Iterator[Breach]:
    """Credentials that stand in a pod's variables or arguments."""
    for field in ("containers", "initContainers"):
        for container in containers(manifest, pod, field):
            yield from container_tokens(manifest, container)


def container_tokens(manifest: Object, container: Path) -> Iterator[Breach]:
    """Credentials that stand in a container's variables or arguments."""
    for path, name in variables(manifest, container):
        value = manifest.text_at(*path, "value")
        is_written = bool(value.strip()) and not _REFERENCE.fullmatch(value.strip())
        if is_written and (secret_values.has_hub_token(value) or secret_values.is_secret_name(name)):
            yield Breach((*path, "value"), f"{name} holds a credential as plain text")
    for field in ("command", "args"):
        for index, word in enumerate(manifest.list_at(*container, field)):
            if isinstance(word, str) and secret_values.has_hub_token(word):
                yield Breach((*container, field, index), "a token of the hub stands in the arguments")


def unmatched_tolerations(manifest: Object, pod: Path) -> Iterator[Breach]:
    """Tolerations of a key with neither operator nor value, which match only a taint that has no value."""
    for index, each in enumerate(manifest.list_at(*pod, "tolerations")):
        if isinstance(each, dict) and each.get("key") and not each.get("value") and each.get("operator") != "Exists":
            yield Breach(
                (*pod, "tolerations", index),
                f'the toleration of {each["key"]} has no operator, so it means "Equal" to an empty value',
            )


def small_memory(manifest: Object, pod: Path, container: Path) -> bool:
    """Whether nothing is mounted at a container's /dev/shm, or less than 1 GiB of memory."""
    for each in manifest.list_at(*container, "volumeMounts"):
        if isinstance(each, dict) and str(each.get("mountPath", "")).rstrip("/") == "/dev/shm":  # noqa: S108 - a path in a container
            return _is_small(manifest, pod, each.get("name"))
    return True


def _is_small(manifest: Object, pod: Path, name: Value) -> bool:
    for index, each in enumerate(manifest.list_at(*pod, "volumes")):
        if isinstance(each, dict) and each.get("name") == name:
            limit = manifest.get(*pod, "volumes", index, "emptyDir", "sizeLimit")
            try:
                return limit is not None and quantity(limit) < 2**30
            except ValueError:
                return False
    return False
