"""Figures from vLLM's `/metrics` page, summed over engines; None for what a version does not publish.

Source: vLLM 0.24 and 0.32, v1/metrics/loggers.py. `num_gpu_blocks` is already the sum over data-parallel engines there.
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
_USAGE = ("vllm:kv_cache_usage_perc", "vllm:gpu_cache_usage_perc")
"""The second is the name before 0.10."""


def read_page(text: str) -> EngineMetrics:
    """The figures of one page."""
    samples = list(_samples(text))
    usage = [value for name, _, value in samples if name in _USAGE]
    return EngineMetrics(
        running_requests=_sum(samples, "vllm:num_requests_running"),
        waiting_requests=_sum(samples, "vllm:num_requests_waiting"),
        kv_usage=max(usage) if usage else None,
        kv_tokens=_kv_tokens(samples),
        generated_tokens=_sum(samples, "vllm:generation_tokens_total"),
    )


def _samples(text: str) -> Iterator[tuple[str, dict[str, str], float]]:
    for line in text.splitlines():
        match = None if line.startswith("#") else _SAMPLE.match(line)
        if match is None:
            continue
        try:
            value = float(match["value"])
        except ValueError:
            continue  # a page cut off in the middle of a number
        yield match["name"], dict(_LABEL.findall(match["labels"] or "")), value


def _sum(samples: list[tuple[str, dict[str, str], float]], name: str) -> float | None:
    found = [value for sample, _, value in samples if sample == name]
    return sum(found) if found else None


def _kv_tokens(samples: list[tuple[str, dict[str, str], float]]) -> int | None:
    """The pool as the engine reports it: in tokens from 0.32 on, before that in blocks of a size."""
    for name, labels, _ in samples:
        if name != "vllm:cache_config_info":
            continue
        if labels.get("kv_cache_size_tokens", "").isdigit():
            return int(labels["kv_cache_size_tokens"])
        blocks, size = labels.get("num_gpu_blocks", ""), labels.get("block_size", "")
        if blocks.isdigit() and size.isdigit():
            return int(blocks) * int(size)
    return None
