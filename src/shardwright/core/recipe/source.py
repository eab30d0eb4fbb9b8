"""Where a model comes from, as `model.source` spells it. Only the syntax: nothing is looked up."""

from __future__ import annotations

import re
from typing import Literal, cast

from shardwright.core.marked import secret_values
from shardwright.core.recipe import scalars
from shardwright.values import frozen

__all__ = ["Source", "SourceError", "parse_source"]

Scheme = Literal["hf", "pvc", "oci", "s3", "par", "name"]

_DNS = r"[a-z0-9]([-a-z0-9.]*[a-z0-9])?"
_REPOSITORY = "[A-Za-z0-9][-A-Za-z0-9_.]{0,95}"
_FORMS: dict[str, tuple[str, str]] = {
    "hf": (rf"{_REPOSITORY}/{_REPOSITORY}", "hf://OWNER/NAME"),
    "pvc": (rf"{_DNS}(/(?!.*\.\.)[^\s:]*)?", "pvc://CLAIM/PATH"),
    "oci": (
        r"[A-Za-z0-9][-A-Za-z0-9.]*(:[0-9]+)?(/[A-Za-z0-9][-A-Za-z0-9_.]*)+(:[-A-Za-z0-9_.]+)?(@sha256:[0-9a-f]{64})?",
        "oci://REGISTRY/IMAGE:TAG",
    ),
    "s3": (r"[a-z0-9][-a-z0-9.]{1,61}[a-z0-9](/[^\s]*)?", "s3://BUCKET/PATH"),
    "par": (r"[A-Za-z0-9][-A-Za-z0-9._]*(/(?!.*\.\.)[^\s]*)?", "par://BUCKET/PATH"),
}
_HUB_PAGE = r"https?://(?:www\.)?(?:huggingface\.co|hf\.co)/([^/\s]+/[^/\s?#]+)(?:/tree/([^\s?#]+))?.*"


@frozen
class Source:
    """A model's source in its parts."""

    scheme: Scheme
    """`name`: a directory or a name in the catalogue."""
    place: str
    """What follows the scheme: `owner/name`, `claim/path`, `registry/image:tag`, `bucket/path`, a directory, a name."""


class SourceError(ValueError):
    """A text that is no source; the hint says what to write."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


def parse_source(text: str) -> Source:
    """The parts of a source; SourceError if it has none of the known forms."""
    scheme, colon, place = text.partition("://")
    if not colon:
        return Source("name", text)
    shown = secret_values.shown(text)
    if page := re.fullmatch(_HUB_PAGE, text):
        branch = f" and model.revision: {page[2]}" if page[2] else ""
        raise SourceError(f"{shown} is a page of the hub, not a model's source", f"write hf://{page[1]}{branch}")
    if scheme not in _FORMS:
        allowed = ", ".join(form for _, form in _FORMS.values())
        message = f"{shown} has no known scheme; allowed: {allowed}, a directory, or a name in the catalogue"
        raise SourceError(message, scalars.nearest(scheme, _FORMS))
    pattern, form = _FORMS[scheme]
    if not re.fullmatch(pattern, place):
        raise SourceError(f"{shown} is not of the form {form}", _hint(scheme, place))
    return Source(cast("Scheme", scheme), place)


def _hint(scheme: str, place: str) -> str:
    if scheme != "hf":
        return ""
    name, _, revision = place.partition("@")
    if revision and re.fullmatch(_FORMS["hf"][0], name):
        return f"write hf://{name} and model.revision: {revision}"
    return "the owner is missing" if place and "/" not in place else ""
