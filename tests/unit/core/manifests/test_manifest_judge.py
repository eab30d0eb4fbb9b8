"""Objects and rules become findings: in order, with places, limited, and honest where they cannot tell."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shardwright.core.manifests import judge, reading, schema
from shardwright.core.manifests.objects import Context, Object
from shardwright.core.manifests.platform import Platform
from shardwright.core.rules.rule import Breach, Rule

if TYPE_CHECKING:
    from collections.abc import Iterator

SHARED = {"types": {"ObjectMeta": {"name": "string", "namespace": "string"}}}
KINDS = [
    {"api_version": "toys.dev/v1", "kind": "Ball", "type": "Ball"},
    {"api_version": "toys.dev/v1", "kind": "Kite", "type": "Ball", "since": "2.0"},
]
BALL = {"spec": "Spec"}
SPEC = {
    "size": {"type": "int", "default": 3},
    "color": {"type": "string", "since": "2.0"},
    "air": {"type": "int", "until": "2.0"},
}
SCHEMA = schema.parse_schema({"kinds": KINDS, "types": {"Ball": BALL, "Spec": SPEC}}, SHARED)


def _shrinks(each: Object, context: Context) -> Iterator[Breach]:
    size, old = each.number_at("spec", "size"), context.old
    if size == 13:
        yield Breach(("spec", "size"), "depends on the cluster", can_tell=False)
    if old and (old.number_at("spec", "size") or 0) > (size or 0):
        yield Breach(("spec", "size"), f"size {size}", str(size))


RULE = Rule("toys.shrinks", "error", ("Ball",), "t", "w", "f", "operator", "s", _shrinks, requirements=("R001",))
OLD = Rule(
    "toys.old",
    "warning",
    ("Ball",),
    "t",
    "w",
    "f",
    "practice",
    "s",
    lambda _object, _context: iter([Breach((), "m")]),
    until="2.0",
)
TOYS = Platform("toys", "Toys", ("1.0", "2.0"), lambda: SCHEMA, (RULE, OLD))


def objects(text: str) -> tuple[Object, ...]:
    """The objects of a text."""
    return reading.read_manifests(text.encode(), "a.yaml").objects


def ball(spec: str, kind: str = "Ball", api: str = "toys.dev/v1") -> tuple[Object, ...]:
    """One object with a spec."""
    return objects(f"apiVersion: {api}\nkind: {kind}\nmetadata: {{name: a}}\nspec:\n  {spec}\n")


def test_an_update_is_compared_after_defaults() -> None:
    """A field that was left out has its default in the old and the new object."""
    (found,) = judge.judge(ball("size: 2"), [TOYS], Context(), ball("x: 1"))
    assert (found.id, found.severity, found.file, found.line) == ("toys.shrinks", "error", "a.yaml", 5)
    assert (found.path, found.value, found.enforced_by, found.requirements) == ("spec.size", "2", "operator", ("R001",))
    assert judge.judge(ball("size: 4"), [TOYS], Context(), ball("size: null")) == ()


def test_what_cannot_be_told_fails_nothing() -> None:
    """It has the status unknown and is no error."""
    (found,) = judge.judge(ball("size: 13"), [TOYS], Context())
    assert (found.status, found.severity) == ("unknown", "info")


def test_rules_and_kinds_follow_the_assumed_release() -> None:
    """A rule, a kind and a field hold only where the release has them."""
    old = Context(versions={"toys": "1.0"})
    assert [each.id for each in judge.judge(ball("size: 1"), [TOYS], old)] == ["toys.old"]
    assert [each.id for each in judge.judge(ball("size: 1", kind="Kite"), [TOYS], old)] == ["manifest.kind-unknown"]
    (color, _) = judge.judge(ball("color: red"), [TOYS], old)[::-1]
    assert "came with Toys 2.0" in color.message
    (air,) = judge.judge(ball("air: 1"), [TOYS], Context())
    assert "gone since Toys 2.0" in air.message


def test_a_wrong_api_version_or_kind_names_the_right_one() -> None:
    """The finding says what to write."""
    (api,) = judge.judge(ball("size: 1", api="toys.dev/v9"), [TOYS], Context())
    (kind,) = judge.judge(ball("size: 1", kind="Bal"), [TOYS], Context())
    assert (api.path, api.fix) == ("apiVersion", "write apiVersion: toys.dev/v1")
    assert (kind.path, kind.fix) == ("kind", "write kind: Ball")
    assert judge.judge(ball("size: 1", kind="Doll", api="dolls.dev/v1"), [TOYS], Context()) == ()


def test_a_misspelt_field_names_its_neighbour() -> None:
    """The nearest field of the same type is offered."""
    (found,) = judge.judge(ball("sise: 1"), [TOYS], Context())
    assert (found.id, found.fix) == ("toys.unknown-field", 'did you mean "size"?')


def test_what_was_written_stands_beside_what_is_read() -> None:
    """`yes` is true: the message shows both."""
    (found,) = judge.judge(ball("size: yes"), [TOYS], Context())
    assert found.message == "true is not a whole number (written yes)"


def test_findings_of_one_object_are_limited() -> None:
    """A file of another kind than it says ends in a hundred findings and a note."""
    text = "\n  ".join(f"f{number}: 1" for number in range(500))
    found = judge.judge(ball(text), [TOYS], Context())
    assert len(found) == judge.MAX_FINDINGS + 1
    assert found[-1].id == "manifest.more-findings"
