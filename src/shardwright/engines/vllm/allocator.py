"""What torch's allocator takes for tensors that are made one after another while a model is loaded.

Blocks are cut from segments; what is left of one that is not cut counts as taken. Tables of cosines are computed in float32
first, and later tensors get the blocks of what was freed. From 0.22 on vLLM forbids to cut blocks of 20 MiB and more while it loads,
so that a tensor may keep a freed block up to 20 MiB larger than itself. Source: torch 2.11, CUDACachingAllocator.cpp; vLLM 0.22
to 0.32, v1/worker/gpu_worker.py _scoped_allocator_max_split; 21 starts of 0.24.0 on H200, met to 0.01 GiB.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass, field

from shardwright.core.plan.version import parse_version
from shardwright.units import MIB
from shardwright.values import frozen

__all__ = ["Table", "held_bytes", "uncut_from"]

_UNIT = 512
_SMALL = MIB
_SEGMENT = 20 * MIB
"""Tensors below `_OWN_SEGMENT` share segments of this size."""
_OWN_SEGMENT = 10 * MIB
_PAGE = 2 * MIB
_UNCUT_SINCE = (0, 22, 0)


@frozen
class Table:
    """A table of cosines and sines: `rows_bytes` of angles, the same of each half, both joined, then the kept one."""

    rows_bytes: int
    kept_bytes: int


@dataclass(slots=True)
class _Block:
    size: int
    is_free: bool = False
    before: _Block | None = None
    after: _Block | None = None


@dataclass(slots=True)
class _Pool:
    """Segments with their blocks, of which only the free ones are looked at."""

    uncut_from: int
    taken_bytes: int = 0
    free: list[_Block] = field(default_factory=list[_Block])

    def take(self, size: int) -> _Block:
        size = _rounded(size)
        block = _Block(size) if size <= _SMALL else self._found(size) or _Block(_segment(size))
        if size > _SMALL and size < self.uncut_from and block.size - size > _SMALL:
            self._cut(block, size)
        self.taken_bytes += block.size
        return block

    def give_back(self, block: _Block) -> None:
        self.taken_bytes -= block.size
        if block.size <= _SMALL:
            return
        block.is_free = True
        self.free.append(block)
        self._join(block)
        if block.before is not None and block.before.is_free:
            self._join(block.before)

    def _found(self, size: int) -> _Block | None:
        """The smallest free block that is large enough; one that must not be cut only for tensors of nearly its size."""
        block = min((block for block in self.free if block.size >= size), key=lambda block: block.size, default=None)
        is_whole = block is not None and block.size >= self.uncut_from
        if block is None or (is_whole and (size < self.uncut_from or block.size >= size + _SEGMENT)):
            return None
        block.is_free = False
        self.free = [other for other in self.free if other is not block]
        return block

    def _cut(self, block: _Block, size: int) -> None:
        rest = _Block(block.size - size, is_free=True, before=block, after=block.after)
        if block.after is not None:
            block.after.before = rest
        block.after, block.size = rest, size
        self.free.append(rest)

    def _join(self, block: _Block) -> None:
        """With the free block after it."""
        after = block.after
        if after is None or not after.is_free:
            return
        block.size += after.size
        block.after = after.after
        if block.after is not None:
            block.after.before = block
        self.free = [other for other in self.free if other is not after]


def uncut_from(version: str) -> int:
    """Bytes from which on blocks are not cut while loading; more than any tensor where all are."""
    return _SEGMENT if parse_version(version) >= _UNCUT_SINCE else 1 << 62


@functools.lru_cache(maxsize=1024)
def held_bytes(made: tuple[int | Table, ...], uncut: int) -> int:
    """Bytes in blocks after all these were made in this order; an int is a tensor that stays."""
    pool = _Pool(uncut)
    for one in made:
        if isinstance(one, Table):
            _make_table(pool, one)
        else:
            pool.take(one)
    return pool.taken_bytes


def _make_table(pool: _Pool, table: Table) -> None:
    parts = [pool.take(table.rows_bytes) for _ in ("angles", "cosines", "sines")]
    joined = pool.take(2 * table.rows_bytes)
    for part in parts:
        pool.give_back(part)
    pool.take(table.kept_bytes)
    pool.give_back(joined)


def _rounded(size: int) -> int:
    return -(-size // _UNIT) * _UNIT


def _segment(size: int) -> int:
    return _SEGMENT if size < _OWN_SEGMENT else -(-size // _PAGE) * _PAGE
