"""What a run asked of the API server, counted for the last lines of its report."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

__all__ = ["Tally"]


@dataclass
class Tally:
    """What was asked of the server, for the last lines of the run."""

    accepted: Counter[str] = field(default_factory=Counter[str])
    """Manifests, by target and kind."""
    not_validated: Counter[str] = field(default_factory=Counter[str])
    """Manifests that no server at hand can judge, by reason."""
