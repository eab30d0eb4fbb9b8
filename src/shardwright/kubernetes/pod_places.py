"""Where the pods of a manifest stand, and how what they say is read: containers, variables, arguments, GPUs, volumes."""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from shardwright.kubernetes import accelerators

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from shardwright.core.manifests.objects import Object, Value
    from shardwright.core.marked.paths import Path

__all__ = ["Container", "Pod", "PodsOf", "containers_of", "flag_value", "gpus_of", "text_list", "words_of"]

_BETWEEN_WORDS = re.compile(r"[\s\"']+")


@dataclass(frozen=True, slots=True)
class Pod:
    """One pod spec of an object."""

    path: Path
    """To the spec."""
    spec: dict[str, Value]
    role: str
    """`leader` or `worker` of a group; `pod` where there is no group."""
    group_size: int = 1
    """Pods that work on one model together, where it can be told."""


@dataclass(frozen=True, slots=True)
class Container:
    """One container of a pod that keeps running."""

    path: Path
    value: dict[str, Value]
    pod: Pod


PodsOf: TypeAlias = "Callable[[Object], Iterator[Pod]]"


def containers_of(pod: Pod, field: str = "containers") -> Iterator[Container]:
    """The containers of a pod."""
    listed = pod.spec.get(field)
    for index, each in enumerate(listed if isinstance(listed, list) else []):
        if isinstance(each, dict):
            yield Container((*pod.path, field, index), each, pod)


def text_list(value: Value) -> list[str]:
    """The texts of a list; empty where it is none."""
    return [each for each in value if isinstance(each, str)] if isinstance(value, list) else []


def words_of(container: Container) -> list[str]:
    """What a container runs, in words; a shell's script is taken apart at blanks and quotes."""
    parts = [*text_list(container.value.get("command")), *text_list(container.value.get("args"))]
    words: list[str] = []
    for part in parts:
        words.extend(_split(part))
    return words


@functools.lru_cache(maxsize=256)
def _split(text: str) -> tuple[str, ...]:
    """The words of one text; several rules ask for the same."""
    return tuple(word for word in _BETWEEN_WORDS.split(text.replace("\\\n", " ")) if word)


def flag_value(words: list[str], *names: str) -> str | None:
    """The value of the last use of a flag, `--flag value` or `--flag=value`, by any of its names; None without one."""
    found: str | None = None
    for index, word in enumerate(words):
        if not word.startswith("-"):
            continue
        name, equals, value = word.partition("=")
        if name.replace("_", "-") in names:
            following = words[index + 1] if index + 1 < len(words) else ""
            found = value if equals else following
    return found


def gpus_of(container: Container) -> int:
    """GPUs that a container asks for; 0 where it asks for none or the number is no number."""
    resources = container.value.get("resources")
    total = 0
    for part in ("limits", "requests"):
        listed = resources.get(part) if isinstance(resources, dict) else None
        counts = [_count(value) for name, value in listed.items() if _is_gpu(name)] if isinstance(listed, dict) else []
        total = max(total, sum(counts))
    return total


_GPUS = frozenset(each.resource for each in accelerators.ACCELERATORS)


def _is_gpu(resource: str) -> bool:
    return resource in _GPUS


def _count(value: Value) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    return int(value) if isinstance(value, str) and value.isdigit() and len(value) < 6 else 0
