"""Versions: what can be read, and whose rules a version follows."""

from __future__ import annotations

import pytest

from shardwright import errors
from shardwright.core.plan.version import parse_version, resolve_version

KNOWN = ("0.10.0", "0.24.0", "0.32.0")


@pytest.mark.parametrize(
    ("text", "release"),
    [
        ("0.24.0", (0, 24, 0)),
        ("v0.24", (0, 24, 0)),
        ("0.12.0.post2", (0, 12, 0)),
        ("0.32.0+cpu", (0, 32, 0)),
        ("0.33.0rc1", (0, 33, 0)),
    ],
)
def test_releases_are_read_in_the_forms_that_occur(text: str, release: tuple[int, int, int]) -> None:
    """Tags, post releases and builds are releases."""
    assert parse_version(text) == release


@pytest.mark.parametrize("text", ["latest", "", "0", "0.24.x", "24", "0.24.0-gpu", "nightly-0.24.0"])
def test_what_is_no_version_is_an_input_error(text: str) -> None:
    """The value seen stands in the message."""
    with pytest.raises(errors.InputError) as caught:
        parse_version(text)
    assert repr(text) in caught.value.message
    assert caught.value.path == "engine.version"
    assert caught.value.hint


@pytest.mark.parametrize(
    ("asked", "version", "rules", "is_known"),
    [
        (None, "0.32.0", "0.32.0", True),
        ("0.24.0", "0.24.0", "0.24.0", True),
        ("v0.24.0", "0.24.0", "0.24.0", True),
        ("0.32.0+cpu", "0.32.0+cpu", "0.32.0", True),
        ("0.27.1", "0.27.1", "0.24.0", False),
        ("0.99", "0.99", "0.32.0", False),
    ],
)
def test_rules_are_those_of_the_nearest_older_version(
    asked: str | None, version: str, rules: str, *, is_known: bool
) -> None:
    """No version asked for is the newest known; one between two follows the older."""
    resolved = resolve_version(asked, KNOWN)
    assert (resolved.version, resolved.rules, resolved.is_known) == (version, rules, is_known)


def test_a_version_older_than_all_is_refused() -> None:
    """There are no rules to follow, and the oldest known is named."""
    with pytest.raises(errors.InputError, match=r"0\.9\.2.*0\.10\.0"):
        resolve_version("0.9.2", KNOWN)
