"""Two trees of one object: every place where they differ, found by name where things have names."""

from __future__ import annotations

import pytest

from shardwright.core.manifests.differences import ABSENT, differences


def told(one: object, other: object) -> list[tuple[str, str, object, object]]:
    return [(each.path, "/".join(each.pointer), each.original, each.rendered) for each in differences(one, other)]


def test_equal_trees_have_no_difference() -> None:
    """The order of maps and of named items does not count."""
    one = {"a": 1, "env": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}]}
    other = {"env": [{"name": "B", "value": "2"}, {"name": "A", "value": "1"}], "a": 1}
    assert told(one, other) == []


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ({"a": 1}, {"a": 2}, [("a", "a", 1, 2)]),
        ({"a": True}, {"a": 1}, [("a", "a", True, 1)]),
        ({"a": {"b": 1}}, {}, [("a", "a", {"b": 1}, ABSENT)]),
        ({}, {"x.y/z": 1}, [('["x.y/z"]', "x.y/z", ABSENT, 1)]),
        ({"c": ["a", "b"]}, {"c": ["b", "a"]}, [("c", "c", ["a", "b"], ["b", "a"])]),
        ({"l": [{"k": 1}, {"k": 2}]}, {"l": [{"k": 1}]}, [("l[1]", "l/-", {"k": 2}, ABSENT)]),
    ],
)
def test_each_difference_has_its_place(
    one: object, other: object, expected: list[tuple[str, str, object, object]]
) -> None:
    """A path for people, and one in the second tree for a patch."""
    assert told(one, other) == expected


def test_items_are_compared_by_their_name() -> None:
    """The pointer leads to the place in the second tree; what is new stands behind the last."""
    one = {"env": [{"name": "A", "value": "1"}, {"name": "C", "value": "3"}]}
    other = {"env": [{"name": "B", "value": "2"}, {"name": "A", "value": "9"}]}
    assert [each[:2] for each in told(one, other)] == [
        ("env[name=A].value", "env/1/value"),
        ("env[name=C]", "env/-"),
        ("env[name=B]", "env/0"),
    ]


def test_the_same_thing_under_another_name_is_one_difference() -> None:
    """The container that is left, a volume of the same source; mounts are known by their path."""
    one = {
        "containers": [{"name": "a", "image": "x", "volumeMounts": [{"name": "dshm", "mountPath": "/dev/shm"}]}],
        "volumes": [{"name": "dshm", "emptyDir": {"medium": "Memory"}}],
    }
    other = {
        "containers": [{"name": "b", "image": "x", "volumeMounts": [{"name": "shm", "mountPath": "/dev/shm"}]}],
        "volumes": [{"name": "shm", "emptyDir": {"medium": "Memory", "sizeLimit": "1Gi"}}],
    }
    assert [each[0] for each in told(one, other)] == [
        "containers[name=a].name",
        "containers[name=a].volumeMounts[mountPath=/dev/shm].name",
        "volumes[name=dshm].name",
        "volumes[name=dshm].emptyDir.sizeLimit",
    ]


def test_a_text_and_a_reference_are_two_variables() -> None:
    """Half of each would be neither."""
    one = {"env": [{"name": "A", "value": "1"}]}
    other = {"env": [{"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "x"}}}]}
    assert [each[0] for each in told(one, other)] == ["env[name=A]"]


def test_a_secret_is_not_part_of_a_path() -> None:
    """A token may stand where a name belongs."""
    token = "hf_" + "AbCdEfGhIjKlMnOpQrStUvWxYz"
    one = {"volumes": [{"name": token, "hostPath": {"path": "/a"}}], token: 1}
    assert token not in str([each[0] for each in told(one, {"volumes": []})])
