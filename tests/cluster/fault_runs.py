"""Drawn commands on a deployment while the way to the API server fails; what is true is asked of the server itself.

Each command is tried until it is done, as a user would: the same again. After every try the server is looked at.
"""

from __future__ import annotations

import collections
import dataclasses
import json
import random
import time
from typing import TYPE_CHECKING, Any

import fault_truths
from fault_truths import Truth, Try

from shardwright import errors
from shardwright.kubernetes.client import Place, connect
from shardwright.service import past, rollout
from shardwright.service.rollout import Options
from shardwright.testing import builders
from shardwright.testing.cluster import faults
from shardwright.testing.cluster.faults import Storm
from shardwright.values import frozen

if TYPE_CHECKING:
    from pathlib import Path

    from shardwright.core.plan.types import Plan
    from shardwright.kubernetes.client import Client
    from shardwright.testing.cluster.fault_proxy import Proxy

__all__ = ["RECIPES", "Outcome", "User", "draw", "planned", "run"]

TRIES = 12
"""The last of them in calm weather."""
WAIT_SECONDS = 20.0
"""How long a command may be kept out by what one before has left: a lease, an object that is going."""
LEASE_SECONDS = 10.0
PAUSE_SECONDS = 0.3
_CLAIM = {"claim": "{}-models", "size": 10 * 2**30, "download": "never"}
RECIPES: dict[str, dict[str, Any]] = {
    "plain": {},
    "zone": {"engine": {"env": {"TZ": "UTC"}}},
    "closed": {"expose": {"kind": "none"}},
    "claim": {"storage": _CLAIM, "engine": {"env": {"TZ": "CET"}}},
    "longer": {"workload": {"max_model_len": 4096}},
}


@frozen(kw_only=True)
class Draw:
    """What chance decided."""

    seed: int
    commands: tuple[str, ...]
    """`apply RECIPE`, `rollback`, `delete`; it begins with an apply and ends with a delete."""
    shares: tuple[float, ...]
    """Of the requests of each command's first try that meet a fault."""
    breaks: tuple[tuple[str, int], ...]
    """`outage` or `expiry` of each first try, from which request on; an empty word for neither."""
    page: int | None
    with_claims: bool
    """Whether a delete takes the claims along."""


@dataclasses.dataclass(slots=True)
class Outcome:
    """What became of one run."""

    seed: int
    steps: list[str] = dataclasses.field(default_factory=list[str])
    """Each command with the tries that it took."""
    faults: dict[str, int] = dataclasses.field(default_factory=dict[str, int])
    errors: dict[str, int] = dataclasses.field(default_factory=dict[str, int])
    """How often a try ended with which error of ours."""
    wrong: list[str] = dataclasses.field(default_factory=list[str])
    """What must not be; empty."""
    seconds: float = 0.0

    def line(self) -> str:
        """As one line of JSON."""
        return json.dumps(dataclasses.asdict(self) | {"outcome": "wrong" if self.wrong else "as it should be"})


def draw(seed: int) -> Draw:
    """The same seed draws the same."""
    chance = random.Random(seed)  # noqa: S311 - not a secret
    first, *others = chance.sample([*RECIPES], 3)
    middle = [
        chance.choice([f"apply {others[0]}", f"apply {others[1]}", "rollback"]) for _ in range(chance.randint(1, 2))
    ]
    again = ["delete", f"apply {chance.choice([*RECIPES])}"] if chance.random() < 0.25 else []
    commands = (f"apply {first}", *middle, *again, "delete")
    breaks = [chance.choices(["", "outage", "expiry"], [10, 1, 1])[0] for _ in commands]
    return Draw(
        seed=seed,
        commands=commands,
        shares=tuple(chance.choice([0.0, 0.1, 0.25, 0.45]) for _ in commands),
        breaks=tuple((what, chance.randint(3, 40)) for what in breaks),
        page=chance.choice([None, 1, 2]),
        with_claims=chance.random() < 0.5,
    )


def planned(name: str, namespace: str, **overrides: Any) -> Plan:  # noqa: ANN401 - fields of a recipe
    """Llama on one GPU as a Deployment and mostly a Service, the model on a claim."""
    given: dict[str, Any] = {
        "metadata": {"name": name, "namespace": namespace},
        "model": {"source": f"pvc://{name}-models/llama", "token": None},
        "target": {"kind": "kubernetes"},
        "parallelism": {"pipeline": 1},
        "hardware": {"nodes": 1},
    }
    if "storage" in overrides:
        overrides = overrides | {"storage": overrides["storage"] | {"claim": f"{name}-models"}}
    asked = builders.recipe(**{**given, **overrides})
    return dataclasses.replace(builders.plan(layout=builders.layout(1, 1, nodes=1)), recipe=asked)


def run(proxy: Proxy, seed: int, namespace: str, folder: Path, *, gives_up: bool = False) -> Outcome:
    """All commands of a draw, each until it is done; `wrong` says what must not be.

    `gives_up`: a command that failed is left as it is, and the next one is given; not so the last.
    """
    drawn, outcome, began = draw(seed), Outcome(seed), time.monotonic()
    counted = collections.Counter(proxy.counts)
    _run(drawn, outcome, proxy, Place(str(_config(proxy, folder, seed)), namespace=namespace), gives_up=gives_up)
    outcome.faults = dict(sorted((proxy.counts - counted).items()))
    outcome.seconds = round(time.monotonic() - began, 2)
    return outcome


def _config(proxy: Proxy, folder: Path, seed: int) -> Path:
    return proxy.write_kubeconfig(folder / f"kubeconfig-{seed}")


def _run(drawn: Draw, outcome: Outcome, proxy: Proxy, place: Place, *, gives_up: bool) -> None:
    name, proxy.page = f"s{drawn.seed}", drawn.page
    with proxy.plane.api() as api:
        truth = Truth(api, place.namespace, name)
        for index, command in enumerate(drawn.commands):
            tries = 1 if gives_up and index + 1 < len(drawn.commands) else TRIES
            user = User(command, name, place, proxy, drawn.with_claims, tries)
            _until_done(drawn, index, user, truth, outcome)
            if outcome.wrong:
                outcome.wrong += proxy.requests[-40:]
                return
        outcome.wrong += fault_truths.wrong_at_the_end(truth, LEASE_SECONDS)


@dataclasses.dataclass(slots=True)
class User:
    """Who gives one command again and again."""

    command: str
    name: str
    place: Place
    proxy: Proxy
    with_claims: bool = False
    tries: int = TRIES

    def try_once(self) -> Try:
        """Give the command, as a new process would: with a connection of its own."""
        tried = Try(self.command, with_claims=self.with_claims)
        try:
            with connect(self.place) as client:
                self._do(client, tried)
        except errors.ShardwrightError as problem:
            tried.error = problem
        return tried

    def _do(self, client: Client, tried: Try) -> None:
        namespace, what = client.namespace, self.command.partition(" ")[2]
        if self.command == "delete":
            list(past.delete(client, namespace, self.name, with_claims=self.with_claims, timeout_seconds=20))
            return
        if self.command == "rollback":
            prepared, wanted = past.prepare_rollback(client, namespace, self.name, None, Options())
            tried.goes_back_to = wanted.number
        else:
            prepared = rollout.prepare(planned(self.name, namespace, **RECIPES[what]), client, Options())
        tried.wanted = prepared.wanted
        tried.was_needed = prepared.is_needed
        if not prepared.is_needed:
            return
        for step in rollout.carry_out(prepared, client, Options()):
            if step.action == "revision":
                tried.reported.append(int(step.subject))


def _until_done(drawn: Draw, index: int, user: User, truth: Truth, outcome: Outcome) -> None:
    """The same command until it is done; waits for what others hold do not count as tries."""
    deadline, number, target = time.monotonic() + WAIT_SECONDS, 0, 0
    after, error = truth.look(), ""
    while number < user.tries:
        user.proxy.storm = _storm(drawn, index, number)
        tried, before = user.try_once(), after
        after = truth.look()
        outcome.wrong += fault_truths.wrong_after_try(before, after, tried)
        if target and tried.goes_back_to not in {0, target}:
            outcome.wrong.append(f"went back to {tried.goes_back_to}, before to {target}")
        target = tried.goes_back_to or target
        if outcome.wrong:
            return
        if tried.error is None or _is_moot(tried, number):
            outcome.steps.append(f"{user.command} ({number + 1})")
            outcome.wrong += fault_truths.wrong_when_done(after, tried)
            return
        kind, error = type(tried.error).__name__, str(tried.error)
        outcome.errors[kind] = outcome.errors.get(kind, 0) + 1
        if isinstance(tried.error, errors.Conflict) and time.monotonic() < deadline:
            time.sleep(PAUSE_SECONDS)
            continue
        number += 1
    if user.tries < TRIES:
        outcome.steps.append(f"{user.command} (given up)")
        return
    outcome.wrong.append(f"{user.command}: not done after {TRIES} tries: {error}")


def _is_moot(tried: Try, number: int) -> bool:
    """Nothing to go back to, or nothing to delete any more."""
    return isinstance(tried.error, errors.NotFound) and (tried.command == "rollback" or number > 0)


def _storm(drawn: Draw, index: int, number: int) -> Storm:
    """Of one try: at first as drawn, then milder each time."""
    if number == TRIES - 1:
        return faults.CALM
    what, moment = drawn.breaks[index] if number == 0 else ("", 0)
    return Storm(
        seed=drawn.seed * 10_000 + index * 100 + number,
        share=drawn.shares[index] * 0.7**number,
        outage_from=moment if what == "outage" else None,
        expires_from=moment if what == "expiry" else None,
    )
