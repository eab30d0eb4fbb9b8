"""Trees of JSON values as YAML that every reader, of YAML 1.1 or 1.2, reads back as the same values."""

from __future__ import annotations

import re

import yaml

__all__ = ["as_yaml"]

# Texts that PyYAML writes plain because YAML 1.1 reads them as text, but that readers of YAML 1.2 (Go's among them)
# take for numbers, and the one-letter booleans that some readers still know.
_READ_AS_SOMETHING_ELSE = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)[eE][-+]?\d+|[-+]?0o[0-7]+|[-+]?0\d+|[yYnN]")

# Line breaks of Unicode, which PyYAML writes as they are and which readers turn into spaces.
_OTHER_LINE_BREAKS = re.compile("[\x85\u2028\u2029\ufeff]")

_LINE_WIDTH = 1_000_000
"""Long texts stay on one line: a folded command cannot be searched for or copied."""


def as_yaml(value: object, *, width: int = _LINE_WIDTH) -> str:
    """One document in block style, without a separator."""
    return yaml.dump(value, Dumper=_Dumper, sort_keys=False, default_flow_style=False, allow_unicode=True, width=width)


class _Dumper(yaml.SafeDumper):
    """Block style for texts of several lines, quotes where a reader could take a text for something else."""

    def ignore_aliases(self, data: object) -> bool:
        """Write a repeated value again: anchors are hard to read and to patch."""
        del data
        return True

    def represent_text(self, text: str) -> yaml.ScalarNode:
        """A text in the style that is read back as the same text everywhere."""
        if _OTHER_LINE_BREAKS.search(text):
            style = '"'
        elif "\n" in text:
            style = "|"
        else:
            style = "'" if _READ_AS_SOMETHING_ELSE.fullmatch(text) else None
        return yaml.ScalarNode("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _Dumper.represent_text)
