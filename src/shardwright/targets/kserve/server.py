"""KServe's Hugging Face server: the engine's own command turned into the server's, which runs the same engine.

Source: kserve/kserve v0.13.1 to v0.20.0, python/huggingfaceserver/huggingfaceserver/__main__.py (flags) and
python/kserve/kserve/protocol/rest (paths: /openai/v1, /v2/health/ready).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["ENGINE", "READY_PATH", "ROUTE", "command_of", "is_translatable"]

ENGINE = "vllm"
"""The engine that the server runs."""
ROUTE = "/openai"
"""What stands before /v1 in its addresses."""
READY_PATH = "/v2/health/ready"

_SERVE = ("vllm", "serve")
_LEFT_OUT = ("--served-model-name", "--port", "--host")
_RENAMED = {
    "--revision": "--model_revision",
    "--max-model-len": "--max_model_len",
    "--trust-remote-code": "--trust_remote_code",
}


def is_translatable(argv: Sequence[str]) -> bool:
    """Whether the command serves, and in a way that the server has too: it has no members without an API."""
    return _start(argv) is not None and "--headless" not in argv


def command_of(argv: tuple[str, ...], name: str, port: str) -> tuple[str, ...]:
    """The same command with the server in place of the engine's; unchanged where it does not serve, as Ray's on workers."""
    start = _start(argv)
    if start is None:
        return argv
    model, flags = argv[start + len(_SERVE)], argv[start + len(_SERVE) + 1 :]
    place = "--model_dir" if model.startswith("/") else "--model_id"
    server = ("python3", "-m", "huggingfaceserver", place, model, "--model_name", name, "--http_port", port)
    return (*argv[:start], *server, *_translated(flags))


def _start(argv: Sequence[str]) -> int | None:
    pairs = (index for index in range(len(argv) - 2) if tuple(argv[index : index + 2]) == _SERVE)
    return next(pairs, None)


def _translated(flags: Sequence[str]) -> Iterator[str]:
    is_kept = True
    for part in flags:
        if part.startswith("--"):
            is_kept = part not in _LEFT_OUT
        if is_kept:
            yield _RENAMED.get(part, part)
