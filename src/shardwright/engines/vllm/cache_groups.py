"""Layers in groups: which share a table of blocks, what a block takes on a stage, and how many blocks a request needs.

It knows pages, not models. Groups are decided over the layers of all stages together; every group draws its blocks from one
pool, so a block costs a stage its largest group. Source: vLLM 0.10 to 0.32, v1/core/kv_cache_utils.py get_kv_cache_groups,
get_kv_cache_configs; v1/kv_cache_interface.py max_memory_usage_bytes.
"""

from __future__ import annotations

import dataclasses
from typing import Literal

from shardwright.values import frozen

__all__ = ["Group", "Longest", "Page", "PageKind", "block_bytes", "groups_of", "request_blocks"]

PageKind = Literal["full", "window", "chunked", "state"]


@frozen
class Page:
    """One block of one layer on one rank."""

    kind: PageKind
    """`full` keeps every token, latent caches included; `window` and `chunked` those that can still be seen; `state` none."""
    block_tokens: int
    bytes: int
    form: tuple[int, ...] = ()
    """Heads and sizes: layers of one kind share a group only where these are equal."""
    window_tokens: int = 0
    """Of a window or a chunk."""
    copies: int = 1
    """Of a state that a request keeps."""


@frozen
class Longest:
    """The longest request, and what it holds for a moment."""

    tokens: int
    in_flight_tokens: int
    """Scheduled and not yet settled: windows keep these besides."""
    context_ranks: int = 1
    """Ranks over which the tokens of a request are spread (decode context parallelism)."""
    state_tokens: int | None = None
    """A state is kept at each of so many tokens besides; None: it is not."""


@frozen
class Group:
    """Layers that share a table of blocks."""

    page: Page
    members: tuple[tuple[int, Page], ...]
    """Stage and page of each layer."""


def groups_of(stages: tuple[tuple[Page, ...], ...], *, whole_below: float, has_windows: bool) -> tuple[Group, ...]:
    """All layers in groups, in the order of layers.

    Where all keep the same tokens there is one group. Else kinds are cut into groups of equal length, that of the rarest
    kind, or of the commonest where that has less than `whole_below` times as many layers. `has_windows` False: layers with
    windows beside layers without keep every token.
    """
    layers = [(stage, page) for stage, pages in enumerate(stages) for page in pages]
    if not has_windows:
        layers = _without_windows(layers)
    if not layers:
        return ()
    if _is_uniform([page for _, page in layers]):
        return (Group(layers[0][1], tuple(layers)),)
    kinds: dict[Page, list[tuple[int, Page]]] = {}
    for stage, page in _of_one_size(layers):
        kinds.setdefault(page, []).append((stage, page))
    counts = [len(members) for members in kinds.values()]
    length = max(counts) if max(counts) < min(counts) * whole_below else min(counts)
    return tuple(group for members in kinds.values() for group in _cut(members, length))


def _cut(members: list[tuple[int, Page]], length: int) -> list[Group]:
    # Every n-th layer goes into a group, so that each stage has about as many of every group.
    pieces = -(-len(members) // length)
    return [Group(members[0][1], tuple(members[start::pieces])) for start in range(pieces)]


def _without_windows(layers: list[tuple[int, Page]]) -> list[tuple[int, Page]]:
    if not any(page.kind == "full" for _, page in layers):
        return layers
    local = ("window", "chunked")
    return [
        (stage, dataclasses.replace(page, kind="full", window_tokens=0) if page.kind in local else page)
        for stage, page in layers
    ]


def _is_uniform(pages: list[Page]) -> bool:
    first = pages[0]
    if first.kind == "state":
        return all(page == first for page in pages)
    return all(
        (page.kind, page.block_tokens, page.window_tokens) == (first.kind, first.block_tokens, first.window_tokens)
        for page in pages
    )


def _of_one_size(layers: list[tuple[int, Page]]) -> list[tuple[int, Page]]:
    """Smaller pages hold more tokens, or are padded where they do not divide the largest."""
    largest = max(page.bytes for _, page in layers)
    return [(stage, _sized(page, largest)) for stage, page in layers]


def _sized(page: Page, largest: int) -> Page:
    if page.kind == "state" or largest % page.bytes:
        return dataclasses.replace(page, bytes=largest)
    times = largest // page.bytes
    return dataclasses.replace(page, block_tokens=page.block_tokens * times, bytes=largest)


def block_bytes(groups: tuple[Group, ...], stage: int) -> int:
    """One block on a rank of that stage: its pages in the group that has most there."""
    return max((sum(page.bytes for at, page in group.members if at == stage) for group in groups), default=0)


def request_blocks(groups: tuple[Group, ...], longest: Longest) -> int:
    """Blocks of the longest request in all groups together."""
    return sum(_blocks(group.page, longest) for group in groups)


def _blocks(page: Page, longest: Longest) -> int:
    if page.kind == "state":
        every = longest.state_tokens
        return page.copies + (_ceil(longest.tokens, every) - 1 if every is not None else 0)
    if page.kind == "full":
        return _ceil(_ceil(longest.tokens, longest.context_ranks), page.block_tokens)
    if page.kind == "chunked":
        return _ceil(min(page.window_tokens + longest.in_flight_tokens, longest.tokens), page.block_tokens)
    held = min(page.window_tokens - 1 + longest.in_flight_tokens, longest.tokens)
    return _ceil(held, page.block_tokens) + 1  # a window seldom starts where a block does


def _ceil(number: int, divisor: int) -> int:
    return -(-number // divisor)
