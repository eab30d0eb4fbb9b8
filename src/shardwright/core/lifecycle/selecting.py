"""Label selectors as Kubernetes writes them, `a=b,c in (x,y)`, as far as parts use them; pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from shardwright.values import frozen

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Selector", "parse_selector"]

_TERM = re.compile(r"\s*([^\s=,()!]+)\s*(?:==?\s*([^\s=,()]*)|\s+in\s*\(([^()]*)\))\s*(?:,|$)")


@frozen
class Selector:
    """All terms have to hold: of each label the values that it may have."""

    terms: tuple[tuple[str, frozenset[str]], ...]

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Whether an object with these labels is selected."""
        return all(labels.get(key) in values for key, values in self.terms)

    @property
    def first(self) -> tuple[str, str]:
        """The first label with its value, by which objects may be sorted beforehand; ValueError if it has several."""
        key, values = self.terms[0]
        (value,) = values
        return key, value


def parse_selector(text: str) -> Selector:
    """ValueError for what is none of these."""
    terms: list[tuple[str, frozenset[str]]] = []
    place = 0
    while place < len(text):
        found = _TERM.match(text, place)
        if found is None:
            raise ValueError(f"{text!r} is no selector of the form a=b,c in (x,y)")
        several = found[3]
        values = [found[2]] if several is None else [part.strip() for part in several.split(",")]
        terms.append((found[1], frozenset(values)))
        place = found.end()
    return Selector(tuple(terms))
