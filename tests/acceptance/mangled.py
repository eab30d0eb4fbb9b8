"""Manifests that are mangled by a seed: texts cut and pieced together, values of any type at any place, objects wrapped.

The starts are the project's golden files and examples, and upstream's cases where they are at hand. The same seed and the
same starts give the same bytes.
"""

from __future__ import annotations

import copy
import functools
import gzip
import hashlib
import json
import os
import random
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias, cast

import yaml

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

ROOT = Path(__file__).parents[2]
CASES = (
    Path(os.environ.get("SHARDWRIGHT_UPSTREAM_CASES") or ROOT.parent / "shared" / "upstream-cases") / "cases.jsonl.gz"
)
STARTS = ("tests/golden/*/*.yaml", "tests/data/manifests/*/*.yaml", "examples/**/*.yaml")
LARGEST_START = 20_000
LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
DUMPER: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)

PIECES: tuple[str, ...] = (
    *(
        "",
        "null",
        "~",
        "[",
        "]",
        "{",
        "}",
        ": ",
        "- ",
        "\n",
        "\t",
        "'",
        '"',
        "&a ",
        "*a",
        "<<: *a\n",
        "!!int ",
        "!x ",
        "# ",
        "|",
    ),
    *(
        "-1",
        "yes",
        "é",
        "\r",
        "\x00",
        "x:\n",
        "---\n",
        "...\n",
        "${A}",
        "${{A}}",
        "<name>",
        "%NAME%",
        "{{ .x }}",
        "0" * 90,
        "\ufeff",
    ),
    *(
        "? ",
        "@",
        "`",
        ",",
        "\u2028",
        "\U0001f600",
        " " * 40,
        "9" * 5000,
        "1e999",
        "0x",
        ".inf",
        "2026-01-01",
        "=",
        ">-\n",
        "\\",
    ),
)
JUNK: tuple[Any, ...] = (
    *(
        None,
        True,
        False,
        0,
        -1,
        2**31,
        2**63,
        2**70,
        1.5,
        -0.0,
        1e300,
        "",
        " ",
        "x",
        "0",
        "-1",
        "8",
        "1Gi",
        "1e3",
        "50%",
        "101%",
    ),
    *(
        "a" * 300,
        "A_b",
        "a.b.c/d",
        "http://x:y@z/",
        "pvc://a/b",
        "${A}",
        "$(A)",
        "\u0000",
        "é",
        "9" * 400,
        "1" * 5000,
        "@every 1h",
    ),
    *(
        [],
        {},
        [None],
        [[]],
        [{}],
        {"": None},
        {"a": {"b": []}},
        ["x", 1, None, {}],
        [{"name": "a"}] * 3,
        {"name": ["a"]},
    ),
)
HOSTILE_KEYS = ("", "name", "containers", "spec", "metadata", "env", "a b", "é", "<<", "null", "1", "x" * 300)


Tree: TypeAlias = "dict[Any, Any]"
Part: TypeAlias = "dict[Any, Any] | list[Any]"


class Mangled(NamedTuple):
    """One input for lint."""

    data: bytes
    old: bytes
    """What is there before; empty for none."""


def starts() -> tuple[str, ...]:
    """Single documents, as texts."""
    return _starts()


def corpus() -> str:
    """A digest of all starts, kept with results: a seed means the same only for the same starts."""
    return hashlib.sha256("\0".join(_starts()).encode()).hexdigest()[:12]


@functools.cache
def _starts() -> tuple[str, ...]:
    files = sorted(path for pattern in STARTS for path in ROOT.glob(pattern))
    texts = [part for path in files for part in _documents(path.read_bytes().decode("utf-8", "replace"))]
    if CASES.is_file():
        with gzip.open(CASES, "rt", encoding="utf-8") as stream:
            texts += [yaml.safe_dump(json.loads(line)["manifest"]) for line in stream]
    return tuple(dict.fromkeys(text for text in texts if 0 < len(text) < LARGEST_START))


def _documents(text: str) -> Iterator[str]:
    for part in text.split("\n---\n"):
        yield part.removeprefix("---\n")


def mangle(seed: int) -> Mangled:
    """The input of a seed."""
    rng = random.Random(seed)  # noqa: S311 - repeatable, nothing secret
    texts = [rng.choice(_starts()) for _ in range(rng.choice((1, 1, 1, 2, 3)))]
    before = texts[0].encode("utf-8", "replace") if rng.random() < 0.25 else b""
    if rng.random() < 0.6:
        texts = [_in_trees(rng, text) for text in texts]
    text = "\n---\n".join(texts)
    if rng.random() < 0.6:
        for _ in range(rng.randint(1, 4)):
            text = rng.choice(TEXT_CHANGES)(rng, text)
    data = text.encode("utf-8", "surrogatepass")
    return Mangled(_in_bytes(rng, data) if rng.random() < 0.15 else data, before)


def mangled_object(seed: int, kinds: Iterable[str], sound: Callable[[str], Tree]) -> Tree | None:
    """A sound object with one or two changes inside; None where it became another kind or has another name."""
    rng = random.Random(seed)  # noqa: S311 - repeatable, nothing secret
    kind = rng.choice(list(kinds))
    before = sound(kind)
    tree = copy.deepcopy(before)
    for _ in range(rng.choice((1, 1, 2))):
        tree = rng.choice((_set, _set, _remove, _rename, _repeat, _move))(rng, tree)
    head = ("apiVersion", "kind", "metadata")
    is_same = all(tree.get(key) == before[key] for key in head) and isinstance(tree.get("spec"), dict)
    return tree if is_same else None


def _load(text: str) -> Any:  # noqa: ANN401 - a tree of JSON
    return yaml.load(text, Loader=LOADER)  # noqa: S506 - a safe loader


def _in_trees(rng: random.Random, text: str) -> str:
    """A text whose values were changed; the text itself where it is no YAML."""
    try:
        loaded = _load(text)
        tree: Tree = cast("Tree", loaded) if isinstance(loaded, dict) else {"": loaded}
        for _ in range(rng.randint(1, 4)):
            tree = rng.choice(TREE_CHANGES)(rng, tree)
        if rng.random() < 0.2:
            return json.dumps(tree, default=str)
        return yaml.dump(tree, Dumper=DUMPER, allow_unicode=rng.random() < 0.5)
    except (yaml.YAMLError, ValueError, RecursionError, TypeError):
        return text


def _inner(node: Part) -> list[tuple[Any, Any]]:
    return list(node.items()) if isinstance(node, dict) else list(enumerate(node))


def _place(rng: random.Random, tree: Tree) -> tuple[Part, Any]:
    """A mapping or list somewhere in a tree, and a key of it; deep places come as often as others."""
    places: list[tuple[Part, Any]] = []
    waiting: list[Part] = [tree]
    while waiting:
        node = waiting.pop()
        places += [(node, key) for key, _ in _inner(node)]
        waiting += [cast("Part", value) for _, value in _inner(node) if isinstance(value, dict | list)]
    return rng.choice(places) if places else (tree, "x")


def _set(rng: random.Random, tree: Tree) -> Tree:
    node, key = _place(rng, tree)
    node[key] = copy.deepcopy(rng.choice(JUNK))
    return tree


def _remove(rng: random.Random, tree: Tree) -> Tree:
    node, key = _place(rng, tree)
    if isinstance(node, list) or key in node:
        del node[key]
    return tree


def _rename(rng: random.Random, tree: Tree) -> Tree:
    node, key = _place(rng, tree)
    if isinstance(node, dict) and key in node:
        node[rng.choice(HOSTILE_KEYS)] = node.pop(key)
    return tree


def _move(rng: random.Random, tree: Tree) -> Tree:
    """A part of the tree stands at another place, too."""
    (node, key), (other, there) = _place(rng, tree), _place(rng, tree)
    if isinstance(node, list) or key in node:
        other[there] = copy.deepcopy(node[key])
    return tree


def _transplant(rng: random.Random, tree: Tree) -> Tree:
    """A part of another document stands in this one."""
    donor = _load(rng.choice(_starts()))
    if isinstance(donor, dict) and donor:
        node, key = _place(rng, tree)
        source, name = _place(rng, cast("Tree", donor))
        node[key] = copy.deepcopy(source[name])
    return tree


def _repeat(rng: random.Random, tree: Tree) -> Tree:
    node, key = _place(rng, tree)
    if isinstance(node, list):
        node.extend(copy.deepcopy(node[key]) for _ in range(rng.randint(1, 20)))
    else:
        node[key] = [copy.deepcopy(node.get(key))] * 3
    return tree


def _wrap(rng: random.Random, tree: Tree) -> Tree:
    """The object stands in a list, in a template, or deep inside itself."""
    kind = rng.randrange(4)
    if kind == 0:
        return {"apiVersion": "v1", "kind": "List", "items": [tree, copy.deepcopy(tree)]}
    if kind == 1:
        parameters = [
            {"name": "A", "value": rng.choice(("x", "2", "", "true"))},
            rng.choice(JUNK),
            {"name": "B", "required": True},
        ]
        node, key = _place(rng, tree)
        node[key] = rng.choice(("${A}", "${{A}}", "${B}-x", "${C}", "${{B}}"))
        return {
            "apiVersion": "template.openshift.io/v1",
            "kind": "Template",
            "metadata": {"name": "t"},
            "objects": [tree],
            "parameters": parameters,
        }
    if kind == 2:
        return {"kind": "Kustomization", "patches": [tree, {"path": rng.choice(JUNK)}], "resources": ["a.yaml"]}
    node, key = _place(rng, tree)
    made: Any = node.get(key) if isinstance(node, dict) else node[key]
    for _ in range(rng.choice((5, 60, 150))):
        made = {"a": made} if rng.random() < 0.5 else [made]
    node[key] = made
    return tree


def _cut(rng: random.Random, text: str) -> str:
    start = rng.randint(0, len(text))
    return text[:start] + rng.choice(PIECES) + text[start + rng.choice((0, 0, 1, 3, 10, 200)) :]


def _lines(rng: random.Random, text: str) -> str:
    lines = text.split("\n")
    at, other = rng.randrange(len(lines)), rng.randrange(len(lines))
    match rng.randrange(5):
        case 0:
            del lines[at]
        case 1:
            lines.insert(other, lines[at])
        case 2:
            lines[at], lines[other] = lines[other], lines[at]
        case 3:
            lines[at] = rng.choice((" ", "  ", "\t", "- ")) + lines[at]
        case _:
            lines[at] = lines[at].lstrip()
    return "\n".join(lines)


def _endings(rng: random.Random, text: str) -> str:
    return text.replace("\n", rng.choice(("\r\n", "\r", "\n\n", "\u2028")))


def _anchors(rng: random.Random, text: str) -> str:
    """A value gets an anchor, another one becomes its alias."""
    spots = [index + 2 for index in range(len(text) - 2) if text[index : index + 2] == ": "]
    for spot in sorted(rng.sample(spots, min(len(spots), 2)), reverse=True):
        text = text[:spot] + rng.choice(("&a ", "*a\n#", "&a *a ", "!!str ", "!!binary ")) + text[spot:]
    return text


def _digits(rng: random.Random, text: str) -> str:
    """A number somewhere in a text gets another length: inside images, flags, quantities and schedules, too."""
    runs = list(re.finditer(r"[0-9]+", text))
    for run in sorted(rng.sample(runs, min(len(runs), 3)), key=lambda each: -each.start()):
        text = (
            text[: run.start()]
            + rng.choice(("9" * 5000, "0", "00", "-1", "18446744073709551616", ""))
            + text[run.end() :]
        )
    return text


def _double(rng: random.Random, text: str) -> str:
    return text + rng.choice(("\n", "\n---\n", "")) + text


TEXT_CHANGES: tuple[Callable[[random.Random, str], str], ...] = (
    _cut,
    _cut,
    _cut,
    _lines,
    _lines,
    _lines,
    _endings,
    _anchors,
    _digits,
    _digits,
    _double,
)
TREE_CHANGES: tuple[Callable[[random.Random, Tree], Tree], ...] = (
    *(_set, _set, _set, _set, _remove, _remove, _rename, _move, _transplant, _repeat, _wrap),
)


def _in_bytes(rng: random.Random, data: bytes) -> bytes:
    made = bytearray(data or b"x")
    for _ in range(rng.randint(1, 4)):
        made[rng.randrange(len(made))] = rng.randrange(256)
    head = rng.choice((b"", b"", b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff", b"\x00"))
    return head + bytes(made)
