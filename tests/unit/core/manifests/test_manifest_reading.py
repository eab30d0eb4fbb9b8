"""Manifests of any source are read as Kubernetes' tools read them; what cannot be read is one clear finding."""

from __future__ import annotations

import time

import pytest

from shardwright.core.manifests import reading

POD = "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\n"
OTHER = "apiVersion: v1\nkind: Pod\nmetadata: {name: a, namespace: b}\n"


def read(text: str | bytes, file: str = "a.yaml") -> reading.Reading:
    """The reading of a text."""
    return reading.read_manifests(text.encode() if isinstance(text, str) else text, file)


def ids(text: str | bytes) -> list[str]:
    """The ids of what is wrong with a text as a file."""
    return [finding.id for finding in read(text).findings]


def test_documents_lists_and_json_are_objects() -> None:
    """Several documents, lists of objects and JSON hold the same objects."""
    listed = "apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: Pod, metadata: {name: a}}\n"
    in_json = '{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"}}'
    for text, count in ((f"{POD}---\n{OTHER}---\n", 2), (listed, 1), (in_json, 1)):
        found = read(text)
        assert [each.name for each in found.objects] == ["a"] * count
        assert found.findings == ()


@pytest.mark.parametrize(
    ("written", "value"),
    [
        *[("yes", True), ("off", False), ("y", True), ("0644", 420), ("0o17", 15), ("0x1F", 31), ("1_000", 1000)],
        *[("1e3", 1000.0), ("12:30:45", "12:30:45"), ("2026-01-02", "2026-01-02"), ("~", None), ("'yes'", "yes")],
        *[("!!str 5", "5"), ("!!int '5'", 5), ("1.10", 1.1), ("+5", 5), ("_1", "_1"), (".inf", ".inf")],
    ],
)
def test_scalars_are_typed_as_kubectl_types_them(written: str, value: object) -> None:
    """YAML 1.1 with Go's rules: yes and off are true and false, a leading 0 is octal."""
    (found,) = read(f"{POD}x: {written}\n").objects
    assert found.get("x") == value
    assert type(found.get("x")) is type(value)


def test_anchors_and_merge_keys_are_real() -> None:
    """Merged fields come in where they are not written."""
    (found,) = read(f"{POD}a: &x {{b: 1, c: 2}}\nd:\n  <<: *x\n  c: 3\ne: [*x]\n").objects
    assert found.get("d") == {"b": 1, "c": 3}
    assert found.get("e", 0, "c") == 2


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"{POD}a: 1\na: 2\n", "manifest.malformed"),
        ("a: [1\n", "manifest.unreadable"),
        (f"{POD}\tx: 1\n", "manifest.unreadable"),
        (b"\xff\xfea", "manifest.unreadable"),
        (b"a: \xe9\xe9", "manifest.unreadable"),
        ("", "manifest.empty"),
        ("# nothing\n---\n", "manifest.empty"),
        ("- a\n- b\n", "manifest.not-an-object"),
        ("kind: Pod\nmetadata: {name: a}\n", "manifest.not-an-object"),
        ("apiVersion: v1\nkind: [Pod]\n", "manifest.not-an-object"),
        ("apiVersion: v1\nkind: Pod\nmetadata: []\n", "manifest.malformed"),
        ("apiVersion: v1\nkind: Pod\n", "manifest.no-name"),
        ("apiVersion: v1\nkind: Pod\nmetadata: {name: {{ .Values.name }} }\n", "manifest.placeholder"),
        ("apiVersion: v1\nkind: Pod\nmetadata: {name: %NAME%}\n", "manifest.placeholder"),
        ("apiVersion: v1\nkind: Pod\nmetadata: {name: <name>}\n", "manifest.placeholder"),
        ("apiVersion: v1\nkind: Pod\nmetadata: {name: '${NAME}'}\n", "manifest.placeholder"),
        (f"{POD}a: !mine b\n", "manifest.malformed"),
        (f"{POD}a: *nobody\n", "manifest.unreadable"),
        (f"{POD}a: {{<<: 1}}\n", "manifest.malformed"),
    ],
)
def test_each_fault_is_one_finding(text: str | bytes, expected: str) -> None:
    """Bad input gives one finding that names it, never an error."""
    assert ids(text) == [expected]


def test_an_object_that_stands_twice_in_a_file_is_told_once() -> None:
    """Whichever is applied last counts; the same name in another namespace is another object."""
    (found,) = read(f"{POD}---\n{OTHER}---\n{POD}").findings
    assert (found.id, found.severity, found.line) == ("manifest.twice", "warning", 11)


def test_a_byte_order_mark_is_no_fault() -> None:
    """Editors on Windows write one."""
    assert ids(b"\xef\xbb\xbf" + POD.encode()) == []


def test_shells_and_files_may_hold_such_marks() -> None:
    """A script's variables and a file's placeholders are meant."""
    script = "spec: {containers: [{name: a, command: [sh, -c, 'echo ${HOME} > <x>'], args: ['%A%']}]}\n"
    assert ids(POD + script) == []
    assert ids("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {a: '${B}'}\n") == []


@pytest.mark.parametrize(
    "text",
    [
        "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(f"{b}: &{b} [{','.join([f'*{a}'] * 9)}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True)),
        "[" * 100_000,
        "a: " * 5_000,
        "- " * 100_000,
        "x" * (17 * 1024 * 1024),
        "".join(f"k{number}: 1\n" for number in range(600_000)),
        "a: 1\n" * 400_000,
        "---\n" * 100_000,
    ],
    ids=["bomb", "brackets", "maps", "lists", "large", "keys", "twice", "documents"],
)  # fmt: skip
def test_time_and_findings_are_bounded(text: str) -> None:
    """Bombs, depth and size end in a few findings within seconds."""
    start = time.monotonic()
    found = read(text)
    assert 1 <= len(found.findings) <= 25
    assert time.monotonic() - start < 20
