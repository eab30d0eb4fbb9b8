"""A model in a directory: config.json alone is enough; safetensors files beside it make the sum of weights exact."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING

from shardwright import errors
from shardwright.core.shape import shape_of
from shardwright.models import plain_files, safetensors

if TYPE_CHECKING:
    from pathlib import Path

    from shardwright.core.shape import ModelShape
    from shardwright.core.shape.checkpoint import Checkpoint, Tensor

__all__ = ["MAX_CONFIG_BYTES", "MAX_INDEX_BYTES", "MAX_TENSORS", "load_directory"]

MAX_CONFIG_BYTES = 8 * 2**20
"""Configurations are a few kilobytes; indexes of a hundred thousand tensors some megabytes."""
MAX_INDEX_BYTES = 32 * 2**20
MAX_TENSORS = 1_000_000
"""Of all files together; the largest published models have a hundred thousand."""


def load_directory(folder: Path, *, name: str = "", source: str = "") -> ModelShape:
    """The shape of the model in `folder`; `source` is what is said of its origin, else its path."""
    _require(folder)
    path = folder / "config.json"
    config = safetensors.parse_object(_read(path, MAX_CONFIG_BYTES), str(path))
    checkpoint, notes = _checkpoint(folder)
    shape = shape_of(config, name=name or folder.resolve().name, source=source or str(path), checkpoint=checkpoint)
    return replace(shape, notes=(*shape.notes, *notes))


def _require(folder: Path) -> None:
    """NotFound where there is no such folder; EnvironmentFault where the system will not say."""
    try:
        if folder.is_dir():
            return
        what = "is not a directory" if folder.exists() else "does not exist"
    except OSError as error:
        raise _unreadable(folder, error) from error
    if folder.is_symlink():
        what = "is a link that leads to no directory"
    raise errors.NotFound(f"model directory {folder} {what}", hint="give the directory that holds config.json")


def _checkpoint(folder: Path) -> tuple[Checkpoint | None, tuple[str, ...]]:
    """What the headers say, as far as the files are there, and notes on what is not."""
    index = folder / "model.safetensors.index.json"
    if not index.is_file():
        return _headers(_weight_files(folder)), ()
    names, total_bytes = safetensors.parse_index(_read(index, MAX_INDEX_BYTES), str(index))
    missing = [name for name in names if not os.path.isfile(folder / name)]  # noqa: PTH113 - says no where pathlib raises
    if not missing:
        return _headers([folder / name for name in names]), ()
    note = f"{len(missing)} of {len(names)} safetensors files of the index are not there: {missing[0]}"
    return (_checkpoint_of([], total_bytes) if total_bytes else None), (note,)


def _weight_files(folder: Path) -> list[Path]:
    """Mistral's models bring their weights twice; `consolidated*` repeats what `model*` holds."""
    files = sorted(folder.glob("*.safetensors"))
    return [path for path in files if not path.name.startswith("consolidated")] or files


def _headers(files: list[Path]) -> Checkpoint | None:
    if not files:
        return None
    tensors: list[Tensor] = []
    for path in files:
        tensors.extend(_load_header(path))
        if len(tensors) > MAX_TENSORS:
            raise errors.InputError(f"{path.parent}: its safetensors files describe more than {MAX_TENSORS} tensors")
    return _checkpoint_of(tensors, sum(tensor.bytes for tensor in tensors))


def _checkpoint_of(tensors: list[Tensor], total_bytes: int) -> Checkpoint:
    from shardwright.core.shape.checkpoint import Checkpoint  # noqa: PLC0415 - many models are planned without headers

    return Checkpoint(tuple(tensors), total_bytes)


def _load_header(path: Path) -> tuple[Tensor, ...]:
    try:
        return safetensors.load_header(path)
    except OSError as error:
        raise _unreadable(path, error) from error


def _read(path: Path, limit_bytes: int) -> bytes:
    try:
        with plain_files.opened(path) as file:
            content = file.read(limit_bytes + 1)
    except FileNotFoundError as error:
        raise errors.NotFound(
            f"{path} does not exist", hint="a model's directory holds its config.json; that alone is enough to plan"
        ) from error
    except OSError as error:
        raise _unreadable(path, error) from error
    if len(content) > limit_bytes:
        raise errors.InputError(f"{path}: larger than {limit_bytes} bytes, which no such file is")
    return content


def _unreadable(path: Path, error: OSError) -> errors.EnvironmentFault:
    if isinstance(error, FileNotFoundError):
        return errors.EnvironmentFault(f"{path} is a link to nothing", hint="download the model again")
    return errors.EnvironmentFault(f"{path} cannot be read: {error.strerror}", hint="check its owner and permissions")
