"""What a plug-in must be able to do: one protocol a kind, at most five methods each.

Engines and targets are pure: they answer with values. Runners have the effects.
"""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING, Literal, Protocol

from shardwright.values import frozen

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from shardwright.core.deployment import Deployment, Launch, LaunchOrder, Wiring
    from shardwright.core.layout import Remainder
    from shardwright.core.memory import Demand
    from shardwright.core.plan.types import Question, Refusal, Saving
    from shardwright.core.recipe import Recipe
    from shardwright.core.rules import Finding

__all__ = ["Engine", "EngineBuild", "EngineMetrics", "LogEvent", "Manifest", "Runner", "Target"]


@frozen
class EngineBuild:
    """An engine that can be installed on this machine, by locked lists of packages."""

    engine: str
    version: str
    device: str
    """What it computes on: `cpu`."""
    torch_version: str
    lock: str
    """Path of the hashed list of all packages but torch and what torch brings."""
    torch_lock: str
    """Path of the hashed list of torch as the public index has it, with what it brings."""
    launcher: str
    """Path of the program that starts this engine's processes; run by the engine's own interpreter."""
    check: str
    """Python statement that fails where the installation is broken."""
    disk_bytes: int
    """What it takes when installed from the public index, byte code included."""
    cache_variable: str
    """Environment variable for the folder where the engine keeps what it compiled; kept between runs."""
    python: tuple[str, str]
    """First version of Python it runs on, and the first it does not."""
    not_run: Mapping[str, str] = field(default_factory=dict[str, str])
    """Architectures that this build does not run, with the reason."""
    has_copies: bool = True
    """Whether data-parallel copies can be started."""


@frozen
class LogEvent:
    """What one line of an engine's log says."""

    kind: Literal["phase", "ready", "death", "error"]
    phase: str
    """Name of the start-up phase, or what died or failed."""
    percent: int
    """Progress of the start-up; never smaller than that of an earlier phase."""
    text: str
    """The line without its prefix."""
    rank: int | None = None
    """Global rank, where the line names one."""
    numbers: tuple[tuple[str, float], ...] = ()
    """Figures in the line: `weights_gib`, `kv_tokens` ..."""


@frozen
class EngineMetrics:
    """What an engine publishes about itself."""

    running_requests: float | None
    waiting_requests: float | None
    kv_usage: float | None
    """0 to 1."""
    kv_tokens: int | None
    generated_tokens: float | None


class Engine(Protocol):
    """A serving engine; all methods are pure."""

    @property
    def name(self) -> str:
        """The engine's name in recipes."""
        ...

    @property
    def versions(self) -> tuple[str, ...]:
        """Versions whose rules are known, oldest first; versions between them follow the nearest older one."""
        ...

    @property
    def savings(self) -> tuple[Saving, ...]:
        """Flags that leave more memory, for where nothing fits; each is tried by planning again."""
        ...

    @property
    def executors(self) -> tuple[str, ...]:
        """Values of `engine.executor` that it knows, its own first."""
        ...

    @property
    def remainder(self) -> Remainder:
        """Which stages hold one layer more where layers do not divide evenly."""
        ...

    def limits(self, question: Question) -> tuple[Refusal, ...]:
        """Why the engine would not start this layout; empty if it would."""
        ...

    def memory(self, question: Question) -> Demand:
        """Memory rank by rank, and the flags this rests on."""
        ...

    def launch(self, order: LaunchOrder) -> Launch:
        """How a member is started."""
        ...

    def read_log(self, line: str) -> LogEvent | None:
        """What a line of the log says; None if nothing of interest."""
        ...

    def read_metrics(self, text: str) -> EngineMetrics:
        """Figures from the metrics page."""
        ...


@frozen
class Manifest:
    """One object as it is given to a platform: a tree of JSON values."""

    kind: str
    name: str
    body: Mapping[str, object]


class Target(Protocol):
    """A platform; all methods are pure."""

    @property
    def kind(self) -> str:
        """Its name in recipes."""
        ...

    @property
    def versions(self) -> tuple[str, ...]:
        """Versions whose fields are known, oldest first."""
        ...

    def wiring(self, recipe: Recipe) -> Wiring:
        """How this platform names addresses, indices and paths."""
        ...

    def findings(self, deployment: Deployment) -> tuple[Finding, ...]:
        """What its rules say about a deployment; an error stops rendering."""
        ...

    def render(self, deployment: Deployment) -> tuple[Manifest, ...]:
        """Its manifests, in the order in which they are applied."""
        ...


class Runner(Protocol):
    """What carries manifests out and looks at what became of them."""

    def apply(self, manifest: Manifest) -> None:
        """Make it so; returns when it is accepted, not when it serves."""
        ...

    def observe(self, namespace: str, name: str) -> Mapping[str, object]:
        """The present state as JSON values; NotFound if there is none."""
        ...

    def logs(self, namespace: str, name: str, *, member: int | None, follow: bool) -> Iterator[tuple[int, str]]:
        """Lines with the index of the member that wrote them."""
        ...

    def request(self, namespace: str, name: str, path: str, body: Mapping[str, object] | None) -> Mapping[str, object]:
        """One HTTP request to the served model; POST if there is a body."""
        ...

    def delete(self, namespace: str, name: str) -> None:
        """End it and remove what belongs to it; NotFound if there is none."""
        ...
