"""Files are mended round by round: what makes it worse is taken back, and what cannot be read is left alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shardwright.core.manifests import mending_rounds, schema
from shardwright.core.manifests.objects import Context, Object
from shardwright.core.manifests.platform import Platform
from shardwright.core.rules.rule import Breach, Change, Rule, with_mends

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from shardwright.core.rules.rule import Mend

SCHEMA = schema.parse_schema(
    {"kinds": [{"api_version": "toy/v1", "kind": "Toy", "type": "Toy"}], "types": {"Toy": {"spec": "any"}}},
    {"types": {"ObjectMeta": {"name": "string"}}},
)
TEXT = b"apiVersion: toy/v1\nkind: Toy\nmetadata: {name: a}\nspec: {a: 1, b: 1, c: 1}\n"


def _is_one(field: str) -> Callable[[Object, Context], Iterator[Breach]]:
    def check(each: Object, _: Context) -> Iterator[Breach]:
        if each.get("spec", field) == 1:
            yield Breach(("spec", field), f"{field} is 1")

    return check


def _is_two(each: Object, _: Context) -> Iterator[Breach]:
    if each.get("spec", "b") == 2:
        yield Breach(("spec", "b"), "b is 2")


def _to(value: int) -> Mend:
    return lambda _each, _context, breach: (Change(breach.path, value),)


def outcome(text: bytes, **mends: Mend) -> mending_rounds.Outcome:
    """A file mended by a toy platform: no field may be 1, and b may not be 2."""
    rules = [Rule(f"toy.{name}", "error", ("Toy",), "t", "w", "f", "schema", "s", _is_one(name)) for name in "abc"]
    rules.append(Rule("toy.two", "error", ("Toy",), "t", "w", "f", "schema", "s", _is_two))
    table = {f"toy.{name}": mend for name, mend in mends.items()}
    toy = Platform("toy", "Toy", ("1.0",), schema=lambda: SCHEMA, rules=with_mends(rules, table))
    return mending_rounds.mend_files({"a.yaml": text}, [toy], Context())


def test_all_that_can_be_mended_is() -> None:
    """Rules without a mend are left to a person."""
    made = outcome(TEXT, a=_to(3), c=_to(4))
    assert made.contents["a.yaml"] == TEXT.replace(b"a: 1", b"a: 3").replace(b"c: 1", b"c: 4")
    assert sorted(each.rule for each in made.done) == ["toy.a", "toy.c"]


def test_a_mend_that_brings_an_error_is_taken_back() -> None:
    """The others of the same round are made all the same."""
    made = outcome(TEXT, a=_to(3), b=_to(2), c=_to(4))
    assert made.contents["a.yaml"] == TEXT.replace(b"a: 1", b"a: 3").replace(b"c: 1", b"c: 4")
    assert [(each.proposal.rule, each.reason) for each in made.kept] == [("toy.b", "it would bring another error")]


def test_a_mend_that_does_not_help_is_made_once() -> None:
    """Rounds end."""
    made = outcome(TEXT, a=lambda _e, _c, _b: (Change(("spec", "x"), 1),))
    assert [each.reason for each in made.kept] == ["the breach would still be there"]


def test_files_that_cannot_be_told_are_left_alone() -> None:
    """A key that stands twice, a text that is no YAML: nothing in that file is touched, and it is said."""
    for text in (TEXT + b"spec: {a: 1}\n", TEXT + b"---\na: [\n"):
        made = outcome(text, a=_to(3))
        assert made.contents["a.yaml"] == text
        assert len(made.left) == 1


def test_a_byte_order_mark_stays() -> None:
    """Bytes that are not touched are not touched."""
    made = outcome(b"\xef\xbb\xbf" + TEXT, a=_to(3))
    assert made.contents["a.yaml"] == b"\xef\xbb\xbf" + TEXT.replace(b"a: 1", b"a: 3")
