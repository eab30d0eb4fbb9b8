"""The schema of a CustomResourceDefinition, made strict: what the API server would silently drop is an error here.

The definitions are read from the folder that SHARDWRIGHT_CRDS names, else from `shared/crds` beside the checkout:
`<project>/<tag>/<plural>.yaml.gz`.
"""

from __future__ import annotations

import functools
import gzip
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, cast

import jsonschema
import pytest
import yaml

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["faults_of", "needs_crds", "release_tags"]

Tree: TypeAlias = dict[str, Any]

_FOLDER = Path(os.environ.get("SHARDWRIGHT_CRDS") or Path(__file__).resolve().parents[3] / "shared" / "crds")
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""Libyaml reads these large files ten times faster; a platform without it waits."""

needs_crds = pytest.mark.skipif(not _FOLDER.is_dir(), reason=f"no CRDs: {_FOLDER} is not there (SHARDWRIGHT_CRDS)")


def release_tags(project: str) -> list[str]:
    """Tags whose definitions are there, as `v0.5.1`; empty if there are none."""
    folder = _FOLDER / project
    return sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []


def faults_of(definition: tuple[str, str, str], body: Tree, at: str = "") -> list[str]:
    """What the API server would refuse or drop, one line each with its path.

    `definition` is project, tag and plural; `at` names a part of the schema, as `spec.template`, that `body` is held
    against.
    """
    schema = _schema(*definition, str(body.get("apiVersion", "")).rpartition("/")[2])
    for part in at.split(".") if at else ():
        schema = schema["items"] if part == "[]" else schema["properties"][part]
    found: Iterable[Any] = jsonschema.Draft202012Validator(schema).iter_errors(body)  # pyright: ignore[reportUnknownMemberType]  # its types are partial
    faults = [f"{'.'.join(map(str, fault.absolute_path))}: {fault.message}" for fault in found]
    return faults + _repeated(schema, body, at)


@functools.cache
def _schema(project: str, tag: str, plural: str, version: str = "") -> Tree:
    """The definition's schema of that version; of its first where a part is checked, which has none."""
    with gzip.open(_FOLDER / project / tag / f"{plural}.yaml.gz", "rt", encoding="utf-8") as stream:
        definition: Tree = yaml.load(stream, Loader=_LOADER)  # noqa: S506 - both loaders are safe ones
    versions: list[Tree] = definition["spec"]["versions"]
    chosen = next((entry for entry in versions if entry["name"] == version), versions[0])
    schema: Tree = chosen["schema"]["openAPIV3Schema"]
    schema["properties"]["metadata"]["x-kubernetes-preserve-unknown-fields"] = True  # has the API server's own schema
    return _strict(schema)


def _strict(schema: Tree) -> Tree:
    """Refuse fields that are not listed, in every object; formats and defaults of OpenAPI stay without effect."""
    made: Tree = {key: value for key, value in schema.items() if key not in {"default", "example"}}
    for key in ("properties", "items", "additionalProperties"):
        part = made.get(key)
        if isinstance(part, dict):
            nested = cast("Tree", part)
            made[key] = (
                {name: _strict(value) for name, value in nested.items()} if key == "properties" else _strict(nested)
            )
    is_open = made.get("x-kubernetes-preserve-unknown-fields") or "additionalProperties" in made
    if made.get("type") == "object" and not is_open:
        made["additionalProperties"] = False
    return made


def _repeated(schema: Tree, value: Any, path: str) -> list[str]:  # noqa: ANN401 - any JSON value
    """Lists that are maps by some keys have each key once; the API server refuses others."""
    if isinstance(value, dict):
        parts = cast("Tree", value)
        properties: Tree = schema.get("properties", {})
        return [
            text
            for key, part in parts.items()
            if key in properties
            for text in _repeated(properties[key], part, f"{path}.{key}")
        ]
    if not isinstance(value, list):
        return []
    entries = cast("list[Any]", value)
    keys: list[str] = schema.get("x-kubernetes-list-map-keys", [])
    seen = [tuple(entry.get(key) for key in keys) for entry in entries] if keys else []
    found = [f"{path}: {key} is there twice" for key in sorted({str(key) for key in seen if seen.count(key) > 1})]
    return found + [text for entry in entries for text in _repeated(schema.get("items", {}), entry, path)]
