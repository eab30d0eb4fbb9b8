"""`target.options`: what a table of options says of each, how a given one is read, and the one check of all targets.

Each target brings its table; which release has an option, and what options ask of each other, are rules of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Literal, cast

from shardwright.core.rules import Finding
from shardwright.values import frozen

if TYPE_CHECKING:
    from shardwright.core.deployment import Deployment
    from shardwright.core.recipe import Recipe

__all__ = ["Kind", "Option", "complaint", "is_on", "known_options", "options_of", "text_of"]

Kind = Literal["text", "switch", "count", "port", "mapping"]
_LARGEST_PORT = 65535


@frozen
class Option:
    """What one option takes."""

    meaning: str
    """For the documentation and for messages."""
    kind: Kind = "text"
    """`count`: a whole number above 0; `mapping`: from each of `keys` to a text."""
    default: str = ""
    """What holds where it is left out; empty: nothing, or what `meaning` says."""
    choices: tuple[str, ...] = ()
    """Texts that it may be; empty: any."""
    keys: tuple[str, ...] = ()
    form: Callable[[str], bool] | None = None
    """Whether a text is of the form that it must have."""
    form_name: str = ""
    """That form, as "a version as 2.52.0"."""
    is_value_shown: bool = True
    """False: what is given could be a secret, written there by mistake."""
    requirements: tuple[str, ...] = ()


def options_of(recipe: Recipe) -> Mapping[str, Any]:
    """Options as written; checked by the rules, not here."""
    return recipe.target.options if recipe.target else {}


def text_of(recipe: Recipe, name: str) -> str:
    """One option that is a text; empty if it is not given, or is none."""
    given: object = options_of(recipe).get(name)
    return given if isinstance(given, str) else ""


def is_on(recipe: Recipe, name: str) -> bool:
    """Whether a switch is true."""
    return options_of(recipe).get(name) is True


def known_options(target: str, table: Mapping[str, Option]) -> Callable[[Deployment], Iterator[Finding]]:
    """The rule of that target: options are few; a misspelt one would do nothing."""

    def rule(deployment: Deployment) -> Iterator[Finding]:
        for name, value in options_of(deployment.recipe).items():
            if name not in table:
                yield _unknown(target, name, value, table)
            elif wrong := complaint(table[name], value):
                yield _wrong_value(target, name, value, table[name], wrong)

    return rule


def _unknown(target: str, name: str, value: object, table: Mapping[str, Option]) -> Finding:
    """Options are few; a misspelt one would do nothing."""
    near = _nearest(name, table)
    return Finding(
        f"{target}.option-unknown",
        "fail",
        "error",
        f"{name!r} is no option of this target; known: {', '.join(sorted(table))}",
        fix=f"write {near or 'its name as listed'}, or remove it",
        path=f"target.options.{name}",
        value=str(value),
    )


def _wrong_value(target: str, name: str, value: object, option: Option, wrong: str) -> Finding:
    """Options have values of their kind, and those with few choices one of them."""
    return Finding(
        f"{target}.option-value",
        "fail",
        "error",
        f"{name} {wrong}" + (f", not {value!r}" if option.is_value_shown else ""),
        fix=option.meaning,
        path=f"target.options.{name}",
        value=str(value) if option.is_value_shown else "",
        requirements=option.requirements,
    )


def _nearest(name: str, table: Mapping[str, Option]) -> str:
    import difflib  # noqa: PLC0415 - only a fault needs it, and every command would wait for it

    lowered = {each.lower(): each for each in table}
    return next((lowered[each] for each in difflib.get_close_matches(name[:60].lower(), lowered, n=1)), "")


def complaint(option: Option, value: object) -> str:
    """What a value of that option must be; empty if it is that."""
    number = value if isinstance(value, int) and not isinstance(value, bool) else 0
    match option.kind:
        case "switch":
            return "" if isinstance(value, bool) else "must be true or false"
        case "count":
            return "" if number > 0 else "must be a whole number above 0"
        case "port":
            return "" if 1 <= number <= _LARGEST_PORT else f"must be a port from 1 to {_LARGEST_PORT}"
        case "mapping":
            return (
                "" if _is_whole(value, option.keys) else f"must be a mapping with {', '.join(option.keys)}, all texts"
            )
        case "text":
            return _complaint_of_text(option, value)


def _is_whole(value: object, keys: tuple[str, ...]) -> bool:
    if not isinstance(value, Mapping):
        return False
    given = cast("Mapping[object, object]", value)
    return set(given) == set(keys) and all(isinstance(each, str) and each for each in given.values())


def _complaint_of_text(option: Option, value: object) -> str:
    if option.choices and value not in option.choices:
        return f"must be one of {', '.join(option.choices)}"
    if not isinstance(value, str) or not value:
        return "must be a text"
    return f"must be {option.form_name}" if option.form is not None and not option.form(value) else ""
