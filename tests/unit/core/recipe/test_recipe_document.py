from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shardwright import errors
from shardwright.core.marked import document, tree
from shardwright.core.marked.tree import Document, ListNode, MapNode, ScalarNode


def parse(text: str) -> Document:
    documents = document.parse_documents(text, "recipe.yaml")
    assert len(documents) == 1
    return documents[0]


def fault(text: str) -> errors.Fault:
    found = [each for one in document.parse_documents(text, "recipe.yaml") for each in one.faults]
    assert len(found) == 1, [str(each) for each in found]
    return found[0]


def test_every_value_knows_its_place_and_its_raw_text() -> None:
    """Faults point at the line, and a scalar is typed by its field, so nothing of it may be lost."""
    root = parse("version: 0.10\nlist:\n  - 'no'\n").root
    assert isinstance(root, MapNode)
    version, listed = root.entries["version"].value, root.entries["list"].value
    assert isinstance(listed, ListNode)
    assert version == ScalarNode(tree.Mark("recipe.yaml", 1, 10), "0.10", plain=True)
    assert listed.items[0] == ScalarNode(tree.Mark("recipe.yaml", 3, 5), "no", plain=False)
    assert tree.find(root, ("list", 0)).line == 3
    assert tree.find(root, ("list", 7, "deeper")).line == 2


def test_json_is_read_with_escapes_beyond_the_basic_plane() -> None:
    """What a JSON library writes is read: surrogate pairs and escaped slashes as well."""
    root = parse('{"a": "\\ud83d\\ude00 \\/ \\\\ud83d"}').root
    assert isinstance(root, MapNode)
    value = root.entries["a"].value
    assert isinstance(value, ScalarNode)
    assert value.text == "\U0001f600 / \\ud83d"


def test_several_documents_and_none() -> None:
    """A file may hold many documents; blanks and comments are none."""
    many = document.parse_documents("a: 1\n---\nb: 2\n", "f")
    assert [each.mark.line for each in many] == [1, 3]
    assert document.parse_documents("# nothing\n\n", "f") == ()
    assert len(document.parse_documents("a: 1\n---\n# nothing\n", "f")) == 1


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("a: 1\na: 2\n", 2, 'the key "a" stands there twice, first in line 1'),
        ("a:\n\tb: 1\n", 2, "spaces, not with tabs"),
        ("a: 1\n  b: [\n", 2, "mapping values are not allowed"),
        ("a: {b: 1\n\n", 1, "',' or '}'"),
        ("a: {b: 1,\n c: [}\n", 2, "node content"),
        ("a: {b: 1,\n c: 2\n", 2, "flow mapping that starts in line 1"),
        ("a: x: y\n", 1, "quote a text that holds ': '"),
        ("a: @x\n", 1, "quote a text that starts with @"),
        ("a: *x\n", 1, 'the alias "*x" has no anchor'),
        ("a: &x [*x]\n", 1, 'the alias "*x" has no anchor'),
        ("x: &x {a: 1}\ny:\n  <<: *x\n", 3, "merge keys"),
        ("a: !!str 1\n", 1, "tags such as !!str"),
        ("a: ! 1\n", 1, "tags such as !!str"),
        ("[a, b]: c\n", 1, "a list of 2 cannot be a key"),
        ("'': c\n", 1, "a key is missing"),
        ("---\n# nothing\n", 1, "the document is empty"),
        ("a: 1\nb: \x01\n", 2, "the character U+0001 is not allowed"),
        ('a: 1\nb: "\\0"\n', 2, "the character U+0000 is not allowed"),
        ("a: \udcff\n", 1, "the character U+DCFF is not allowed"),
        ("a: " + "[" * 60, 1, "nested deeper than 50 levels"),
        ("[" * 100_000, 1, "nested deeper than 50 levels"),
        ("a: [" + "1," * 30_000, 1, "more than 20000 values"),
    ],
)
def test_what_a_recipe_cannot_hold_is_one_fault_with_its_line(text: str, line: int, said: str) -> None:
    """Each trap of YAML ends in one clear sentence, never in a wrong reading or a crash."""
    found = fault(text)
    assert said in f"{found.message}; {found.hint}"
    assert found.line == line


def test_aliases_count_as_often_as_they_are_used() -> None:
    """A bomb of nested aliases, tiny in bytes, is refused before it grows."""
    levels = ["l0: &l0 [x, x, x, x, x, x, x, x, x]"]
    levels += [f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 9)}]" for n in range(1, 30)]
    assert "more than 20000 values" in fault("\n".join(levels)).message


def test_aliases_do_not_deepen_a_document_beyond_its_bound() -> None:
    """Depth is counted where an alias is used, so walking a tree can never run out of stack."""
    levels = ["l0: &l0 [x]"] + [f"l{n}: &l{n} [*l{n - 1}]" for n in range(1, 80)]
    assert "nested deeper" in fault("\n".join(levels)).message


def test_an_alias_repeats_its_anchor() -> None:
    """Anchors are allowed within their bounds."""
    root = parse("a: &x {b: 1}\nc: *x\n").root
    assert isinstance(root, MapNode)
    assert root.entries["c"].value == root.entries["a"].value


def test_documents_before_a_fault_of_syntax_are_still_read() -> None:
    """A slip in the second recipe hides no fault of the first."""
    documents = document.parse_documents("a: 1\na: 2\n---\nb: [\n", "f")
    assert len(documents) == 2
    first, second = documents
    assert first.root is not None
    assert len(first.faults) == 1
    assert second.root is None
    assert [each.line for each in second.faults] == [4]


@pytest.mark.parametrize(
    ("data", "line", "said"),
    [
        (b"a: 1\nb: \xff\n", 2, "byte 0xff"),
        (b"\xef\xbb\xbfa: 1\nb: \xe4\n", 2, "byte 0xe4"),
        ("a: 1".encode("utf-16"), 1, "UTF-16"),
    ],
)
def test_other_encodings_are_faults_with_their_line(data: bytes, line: int, said: str) -> None:
    """A file that is not UTF-8 says where and what it seems to be."""
    with pytest.raises(errors.RecipeError) as caught:
        document.decode(data, "f")
    assert [each.line for each in caught.value.faults] == [line]
    assert said in str(caught.value)


def test_a_byte_order_mark_is_no_fault() -> None:
    """Editors of some systems write one."""
    assert document.decode(b"\xef\xbb\xbfa: 1", "f") == "a: 1"


@given(st.text(alphabet=st.sampled_from("ab:-[]{},&*!|>'\"%@`#?\n\r\t\x85\u2028 \\u0<~=x1")))
def test_any_text_becomes_documents_with_faults(text: str) -> None:
    """Whatever is typed, the answer is trees and faults; each document without a tree says why."""
    for each in document.parse_documents(text, "f"):
        assert each.root is not None or each.faults
        assert all(fault.line >= 1 for fault in each.faults)
