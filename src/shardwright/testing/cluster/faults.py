"""Which request meets which trouble between a client and an API server: drawn by a seed, the same each time.

A draw depends on the seed, the request's verb and address and how often it came, not on the order in which threads ask.
Values and decisions only; `fault_proxy` carries them out.
"""

from __future__ import annotations

import random
import re
from typing import Literal

from shardwright.values import frozen

__all__ = ["ANY", "CALM", "Asked", "Fault", "Storm", "draw"]

Fault = Literal[
    "conflict",
    "busy",
    "internal",
    "unavailable",
    "gateway",
    "late-gateway",
    "reset",
    "late-reset",
    "slow",
    "cut",
    "garbled",
    "gone",
    "watch-gone",
    "watch-cut",
    "unauthorized",
]
"""`conflict` 409, `busy` 429 with Retry-After, `internal` 500, `unavailable` 503, `gateway` 504 as a page, `reset` of the
connection: none was carried out. `late-...`: the server carried it out, the client is not told. `slow`: the answer comes
late. `cut`: less comes than was announced; `garbled`: half of the JSON, announced as such. `gone`: 410 to a list that
goes on, or to a watch; `watch-gone`: the same as an event; `watch-cut`: the stream ends. `unauthorized`: 401."""

ANY: tuple[Fault, ...] = (
    *("conflict", "busy", "internal", "unavailable", "gateway", "late-gateway", "reset", "late-reset"),
    *("slow", "cut", "garbled", "gone", "watch-gone", "watch-cut"),
)
"""All that pass; credentials that expired do not."""
_WRITES = frozenset({"POST", "PUT", "PATCH", "DELETE"})
_NAMESPACE = re.compile(r"/namespaces/[^/]+")


@frozen
class Asked:
    """One request as far as its fate depends on it."""

    method: str
    path: str
    is_watch: bool = False
    is_continued: bool = False
    """The second or a later page of a list."""


@frozen(kw_only=True)
class Storm:
    """What goes wrong, and how often."""

    seed: int
    share: float
    """Of the requests, 0 to 1."""
    kinds: tuple[Fault, ...] = ANY
    outage_from: int | None = None
    """From this request on, counted from 0, nothing gets through: `reset` of all."""
    expires_from: int | None = None
    """From this request on the credentials are not accepted."""


CALM = Storm(seed=0, share=0)


def draw(storm: Storm, asked: Asked, number: int, before: int) -> Fault | None:
    """What happens to a request, None: nothing. `number` of all requests; `before`: how often this very one came already."""
    if storm.outage_from is not None and number >= storm.outage_from:
        return "reset"
    if storm.expires_from is not None and number >= storm.expires_from:
        return "unauthorized"
    place = _NAMESPACE.sub("", asked.path)
    chance = random.Random(f"{storm.seed} {asked.method} {place} {asked.is_watch} {before}")  # noqa: S311 - not a secret
    if chance.random() >= storm.share:
        return None
    possible: list[Fault] = [kind for kind in storm.kinds if _can_meet(kind, asked)]
    return chance.choice(possible) if possible else None


def _can_meet(kind: Fault, asked: Asked) -> bool:
    if kind == "conflict":
        return asked.method in _WRITES
    if kind == "gone":
        return asked.is_watch or asked.is_continued
    if kind in {"watch-gone", "watch-cut"}:
        return asked.is_watch
    return not (asked.is_watch and kind in {"cut", "garbled", "late-gateway", "late-reset"})
