"""Tables of fields by release are the tool's: what is added by hand stands in its own file, and in the tables that it makes."""

from __future__ import annotations

import importlib.util
import sys
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from types import ModuleType

ROOT = Path(__file__).parents[2]
ADDITIONS: dict[str, Any] = tomllib.loads((ROOT / "tools/crd_additions.toml").read_text("utf-8"))


def _tool() -> ModuleType:
    spec = importlib.util.spec_from_file_location("field_tool", ROOT / "tools" / "crd_fields.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("platform", sorted(ADDITIONS))
def test_additions_stand_in_the_tables(platform: str) -> None:
    """A table that is made anew keeps them."""
    added = ADDITIONS[platform]
    table = tomllib.loads((ROOT / f"src/shardwright/targets/{platform}/fields.toml").read_text("utf-8"))
    assert [kind for kind in added["kinds"] if kind not in table["kinds"]] == []
    assert {name: table["types"].get(name) for name in added["types"]} == added["types"]


def test_a_kind_with_a_crd_is_not_added() -> None:
    """The CRD is right; the addition would hide what changes in it."""
    tool, kind = _tool(), {"api_version": "ray.io/v1", "kind": "RayCronJob", "type": "RayCronJob"}
    tables: dict[str, Any] = {"kinds": [], "types": {}}
    assert tool.with_additions(tables, "lws", ADDITIONS) == tables
    assert [each["kind"] for each in tool.with_additions(tables, "kuberay", ADDITIONS)["kinds"]] == ["RayCronJob"]
    with pytest.raises(SystemExit, match="RayCronJob has a CRD"):
        tool.with_additions({**tables, "kinds": [kind]}, "kuberay", ADDITIONS)


@pytest.mark.parametrize("path", sorted((ROOT / "src").rglob("*/fields.toml")), ids=lambda path: path.parent.name)
def test_nothing_is_written_into_a_table_by_hand(path: Path) -> None:
    """The tool would drop it; it writes no comment but the first."""
    lines = path.read_text("utf-8").splitlines()
    if "Made by tools/crd_fields.py" in lines[0]:
        assert [line for line in lines[1:] if line.startswith("#")] == []
