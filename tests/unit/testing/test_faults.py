"""Which request meets which fault is decided by the seed alone."""

from __future__ import annotations

from shardwright.testing.cluster import faults
from shardwright.testing.cluster.faults import ANY, CALM, Asked, Storm

POD = "/api/v1/namespaces/{}/pods/llama-0"


def fates(storm: Storm, asked: Asked, count: int = 400) -> list[str | None]:
    return [faults.draw(storm, asked, number, number) for number in range(count)]


def test_the_same_seed_draws_the_same() -> None:
    """Whatever the namespace is called; another seed draws differently."""
    one = fates(Storm(seed=1, share=0.5), Asked("GET", POD.format("a")))
    assert one == fates(Storm(seed=1, share=0.5), Asked("GET", POD.format("b")))
    assert one != fates(Storm(seed=2, share=0.5), Asked("GET", POD.format("a")))


def test_about_the_share_that_was_asked_for_fails() -> None:
    """None in calm weather, all at 1."""
    asked = Asked("PATCH", POD.format("a"))
    assert set(fates(CALM, asked)) == {None}
    assert None not in fates(Storm(seed=1, share=1), asked)
    assert 80 < sum(map(bool, fates(Storm(seed=1, share=0.3), asked))) < 160


def test_a_request_meets_what_it_can_meet() -> None:
    """No conflict of a read, no cut watch of a list; 410 of a watch and of a list's later pages."""
    storm = Storm(seed=1, share=1)
    read = set(fates(storm, Asked("GET", POD.format("a"))))
    assert read == set(ANY) - {"conflict", "gone", "watch-gone", "watch-cut"}
    assert "gone" in fates(storm, Asked("GET", POD.format("a"), is_continued=True))
    watched = set(fates(storm, Asked("GET", POD.format("a"), is_watch=True)))
    assert {"gone", "watch-gone", "watch-cut", "reset"} <= watched
    assert "conflict" in fates(storm, Asked("PATCH", POD.format("a")))


def test_an_outage_and_expired_credentials_begin_at_a_request_and_last() -> None:
    """Counted over all requests."""
    asked = Asked("GET", POD.format("a"))
    assert fates(Storm(seed=1, share=0, outage_from=2), asked, 4) == [None, None, "reset", "reset"]
    assert fates(Storm(seed=1, share=0, expires_from=3), asked, 4) == [None, None, None, "unauthorized"]
