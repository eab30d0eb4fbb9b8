"""Use case: an engine's log against the plan of its recipe, and the calibrations that are kept for later plans."""

from __future__ import annotations

import dataclasses
import datetime as dt
import math
from pathlib import Path
from typing import TYPE_CHECKING

from shardwright import errors, registry
from shardwright.core import calibration, memory
from shardwright.core.plan.types import Plan, Question
from shardwright.service import calibration_files, engine_logs, planning
from shardwright.units import format_bytes
from shardwright.values import frozen

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

    from shardwright.core.calibration import Calibration, Printed
    from shardwright.core.memory import Demand, Pool
    from shardwright.service.calibration_files import Shelf
    from shardwright.service.recipes import LoadedRecipe
    from shardwright.settings import HubSettings, Settings

_DEVICE_SHARE = 0.02
"""Totals of one kind of GPU differ less than this from driver to driver; those of two kinds differ more."""
_ORDER = ("weights", "activation", "other", "graphs")

__all__ = ["Comparison", "Row", "compare", "import_file", "load_shelf", "remove", "save"]


@frozen
class Row:
    """One figure of a rank, or of several of one stage that have the same: planned, and as the engine printed it."""

    term: str
    """A term's name, or `kvCache`."""
    rank: int
    """The first of them."""
    counted: bool
    """Whether it lies inside the engine's budget."""
    planned_bytes: int
    printed_bytes: int

    @property
    def difference_bytes(self) -> int:
        """Printed minus planned."""
        return self.printed_bytes - self.planned_bytes


@frozen
class Comparison:
    """A plan beside what the engine printed, and the calibration that follows."""

    question: Question
    rows: tuple[Row, ...]
    pool: Pool
    """As planned without any calibration."""
    printed_tokens: int | None
    """None where the log has no size of the pool."""
    is_fixed: bool
    """A flag fixed the pool, so it teaches nothing."""
    calibration: Calibration

    @property
    def is_lesson(self) -> bool:
        """Whether later plans can use it: not where a flag fixed the pool and no term differs."""
        found = self.calibration
        return found.pool_seen_bytes > 0 or any(term.difference_bytes for term in found.terms if term.name != "other")


def compare(
    loaded: LoadedRecipe, place: str, settings: Settings, *, stdin: BinaryIO | None = None, today: str | None = None
) -> Comparison:
    """Plan the recipe without calibrations, read the log at `place`, and subtract.

    InputError where nothing fits in the plan, the log has no figures, or it is the log of another start.
    """
    question, demand = _planned(loaded, settings.hub)
    engine = registry.load_engine(question.recipe.engine.name)
    origin, lines = _lines(place, settings, stdin)
    events = ((member, event) for member, line in lines if (event := engine.read_log(line)) is not None)
    printed = engine_logs.read_printed(events)
    _refuse_other_start(question, demand, printed, origin)
    date = today or dt.datetime.now(tz=dt.UTC).date().isoformat()
    try:
        found = calibration.difference(question, demand, printed, origin=origin, date=date)
    except ValueError as error:
        raise errors.InputError(
            f"{origin}: {error}",
            hint=f"give the log of a {engine.name} start, from its first line on, at its usual level of detail",
        ) from error
    found = dataclasses.replace(found, name=calibration_files.name_of(found))
    is_fixed = any(rank.fixed_pool_bytes is not None for rank in demand.ranks)
    return Comparison(
        question=question,
        rows=tuple(_rows(question, demand, printed, found)),
        pool=memory.pool_of(demand),
        printed_tokens=printed.kv_tokens,
        is_fixed=is_fixed,
        calibration=found,
    )


def save(comparison: Comparison, settings: HubSettings) -> Path:
    """Keep the calibration; a later one of the same start replaces it."""
    return calibration_files.save(_own(settings), comparison.calibration)


def import_file(path: str, settings: HubSettings) -> Path:
    """Check a calibration from elsewhere and keep it under our own name for it."""
    return calibration_files.save(_own(settings), calibration_files.load_file(Path(path)))


def remove(name: str, settings: HubSettings) -> Path:
    """Forget one of the user's own."""
    return calibration_files.remove(_own(settings), name)


def load_shelf(settings: HubSettings) -> Shelf:
    """All calibrations that plans would use."""
    return calibration_files.load_shelf(settings.calibration_dirs)


def _own(settings: HubSettings) -> Path:
    return settings.calibration_dirs[0]


def _planned(loaded: LoadedRecipe, settings: HubSettings) -> tuple[Question, Demand]:
    """What the engine's rules say of the planned layout, before any calibration."""
    plain = dataclasses.replace(settings, calibration_dirs=())
    result = planning.plan_loaded(loaded, plain)
    if not isinstance(result, Plan):
        raise errors.InputError(
            f"{loaded.recipe.metadata.name} has no plan to compare with: {result.reasons[0]}",
            hint="give the recipe that the engine was started from; see shardwright plan",
        )
    draft = planning.draft_of(result.recipe, plain)
    question = Question(result.recipe, result.shape, result.layout, result.gpus, result.engine.version, draft)
    return question, registry.load_engine(result.engine.name).memory(question)


def _lines(place: str, settings: Settings, stdin: BinaryIO | None) -> tuple[str, Iterator[tuple[str, str]]]:
    """The lines, and what their origin is called: no path of this machine."""
    if place == "-":
        return "standard input", engine_logs.file_lines(place, stdin)
    path = Path(place)
    if path.is_dir():
        raise errors.InputError(f"--from {place} is a folder", hint="name a log, a deployment, or - for standard input")
    if path.exists():
        return path.name, engine_logs.file_lines(place)
    if path.is_absolute() or "." in place or place.count("/") > 1:
        raise errors.InputError(f"there is no file {place}", hint="name a log, a deployment, or - for standard input")
    return f"deployment {place}", engine_logs.deployment_lines(place, settings)


def _refuse_other_start(question: Question, demand: Demand, printed: Printed, origin: str) -> None:
    """A log of another layout, device or other flags would teach nonsense."""
    layout, total = question.layout, printed.total_bytes
    for one in printed.ranks:
        if any(
            index >= size for index, size in zip(one.place, (layout.data, layout.pipeline, layout.tensor), strict=True)
        ):
            raise errors.InputError(
                f"{origin} is the log of another layout: it has a rank of stage {one.stage}, tensor index"
                f" {one.tensor_index}; planned is {layout}",
                hint="pin the layout of that start: --tensor and --pipeline, or parallelism in the recipe",
            )
    if total is not None and abs(total - question.gpu.memory_bytes) > question.gpu.memory_bytes * _DEVICE_SHARE:
        raise errors.InputError(
            f"{origin} is the log of another device: it has {format_bytes(total)}, planned is {question.gpu.name}"
            f" with {format_bytes(question.gpu.memory_bytes)}",
            hint="give the GPU of that start: --gpu, or hardware in the recipe",
        )
    planned = dict(demand.settings)
    for name, value in printed.figures:
        if name in planned and not math.isclose(float(planned[name]), value, rel_tol=1e-5):
            raise errors.InputError(
                f"{origin} is the log of another start: its {name} is {value:g}, planned is {planned[name]}",
                hint="give the recipe that the engine was started from",
            )


def _rows(question: Question, demand: Demand, printed: Printed, found: Calibration) -> Iterator[Row]:
    shown: dict[tuple[object, ...], Row] = {}
    for rank, term in calibration.seen_terms(question, demand, printed):
        row = Row(term.name, rank.index, term.counted, term.planned_bytes, term.printed_bytes)
        key = (term.name, term.counted, rank.data_index, rank.stage, term.planned_bytes, term.printed_bytes)
        shown.setdefault(key, row)
    yield from sorted(shown.values(), key=lambda row: (_ORDER.index(row.term), row.rank))
    if found.pool_seen_bytes:
        pool = memory.pool_of(demand)
        yield Row(
            "kvCache",
            pool.smallest_rank,
            counted=True,
            planned_bytes=pool.left_bytes,
            printed_bytes=found.pool_seen_bytes,
        )
