"""A model on the hub: config.json and the headers of its safetensors files, never the weights.

The hub's own library finds the token, builds addresses and names refusals; it is imported only when the hub is asked,
for it is slow to import. Its errors become ours in `hub_errors`. Nothing is written to its cache.
"""

from __future__ import annotations

import contextlib
import re
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from shardwright import __version__, errors
from shardwright.core.shape import shape_of
from shardwright.core.shape.checkpoint import Checkpoint
from shardwright.models import directory, hub_errors, safetensors, waiting

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Mapping

    from httpx2 import Response

    from shardwright.core.shape import ModelShape
    from shardwright.core.shape.checkpoint import Tensor
    from shardwright.models.hub_errors import HubModel

__all__ = ["cached_shape", "fetch_shape"]

_FIRST_READ_BYTES = 100_000
"""Most headers are shorter, so one request a file is enough."""
_MAX_ERROR_BYTES = 64 * 1024
_MAX_FILES = 2000
_HEADERS_AT_ONCE = 8
PATIENCE_SECONDS = 120.0
"""For all questions about one model together. A hub that sends a byte now and then never runs into a time-out of the network."""


def fetch_shape(model: HubModel, *, patience_seconds: float = PATIENCE_SECONDS) -> ModelShape:
    """Ask the hub; errors say who must act: the licence's reader, the network, whoever wrote the name."""
    waited = waiting.within(patience_seconds, partial(_fetch_shape, model))
    if waited is None:
        raise errors.TemporaryError(
            f"{model.endpoint} did not answer in full for {model.source} within {patience_seconds:.0f} s",
            retry_after_seconds=30,
            hint="try again later, or give a directory with its config.json, which is enough to plan",
        )
    return waited[0]


def _fetch_shape(model: HubModel) -> ModelShape:
    with hub_errors.translated(model):
        text = _fetch(model, "config.json", limit_bytes=directory.MAX_CONFIG_BYTES)
    config = safetensors.parse_object(text, f"{model.source}: config.json")
    checkpoint, note = _checkpoint(model)
    name = model.repository.rpartition("/")[2]
    shape = shape_of(config, name=name, source=model.source, checkpoint=checkpoint)
    return replace(shape, notes=(*shape.notes, note)) if note else shape


def cached_shape(model: HubModel) -> ModelShape | None:
    """The shape of a copy in the hub's local cache, where an earlier download left one."""
    from huggingface_hub import try_to_load_from_cache  # noqa: PLC0415 - slow to import, see above
    from huggingface_hub.errors import HFValidationError  # noqa: PLC0415

    try:
        found = try_to_load_from_cache(model.repository, "config.json", revision=model.revision)
    except HFValidationError:
        return None
    if not isinstance(found, str):
        return None
    name = model.repository.rpartition("/")[2]
    return directory.load_directory(Path(found).parent, name=name, source=f"{model.source} in the hub's local cache")


def _checkpoint(model: HubModel) -> tuple[Checkpoint | None, str]:
    """The headers, or why there are none: a known family can do without them."""
    try:
        with hub_errors.translated(model):
            return _fetch_checkpoint(model), ""
    except errors.NotFound:
        return None, "the repository has no safetensors files: weights are those of its configuration"
    except errors.TemporaryError as error:
        return None, f"safetensors headers were not read, weights are those of the configuration: {error.message}"


def _fetch_checkpoint(model: HubModel) -> Checkpoint:
    from huggingface_hub.errors import EntryNotFoundError  # noqa: PLC0415 - slow to import, see above

    try:
        index = _fetch(model, "model.safetensors.index.json", limit_bytes=directory.MAX_INDEX_BYTES)
    except EntryNotFoundError:
        names: tuple[str, ...] = ("model.safetensors",)
    else:
        names, _ = safetensors.parse_index(index, f"{model.source}: model.safetensors.index.json")
    if len(names) > _MAX_FILES:
        raise errors.InputError(f"{model.source}: its index names {len(names)} files; at most {_MAX_FILES} are read")
    headers = waiting.in_parallel(partial(_fetch_header, model), names, at_once=_HEADERS_AT_ONCE)
    if sum(len(header) for header in headers) > directory.MAX_TENSORS:
        raise errors.InputError(f"{model.source}: its files describe more than {directory.MAX_TENSORS} tensors")
    tensors = tuple(tensor for header in headers for tensor in header)
    return Checkpoint(tensors, sum(tensor.bytes for tensor in tensors))


def _fetch_header(model: HubModel, name: str) -> tuple[Tensor, ...]:
    start, origin = safetensors.LENGTH_BYTES, f"{model.source}: {name}"
    first, file_bytes = _fetch_part(model, name, (0, _FIRST_READ_BYTES))
    length = safetensors.header_length(first, origin)
    header = first[start : start + length]
    if len(header) < length:
        header, _ = _fetch_part(model, name, (start, start + length))
    tensors = safetensors.parse_header(header, length, origin)
    if file_bytes is not None:
        safetensors.refuse_cut(tensors, length, file_bytes, origin)
    return tensors


def _fetch(model: HubModel, name: str, *, limit_bytes: int) -> bytes:
    """One file; InputError if it is larger."""
    with _answer(model, name, {}) as response:
        content = _read_up_to(response.iter_raw(), limit_bytes + 1)
    if len(content) > limit_bytes:
        raise errors.InputError(f"{model.source}: {name} is larger than {limit_bytes} bytes, which no such file is")
    return content


def _fetch_part(model: HubModel, name: str, part: tuple[int, int]) -> tuple[bytes, int | None]:
    """The bytes from part[0] up to part[1], and how long the file is if the server says so.

    A server that ignores ranges is cut off there.
    """
    with _answer(model, name, {"Range": f"bytes={part[0]}-{part[1] - 1}"}) as response:
        is_whole = response.status_code == 200
        said: str = response.headers.get("Content-Length" if is_whole else "Content-Range", "")
        content = _read_up_to(response.iter_raw(), part[1] if is_whole else part[1] - part[0])
    total = said.rpartition("/")[2].strip()
    known = int(total) if re.fullmatch(r"[0-9]{1,18}", total) else None
    return content[part[0] if is_whole else 0 :], known


@contextlib.contextmanager
def _answer(model: HubModel, name: str, more_headers: Mapping[str, str]) -> Generator[Response]:
    """The server's answer whose body was not read yet; its refusals are errors."""
    import httpx2  # noqa: PLC0415 - slow to import, see above
    from huggingface_hub import constants, hf_hub_url  # noqa: PLC0415
    from huggingface_hub.utils import get_session, hf_raise_for_status  # noqa: PLC0415

    url = hf_hub_url(model.repository, name, revision=model.revision, endpoint=model.endpoint)
    headers = {**_headers(model), **more_headers}
    with get_session().stream("GET", url, headers=headers, timeout=constants.HF_HUB_DOWNLOAD_TIMEOUT) as response:
        if response.headers.get("Content-Encoding", "identity") != "identity":
            # It was not asked for, and a few bytes of it may stand for gigabytes.
            raise errors.TargetError(f"{model.endpoint} sent {name} of {model.source} packed, which was not asked for")
        if response.status_code >= 400:
            said = _read_up_to(response.iter_raw(), _MAX_ERROR_BYTES)
            hf_raise_for_status(
                httpx2.Response(
                    response.status_code, headers=_kept(response.headers), content=said, request=response.request
                )
            )
        yield response


def _kept(headers: Mapping[str, str]) -> dict[str, str]:
    """The headers of a refusal whose text was not read to its end: without the length, which no longer holds."""
    return {name: value for name, value in headers.items() if name not in {"content-length", "transfer-encoding"}}


def _headers(model: HubModel) -> dict[str, str]:
    """Not the library's own: making those asks the hub once more, and writes the answer to its cache."""
    from huggingface_hub import constants  # noqa: PLC0415 - slow to import, see above

    headers = {"User-Agent": f"shardwright/{__version__}", "Accept-Encoding": "identity"}
    token = model.token or (None if constants.HF_HUB_DISABLE_IMPLICIT_TOKEN else hub_errors.stored_token())
    if not token:
        return headers
    if not token.isascii() or not token.isprintable() or " " in token:
        raise errors.AccessError(
            "the hub's token in use holds characters that no token has",
            hint="check HF_TOKEN or run `hf auth login` again",
        )
    return {**headers, "Authorization": f"Bearer {token}"}


def _read_up_to(chunks: Iterator[bytes], wanted: int) -> bytes:
    content = bytearray()
    for chunk in chunks:
        content += chunk
        if len(content) >= wanted:
            break
    return bytes(content[:wanted])
