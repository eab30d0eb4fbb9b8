"""Where the pods of a manifest stand, and how what they say is read: containers, variables, words, GPUs, quantities.

One walk finds the pods of any object: a pod's specification is a mapping with a list of containers, wherever it stands.
It is made once for an object (`Object.once`) and kept; platforms whose pods form groups say the role and the size on top.
Judges nothing. Source: API core/v1.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, TypeAlias

from shardwright.kubernetes import accelerators

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from shardwright.core.manifests.objects import Object, Value
    from shardwright.core.marked.paths import Path

__all__ = [
    "Container",
    "Pod",
    "PodsOf",
    "arguments",
    "containers",
    "containers_of",
    "copies_of",
    "count_of",
    "flag_value",
    "gpus_of",
    "items",
    "mapping",
    "pod_at",
    "pods_of",
    "quantity",
    "requested",
    "text_list",
    "value_of",
    "variables",
    "words_of",
]

_BETWEEN_WORDS = re.compile(r"[\s\"']+")
_QUANTITY = re.compile(r"([-+]?(?:\d+\.?\d*|\.\d+))([KMGTPE]i|[numkMGTPE]?|[eE][-+]?\d{1,3})")
_POWERS = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_BINARY = {"Ki": 1, "Mi": 2, "Gi": 3, "Ti": 4, "Pi": 5, "Ei": 6}
_GPUS = frozenset(each.resource for each in accelerators.ACCELERATORS)
_COUNTS = ("replicas", "size", "parallelism", "numOfHosts")
_MOST_DIGITS = 6
_LONGEST_QUANTITY = 64


@dataclass
class Pod:
    """One pod spec of an object; its containers are read once and kept."""

    path: Path
    """To the spec."""
    spec: dict[str, Value]
    role: str = "pod"
    """`leader` or `worker` of a group, `both` where one template makes both; `pod` where there is no group."""
    group_size: int = 1
    """Pods that work on one model together, where it can be told."""

    @functools.cached_property
    def containers(self) -> tuple[Container, ...]:
        """Those that keep running."""
        return tuple(containers_of(self, "containers"))

    @property
    def metadata(self) -> Path:
        """The path of the labels and annotations of its pods."""
        return (*self.path[:-1], "metadata")


@dataclass
class Container:
    """One container of a pod; its words and GPUs are read once and kept."""

    path: Path
    value: dict[str, Value]
    pod: Pod

    @functools.cached_property
    def words(self) -> list[str]:
        """What it runs, in words; a shell's script is taken apart at blanks and quotes."""
        parts = (*text_list(self.value.get("command")), *text_list(self.value.get("args")))
        return [word for part in parts for word in _split(part)]

    @functools.cached_property
    def gpus(self) -> int:
        """GPUs that it asks for; 0 where it asks for none or the number is no number."""
        resources = mapping(self.value.get("resources"))
        parts = (mapping(resources.get(part)) for part in ("limits", "requests"))
        return max(sum(_count(value) for name, value in part.items() if name in _GPUS) for part in parts)


PodsOf: TypeAlias = "Callable[[Object], tuple[Pod, ...]]"


def pods_of(each: Object) -> tuple[Pod, ...]:
    """All pods that an object of any kind makes, in its order; ask with `each.once(pods_of)`."""
    return tuple(_pods_in(dict(each.value), ()))


def copies_of(each: Object, pod: Pod) -> int:
    """How many pods of one kind an object makes, by the counts that stand above its template; 1 where none is said."""
    found = 1
    for depth in range(len(pod.path)):
        above = each.map_at(*pod.path[:depth])
        for name in _COUNTS:
            count = above.get(name)
            if isinstance(count, int) and not isinstance(count, bool):
                found *= max(count, 0)
    return found


def pod_at(manifest: Object, path: Path) -> Pod:
    """The pod whose specification stands at a path; one without containers where there is none."""
    return Pod(path, manifest.map_at(*path))


def containers_of(pod: Pod, field: str = "containers") -> Iterator[Container]:
    """The containers of a pod in one of its lists."""
    for index, each in enumerate(items(pod.spec.get(field))):
        if isinstance(each, dict):
            yield Container((*pod.path, field, index), each, pod)


def items(value: Value) -> list[Value]:
    """A list; empty where it is none."""
    return value if isinstance(value, list) else []


def mapping(value: Value) -> dict[str, Value]:
    """A mapping; empty where it is none."""
    return value if isinstance(value, dict) else {}


def text_list(value: Value) -> list[str]:
    """The texts of a list; empty where it is none."""
    return [each for each in items(value) if isinstance(each, str)]


def words_of(container: Container) -> list[str]:
    """What a container runs, in words."""
    return container.words


def gpus_of(container: Container) -> int:
    """GPUs that a container asks for."""
    return container.gpus


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
    return [*text_list(manifest.get(*container, "command")), *text_list(manifest.get(*container, "args"))]


def requested(manifest: Object, container: Path, part: str = "requests") -> dict[str, Value]:
    """What a container requests, or its `limits`, by resource."""
    return manifest.map_at(*container, "resources", part)


def quantity(value: Value) -> Decimal:
    """The amount of a quantity of Kubernetes; ValueError if it is none."""
    text = value if isinstance(value, str) else str(value) if isinstance(value, int | float) else ""
    match = _QUANTITY.fullmatch(text) if not isinstance(value, bool) and len(text) <= _LONGEST_QUANTITY else None
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


def _pods_in(value: Value, path: Path) -> Iterator[Pod]:
    if isinstance(value, dict):
        if isinstance(value.get("containers"), list):
            yield Pod(path, value)
        for key, each in value.items():
            if isinstance(each, dict | list):
                yield from _pods_in(each, (*path, key))
    elif isinstance(value, list):
        for index, each in enumerate(value):
            if isinstance(each, dict | list):
                yield from _pods_in(each, (*path, index))


@functools.lru_cache(maxsize=256)
def _split(text: str) -> tuple[str, ...]:
    """The words of one text; members of groups run nearly the same."""
    return tuple(word for word in _BETWEEN_WORDS.split(text.replace("\\\n", " ")) if word)


def _count(value: Value) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    return (
        int(value)
        if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < _MOST_DIGITS
        else 0
    )
