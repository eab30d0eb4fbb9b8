from __future__ import annotations

import pytest

from shardwright.core import target_options
from shardwright.core.target_options import Option
from shardwright.testing import builders

TABLE = {
    "queue": Option("a queue"),
    "mode": Option("how", choices=("one", "two")),
    "switch": Option("whether", kind="switch"),
    "count": Option("how many", kind="count"),
    "port": Option("where", kind="port", requirements=("R102",)),
    "place": Option("of what", kind="mapping", keys=("zone", "region")),
    "secret": Option("SECRET/KEY", form=lambda text: "/" in text, form_name="SECRET/KEY", is_value_shown=False),
}
RULE = target_options.known_options("platform", TABLE)


def found(**options: object) -> dict[str, str]:
    """Messages by id and option."""
    made = builders.deployment(builders.recipe(target={"options": options}))
    return {f"{finding.id} {finding.path}": finding.message + finding.value for finding in RULE(made)}


@pytest.mark.parametrize(
    ("name", "right", "wrong"),
    [
        ("queue", ["models"], ["", 3, None, ["a"], True]),
        ("mode", ["one", "two"], ["three", "", 1, ["one"]]),
        ("switch", [True, False], ["true", 1, None]),
        ("count", [1, 9000], [0, -1, True, "1", 1.5]),
        ("port", [1, 65535], [0, 65536, True, "80"]),
        (
            "place",
            [{"zone": "a", "region": "b"}],
            [{"zone": "a"}, {"zone": "a", "region": 1}, "a", {"zone": "a", "region": ""}],
        ),
        ("secret", ["a/b"], ["hunter2", 2]),
    ],
)
def test_values_are_of_the_kind_that_the_table_says(name: str, right: list[object], wrong: list[object]) -> None:
    """What is not is an error on that option, and nothing else is."""
    assert [value for value in right if found(**{name: value})] == []
    assert [
        value for value in wrong if list(found(**{name: value})) != [f"platform.option-value target.options.{name}"]
    ] == []


def test_a_misspelt_name_is_answered_with_the_nearest() -> None:
    """It would do nothing; the message lists all."""
    made = builders.deployment(builders.recipe(target={"options": {"Prot": 1, "PORT": 1, "zzz": 1}}))
    fixes = [finding.fix for finding in RULE(made)]
    assert fixes == ["write port, or remove it", "write port, or remove it", "write its name as listed, or remove it"]
    assert "count, mode, place, port, queue, secret, switch" in next(iter(found(zzz=1).values()))


def test_what_could_be_a_password_is_not_repeated() -> None:
    """A finding is printed, logged and uploaded."""
    assert "hunter2" not in str(found(secret="hunter2"))


def test_texts_and_switches_are_read_only_where_they_are_that() -> None:
    """Rules say what is wrong with the others; whoever reads them goes on without."""
    recipe = builders.recipe(target={"options": {"queue": 3, "mode": "one", "switch": "yes"}})
    assert [target_options.text_of(recipe, name) for name in ("queue", "mode", "none")] == ["", "one", ""]
    assert not target_options.is_on(recipe, "switch")
    assert target_options.is_on(builders.recipe(target={"options": {"switch": True}}), "switch")
