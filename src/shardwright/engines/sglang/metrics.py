"""Figures from SGLang's `/metrics` page; None for what a version does not publish. The page exists with `--enable-metrics`.

Every rank of a stage may publish the same gauge: they are counted once for each copy of the model. Source: SGLang 0.5.1,
0.5.16 and 0.5.23, metrics/collector.py and observability.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from shardwright.core.plugins import EngineMetrics

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["read_page"]

_SAMPLE = re.compile(r"^(?P<name>[A-Za-z_:][\w:]*)(?:\{(?P<labels>.*)\})?\s+(?P<value>\S+)")
_LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')
_Sample = tuple[str, dict[str, str], float]


def read_page(text: str) -> EngineMetrics:
    """The figures of one page."""
    samples = list(_samples(text))
    usage = [value for name, _, value in samples if name == "sglang:token_usage"]
    tokens = _per_copy(samples, "sglang:max_total_num_tokens")
    generated = [value for name, _, value in samples if name == "sglang:generation_tokens_total"]
    return EngineMetrics(
        running_requests=_per_copy(samples, "sglang:num_running_reqs"),
        waiting_requests=_per_copy(samples, "sglang:num_queue_reqs"),
        kv_usage=max(usage) if usage else None,
        kv_tokens=int(tokens) if tokens else None,
        generated_tokens=sum(generated) if generated else None,
    )


def _samples(text: str) -> Iterator[_Sample]:
    for line in text.splitlines():
        match = None if line.startswith("#") else _SAMPLE.match(line)
        if match is None:
            continue
        try:
            value = float(match["value"])
        except ValueError:
            continue  # a page cut off in the middle of a number
        if abs(value) != float("inf") and value == value:  # noqa: PLR0124 - NaN is no figure
            yield match["name"], dict(_LABEL.findall(match["labels"] or "")), value


def _per_copy(samples: list[_Sample], name: str) -> float | None:
    """The largest figure of each data-parallel copy, summed."""
    found: dict[str, float] = {}
    for sample, labels, value in samples:
        if sample == name:
            copy = labels.get("dp_rank", "")
            found[copy] = max(value, found.get(copy, value))
    return sum(found.values()) if found else None
