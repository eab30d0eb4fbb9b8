"""Documents agree with the code: the README's recipe is the example's, and every command and exit code is described."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest

from shardwright import registry
from shardwright.cli.main import COMMANDS
from shardwright.core.recipe.canonical import to_document
from shardwright.service import recipes

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text("utf-8")


def test_the_readme_is_short() -> None:
    """A README is read when it ends soon."""
    assert len(README.splitlines()) <= 150


def test_the_readme_shows_the_example() -> None:
    """The recipe that people copy is the one that is rehearsed."""
    shown = re.search(r"```yaml\n(.*?)```", README, re.DOTALL)
    assert shown is not None
    (from_readme,) = recipes.parse_recipes(shown[1], "README.md")
    (example,) = recipes.load_recipes([str(ROOT / "examples/llama-3-8b-two-nodes.yaml")], [])
    assert to_document(from_readme.recipe) == to_document(example.recipe)


def test_the_readme_names_every_command_and_target() -> None:
    """What is there can be found from the front page."""
    words = set(re.findall(r"[a-z]+(?:-[a-z]+)*", README))
    assert set(COMMANDS) - words == {"completion"}
    usable = {kind for kind, place in registry.TARGETS.items() if place}
    assert usable <= set(re.findall(r"`([a-z-]+)`", README))


def test_every_option_of_every_target_is_documented() -> None:
    """Who adds or changes one makes the page anew, with `tools/options.py`."""
    spec = importlib.util.spec_from_file_location("options_tool", ROOT / "tools/options.py")
    assert spec is not None
    assert spec.loader is not None
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    assert (ROOT / "docs/reference/options.md").read_text("utf-8") == tool.page()
    assert {kind for kind in registry.TARGETS if f"## `{kind}`" in tool.page()} == set(registry.TARGETS)


@pytest.mark.requirement("R057")
def test_links_of_documents_lead_somewhere() -> None:
    """A relative link names a file of the project."""
    pages = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")]
    links = [(page, link) for page in pages for link in re.findall(r"\]\(([^)#:]+)\)", page.read_text("utf-8"))]
    assert [f"{page.name}: {link}" for page, link in links if not (page.parent / link).exists()] == []


def test_design_notes_are_numbered_without_a_gap() -> None:
    """A note is found by its number."""
    numbers = sorted(int(path.name[:3]) for path in (ROOT / "docs/design").glob("*.md"))
    assert numbers == list(range(1, len(numbers) + 1))
