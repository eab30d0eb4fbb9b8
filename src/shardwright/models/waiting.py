"""Work that may never end, waited for no longer than said: its threads do not keep the process alive."""

from __future__ import annotations

import queue
import threading
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["in_parallel", "within"]

Item = TypeVar("Item")
Result = TypeVar("Result")


def within(seconds: float, work: Callable[[], Result]) -> tuple[Result] | None:
    """What the work returns, in a tuple; None if it takes longer, and then it is left to itself. What it raises is raised."""
    done: queue.SimpleQueue[tuple[Result] | BaseException] = queue.SimpleQueue()
    _start(lambda: done.put(_outcome(work)))
    try:
        outcome = done.get(timeout=seconds)
    except queue.Empty:
        return None
    if isinstance(outcome, BaseException):
        raise outcome
    return outcome


def in_parallel(work: Callable[[Item], Result], items: Sequence[Item], *, at_once: int) -> list[Result]:
    """The results in the order of the items; the first that is raised ends it."""
    done: queue.SimpleQueue[tuple[int, tuple[Result] | BaseException]] = queue.SimpleQueue()
    todo = iter(enumerate(items))
    lock, has_failed = threading.Lock(), threading.Event()

    def run() -> None:
        while not has_failed.is_set():
            with lock:
                index, item = next(todo, (-1, None))
            if item is None:
                return
            done.put((index, _outcome(lambda item=item: work(item))))

    for _ in range(min(at_once, len(items))):
        _start(run)
    results: dict[int, Result] = {}
    while len(results) < len(items):
        index, outcome = done.get()
        if isinstance(outcome, BaseException):
            has_failed.set()
            raise outcome
        results[index] = outcome[0]
    return [results[index] for index in range(len(items))]


def _start(run: Callable[[], object]) -> None:
    threading.Thread(target=run, daemon=True, name="hub").start()


def _outcome(work: Callable[[], Result]) -> tuple[Result] | BaseException:
    try:
        return (work(),)
    except BaseException as error:  # noqa: BLE001 - raised again by whoever waits
        return error
