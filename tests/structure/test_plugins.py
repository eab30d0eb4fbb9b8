"""Plug-ins are named in one place, and a new one needs no change elsewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from shardwright import errors, registry

SOURCE = Path(__file__).parents[2] / "src" / "shardwright"


def test_core_knows_no_plugin_by_name() -> None:
    """What is decided in core holds for every engine and platform."""
    # "local" and "kubernetes" are also plain words; as plug-ins they are looked up like all others.
    names = {*registry.ENGINES, *registry.TARGETS} - {"local", "kubernetes"}
    quoted = re.compile("|".join(rf"[\"']{re.escape(name)}[\"']" for name in sorted(names)))
    code = {path: path.read_text("utf-8") for path in (SOURCE / "core").rglob("*.py") if path.name != "model.py"}
    assert {str(path): quoted.findall(text) for path, text in code.items() if quoted.search(text)} == {}


def test_a_new_engine_is_one_registration_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """A package outside the project is loaded by its line in the registry alone."""
    monkeypatch.setitem(registry.ENGINES, "toy", "shardwright.engines.vllm:ENGINE")
    assert registry.load_engine("toy") is registry.load_engine("vllm")


@pytest.mark.parametrize("name", ["known-only", "no-such"])
def test_what_cannot_be_used_names_what_can(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name without a module ends in an error that lists the usable ones."""
    monkeypatch.setitem(registry.ENGINES, "known-only", "")
    with pytest.raises(errors.InputError) as caught:
        registry.load_engine(name)
    assert "vllm" in str(caught.value)
    assert name in str(caught.value)
