"""Every finding that the source can make is explained by `shardwright rules`."""

from __future__ import annotations

import importlib.util
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

from shardwright.service import explaining

if TYPE_CHECKING:
    from types import ModuleType

ROOT = Path(__file__).parents[2]


def _tool() -> ModuleType:
    spec = importlib.util.spec_from_file_location("finding_tool", ROOT / "tools" / "findings.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_catalogue_is_that_of_the_source() -> None:
    """Who adds or renames a finding makes the catalogue anew, with `tools/findings.py`."""
    held = tomllib.loads((ROOT / "src" / "shardwright" / "facts" / "findings.toml").read_text("utf-8"))
    assert sorted(held) == sorted(_tool().findings())


def test_each_rule_says_what_it_demands() -> None:
    """No entry without a title, and no rule of manifests without why, fix and source."""
    for each in explaining.explained_rules():
        assert each.title, each.id
        if each.used_in.startswith("lint") and each.enforced_by != "schema":
            assert each.why, each.id
            assert each.source, each.id
