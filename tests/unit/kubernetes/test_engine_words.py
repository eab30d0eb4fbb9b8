"""What the words of containers say of an engine."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from shardwright.kubernetes import engine_words

if TYPE_CHECKING:
    from collections.abc import Mapping

CASES: list[tuple[dict[str, object], str]] = [
    ({"command": ["vllm", "serve", "/models/x", "--served-model-name", "llama"]}, "llama"),
    ({"command": ["sh", "-c", "exec vllm serve /models/x --served-model-name=llama --port 8000"]}, "llama"),
    ({"command": ["vllm", "serve", "/models/x", "--port", "8000"]}, "/models/x"),
    ({"command": ["python3", "-m", "sglang.launch_server"], "args": ["--model-path", "owner/name"]}, "owner/name"),
    ({"args": ["--model_name=llama", "--model_id=owner/name"]}, "llama"),
    ({"args": ["--served-model-name={{.Name}}", "--model=/mnt/models"]}, ""),
    ({"command": ["vllm", "serve", "$(MODEL)"]}, ""),
    ({"command": ["sleep", "1"]}, ""),
]


@pytest.mark.parametrize(("container", "name"), CASES)
def test_the_served_name_is_read_where_it_is_told(container: Mapping[str, object], name: str) -> None:
    """Of objects of others, however deep their containers are; what a variable or a template decides is not guessed."""
    body = {"spec": {"leaderWorkerTemplate": {"workerTemplate": {"spec": {"containers": [container]}}}}}
    assert engine_words.served_name(body) == name
