"""What a group on this machine is: the body of a LocalGroup manifest as typed values, read and written as JSON.

Pure. Texts hold placeholders such as `$(SHARDWRIGHT_LEADER_ADDRESS)`, filled in for each host when it starts; the rule
is that of Kubernetes: `$(NAME)` is replaced where NAME is known and left as it is where not, `$$` stands for `$`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import field
from typing import Any, Literal, cast

from shardwright import errors
from shardwright.values import frozen

__all__ = [
    "API_VERSION",
    "GROUP_PORT",
    "HOST_KINDS",
    "KIND",
    "PLACEHOLDERS",
    "SERVE_PORT",
    "SHARED_MEMORY_BYTES",
    "EngineProcess",
    "HostKind",
    "LocalGroup",
    "Program",
    "expand",
    "parse_group",
    "render_group",
]

API_VERSION = "shardwright.dev/v1"
KIND = "LocalGroup"
HostKind = Literal["auto", "netns", "loopback"]
HOST_KINDS: tuple[HostKind, ...] = ("auto", "netns", "loopback")
SERVE_PORT = 8000
GROUP_PORT = 29500
SHARED_MEMORY_BYTES = 2 * 1024**3
"""Size of /dev/shm on a host of its own; only what is written takes memory."""

PLACEHOLDERS = (
    "SHARDWRIGHT_LEADER_ADDRESS",
    "SHARDWRIGHT_MEMBER_INDEX",
    "SHARDWRIGHT_OWN_ADDRESS",
    "SHARDWRIGHT_INTERFACE",
    "SHARDWRIGHT_SERVE_PORT",
    "SHARDWRIGHT_GROUP_PORT",
)
_REFERENCE = re.compile(r"\$(?:\$|\(([A-Za-z_][A-Za-z0-9_.-]*)\))")
_DNS_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")


@frozen
class Program:
    """What a member runs."""

    argv: tuple[str, ...]
    environment: tuple[tuple[str, str], ...] = ()
    passed_on: tuple[str, ...] = ()
    """Variables whose values come from the environment of whoever starts the group, and are written nowhere."""


@frozen
class EngineProcess:
    """Which installation of the engine is used; filled in when the group is started."""

    python: str | None = None
    warm: tuple[str, ...] | None = None
    """A program that has loaded the engine once and forks each host's launcher, which takes the place of the program
    that `argv` begins with; the number of its socket is its last argument. None: each host's `argv` is run as it is."""


@frozen
class LocalGroup:
    """One group of processes on emulated hosts of this machine."""

    name: str
    namespace: str
    hosts: int
    ranks_per_host: int
    leader: Program
    worker: Program | None
    rank_pattern: str
    """Regular expression on names of processes; its first group is the rank."""
    probe_path: str
    startup_budget_seconds: int
    """For the engine's own loading, and again from the launchers' start to the first answer."""
    host_kind: HostKind = "auto"
    serve_port: int = SERVE_PORT
    serve_port_pinned: bool = False
    """True: a taken port is an error; False: the next free one is used."""
    group_port: int = GROUP_PORT
    shared_memory_bytes: int = SHARED_MEMORY_BYTES
    engine: EngineProcess = field(default_factory=EngineProcess)
    recipe_digest: str = ""
    engine_name: str = ""
    """Which engine's log this is; empty: nobody can read it."""
    served_name: str = ""
    """The model's name in requests."""
    tensor: int = 1
    pipeline: int = 1

    def program(self, host: int) -> Program:
        """What that host runs; host 0 leads."""
        return self.leader if host == 0 or self.worker is None else self.worker

    def ranks(self, host: int) -> tuple[int, ...]:
        """The ranks that host holds."""
        return tuple(range(host * self.ranks_per_host, (host + 1) * self.ranks_per_host))


def expand(text: str, values: Mapping[str, str]) -> str:
    """Replace `$(NAME)` by its value where there is one; `$$` becomes `$`."""
    return _REFERENCE.sub(lambda match: "$" if match[1] is None else values.get(match[1], match[0]), text)


def render_group(group: LocalGroup) -> dict[str, object]:
    """The manifest's body: a tree of JSON values."""
    return {
        "apiVersion": API_VERSION,
        "kind": KIND,
        "metadata": {
            "name": group.name,
            "namespace": group.namespace,
            "annotations": {"shardwright.dev/recipe-digest": group.recipe_digest},
        },
        "spec": {
            "hosts": {
                "kind": group.host_kind,
                "count": group.hosts,
                "ranks": group.ranks_per_host,
                "sharedMemoryBytes": group.shared_memory_bytes,
            },
            "ports": {"serve": group.serve_port, "servePinned": group.serve_port_pinned, "group": group.group_port},
            "leader": _render_program(group.leader),
            "worker": None if group.worker is None else _render_program(group.worker),
            "rankPattern": group.rank_pattern,
            "probe": {"path": group.probe_path, "startupBudgetSeconds": group.startup_budget_seconds},
            "serves": {"name": group.served_name, "tensor": group.tensor, "pipeline": group.pipeline},
            "engine": {
                "name": group.engine_name,
                "python": group.engine.python,
                "warm": None if group.engine.warm is None else list(group.engine.warm),
            },
        },
    }


def _render_program(program: Program) -> dict[str, object]:
    return {
        "argv": list(program.argv),
        "environment": dict(program.environment),
        "passedOn": list(program.passed_on),
    }


def parse_group(body: Mapping[str, object]) -> LocalGroup:
    """The group that a manifest's body describes; InputError names the field that is wrong."""
    tree = _Tree(body, KIND)
    if (tree.text("apiVersion"), tree.text("kind")) != (API_VERSION, KIND):
        raise errors.InputError(f"not a {KIND} of {API_VERSION}: {body.get('apiVersion')!r}, {body.get('kind')!r}")
    metadata, content = tree.part("metadata"), tree.part("spec")
    parts = ("hosts", "ports", "probe", "engine", "serves")
    hosts, ports, probe, engine, serves = (content.part(name) for name in parts)
    return LocalGroup(
        name=metadata.label("name"),
        namespace=metadata.label("namespace"),
        hosts=hosts.count("count"),
        ranks_per_host=hosts.count("ranks"),
        leader=_parse_program(content.part("leader")),
        worker=None if content.value("worker") is None else _parse_program(content.part("worker")),
        rank_pattern=content.pattern("rankPattern"),
        probe_path=probe.text("path"),
        startup_budget_seconds=probe.count("startupBudgetSeconds"),
        host_kind=cast("HostKind", hosts.choice("kind", HOST_KINDS)),
        serve_port=ports.count("serve", largest=65535),
        serve_port_pinned=bool(ports.value("servePinned")),
        group_port=ports.count("group", largest=65535),
        shared_memory_bytes=hosts.count("sharedMemoryBytes"),
        engine=EngineProcess(
            python=None if engine.value("python") is None else engine.text("python"),
            warm=None if engine.value("warm") is None else engine.texts("warm"),
        ),
        recipe_digest=metadata.part("annotations").text("shardwright.dev/recipe-digest"),
        engine_name=engine.text("name"),
        served_name=serves.text("name"),
        tensor=serves.count("tensor"),
        pipeline=serves.count("pipeline"),
    )


def _parse_program(tree: _Tree) -> Program:
    environment = tree.part("environment")
    argv = tree.texts("argv")
    if not argv:
        raise errors.InputError(f"{tree.path}.argv is empty; it names the program that a host runs")
    return Program(
        argv=argv,
        environment=tuple((name, environment.text(name)) for name in environment.names()),
        passed_on=tree.texts("passedOn"),
    )


class _Tree:
    """A mapping of JSON with the path that leads to it; each look-up checks what it finds."""

    def __init__(self, content: Mapping[str, Any], path: str) -> None:
        self._content = content
        self.path = path

    def names(self) -> tuple[str, ...]:
        return tuple(self._content)

    def value(self, name: str) -> object:
        if name not in self._content:
            raise errors.InputError(f"{self.path}: {name} is missing")
        return cast("object", self._content[name])

    def part(self, name: str) -> _Tree:
        value = self.value(name)
        if not isinstance(value, Mapping):
            raise self._wrong(name, value, "a mapping")
        return _Tree(cast("Mapping[str, Any]", value), f"{self.path}.{name}")

    def text(self, name: str) -> str:
        value = self.value(name)
        if not isinstance(value, str):
            raise self._wrong(name, value, "a text")
        return value

    def texts(self, name: str) -> tuple[str, ...]:
        value = self.value(name)
        parts = tuple(cast("list[object]", value)) if isinstance(value, list) else ()
        texts = tuple(part for part in parts if isinstance(part, str))
        if not isinstance(value, list) or len(texts) < len(parts):
            raise self._wrong(name, cast("object", value), "a list of texts")
        return texts

    def count(self, name: str, *, largest: int | None = None) -> int:
        value = self.value(name)
        if not isinstance(value, int | float) or isinstance(value, bool) or value < 1 or (largest and value > largest):
            raise self._wrong(name, value, f"a number from 1 to {largest}" if largest else "a number of at least 1")
        return int(value)

    def choice(self, name: str, allowed: tuple[str, ...]) -> str:
        value = self.text(name)
        if value not in allowed:
            raise self._wrong(name, value, " | ".join(allowed))
        return value

    def label(self, name: str) -> str:
        value = self.text(name)
        if _DNS_LABEL.fullmatch(value) is None:
            raise self._wrong(name, value, "lower-case letters, digits and dashes, at most 63")
        return value

    def pattern(self, name: str) -> str:
        value = self.text(name)
        try:
            groups = re.compile(value).groups
        except re.error as problem:
            raise self._wrong(name, value, f"a regular expression ({problem})") from problem
        if groups < 1:
            raise self._wrong(name, value, "a regular expression with a group around the rank")
        return value

    def _wrong(self, name: str, value: object, wanted: str) -> errors.InputError:
        return errors.InputError(f"{self.path}.{name}: {value!r} is not {wanted}")
