"""What reads a recipe out of manifests: the contract between platforms' readers, engines' argument readers and the service.

One platform is one pure reader (`targets/<platform>/reading.py`, called READER, one line in `registry.READERS`). It is given
one object of one of its kinds and all objects of the input, and gives a recipe document: nested plain values with the keys
of a recipe file, put together from dotted fields by `document`. It keeps no account of what it has read. The service plans
and renders the imported recipe for the same platform and version and lists every difference between what is rendered and
the objects that were imported, so that nothing is lost silently; a reader that carries less makes that list longer, never
wrong. So a reader carries what a recipe has a field for, and says nothing of the rest.

How a reader is written:

    class LwsReader:
        platform = ...                                      # the target's kind
        kinds = ("LeaderWorkerSet",)

        def read(self, main: Object, surroundings: Surroundings) -> Imported | None: ...

    READER = LwsReader()

- None: the object is not this platform's, or nothing in it starts an engine. Readers of one kind are asked in the order of
  `registry.READERS`; the first answer counts (`openshift-ai` stands before `kserve`).
- `surroundings.by_name` and the methods on it find objects beside it: Service, claim, ServingRuntime, Route.
- `surroundings.started(Started(...))` gives what an engine reads from a command line, `surroundings.options(...)` from flags
  that are values already (`engine_kwargs` of Ray Serve); None where no engine knows it.
- `kubernetes.reading` turns pods into fields: `pods.*`, `network.*`, `storage.*`, `hardware.*`, `model.source`, `engine.env`.
- `Imported.objects`: all objects that this recipe stands for, `main` first. They are what is compared: an object that is
  left out is reported as not imported.
- `target.kind` and `target.version` are written by the service; `target.options` by the reader.
- `Imported.findings`: what a person must do or know (ids `import.*`): a token to be put into a Secret, a size that was
  guessed. A secret's value is never in a field, a finding or a difference; `note` and `secret_note` make them.
"""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, cast

from shardwright.core.rules.finding import Finding
from shardwright.values import frozen

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from shardwright.core.manifests.objects import Object
    from shardwright.core.recipe.model import Json

__all__ = [
    "ArgumentReader",
    "Command",
    "Fields",
    "Imported",
    "Reader",
    "Started",
    "Surroundings",
    "document",
    "note",
    "secret_note",
]

Fields: TypeAlias = "dict[str, Json]"
"""Values by the dotted path of a recipe's field: `{"parallelism.tensor": 4}`; None and empty values are left out."""


@frozen
class Started:
    """What a container starts, as its manifest says it; texts such as `$(LWS_GROUP_SIZE)` stay as they are."""

    command: tuple[str, ...]
    """Replaces the image's entrypoint; empty: the image's own, whose engine is then told by the image's name."""
    args: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict[str, str])
    """Variables that are texts."""
    image: str = ""


@frozen
class Command:
    """What an engine's reader makes of it."""

    engine: str
    """Its name in recipes."""
    fields: Fields
    """Flags that are fields of a recipe (`workload.maxModelLen`, `parallelism.tensor`, `model.servedName`,
    `engine.executor`, `storage.cacheDir` ...), `engine.args` (all other flags that the version takes), `engine.version`
    where the image tells it, and `engine.image` where it is not the engine's own image of that version."""
    model: str = ""
    """What the engine is given as model, as written: an identifier of the hub or a path in the container. Not in `fields`:
    only the platform knows what is mounted there."""
    own: Mapping[str, str] = field(default_factory=dict[str, str])
    """Flags that a plan sets by itself (`port`, `nnodes`, `node-rank`, `host` ...), as written."""
    variables: frozenset[str] = field(default_factory=frozenset[str])
    """Variables of the environment that the engine's launch writes by itself from these fields, so that they need not
    stand in `engine.env`."""
    start_variable: str = ""
    """Variable in which the engine is told how many seconds a start may take; the launch writes the probe's own budget."""
    key_variable: str = ""
    """Variable from which the engine takes the key that requests must carry (`expose.auth.apiKey`)."""
    secrets: Mapping[str, str] = field(default_factory=dict[str, str])
    """Fields that hold a key of a Secret (`expose.auth.apiKey`, `model.token`) and were given by a flag, with the variable
    that the flag refers to; empty where the secret itself stood there. `kubernetes.reading` makes fields of them."""
    findings: tuple[Finding, ...] = ()


class ArgumentReader(Protocol):
    """How one engine's commands are read; `engines/<engine>/reading.py` calls its own ARGUMENTS."""

    def started(self, started: Started) -> Command | None:
        """What a container starts; None where it is not this engine."""
        ...

    def options(self, values: Mapping[str, Json], *, image: str = "") -> Command:
        """The same from flags by name, in any spelling (`tensor_parallel_size`), with values."""
        ...


@frozen
class Surroundings:
    """What a reader is given besides the object."""

    version: str
    """Release of the platform that is imported for, as the target knows it."""
    objects: tuple[Object, ...]
    """All objects of the input."""
    started: Callable[[Started], Command | None]
    """The first engine that knows a command."""
    options: Callable[[str, Mapping[str, Json]], Command]
    """Flags of an engine by its name, as values."""

    def of_kind(self, kind: str) -> Iterator[Object]:
        """Objects of that kind in the input."""
        return (each for each in self.objects if each.kind == kind)

    def named(self, kind: str, name: str) -> Object | None:
        """The object of that kind and name."""
        return next((each for each in self.of_kind(kind) if name and each.name == name), None)


@frozen
class Imported:
    """A recipe out of manifests."""

    fields: Fields
    """`metadata.name` at least; what the service adds is said above."""
    objects: tuple[Object, ...]
    """The objects that it stands for, the main one first."""
    findings: tuple[Finding, ...] = ()


class Reader(Protocol):
    """How one platform's manifests are read; pure."""

    @property
    def platform(self) -> str:
        """The target's kind."""
        ...

    @property
    def kinds(self) -> tuple[str, ...]:
        """Kinds of the objects that stand for a whole deployment; a recipe is made of each."""
        ...

    def read(self, main: Object, surroundings: Surroundings) -> Imported | None:
        """The recipe of an object; None where it is no deployment of this platform.

        InputError, with file and line, for one that is but cannot be read: its runtime is missing, no engine starts.
        """
        ...


_MAY_BE_EMPTY = frozenset({"expose.tls"})
"""Sections that say something without any field of theirs."""


def document(fields: Fields) -> dict[str, Json]:
    """The recipe document of dotted fields; fields without a value are left out."""
    made: dict[str, Any] = {}
    for path, value in fields.items():
        if value is None or (value in ("", {}, [], ()) and path not in _MAY_BE_EMPTY):
            continue
        *way, last = path.split(".")
        section = made
        for part in way:
            section = cast("dict[str, Any]", section.setdefault(part, {}))
        section[last] = value
    return made


def note(name: str, message: str, *, path: str = "", fix: str = "", objects: Sequence[Object] = ()) -> Finding:
    """Something to know about an import; `name` follows `import.`."""
    mark = objects[0].mark(()) if objects else None
    return Finding(
        f"import.{name}",
        "warn",
        "warning",
        message,
        path=path,
        fix=fix,
        file=mark.file if mark else "",
        line=mark.line if mark else 0,
    )


def secret_note(field_name: str, secret: str, key: str, namespace: str) -> Finding:
    """A secret stood in clear text: the recipe names a Secret that has to be made."""
    return Finding(
        "import.secret-in-clear",
        "warn",
        "warning",
        f"a secret stands in clear text in the manifest; the recipe names key {key} of Secret {secret} instead",
        why="whoever can read the manifest can use it",
        fix=f"revoke it, then: kubectl create secret generic {secret} -n {namespace} --from-literal={key}=VALUE",
        path=field_name,
    )
