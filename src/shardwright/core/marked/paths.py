r"""Paths of fields: `pods.tolerations[0].key`, `metadata.labels["app.kubernetes.io/name"]`.

Messages write them, `--set` reads them; there a dot in a name can also be written `\.`.
"""

from __future__ import annotations

import re
from typing import TypeAlias

from shardwright.core.marked import secret_values

__all__ = ["Path", "path_text", "split_path"]

Path: TypeAlias = "tuple[str | int, ...]"

# Left as text: `re` compiles them when they are needed.
_PLAIN_NAME = r"[^.\[\]\\=\"\s]+"
_INDEX = r"\[([0-9]{1,4})\]"
_NAME = r"\[\"((?:[^\"\\]|\\.)+)\"\]|\['((?:[^'\\]|\\.)+)'\]|((?:[^.\[\]\\=\"]|\\.)+)"
_ESCAPED = r"\\(.)"


def path_text(path: Path) -> str:
    """A path as messages write it; keys that are secret or too long are not spelled out."""
    parts: list[str] = []
    for part in path:
        if isinstance(part, int):
            parts.append(f"[{part}]")
            continue
        key = secret_values.shown_key(part)
        if re.fullmatch(_PLAIN_NAME, key) or key != part:
            parts.append(f".{key}" if parts else key)
        else:
            quoted = re.sub(r'(["\\])', r"\\\1", key)
            parts.append(f'["{quoted}"]')
    return "".join(parts)


def split_path(text: str) -> tuple[Path, str]:
    """The path at the start of a text and what follows it; ValueError, with what is wrong, if there is none."""
    path: list[str | int] = []
    at = 0
    while not path or text[at : at + 1] in {".", "["}:
        at += text.startswith(".", at) if path else 0
        if path and (match := re.compile(_INDEX).match(text, at)):
            path.append(int(match[1]))
        elif match := re.compile(_NAME).match(text, at):
            path.append(re.sub(_ESCAPED, r"\1", match[1] or match[2] or match[3].strip()))
        else:
            raise ValueError(f"no name of a field at character {at + 1}")
        at = match.end()
    return tuple(path), text[at:]
