"""An engine's flags as a manifest has them become fields of a recipe: what is a field, what stays a flag, what cannot be said.

Neutral: which flag is which field the engine's `FlagBook` says. The way back from what an engine's launch writes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from shardwright.core import engine_flags
from shardwright.core.importing import note
from shardwright.core.marked import secret_values
from shardwright.core.recipe import flags
from shardwright.values import frozen

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from shardwright.core.engine_flags import FlagBook
    from shardwright.core.importing import Fields
    from shardwright.core.recipe.model import Json
    from shardwright.core.rules.finding import Finding

__all__ = ["Split", "split_flags"]

_DTYPES = {
    "half": "float16",
    "float": "float32",
    "bfloat16": "bfloat16",
    "float16": "float16",
    "float32": "float32",
}
_UNITS = {"k": 1000, "m": 1000**2, "K": 1024, "M": 1024**2}
_API_KEY = "expose.auth.apiKey"


@frozen
class Split:
    """Flags by what becomes of them."""

    model: str
    fields: Fields
    args: dict[str, Json]
    own: dict[str, str]
    secrets: dict[str, str]
    """Fields that hold a key of a Secret, with the variable that the flag refers to; empty where a literal stood there."""
    findings: tuple[Finding, ...]


def split_flags(values: Mapping[str, Json], book: FlagBook) -> Split:
    """Each flag at its place; one that a recipe cannot hold is said in a finding."""
    made = Split("", {}, {}, {}, {}, ())
    model, findings = "", list[str]()
    for name, value in values.items():
        path = book.fields.get(name) or flags.field_of(name)
        if path == "model.source":
            model = model or str(value)
        elif name in book.own:
            made.own[name] = str(value)
        elif secret := _secret_field(name, path, value):
            made.secrets[secret] = _referred(str(value))
        elif path:
            _put_field(made.fields, path, name, value, findings)
        elif wrong := engine_flags.wrong_with(name, value, book):
            said = "its value holds a secret" if secret_values.has_hub_token(wrong[0]) else wrong[0]
            findings.append(f"--{name}: {said}; the recipe leaves it out")
        else:
            made.args[name] = value
    found = tuple(note("flag-left-out", text, path=f"engine.args.{text.split()[0].strip('-:')}") for text in findings)
    return Split(model, made.fields, made.args, made.own, made.secrets, found)


def _secret_field(name: str, path: str, value: Json) -> str:
    if path == "model.token":
        return path
    is_secret = isinstance(value, str) and (name == "api-key" or secret_values.has_hub_token(value))
    return _API_KEY if is_secret and name == "api-key" else ""


def _referred(text: str) -> str:
    """The variable of `$(NAME)`; empty for anything else."""
    return text[2:-1] if text.startswith("$(") and text.endswith(")") else ""


def _put_field(fields: Fields, path: str, name: str, value: Json, findings: list[str]) -> None:
    read = _READ.get(path, _as_it_is)(value)
    if read is None:
        shown = secret_values.shown(str(value), name)
        findings.append(f"--{name} {shown} has no place in {path}, and the recipe leaves it out")
    elif read != "":
        fields.setdefault(path, read)


def _as_it_is(value: Json) -> Json:
    return value


def _text(value: Json) -> Json:
    """The first of several names."""
    names = cast("list[Any]", value) if isinstance(value, list) else [value]
    return str(names[0]) if names else None


def _count(value: Json) -> Json:
    if isinstance(value, int) and not isinstance(value, bool):
        return value if value > 0 else None
    text = str(value)
    factor = _UNITS.get(text[-1:], 0)
    number = text[:-1] if factor else text
    return int(number) * (factor or 1) if number.isascii() and number.isdigit() else None


def _dtype(value: Json) -> Json:
    return "" if value == "auto" else _DTYPES.get(str(value))


def _switch(value: Json) -> Json:
    """A switch that is off is left out, a number of ways is on from 2."""
    if isinstance(value, bool):
        return value or ""
    count = _count(value)
    return None if count is None else (True if count > 1 else "")


def _executor(value: Json) -> Json:
    return value if isinstance(value, str) and value in {"mp", "ray"} else None


_READ: dict[str, Callable[[Json], Json]] = {
    "model.servedName": _text,
    "model.revision": _text,
    "model.dtype": _dtype,
    "model.trustRemoteCode": _switch,
    "model.loraSlots": _count,
    "workload.maxModelLen": _count,
    "parallelism.tensor": _count,
    "parallelism.pipeline": _count,
    "parallelism.data": _count,
    "parallelism.expert": _switch,
    "engine.executor": _executor,
    "storage.cacheDir": _text,
}
