"""Which names and values are secret, and how values are shown in messages without giving one away.

A recipe holds no secret: it names a Secret and a key of it. What looks like a secret is never printed.
Source: the prefixes of the hub's tokens (`hf_`, `api_org_`).
"""

from __future__ import annotations

import re

__all__ = ["has_hub_token", "is_secret_name", "shown", "shown_key", "without_tokens"]

_SHOWN_CHARACTERS = 60
_HIDDEN = "(a secret, not shown)"

# Left as text: `re` compiles them when they are needed.
# A token inside a longer text is long; a text that is nothing but a token may be a shortened one, with a digit or capital.
_HUB_INSIDE = r"(?<![A-Za-z0-9])(?:hf|api_org)_[A-Za-z0-9]{20,}"
_HUB_ALONE = r"(?:hf|api_org)_(?=[A-Za-z0-9]*[A-Z0-9])[A-Za-z0-9]{6,}"
_LOGIN_IN_ADDRESS = r"://[^/\s@:]*:[^/\s@]+@"

_HIDING_WORDS = (
    r"(?:token|secrets?|password|passwd|passphrase|credentials?|(?:api|access|private|secret)_?key)(?:_|\d*$)"
)
# Names that end so hold the place of a secret, or count tokens of text.
_HARMLESS_ENDS = (
    *("_file", "_path", "_dir", "_name", "_url", "_endpoint"),
    *("_id", "_ids", "_seconds", "_threshold", "_budget", "_limit", "_count"),
)


def has_hub_token(text: str) -> bool:
    """Whether a token of the hub stands in a text."""
    if "hf_" not in text and "api_org_" not in text:
        return False
    return bool(re.search(_HUB_INSIDE, text) or re.fullmatch(_HUB_ALONE, text.strip()))


def is_secret_name(name: str) -> bool:
    """Whether a variable, flag or field of that name holds a secret: HF_TOKEN, api-key, dbPassword."""
    plain = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|[^A-Za-z0-9]+", "_", name).lower().strip("_")
    return bool(re.search(_HIDING_WORDS, plain)) and not plain.endswith(_HARMLESS_ENDS)


def shown(text: str, name: str = "") -> str:
    """A value for a message: in quotes, shortened, unprintable characters escaped; hidden if it or its name is secret."""
    if has_hub_token(text) or re.search(_LOGIN_IN_ADDRESS, text) or is_secret_name(name):
        return _HIDDEN
    return f'"{_printable(text)}"'


def shown_key(key: str) -> str:
    """A key for a message or a path; hidden if it is a token."""
    return _HIDDEN if has_hub_token(key) else _printable(key)


def without_tokens(text: str) -> str:
    """A text with every token of the hub in it hidden; for texts that were put together from what others wrote."""
    return re.sub(_HUB_INSIDE, _HIDDEN, text) if has_hub_token(text) else text


def _printable(text: str) -> str:
    short = text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}..."
    return short if short.isprintable() else "".join(c if c.isprintable() else repr(c)[1:-1] for c in short)
