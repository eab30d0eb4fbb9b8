"""Revisions as text: what is kept is what comes back, and what is no revision is said to be none."""

from __future__ import annotations

import base64
import dataclasses
import json
import secrets
import zlib

import pytest

from shardwright import errors
from shardwright.core.lifecycle import revision
from shardwright.core.lifecycle.revision import Revision

KEPT = Revision(
    number=3,
    recipe={"metadata": {"name": "llama"}},
    digest="ab",
    plan={"fits": True},
    manifests=({"kind": "Service"},),
    outcome="ready",
    by="ada@desk",
    at="2026-11-21T10:00:00Z",
)


def packed(document: object) -> str:
    return base64.b64encode(zlib.compress(json.dumps(document).encode())).decode()


def test_a_revision_survives() -> None:
    """What is written is what is read."""
    assert revision.decode(revision.encode(KEPT)) == KEPT


@pytest.mark.parametrize(
    "text", ["", "not base64!", "aGVsbG8=", packed([1]), packed({"number": 1}), packed({"format": 1})]
)
def test_what_is_no_revision_is_refused(text: str) -> None:
    """A damaged object is an error with a reason, never a crash."""
    with pytest.raises(errors.InputError, match="no revision"):
        revision.decode(text)


def test_a_newer_format_is_named() -> None:
    """Somebody with a newer program applied last."""
    with pytest.raises(errors.InputError, match="format 2") as refused:
        revision.decode(packed({"format": 2}))
    assert "newer" in refused.value.hint


def test_a_bomb_is_not_unpacked_whole() -> None:
    """A small object of a hostile cluster does not fill the memory."""
    bomb = base64.b64encode(zlib.compress(b" " * 40_000_000, 1)).decode()
    with pytest.raises(errors.InputError, match="no revision"):
        revision.decode(bomb)


def test_what_is_too_large_for_an_object_is_said() -> None:
    """One revision is one object, and the server takes no larger ones."""
    large = dataclasses.replace(KEPT, manifests=({"data": secrets.token_hex(1_000_000)},))
    with pytest.raises(errors.InputError, match="too large"):
        revision.encode(large)
