"""One applied recipe with its plan, its manifests and what came of it; kept where the deployment is."""

from __future__ import annotations

import base64
import json
import zlib
from typing import TYPE_CHECKING, Any, Literal

from shardwright import errors
from shardwright.values import frozen

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["MAX_BYTES", "Outcome", "Revision", "decode", "encode"]

Outcome = Literal["applying", "applied", "ready", "failed", "superseded", "stopped"]
"""`applied`: all is written, and nobody waited until it was proven. `stopped`: no replicas were asked for, and no pods were
left. `superseded`: another apply came while it was being written."""

FORMAT = 1
MAX_BYTES = 900_000
"""Of what is kept for one revision, compressed: an object of Kubernetes holds 1 MiB."""
_MAX_PLAIN_BYTES = 32_000_000


@frozen(kw_only=True)
class Revision:
    """One revision."""

    number: int
    recipe: Mapping[str, Any]
    """As a document."""
    digest: str
    """SHA-256 of the recipe in canonical form."""
    plan: Mapping[str, Any]
    """As `plan -o json` prints it."""
    manifests: tuple[Mapping[str, Any], ...]
    outcome: Outcome
    message: str = ""
    by: str = ""
    """user@host."""
    at: str = ""
    """RFC 3339."""
    version: str = ""
    """Of this program."""
    copy_of: int = 0
    """Number of the revision that was gone back to; 0 for one of its own."""
    secrets: tuple[str, ...] = ()
    """Names of all Secrets that were made for the deployment so far, so that they go with it."""


def encode(revision: Revision) -> str:
    """A revision as text; InputError if it is larger than a place for it may be."""
    names = ("number", "recipe", "digest", "plan", "outcome", "message", "by", "at", "version", "copy_of", "secrets")
    document = {"format": FORMAT, "manifests": list(revision.manifests)}
    document |= {name: getattr(revision, name) for name in names}
    packed = base64.b64encode(zlib.compress(json.dumps(document, sort_keys=True).encode(), 9)).decode()
    if len(packed) > MAX_BYTES:
        raise errors.InputError(
            f"the deployment is too large to keep: {len(packed):,} bytes compressed, at most {MAX_BYTES:,}",
            hint="keep files in ConfigMaps of their own instead of in target.patches",
        )
    return packed


def decode(text: str) -> Revision:
    """A revision from its text; InputError if it is none, or of a newer program."""
    try:
        stream = zlib.decompressobj()
        plain = stream.decompress(base64.b64decode(text, validate=True), _MAX_PLAIN_BYTES)
        document = json.loads(plain)
        found = document.pop("format")
    except (ValueError, KeyError, TypeError, AttributeError, zlib.error) as problem:
        raise errors.InputError("this is no revision: it cannot be unpacked") from problem
    if found != FORMAT:
        raise errors.InputError(f"the revision has format {found}, known is {FORMAT}", hint="use a newer shardwright")
    try:
        several = {"manifests": tuple(document["manifests"]), "secrets": tuple(document.get("secrets") or ())}
        return Revision(**document | several)
    except (KeyError, TypeError) as problem:
        raise errors.InputError("this is no revision: parts of it are missing") from problem
