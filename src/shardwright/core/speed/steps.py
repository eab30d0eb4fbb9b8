"""From the work of a stage to seconds: reading, computing, sums over ranks, and what each layer costs besides.

Matrices and the cache are read by different kernels, one after the other, so each is bound by memory or by arithmetic on
its own. Source: roofline model; the constants of `Pace` are the engine's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from shardwright.core.speed import work
from shardwright.values import frozen

if TYPE_CHECKING:
    from shardwright.core.hardware import Gpu
    from shardwright.core.layout import Layout
    from shardwright.core.plan.types import Question
    from shardwright.core.speed.values import Pace
    from shardwright.core.speed.work import Work

__all__ = ["Stage", "stages_of"]


@frozen
class Stage:
    """One stage with the rates of its slowest GPU."""

    work: Work
    pace: Pace
    bandwidth: float
    """Bytes a second that reading reaches."""
    flops: float
    """Operations a second that matrices reach."""
    attention_flops: float
    tensor: int
    copies: int
    """Data-parallel copies, which share experts."""
    hidden_bytes: float
    """Activations of one token between layers."""
    sum_bytes_per_second: float
    """Of sums over the tensor-parallel ranks."""
    sum_seconds: float
    """Latency of the sums of one layer."""
    share_bytes_per_second: float
    """Of gathering the tokens of all copies for their experts, and of giving them back."""
    share_seconds: float
    hop_seconds: float
    """Latency of handing over to the next stage; 0 on the last."""
    hop_bytes_per_second: float

    def decode_seconds(self, requests: float, context: float) -> float:
        """One new token for each of `requests`, each after `context` tokens."""
        cached = requests * self.work.cache_bytes(context) / self.bandwidth
        attending = requests * self.work.decode_flops(context) / self.attention_flops
        return self._whole(self._matrices(requests, requests) + max(cached, attending), requests)

    def prefill_seconds(self, tokens: float, prompt: float) -> float:
        """A step of `tokens` of prompts that are `prompt` tokens long; parts of prompts cost their share of the whole."""
        prompts = tokens / prompt
        attending = prompts * self.work.prefill_flops(prompt) / self.attention_flops
        expanding = tokens * self.work.expanded_elements * self.pace.element_bytes / self.bandwidth
        return self._whole(self._matrices(tokens, prompts) + attending + expanding, tokens)

    def _matrices(self, tokens: float, sampled: float) -> float:
        """Layers for `tokens`, the output matrix for those of which one is `sampled`, and what passes between matrices."""
        counted, group = self.work, tokens * self.copies
        reading = (counted.matrix_bytes + counted.head_bytes) / self.bandwidth
        computing = 2 * (tokens * counted.matrix_elements + sampled * counted.head_elements) / self.flops
        moved = tokens * counted.activation_elements * self.pace.activation_passes
        moved += group * counted.expert_activation_elements * self.pace.expert_passes
        passing = moved * self.pace.element_bytes / self.bandwidth
        return _sum(reading, computing, self.pace.matrix_sharpness) + self._experts(group) + passing

    def _experts(self, tokens: float) -> float:
        """With few tokens for each expert their matrices are neither bound by reading nor by computing alone."""
        reading = self.work.expert_bytes_read(tokens) / self.bandwidth
        computing = self.work.expert_flops(tokens) / self.flops
        return _sum(reading, computing, self.pace.expert_sharpness)

    def _whole(self, seconds: float, tokens: float) -> float:
        """With all that a step costs besides; not less than it takes to launch the kernels."""
        return max(seconds + self._beside(tokens), self.work.layers * self.pace.launch_layer_seconds)

    def _beside(self, tokens: float) -> float:
        """Latency of layers, sums over ranks, and handing over."""
        counted, pace = self.work, self.pace
        seconds = (
            counted.dense_layers * pace.layer_seconds
            + counted.mixture_layers * pace.mixture_layer_seconds
            + counted.latent_layers * pace.latent_layer_seconds
        )
        if self.tensor > 1:
            moved = 2 * 2 * (self.tensor - 1) / self.tensor * tokens * self.hidden_bytes
            seconds += counted.layers * (self.sum_seconds + moved / self.sum_bytes_per_second)
        if self.copies > 1 and counted.expert_bytes:
            layers = counted.mixture_layers or counted.latent_layers
            moved = 2 * (self.copies - 1) * tokens * self.hidden_bytes
            seconds += layers * (self.share_seconds + moved / self.share_bytes_per_second)
        if self.hop_seconds:
            seconds += self.hop_seconds + 2 * tokens * self.hidden_bytes / self.hop_bytes_per_second
        return seconds


def stages_of(question: Question, pace: Pace) -> tuple[Stage, ...]:
    """All stages; ValueError where a GPU's bandwidth or arithmetic is not known."""
    works = work.stage_works(question.shape, question.layout, pace)
    return tuple(_stage(question, pace, index, counted) for index, counted in enumerate(works))


def _stage(question: Question, pace: Pace, index: int, counted: Work) -> Stage:
    layout = question.layout
    copies = [_nodes(layout, copy, index) for copy in range(layout.data)]
    used = {node % len(question.gpus) for nodes in copies for node in nodes}
    kinds = {question.gpus[place].name: question.gpus[place] for place in used}.values()
    flops = min(_known(gpu.dense_flops) for gpu in kinds) * pace.flops_share
    link = min(_link(gpu, pace) for gpu in kinds)
    network = min(gpu.network_bytes_per_second or pace.network_bytes_per_second for gpu in kinds) * pace.network_share
    is_spread = any(len(nodes) > 1 for nodes in copies)
    is_last = index == layout.pipeline - 1
    is_hop_far = not is_last and _nodes(layout, 0, index + 1) != copies[0]
    return Stage(
        work=counted,
        pace=pace,
        bandwidth=min(_known(gpu.bandwidth_bytes_per_second) for gpu in kinds) * pace.bandwidth_share,
        flops=flops * pace.flops_factor,
        attention_flops=flops,
        tensor=layout.tensor,
        copies=layout.data,
        hidden_bytes=question.shape.hidden_size * pace.element_bytes,
        sum_bytes_per_second=network if is_spread else link,
        sum_seconds=pace.network_layer_seconds if is_spread else pace.tensor_layer_seconds,
        share_bytes_per_second=network if layout.nodes > 1 else link,
        share_seconds=pace.network_layer_seconds if layout.nodes > 1 else pace.tensor_layer_seconds,
        hop_seconds=0.0 if is_last else pace.hop_seconds + (pace.network_hop_seconds if is_hop_far else 0.0),
        hop_bytes_per_second=network if is_hop_far else link,
    )


def _nodes(layout: Layout, copy: int, stage: int) -> range:
    """Nodes of the tensor-parallel ranks of one stage of one copy."""
    first = (copy * layout.pipeline + stage) * layout.tensor
    return range(first // layout.gpus_per_node, (first + layout.tensor - 1) // layout.gpus_per_node + 1)


def _sum(reading: float, computing: float, sharpness: float) -> float:
    """Between one after the other and the longer of both."""
    return float((reading**sharpness + computing**sharpness) ** (1 / sharpness))


def _link(gpu: Gpu, pace: Pace) -> float:
    return (gpu.link_bytes_per_second or pace.network_bytes_per_second) * pace.link_share


def _known(figure: float | None) -> float:
    if not figure:
        raise ValueError("a figure of the GPU is not known")
    return figure
