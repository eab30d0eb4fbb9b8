"""Logs of many members as one, selectors of their pods, and what the vendors' programs print."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shardwright.core.lifecycle import devices, merging, selecting
from shardwright.core.lifecycle.merging import LogLine, Source

LEADER, WORKER = Source("llama-0", 0, 0, (0, 1)), Source("llama-0-1", 0, 1, (2, 3))


def test_lines_are_told_by_their_time() -> None:
    """Seconds may have any number of digits; at one moment the first member comes first."""
    one = [LogLine(LEADER, f"2026-11-21T12:00:{time}Z", time) for time in ("00", "00.5", "01.000000001")]
    other = [LogLine(WORKER, f"2026-11-21T12:00:{time}Z", time) for time in ("00.25", "00.50", "01")]
    assert [line.text for line in merging.in_order([one, other])] == [
        "00",
        "00.25",
        "00.5",
        "00.50",
        "01",
        "01.000000001",
    ]


@given(st.lists(st.lists(st.integers(0, 10**9 - 1)), max_size=5))
def test_merged_logs_are_ordered_and_whole(members: list[list[int]]) -> None:
    """Every line once, none before an earlier one."""
    sources = [
        [
            LogLine(Source(str(index), 0, index), f"2026-11-21T12:00:00.{at:09}Z".rstrip("0Z") + "Z", str(at))
            for at in sorted(lines)
        ]
        for index, lines in enumerate(members)
    ]
    found = [int(line.text) for line in merging.in_order(sources)]
    assert found == sorted(at for lines in members for at in lines)


@pytest.mark.parametrize(
    ("source", "prefix"),
    [
        (WORKER, "[0.1 rank 2-3]"),
        (Source("a", 1, 0, (5,)), "[1.0 rank 5]"),
        (Source("a", 0, 0, (0, 2)), "[0.0 rank 0,2]"),
        (Source("a", 3, 2), "[3.2]"),
    ],
)
def test_a_prefix_says_who_wrote(source: Source, prefix: str) -> None:
    """Replica, member, and the ranks where they are known."""
    assert merging.prefix_of(source) == prefix


def test_selectors_are_read_as_parts_write_them() -> None:
    """Equal, or one of several; all terms have to hold."""
    selector = selecting.parse_selector("app.kubernetes.io/name=llama,component in (leader, worker)")
    assert selector.first == ("app.kubernetes.io/name", "llama")
    assert selector.matches({"app.kubernetes.io/name": "llama", "component": "worker", "more": "x"})
    assert not selector.matches({"app.kubernetes.io/name": "llama", "component": "router"})
    assert not selector.matches({"component": "leader"})


@pytest.mark.parametrize("text", ["a!=b", "a notin (b)", "a=b,,c=d", "a in b"])
def test_other_selectors_are_refused(text: str) -> None:
    """Better none than a wrong one."""
    with pytest.raises(ValueError, match="no selector"):
        selecting.parse_selector(text)


SMI = """index, name, memory.used [MiB], memory.total [MiB], utilization.gpu [%]
0, NVIDIA A10G, 20000 MiB, 23028 MiB, 17 %
1, NVIDIA A10G, 1 MiB, 23028 MiB, [N/A]
"""


@pytest.mark.requirement("R028")
def test_the_drivers_table_is_read() -> None:
    """Used and total memory in bytes, use as a share; what is not told is not made up."""
    first, second = devices.devices_in(SMI)
    assert (first.name, first.used_bytes, first.total_bytes, first.use) == (
        "NVIDIA A10G",
        20000 << 20,
        23028 << 20,
        0.17,
    )
    assert (second.index, second.use) == (1, None)
    assert devices.devices_in("HL-SMI Version: 1.20\n| 0 HL-225 |") == ()


def test_planned_memory_is_by_rank_of_the_member() -> None:
    """All terms but what is free."""
    ranks = [
        {"rank": rank, "node": rank // 2, "weightsBytes": 5, "kvCacheBytes": 7, "freeBytes": 9} for rank in range(4)
    ]
    assert devices.planned_bytes({"ranks": ranks}, 1) == ((2, 12), (3, 12))


def test_the_download_is_no_member() -> None:
    """Its lines stand after its own name."""
    assert merging.prefix_of(Source("llama-download-x", 0, 0, is_download=True)) == "[download]"
