"""Every error a user can meet, cut by who must act.

    ShardwrightError                code, exit code, message, hint
    +-- InputError                  the user: a recipe, an option or a file is wrong         exit 2
    |   +-- RecipeError             one or many faults of a recipe, each with its place      exit 2
    +-- NotFound                    the user: what was named is not there                    exit 1
    +-- Conflict                    the user or another process: read again, then decide     exit 1
    +-- AccessError                 the user: a licence, a token or a permission is missing  exit 1
    +-- TemporaryError              the machine: try again, `retry_after_seconds` says when  exit 1
    +-- EnvironmentFault            the machine's owner: disk, root, a missing program       exit 1
    +-- TargetError                 the cluster, host or engine refused or failed            exit 1

"No layout fits" is no error but a value, `core.plan.Infeasible`. Whatever is not in this tree is a bug of ours.
A message says what, on what, the value seen and the values allowed; the hint says what to do next.
"""

from __future__ import annotations

from shardwright.values import frozen

__all__ = [
    "AccessError",
    "Conflict",
    "EnvironmentFault",
    "Fault",
    "InputError",
    "NotFound",
    "RecipeError",
    "ShardwrightError",
    "TargetError",
    "TemporaryError",
]


class ShardwrightError(Exception):
    """Base of all errors that are meant for a user."""

    code = "error"
    exit_code = 1

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        """The message and, on a line of its own, what to do."""
        return f"{self.message}\n  {self.hint}" if self.hint else self.message


class InputError(ShardwrightError):
    """An option, a file or a value that the user gave is wrong; `path` is the recipe's field, if it is one."""

    code = "input"
    exit_code = 2

    def __init__(self, message: str, *, hint: str = "", path: str = "") -> None:
        super().__init__(message, hint=hint)
        self.path = path

    def __str__(self) -> str:
        """As every error, with the field before it."""
        return f"{self.path}: {super().__str__()}" if self.path else super().__str__()


@frozen
class Fault:
    """One thing wrong at one place of a recipe: what was seen there and what would be right."""

    message: str
    """What is wrong, with the value seen and the values allowed."""
    path: str
    """The field, as `spec.part[0].name`; empty for the document itself."""
    file: str
    line: int
    """Counted from 1; 0 where the value came from an option."""
    hint: str = ""
    """What to write instead."""

    def __str__(self) -> str:
        """One line: place, field, message, hint."""
        place = f"{self.file}:{self.line}" if self.line else self.file
        field = f" {self.path}:" if self.path else ""
        hint = f"; {self.hint}" if self.hint else ""
        return f"{place}:{field} {self.message}{hint}"


class RecipeError(InputError):
    """A recipe has faults; all of them are listed, none is hidden behind the first."""

    code = "recipe"

    def __init__(self, faults: tuple[Fault, ...]) -> None:
        count = f"{len(faults)} faults" if len(faults) > 1 else "1 fault"
        super().__init__(f"the recipe has {count}:\n" + "\n".join(f"  {fault}" for fault in faults))
        self.faults: tuple[Fault, ...] = faults


class NotFound(ShardwrightError):  # noqa: N818 - a state of the world; reads better without "Error"
    """What was named is not there."""

    code = "not-found"


class Conflict(ShardwrightError):  # noqa: N818 - likewise
    """Something else holds or changed what was asked for."""

    code = "conflict"


class AccessError(ShardwrightError):
    """A licence, a token or a permission is missing."""

    code = "access"


class TemporaryError(ShardwrightError):
    """It may work later."""

    code = "temporary"

    def __init__(self, message: str, *, retry_after_seconds: float, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.retry_after_seconds = retry_after_seconds


class EnvironmentFault(ShardwrightError):  # noqa: N818 - the built-in EnvironmentError means something else
    """This machine lacks something: disk, a privilege, a program, the engine."""

    code = "environment"


class TargetError(ShardwrightError):
    """The cluster, host or engine refused or failed."""

    code = "target"
