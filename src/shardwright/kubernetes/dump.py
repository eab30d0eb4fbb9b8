"""From typed values to JSON trees, and from trees to YAML: always the same text for the same value.

Fields keep the order of their class (apiVersion, kind, metadata, spec ...), free mappings such as labels are sorted.
What is not set is left out: None and empty lists or mappings; a value whose class has no field set stays, as `{}`.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, cast

import yaml

from shardwright.core.plugins import Manifest

if TYPE_CHECKING:
    from shardwright.kubernetes.objects import KubernetesObject

__all__ = ["as_manifest", "as_tree", "as_yaml"]

# Texts that PyYAML writes plain because YAML 1.1 reads them as text, but that readers of YAML 1.2 (Go's among them)
# take for numbers, and the one-letter booleans that some readers still know.
_READ_AS_SOMETHING_ELSE = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)[eE][-+]?\d+|[-+]?0o[0-7]+|[yYnN]")

# Line breaks of Unicode, which PyYAML writes as they are and which readers turn into spaces.
_OTHER_LINE_BREAKS = re.compile("[\x85\u2028\u2029\ufeff]")

_LINE_WIDTH = 1_000_000
"""Long texts stay on one line: a folded command cannot be searched for or copied."""


def as_manifest(value: KubernetesObject) -> Manifest:
    """A document as it is given to a platform."""
    body = cast("dict[str, object]", as_tree(value))
    return Manifest(kind=value.kind, name=value.metadata.name or "", body=body)


def as_tree(value: object) -> object:
    """JSON values of a typed value; TypeError for anything that JSON has no word for."""
    if value is None or isinstance(value, str | bool | int | float):
        return value
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = ((field.name, getattr(value, field.name)) for field in dataclasses.fields(value))
        return {_camel_case(name): as_tree(part) for name, part in fields if not _is_unset(part)}
    if isinstance(value, Mapping):
        mapping = cast("Mapping[str, object]", value)
        return {key: as_tree(mapping[key]) for key in sorted(mapping)}
    if isinstance(value, list | tuple):
        return [as_tree(part) for part in cast("list[object]", value)]
    raise TypeError(f"{type(value).__name__} is no JSON value: {value!r}")


def as_yaml(body: Mapping[str, object]) -> str:
    """One document in block style, without a separator."""
    return yaml.dump(
        dict(body), Dumper=_Dumper, sort_keys=False, default_flow_style=False, allow_unicode=True, width=_LINE_WIDTH
    )


def _is_unset(value: object) -> bool:
    return value is None or (isinstance(value, list | tuple | Mapping) and not value)


def _camel_case(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(part.capitalize() for part in rest)


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
