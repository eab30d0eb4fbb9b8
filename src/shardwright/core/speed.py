"""How fast a layout answers: from bytes, floating point operations and messages to seconds, with a range.

The engine brings its pace (constants that were measured on it) with its demand; what the model reads, computes and sends
is counted here. Where a figure of the GPU is missing there is no prediction, and a reason instead.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Pace", "Range", "Speed"]


@dataclass(frozen=True, slots=True)
class Range:
    """A figure and the interval in which it should lie."""

    expected: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Speed:
    """What to expect of a warm engine under the workload of the recipe: so many requests, of so many tokens each."""

    time_to_first_token_seconds: Range
    """Of one request that comes alone."""
    inter_token_seconds: Range
    """Between two tokens of one request while all `concurrency` requests run."""
    output_tokens_per_second: Range
    """Of the whole replica while all run."""
    batch_seconds: Range
    """All requests sent at once, until the last token."""
    assumptions: tuple[str, ...]
    """What was assumed, with numbers and sources, for people."""


@dataclass(frozen=True, slots=True)
class Pace:
    """Constants of an engine version that formulas of speed need."""

    bandwidth_share: float
    """Part of the memory bandwidth that a decode step reaches, 0 to 1."""
    flops_share: float
    """Part of the dense bf16 peak that a prefill reaches, 0 to 1."""
    layer_seconds: float
    """Time of one dense layer in a decode step besides reading."""
    mixture_layer_seconds: float
    latent_layer_seconds: float
    tensor_layer_seconds: float
    """More for a layer that is shared by several ranks of one node."""
    step_seconds: float
    """Time of a step outside its layers: scheduling, sampling, sending."""
    hop_seconds: float
    """From one pipeline stage to the next inside a node."""
    uncertainty_share: float
    """Half width of the range where the engine was measured, as a part of the expected figure."""
    source: str
