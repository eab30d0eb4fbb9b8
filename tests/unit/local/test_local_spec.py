from __future__ import annotations

import dataclasses
import json
from typing import Any, cast

import pytest

from shardwright import errors
from shardwright.local import spec
from shardwright.local.spec import EngineProcess, LocalGroup, Program


def group(**fields: object) -> LocalGroup:
    leader = Program(("vllm", "serve"), (("A", "1"), ("B", "$(A)2")), ("TOKEN",))
    made = LocalGroup("llama", "demo", 2, 4, leader, Program(("vllm",)), r"Worker-(\d+)", "/health", 600)
    return dataclasses.replace(made, **cast("Any", fields))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("--host=$(ADDRESS)", "--host=1.2.3.4"),
        ("$(ADDRESS):$(PORT)", "1.2.3.4:80"),
        ("$$(ADDRESS)", "$(ADDRESS)"),
        ("$$$(ADDRESS)", "$1.2.3.4"),
        ("$(UNKNOWN)", "$(UNKNOWN)"),
        ("$ADDRESS $( $(", "$ADDRESS $( $("),
        ("a$$b", "a$b"),
        ("$(EMPTY)", ""),
    ],
)
def test_placeholders_follow_the_rule_of_kubernetes(text: str, expected: str) -> None:
    """Known names are replaced, unknown ones stay, two dollars are one."""
    assert spec.expand(text, {"ADDRESS": "1.2.3.4", "PORT": "80", "EMPTY": ""}) == expected


def test_values_are_not_expanded_again() -> None:
    """What a value contains is data, not a reference."""
    assert spec.expand("$(A)", {"A": "$(B)", "B": "no"}) == "$(B)"


@pytest.mark.parametrize(
    "made",
    [
        group(),
        group(worker=None, hosts=1),
        group(engine=EngineProcess("/py", ("/py", "warm")), serve_port=1234, serve_port_pinned=True, host_kind="netns"),
    ],
)
def test_a_group_survives_being_written(made: LocalGroup) -> None:
    """What is rendered, written as JSON and parsed is the same group."""
    assert spec.parse_group(json.loads(json.dumps(spec.render_group(made)))) == made


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("kind", "Pod", "not a LocalGroup"),
        ("spec.hosts.count", 0, "spec.hosts.count: 0 is not a number of at least 1"),
        ("spec.hosts.count", True, "count: True is not a number"),
        ("spec.hosts.kind", "docker", "auto | netns | loopback"),
        ("spec.ports.serve", 70000, "a number from 1 to 65535"),
        ("spec.leader.argv", "vllm serve", "is not a list of texts"),
        ("spec.leader.argv", [], "argv is empty"),
        ("spec.leader.argv", [1], "is not a list of texts"),
        ("spec.leader", None, "leader: None is not a mapping"),
        ("spec.rankPattern", "rank", "a group around the rank"),
        ("spec.rankPattern", "(", "not a regular expression"),
        ("metadata.name", "../etc", "is not lower-case letters"),
    ],
)
def test_a_wrong_field_is_named(path: str, value: object, message: str) -> None:
    """The error says which field, the value seen and what is allowed."""
    body: Any = json.loads(json.dumps(spec.render_group(group())))
    *parents, last = path.split(".")
    place = body
    for parent in parents:
        place = place[parent]
    place[last] = value
    with pytest.raises(errors.InputError) as caught:
        spec.parse_group(body)
    assert message in str(caught.value)


def test_a_missing_field_is_named() -> None:
    """A body that was cut off says what is not there."""
    body: Any = spec.render_group(group())
    del body["spec"]["probe"]
    with pytest.raises(errors.InputError, match=r"LocalGroup\.spec: probe is missing"):
        spec.parse_group(body)


def test_ranks_are_numbered_host_by_host() -> None:
    """Host 1 of hosts with four ranks holds 4 to 7, and every follower runs the worker's program."""
    assert group().ranks(1) == (4, 5, 6, 7)
    assert [group().program(index).argv for index in (0, 1, 2)] == [("vllm", "serve"), ("vllm",), ("vllm",)]
