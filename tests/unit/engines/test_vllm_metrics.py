"""Figures of vLLM's metrics page; the lines are from a page of 0.32 on a CPU, shortened."""

from __future__ import annotations

from shardwright.engines.vllm import ENGINE

PAGE = """\
# HELP vllm:num_requests_running Number of requests in model execution batches.
# TYPE vllm:num_requests_running gauge
vllm:num_requests_running{engine="0",model_name="llama-3-8b"} 2.0
vllm:num_requests_waiting{engine="0",model_name="llama-3-8b"} 1.0
vllm:kv_cache_usage_perc{engine="0",model_name="llama-3-8b"} 0.25
vllm:cache_config_info{block_size="128",engine="0",kv_cache_layout="None",kv_cache_max_concurrency="6.0",kv_cache_size_tokens="4662",num_gpu_blocks="42"} 1.0
vllm:generation_tokens_total{engine="0",model_name="llama-3-8b"} 1.5e+03
vllm:time_to_first_token_seconds_bucket{le="0.001"} 0.0
"""


def test_a_page_gives_requests_usage_pool_and_tokens() -> None:
    """The pool in tokens is the engine's own figure."""
    found = ENGINE.read_metrics(PAGE)
    assert (found.running_requests, found.waiting_requests, found.kv_usage) == (2.0, 1.0, 0.25)
    assert (found.kv_tokens, found.generated_tokens) == (4662, 1500.0)


def test_engines_of_one_server_are_added_up() -> None:
    """Requests add up; of the usages the fullest counts."""
    second = PAGE.replace('engine="0"', 'engine="1"').replace("0.25", "0.5")
    found = ENGINE.read_metrics(PAGE + second)
    assert (found.running_requests, found.kv_usage) == (4.0, 0.5)


def test_older_versions_give_blocks_and_another_name_for_usage() -> None:
    """Before 0.32 the pool is blocks times their size."""
    page = PAGE.replace('kv_cache_size_tokens="4662",', "").replace("kv_cache_usage_perc", "gpu_cache_usage_perc")
    found = ENGINE.read_metrics(page)
    assert (found.kv_tokens, found.kv_usage) == (42 * 128, 0.25)


def test_what_is_not_published_is_none() -> None:
    """Never zero instead of unknown; a page cut off is no error."""
    found = ENGINE.read_metrics('vllm:num_requests_running{engine="0"} 1.0\nvllm:num_requests_waiting{engine="0"} 1e')
    assert (found.running_requests, found.waiting_requests, found.kv_tokens) == (1.0, None, None)
