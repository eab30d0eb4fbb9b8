"""The type of the fixture `shardwright`."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

__all__ = ["Call"]

Call: TypeAlias = Callable[..., tuple[int, str, str]]
"""Runs a command line: exit code, standard output, standard error."""
