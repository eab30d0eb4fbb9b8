"""Which modules a quantization leaves out or means: names, parts of names, globs, or regular expressions after `re:`.

The patterns come from strangers' files: one that could take long to match, or is none, matches nothing.
Source: vLLM 0.32 model_executor/layers/quantization/utils/quant_utils.py (`is_layer_skipped`), modelopt.py, and
compressed_tensors/utils.py.
"""

from __future__ import annotations

import fnmatch
import re
from functools import lru_cache

from shardwright.values import frozen

__all__ = ["Patterns", "patterns"]

_MAX_LENGTH = 400
_MAX_REPEATS = 5
"""Names are short: so many repeats that do not stand inside each other are tried in less than a millisecond."""
_MAX_PATTERNS = 200_000
_MAX_EXPRESSIONS = 512
"""Published lists have one or two a layer; names that are no patterns are looked up at once, however many."""
_NESTED = re.compile(r"\([^()]*[+*{][^()]*\)\s*[+*{?]")


@frozen
class Patterns:
    """Compiled once for all modules of a model."""

    plain: frozenset[str]
    expressions: tuple[re.Pattern[str], ...]

    def match(self, module: str) -> bool:
        """Whether the module, or a part of its name between dots, is named."""
        if self.plain and not self.plain.isdisjoint(_runs(module)):
            return True
        return any(expression.match(module) for expression in self.expressions)


def patterns(texts: tuple[str, ...]) -> Patterns:
    """Those of a list; what is not understood is passed over."""
    plain: set[str] = set()
    expressions: list[re.Pattern[str]] = []
    for text in texts[:_MAX_PATTERNS]:
        if text.startswith("re:"):
            compiled = _compiled(text.removeprefix("re:"))
        elif "*" in text:
            compiled = _compiled(_globbed(text))
        else:
            plain.add(text.strip("."))
            continue
        if compiled and len(expressions) < _MAX_EXPRESSIONS:
            expressions.append(compiled)
    return Patterns(frozenset(plain), tuple(expressions))


def _globbed(text: str) -> str:
    """A glob also means what lies below the module that it names."""
    return f"(?:{fnmatch.translate(text).removesuffix(chr(92) + 'Z').removesuffix(chr(92) + 'z')})(?:$|[.])"


@lru_cache(maxsize=4096)
def _compiled(text: str) -> re.Pattern[str] | None:
    repeats = sum(text.count(sign) for sign in "*+{")
    if len(text) > _MAX_LENGTH or repeats > _MAX_REPEATS or _NESTED.search(text):
        return None
    try:
        return re.compile(text)
    except (re.error, RecursionError, OverflowError):
        return None


@lru_cache(maxsize=65536)
def _runs(module: str) -> frozenset[str]:
    """Every run of neighbouring parts of a dotted name, and so the name itself."""
    parts = module.split(".")
    count = len(parts)
    return frozenset(".".join(parts[start:end]) for start in range(count) for end in range(start + 1, count + 1))
