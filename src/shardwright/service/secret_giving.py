"""Use case: the Secrets that a recipe names, made at its apply from environment variables, and gone with it.

What they hold is in no manifest, plan, revision, diff, log or error.
"""

from __future__ import annotations

import dataclasses
import re
from typing import TYPE_CHECKING, Any

from shardwright import errors
from shardwright.core.preflight import access
from shardwright.kubernetes.live import secret_references
from shardwright.settings import load_variable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from shardwright.core.lifecycle.revision import Revision
    from shardwright.core.preflight import Needs
    from shardwright.core.recipe import Recipe
    from shardwright.kubernetes.client import Client
    from shardwright.kubernetes.live.secret_keys import SecretValue

__all__ = [
    "demand",
    "demand_named",
    "engine_key",
    "give",
    "give_alone",
    "load_values",
    "names_with",
    "take_back",
    "with_given",
]

_GIVEN = re.compile(r"(?P<name>[a-z0-9]([a-z0-9.-]*[a-z0-9])?):(?P<key>[A-Za-z0-9._-]+)=(?P<variable>.+)")
_USUAL_NAME = re.compile(r"[A-Z_][A-Z0-9_]*")
_FORM = "write NAME:KEY=VARIABLE: the Secret, its key, and the environment variable that holds the value"


def load_values(given: Iterable[str]) -> tuple[SecretValue, ...]:
    """From `NAME:KEY=VARIABLE`; InputError, which shows no value, if a variable is not set or empty."""
    from shardwright.kubernetes.live.secret_keys import SecretValue  # noqa: PLC0415 - see clusters

    found: dict[tuple[str, str], SecretValue] = {}
    for text in given:
        read = _GIVEN.fullmatch(text)
        if read is None:
            # What was written may be the secret itself.
            raise errors.InputError("--secret-from-env: this is not of the form NAME:KEY=VARIABLE", hint=_FORM)
        name, key, variable = read["name"], read["key"], read["variable"]
        value = load_variable(variable)
        if not value:
            told = f"the environment variable {variable}" if _USUAL_NAME.fullmatch(variable) else "the variable"
            raise errors.InputError(f"--secret-from-env {name}:{key}: {told} is not set, or is empty", hint=_FORM)
        if (name, key) in found:
            raise errors.InputError(f"--secret-from-env {name}:{key} is given twice", hint="give it once")
        found[name, key] = SecretValue(
            name=name, key=key, variable=variable, value=value.encode("utf-8", "surrogateescape")
        )
    return tuple(found.values())


def demand_named(given: Sequence[SecretValue], manifests: Iterable[Mapping[str, Any]]) -> None:
    """InputError, with the keys that the manifests do refer to, if they do not refer to one of these."""
    known = secret_references.references_in(manifests)
    for each in given:
        if (each.name, each.key) not in known:
            there = ", ".join(f"{name}:{key}" for name, key in known) or "none"
            raise errors.InputError(
                f"--secret-from-env {each}: the recipe refers to no such key of a Secret; it refers to: {there}",
                hint="name it in the recipe: model.token, expose.auth.apiKey",
            )


def engine_key(recipe: Recipe, given: Iterable[SecretValue]) -> str:
    """The key that the engine will want of who asks it, if it is one of these; else empty."""
    wanted = recipe.expose.auth.api_key if recipe.expose.auth else None
    found = (each for each in given if wanted and (each.name, each.key) == (wanted.secret, wanted.key))
    return next((each.value.decode("utf-8", "surrogateescape") for each in found), "")


def with_given(needs: Needs, given: Iterable[SecretValue]) -> Needs:
    """What is needed of the cluster beside these, and the rights to write them."""
    brought = {(each.name, each.key) for each in given}
    if not brought:
        return needs
    names = {name for name, _ in brought}
    asks = tuple(ask for ask in access.secret_asks(needs) if not ask.name or ask.name in names)
    left = tuple(each for each in needs.secrets if (each.name, each.key) not in brought)
    return dataclasses.replace(needs, secrets=left, asks=(*needs.asks, *asks))


def demand(client: Client, namespace: str, name: str, given: Iterable[SecretValue]) -> None:
    """Conflict if one of the Secrets is there and is not this deployment's."""
    from shardwright.kubernetes.live import secret_keys  # noqa: PLC0415 - see clusters

    secret_keys.demand_ours(client, namespace, name, given)


def give(client: Client, namespace: str, name: str, given: Iterable[SecretValue]) -> Iterator[tuple[str, str]]:
    """Write them; each is yielded when it is written, with where it came from."""
    from shardwright.kubernetes.live import secret_keys  # noqa: PLC0415 - see clusters

    for each in given:
        secret_keys.write(client, namespace, name, each)
        yield f"Secret {namespace}/{each.name}", f"key {each.key}, from the environment variable {each.variable}"


def give_alone(client: Client, namespace: str, name: str, given: Sequence[SecretValue]) -> Iterator[tuple[str, str]]:
    """The same where nothing else is to be done: the newest revision has their names first."""
    from shardwright.kubernetes.live import revisions  # noqa: PLC0415 - see clusters

    if not given:
        return
    known = revisions.history(client, namespace, name)
    names = names_with(known, given)
    if known and names != known[-1].secrets:
        revisions.keep(client, namespace, name, dataclasses.replace(known[-1], secrets=names))
    yield from give(client, namespace, name, given)


def names_with(known: Iterable[Revision], given: Iterable[SecretValue]) -> tuple[str, ...]:
    """Names of Secrets that were made for a deployment, also for revisions that are kept no more, and of these."""
    return tuple(sorted({*(name for each in known for name in each.secrets), *(each.name for each in given)}))


def take_back(client: Client, namespace: str, name: str, known: Iterable[Revision]) -> Iterator[str]:
    """Delete the Secrets that were made for a deployment; what may not be looked at, or is kept by others, is said to stay.

    They are found by their names: those that manifests of kept revisions refer to, and those that the newest ones remember.
    """
    from shardwright.kubernetes.client.refusals import Forbidden  # noqa: PLC0415 - see clusters
    from shardwright.kubernetes.live import secret_keys  # noqa: PLC0415 - see clusters

    revisions = tuple(known)
    referred = (secret for each in revisions for secret, _ in secret_references.references_in(each.manifests))
    for secret in dict.fromkeys((*referred, *names_with(revisions, ()))):
        try:
            for ref in secret_keys.remove_ours(client, namespace, name, [secret]):
                yield f"deleted {ref}"
        except Forbidden as refused:
            if refused.asked.verb != "get":
                raise
            yield f"Secret {namespace}/{secret} stays: whose it is cannot be told ({refused.asked} is not allowed)"
        except errors.Conflict as kept:
            yield f"Secret {namespace}/{secret} stays: {kept.message}"
