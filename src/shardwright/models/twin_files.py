"""The files of a twin: configuration, weights and tokenizer, written by hand, for neither torch nor numpy is needed.

The same configuration and seed give the same bytes. A twin is written once into the cache and moved into place whole,
so that nobody ever sees half of one.
"""

from __future__ import annotations

import hashlib
import json
import math
import random
import shutil
import struct
import tempfile
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from shardwright import errors, units
from shardwright.core.shape.checkpoint import expected_tensors
from shardwright.models import twin_tokenizer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shardwright.core.shape import ModelShape
    from shardwright.core.twin import Twin

__all__ = ["text_files", "write_twin"]

_FORMAT = 1
"""Raised when the same configuration and seed shall give other bytes."""
_ALIGNMENT = 8
_SIGN_AND_FRACTION = 0x807FFFFF
_EXPONENT_BIAS = 127
_BIAS = 0.1
_TYPICAL = math.sqrt(7 / 3)
"""Root mean square of numbers spread evenly over [1, 2)."""
_GAINS = {
    "q_proj.weight": 4.0,
    "q_b_proj.weight": 4.0,
    "query_key_value.weight": 4.0,
    "k_proj.weight": 2.0,
    "q_norm.weight": 8.0,
    "o_proj.weight": 0.5,
    "self_attention.dense.weight": 0.5,
}
"""Sharp attention makes the next token depend on all that went before. With even weights 7 to 12 of 32 greedy tokens
were different ones, often the same one over and over; with these 28 to 31 (mean of eight prompts, nine families)."""


def write_twin(twin: Twin, cache_dir: Path, *, seed: int = 0) -> Path:
    """The directory with the twin's files, below `cache_dir`; written unless it is there.

    EnvironmentFault says how much room is needed where there is none.
    """
    parent = cache_dir / "twins"
    folder = parent / _digest(twin.config, seed)
    if folder.is_dir():
        return folder
    try:
        parent.mkdir(parents=True, exist_ok=True)
        _write_whole(twin, folder, seed)
    except OSError as error:
        needed = units.format_bytes(twin.shape.parameters * 4 + units.MIB)
        raise errors.EnvironmentFault(
            f"a twin of {twin.shape.name} cannot be written below {parent}: {error.strerror}",
            hint=f"it needs {needed} there, or set SHARDWRIGHT_CACHE_DIR to a folder with room",
        ) from error
    return folder


def _digest(config: Mapping[str, object], seed: int) -> str:
    text = json.dumps([_FORMAT, seed, config], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _write_whole(twin: Twin, folder: Path, seed: int) -> None:
    """Write beside the folder, then rename: whoever comes second finds the first one's files, which are equal."""
    draft = Path(tempfile.mkdtemp(prefix=".draft-", dir=folder.parent))
    try:
        _write_files(twin, draft, seed)
        draft.chmod(0o755)
        draft.rename(folder)
    except OSError:
        if not folder.is_dir():
            raise
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def text_files(twin: Twin) -> dict[str, str]:
    """All files but the weights, by name: what an engine needs that makes weights up by itself. Some 25 KB."""
    tokens = {"bos_token_id": 1, "eos_token_id": 2}
    documents = {
        "config.json": twin.config,
        "generation_config.json": tokens,
        "tokenizer.json": twin_tokenizer.tokenizer_json(),
        "tokenizer_config.json": twin_tokenizer.tokenizer_config(twin.shape.max_positions),
    }
    return {name: json.dumps(document, indent=1) + "\n" for name, document in documents.items()}


def _write_files(twin: Twin, folder: Path, seed: int) -> None:
    for name, text in text_files(twin).items():
        (folder / name).write_text(text, encoding="utf-8")
    _write_weights(twin.shape, folder / "model.safetensors", seed)


def _write_weights(shape: ModelShape, path: Path, seed: int) -> None:
    """One safetensors file: length of the header, header, tensors one after the other."""
    tensors = dict(expected_tensors(shape))
    output = shape.embedding[0].name if shape.tied_embeddings else "lm_head.weight"
    header: dict[str, object] = {"__metadata__": {"format": "pt"}}
    end = 0
    for name, dimensions in tensors.items():
        start, end = end, end + 4 * math.prod(dimensions)
        header[name] = {"dtype": "F32", "shape": list(dimensions), "data_offsets": [start, end]}
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % _ALIGNMENT)
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for name, dimensions in tensors.items():
            content = _content(name, tensors, seed)
            if name == output:
                content = _speakable(content, dimensions[1], tied=shape.tied_embeddings)
            file.write(content)


def _content(name: str, tensors: Mapping[str, tuple[int, ...]], seed: int) -> bytes:
    """A tensor's bytes: norms are constant, their biases zero, all else random around zero."""
    dimensions = tensors[name]
    first = math.prod(dimensions[:1])
    gain = next((gain for ending, gain in _GAINS.items() if name.endswith(ending)), 1.0)
    if len(dimensions) > 1:
        # Three dimensions are all experts in one tensor, inputs before outputs, or a convolution of one channel each.
        inputs = dimensions[1] if dimensions[1] > 1 else dimensions[-1]
        return _numbers(name, math.prod(dimensions), gain / math.sqrt(inputs), seed)
    if not name.endswith("bias"):
        return struct.pack("<f", gain) * first
    projection = tensors.get(name.removesuffix("bias") + "weight", ())
    return _numbers(name, first, _BIAS, seed) if len(projection) == 2 else bytes(4 * first)


def _speakable(content: bytes, columns: int, *, tied: bool) -> bytes:
    """Output rows that greedy text shall never pick are zero: special tokens, and rows beyond the tokenizer.

    Single characters are among them, so that text is made of syllables; not where the rows are the embedding as well.
    """
    row = 4 * columns
    silent = len(twin_tokenizer.SPECIAL_TOKENS) if tied else twin_tokenizer.FIRST_SYLLABLE
    words = twin_tokenizer.TOKENS * row
    return bytes(silent * row) + content[silent * row : words] + bytes(len(content) - words)


def _numbers(name: str, count: int, typical: float, seed: int) -> bytes:
    """`count` float32 numbers of random sign whose root mean square is nearest to `typical`.

    All are made at once: in one large random integer a mask keeps every sign and fraction, and one exponent is set in
    all of them. That takes milliseconds for a million numbers; one at a time takes a second.
    """
    exponent = round(math.log2(typical / _TYPICAL)) + _EXPONENT_BIAS
    raw = random.Random(f"{seed}:{name}").getrandbits(32 * count)  # noqa: S311 - not a secret
    made = raw & _repeated(_SIGN_AND_FRACTION, count) | _repeated(exponent << 23, count)
    return made.to_bytes(4 * count, "little")


@lru_cache(maxsize=16)
def _repeated(word: int, count: int) -> int:
    """A 32-bit word `count` times side by side; tensors of one size share it."""
    return int.from_bytes(struct.pack("<I", word) * count, "little")
