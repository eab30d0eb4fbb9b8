"""Which revision a way back leads to, and which revisions may be forgotten."""

from __future__ import annotations

import pytest

from shardwright import errors
from shardwright.core.lifecycle.revision import Outcome, Revision
from shardwright.kubernetes.live import revisions
from shardwright.service import past


def made(number: int, content: str, outcome: Outcome = "superseded", copy_of: int = 0) -> Revision:
    body = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": content, "namespace": "demo"}}
    return Revision(
        number=number, recipe={}, digest=content, plan={}, manifests=(body,), outcome=outcome, copy_of=copy_of
    )


def test_what_served_is_gone_back_to() -> None:
    """Not to a later one that did not."""
    found = (made(1, "a", "ready"), made(2, "b"), made(3, "c", "failed"))
    assert past.back_to(found, None).number == 1


def test_what_was_written_whole_comes_before_what_was_not() -> None:
    """Where nobody waits for a proof, nothing is known to have served."""
    assert past.back_to((made(1, "a", "applied"), made(2, "b"), made(3, "c", "applied")), None).number == 1


def test_another_try_of_the_same_is_no_way_back() -> None:
    """Two tries of one recipe: the way back leads before both."""
    found = (made(1, "a"), made(2, "b", "failed"), made(3, "b", "applying"))
    assert past.back_to(found, None).number == 1


def test_what_failed_or_was_stopped_is_the_last_choice() -> None:
    """Only where there is nothing else."""
    assert past.back_to((made(1, "a"), made(2, "b", "stopped"), made(3, "c")), None).number == 1
    assert past.back_to((made(1, "a"), made(2, "b", "failed"), made(3, "c")), None).number == 1
    assert past.back_to((made(2, "b", "failed"), made(3, "c")), None).number == 2


@pytest.mark.parametrize("outcome", ["applying", "failed"])
def test_a_way_back_that_broke_off_is_gone_again(outcome: Outcome) -> None:
    """The same command twice does not lead to what was to be left."""
    found = (made(1, "a"), made(2, "b"), made(3, "a", outcome, copy_of=1))
    assert past.back_to(found, None).number == 1
    served = (*found[:2], made(3, "a", "ready", copy_of=1))
    assert past.back_to(served, None).number == 2


def test_nowhere_to_go() -> None:
    """Said with what there is."""
    with pytest.raises(errors.NotFound, match="no earlier"):
        past.back_to((made(1, "a"), made(2, "a")), None)
    with pytest.raises(errors.NotFound, match="no revision 7") as refused:
        past.back_to((made(1, "a"), made(2, "a")), 7)
    assert "1, 2" in refused.value.hint


def test_what_alone_names_an_object_is_not_forgotten() -> None:
    """A failed apply may have left it, and a delete finds it by that revision."""
    found = (made(1, "ready", "ready"), *(made(number, "old") for number in (2, 3)), made(4, "new"))
    newer = tuple(made(number, "new", "failed") for number in range(5, 5 + revisions.KEPT))
    assert [each.number for each in revisions.too_many(found + newer, is_settled=True)] == [2, 3, 4]
    assert [each.number for each in revisions.too_many(found + newer, is_settled=False)] == [4]
