"""The values of a prediction of speed: what is expected, and the constants it rests on."""

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
    """Of the whole replica, prompts included, while each request that ends is followed by another."""
    batch_seconds: Range
    """All requests sent at once, until the last token."""
    assumptions: tuple[str, ...]
    """What was assumed, with numbers and sources, for people."""


@dataclass(frozen=True, slots=True)
class Pace:
    """Constants of an engine version, and how this deployment computes; shares are of the GPU's data sheet, 0 to 1."""

    bandwidth_share: float
    """Part of the memory bandwidth that a decode step reaches."""
    flops_share: float
    """Part of the dense bf16 peak that a prefill reaches."""
    layer_seconds: float
    """Time of one dense layer in a step besides reading and computing."""
    mixture_layer_seconds: float
    """Instead of the former, for a layer with experts."""
    latent_layer_seconds: float
    """Instead of both, for a layer with latent attention."""
    tensor_layer_seconds: float
    """More for a layer that is shared by several ranks of one node: latency of its two sums."""
    step_seconds: float
    """Time of a step outside its layers: scheduling, sampling, sending."""
    hop_seconds: float
    """From one pipeline stage to the next inside a node, besides the bytes."""
    uncertainty_share: float
    """Half width of the range, as a part of the expected figure."""
    source: str
    activation_passes: float = 1.2
    """How often inputs and outputs of matrices pass through memory besides: norms, rotations, activations."""
    expert_passes: float = 1.5
    """The same for experts, whose tokens are sorted before and added up after."""
    matrix_sharpness: float = 3.0
    """Exponent with which reading and computing of matrices add up: 1 one after the other, large the longer of both."""
    expert_sharpness: float = 1.2
    """That of experts, each of which gets few tokens."""
    prompt_uncertainty_share: float = 0.1
    """More for the time to the first token, which was not timed by itself."""
    request_seconds: float = 0.0
    """Time that each request of a batch adds once: reading it in, scheduling, answering."""
    link_share: float = 0.65
    """Part of the link between GPUs of a node that sums reach."""
    network_layer_seconds: float = 80e-6
    """More for a layer that is shared by ranks of several nodes: latency of its two sums."""
    network_hop_seconds: float = 30e-6
    """More for a hop between nodes."""
    network_bytes_per_second: float = 3.1e9
    """Between nodes, one direction, one GPU's share, where nothing is known of the network: 25 Gbit/s."""
    network_share: float = 0.8
    """Part of the network that sums and hops reach."""
    step_tokens: int = 8192
    """Most tokens of one step; longer prompts are cut into several."""
    sequences: int = 256
    """Most requests that run at once on one data-parallel copy."""
    launch_layer_seconds: float = 0.0
    """Least time of a layer where launching its kernels takes longer than running them; 0 with graphs."""
    element_bytes: float = 2.0
    """Of activations, and of weights that the checkpoint does not quantize."""
    cache_element_bytes: float = 2.0
    """Of a number in the KV cache."""
    linear_element_bytes: float | None = None
    """Of matrices in layers that are quantized while loading; None: as the checkpoint has them."""
    flops_factor: float = 1.0
    """Speed of the matrix kernels in units of bf16: 8-bit kernels are faster."""
    assumptions: tuple[str, ...] = ()
    """What the engine assumed when it chose these constants, for people."""
