"""Changes are spliced into the text of manifests: what is not touched stays byte for byte as it was."""

from __future__ import annotations

import difflib
import random
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from shardwright.core.manifests import mending, mending_spans, mending_values, reading
from shardwright.core.rules.rule import Change

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shardwright.core.manifests.objects import Object, Value
    from shardwright.core.marked.paths import Path as Place

GOLDEN = sorted((Path(__file__).resolve().parents[3] / "golden").rglob("*.yaml"))
HEAD = "apiVersion: v1\nkind: A\nmetadata: {name: a}\n"


def mended(text: str, *changes: Change) -> str:
    """A text after changes of its first object, which must be made."""
    found = reading.read_manifests(text.encode(), "a.yaml")
    made = mending.mend_text(text, found.objects, [mending.Mend(0, changes)])
    assert made.refused == ("",)
    return made.text


def gone(*path: str | int) -> Change:
    """A removal."""
    return Change(path, is_removal=True)


CASES: dict[str, tuple[str, tuple[Change, ...], str]] = {
    "number": ("s:\n  n:   1   # one\n", (Change(("s", "n"), 2),), "s:\n  n:   2   # one\n"),
    "double-quotes": ('s: "x"\n', (Change(("s",), "y"),), 's: "y"\n'),
    "single-quotes": ("s: 'x'\n", (Change(("s",), "it's"),), "s: 'it''s'\n"),
    "text-like-number": ("s: x\n", (Change(("s",), "5"),), "s: '5'\n"),
    "new-key": ("s:\n  a: 1 # a\n\n# end\n", (Change(("s", "b"), 2),), "s:\n  a: 1 # a\n  b: 2\n\n# end\n"),
    "new-branch": ("s:\n  a: 1\n", (Change(("s", "b", "c", 0), "x"),), "s:\n  a: 1\n  b:\n    c:\n    - x\n"),
    "empty-value": ("s:\nt: 1\n", (Change(("s", "a"), 1),), "s:\n  a: 1\nt: 1\n"),
    "null-scalar": ("s:\nt: 1\n", (Change(("s",), 3),), "s: 3\nt: 1\n"),
    "flow-map": ("s: {a: 1,  b: 2}\n", (Change(("s", "c"), "x, y"),), 's: {a: 1,  b: 2, c: "x, y"}\n'),
    "flow-removed": ("s: {a: 1, b: 2, c: 3}\n", (gone("s", "b"),), "s: {a: 1, c: 3}\n"),
    "flow-first": ("s: {a: 1, b: 2}\n", (gone("s", "a"),), "s: {b: 2}\n"),
    "flow-list": ('s: ["a", "b"]\n', (Change(("s", 2), "c"),), 's: ["a", "b", "c"]\n'),
    "item": ("s:\n  - a\n  - b\nt: 1\n", (Change(("s", 2), "c"),), "s:\n  - a\n  - b\n  - c\nt: 1\n"),
    "item-removed": ("s:\n- a # x\n# y\n- b\n", (gone("s", 0),), "s:\n# y\n- b\n"),
    "last-item": ("env:\n- a\nt: 1\n", (gone("env", 0),), "t: 1\n"),
    "other-last-item": ("s:\n- a\nt: 1\n", (gone("s", 0),), "s: []\nt: 1\n"),
    "first-key-of-item": ("s:\n- n: x\n  v: y\n", (gone("s", 0, "n"),), "s:\n- v: y\n"),
    "in-place": (
        "s:\n- n: x\n  v: y # w\n  z: 1\n",
        (gone("s", 0, "v"), Change(("s", 0, "f"), {"k": {"a": "b"}})),
        "s:\n- n: x\n  f:\n    k:\n      a: b # w\n  z: 1\n",
    ),
    "indented-lists": (
        "s:\n    l:\n      - a\n",
        (Change(("s", "m"), [1, {"x": 2, "z": 3}]),),
        "s:\n    l:\n      - a\n    m:\n      - 1\n      - x: 2\n        z: 3\n",
    ),
    "block-text": ("s: |\n  a; b\n  c\n", (Change(("s",), "a && b\nc\n"),), "s: |\n  a && b\n  c\n"),
    "folded-text": ("s: >-\n  a b\n  c d\n", (Change(("s",), "a x c d"),), "s: >-\n  a x\n  c d\n"),
    "windows": ("s:\r\n  a: 1\r\nt: 2\r\n", (Change(("s", "b"), [1]),), "s:\r\n  a: 1\r\n  b:\r\n  - 1\r\nt: 2\r\n"),
    "no-last-line-end": ("s:\n  a: 1", (Change(("s", "b"), 2),), "s:\n  a: 1\n  b: 2"),
}


@pytest.mark.parametrize("name", CASES)
def test_what_is_changed_is_written_as_its_neighbours_are(name: str) -> None:
    """Style, indentation, comments and line ends are kept."""
    before, changes, after = CASES[name]
    head = HEAD.replace("\n", "\r\n") if "\r\n" in before else HEAD
    assert mended(head + before, *changes) == head + after


def test_json_stays_json() -> None:
    """Commas, quotes and indentation are those of JSON."""
    text = (
        '{\n  "apiVersion": "v1", "kind": "A", "metadata": {"name": "\\ud83d\\ude00"},\n  "s": {\n    "a": 1\n  }\n}\n'
    )
    after = mended(text, Change(("s", "b"), {"c": [True]}))
    assert after == text.replace('"a": 1\n', '"a": 1,\n    "b": {\n      "c": [\n        true\n      ]\n    }\n')


def test_only_the_object_that_is_meant_is_changed() -> None:
    """Of several documents, lists of objects and templates."""
    one = "apiVersion: v1\nkind: A\nmetadata: {name: a}\ns: 1\n"
    item = "- " + one.strip().replace("\n", "\n  ") + "\n"
    text = f"# x\n---\n{one}---\napiVersion: v1\nkind: List\nitems:\n{item}{item}---\n{one}...\n"
    objects = reading.read_manifests(text.encode(), "a.yaml").objects
    made = mending.mend_text(text, objects, [mending.Mend(2, (Change(("s",), 7),))])
    changed = [line for line in difflib.ndiff(text.splitlines(), made.text.splitlines()) if line[0] in "+-"]
    assert len(objects) == 4
    assert changed == ["-   s: 1", "+   s: 7"]


@pytest.mark.parametrize(
    "body",
    ["s: &x {a: 1}\nt: *x\n", "t: &x {s: {a: 1}}\n<<: *x\n", "s: *x\nt: &x {a: 1}\n"],
)
def test_what_anchors_share_is_not_changed(body: str) -> None:
    """A change would reach places that nobody named."""
    text = HEAD + body if not body.startswith("s: *") else f"{HEAD}t: &x {{a: 1}}\ns: *x\n"
    objects = reading.read_manifests(text.encode(), "a.yaml").objects
    made = mending.mend_text(text, objects, [mending.Mend(0, (Change(("s", "a"), 2),))])
    assert made.text == text
    assert "anchor" in made.refused[0]


def test_two_mends_of_one_place_are_not_made_together() -> None:
    """The first one is; one that says the same is made too."""
    text = f"{HEAD}s: {{a: 1}}\n"
    objects = reading.read_manifests(text.encode(), "a.yaml").objects
    wanted = [(Change(("s", "a"), 2),), (gone("s"),), (Change(("s", "a"), 2), Change(("s", "b"), 3))]
    made = mending.mend_text(text, objects, [mending.Mend(0, changes) for changes in wanted])
    assert made.text == f"{HEAD}s: {{a: 2, b: 3}}\n"
    assert [bool(reason) for reason in made.refused] == [False, True, False]


def test_text_that_cannot_be_read_a_second_time_stays() -> None:
    """It is refused, not broken."""
    with pytest.raises(ValueError, match="did not find expected"):
        mending_spans.read_spans("a: [")
    assert mending.mend_text("a: [", (), [mending.Mend(0, (gone("a"),))]).refused != ("",)


def _places(value: Value, path: Place = ()) -> Iterator[Place]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, each in inner:
        yield (*path, key)
        yield from _places(each, (*path, key))


def _random_changes(each: Object, chance: random.Random) -> tuple[Change, ...]:
    places = [path for path in _places(dict(each.value)) if path[0] == "spec" and len(path) > 1]
    if not places:
        return ()
    path = chance.choice(places)
    new: Any = chance.choice(["x", "a: b", "7", 7, True, "one\ntwo", {"k": [1, {"l": "m"}]}, ["q", {"n": "o"}]])
    inner = each.get(*path[:-1])
    key = len(inner) if isinstance(inner, list) else "added"
    kinds = ((gone(*path),), (Change(path, new),), (Change((*path[:-1], key), new),))
    return chance.choice(kinds)


@pytest.mark.parametrize("file", GOLDEN[::2], ids=lambda file: file.stem)
def test_any_change_of_a_manifest_is_made_and_nothing_else(file: Path) -> None:
    """Random changes of rendered manifests, with either line end: values are as asked, other objects as they were."""
    chance = random.Random(file.stem)  # noqa: S311 - no secret
    text = file.read_text("utf-8").replace("\n", chance.choice(["\n", "\r\n"]))
    objects = reading.read_manifests(text.encode(), "a.yaml").objects
    numbers = [number for number, each in enumerate(objects) if each.kind != "Template"][:6]
    wanted = [mending.Mend(number, _random_changes(objects[number], chance)) for number in numbers]
    made = mending.mend_text(text, objects, wanted)
    after = reading.read_manifests(made.text.encode(), "a.yaml").objects
    assert set(made.refused) == {""}
    for mend in wanted:
        assert after[mend.number].value == mending_values.changed(objects[mend.number].value, mend.changes)
    assert made.text.count("\r\n") in {0, made.text.count("\n")}
