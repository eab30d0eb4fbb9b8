"""What `watch` and `logs` say of what happened, apart from any cluster."""

from __future__ import annotations

import dataclasses
import io
import json
import re
import time
from typing import TYPE_CHECKING

import click
import pytest
from rich.console import Console

from shardwright.cli import logs, port_forward, watch_view
from shardwright.core.lifecycle.happenings import Happening
from shardwright.core.lifecycle.snapshot import Member, Snapshot
from shardwright.core.lifecycle.starts import RankStart
from shardwright.service import chatting, following, reaching, rollout
from shardwright.service.following import View
from shardwright.testing import builders

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

MEMBERS = (
    Member("llama-0", 0, 0, "running", node="node-1"),
    Member("llama-0-1", 0, 1, "pending", reason="Unschedulable"),
)
SNAPSHOT = Snapshot(namespace="demo", name="llama", target="lws", is_present=True, size=2, members=MEMBERS)
NEWS = Happening(what="state", subject="llama", state="pending")
VIEW = View(
    seconds=1.25,
    state="pending",
    snapshot=SNAPSHOT,
    starts=(RankStart(0, 0, 0, "shards", 26, "1 of 3"), RankStart(0, 0, 1)),
    news=(NEWS,),
    unfollowed=("llama-0-1", "llama-0-2"),
)


@pytest.mark.requirement("R026")
def test_a_start_is_waited_for_as_long_as_the_plan_expects() -> None:
    """The engine's own budget over several nodes, and what placing pods and pulling images take besides."""
    asked = builders.recipe(
        model={"source": "pvc://models/llama", "token": None}, target={"kind": "lws", "version": "0.8"}
    )
    manifests = rollout.wanted_of(builders.plan(asked)).manifests
    assert following.budget_seconds(manifests) >= 3620 + 600


def test_rows_are_ranks_where_they_are_known_and_members_where_not() -> None:
    """Place, pod and state of each."""
    frame = watch_view.frame_of(VIEW)
    assert [(row.place, row.member, row.state) for row in frame.rows] == [
        ("0.0 rank 0", "llama-0", "running"),
        ("0.0 rank 1", "llama-0", "running"),
        ("0.1", "llama-0-1", "pending Unschedulable"),
    ]
    assert frame.note == "logs not followed, there are too many: llama-0-1 and 1 more"


@pytest.mark.parametrize(
    ("width", "kept", "left_out"),
    [(48, ("0.0 rank 0", "running", "shards", "26"), "llama-0"), (80, ("node-1", "1 of 3"), "━"), (120, ("━",), "…")],
)
def test_state_and_phase_are_read_on_every_terminal(width: int, kept: tuple[str, ...], left_out: str) -> None:
    """What is less needed goes first: the bar, then pods and nodes. How long a start may take stands above."""
    console = Console(width=width, height=30, file=io.StringIO(), force_terminal=True, color_system=None)
    console.print(watch_view.picture(watch_view.frame_of(VIEW, 1260), (), 0, console.size))
    assert isinstance(console.file, io.StringIO)
    shown = console.file.getvalue()
    assert " ".join(shown.split()).startswith("demo/llama: pending, 1.2 s; a start may take 21 min 0 s")
    table = "\n".join(line for line in shown.splitlines() if "not followed" not in line)
    assert all(text in table for text in kept)
    assert left_out not in table


def test_a_phase_stands_with_its_time_and_what_it_takes_by_its_pace() -> None:
    """Of a rank that counts its steps."""
    start = RankStart(0, 0, 0, "shards", 26, "2 of 4", since=time.time() - 180, expected_seconds=360)
    console = Console(width=140, height=30, file=io.StringIO(), force_terminal=True, color_system=None)
    console.print(
        watch_view.picture(watch_view.frame_of(dataclasses.replace(VIEW, starts=(start,))), (), 0, console.size)
    )
    assert isinstance(console.file, io.StringIO)
    assert re.search(r"3 min \d+ s of about 6 min 0 s, 2 of 4", console.file.getvalue())


def test_without_a_terminal_each_change_is_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    """With the seconds since the start; what is not followed is said once."""
    frame = watch_view.frame_of(VIEW)
    assert len(list(watch_view.show([frame, frame], "text"))) == 2
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "   1.2 s  llama: pending"
    assert sum("not followed" in line for line in lines) == 1


def test_json_has_all_keys_in_every_line(capsys: pytest.CaptureFixture[str]) -> None:
    """What does not apply is null."""
    list(watch_view.show([watch_view.frame_of(VIEW)], "json"))
    (line,) = capsys.readouterr().out.splitlines()
    found = json.loads(line)
    assert (found["what"], found["state"], found["rank"], found["text"]) == ("state", "pending", None, None)


def _parsed(callback: Callable[..., object], text: str) -> object:
    return callback(click.Context(click.Command("x")), click.Argument(["x"]), text)


@pytest.mark.parametrize(("text", "seconds"), [("90", 90), ("90s", 90), ("5m", 300), ("1h30m", 5400), ("", None)])
def test_times_are_read_as_kubectl_does(text: str, seconds: int | None) -> None:
    """Numbers with units."""
    assert _parsed(logs._seconds, text) == seconds


@pytest.mark.parametrize("text", ["soon", "5 m", "-3", "m"])
def test_other_times_are_refused(text: str) -> None:
    """With what to write."""
    with pytest.raises(click.BadParameter, match="5m"):
        _parsed(logs._seconds, text)


@pytest.mark.parametrize(("text", "ports"), [("8080", (8080, 0)), ("0", (0, 0)), ("1:2", (1, 2)), (":9", (0, 9))])
def test_ports_are_read_as_kubectl_does(text: str, ports: tuple[int, int]) -> None:
    """LOCAL, LOCAL:REMOTE; 0 is any."""
    assert _parsed(port_forward._ports, text) == ports


@pytest.mark.parametrize("text", ["", "x", "1:", "70000", "1:70000", "-1"])
def test_other_ports_are_refused(text: str) -> None:
    """No number, or too large."""
    with pytest.raises(click.BadParameter, match="LOCAL"):
        _parsed(port_forward._ports, text)


class Model:
    """A way to a model that says what it is told to, and remembers what it was asked."""

    def __init__(self, *events: str) -> None:
        self.events = events
        self.asked: list[tuple[str, Mapping[str, object]]] = []

    def ask(self, path: str, body: Mapping[str, object] | None = None, *, seconds: float = 300.0) -> reaching.Answer:
        """The list of models, for whoever has the key."""
        del path, body, seconds
        return reaching.Answer(401, '{"error": "Unauthorized"}')

    def lines(self, path: str, body: Mapping[str, object], *, seconds: float = 300.0) -> Iterator[str]:
        """The events."""
        del seconds
        self.asked.append((path, body))
        return iter(self.events)


def spoken(text: str) -> str:
    return "data: " + json.dumps({"choices": [{"delta": {"content": text}}]})


def test_a_conversation_goes_on() -> None:
    """Pieces as they come; the next question carries what was said."""
    model = Model(spoken("Mount "), "", ": ping", spoken("Everest"), "data: [DONE]", spoken("never"))
    asking = chatting.Asking(model, "/openai/v1", "llama", 64)
    assert list(asking.ask("Which?")) == ["Mount ", "Everest"]
    list(asking.ask("And then?"))
    path, body = model.asked[1]
    assert path == "/openai/v1/chat/completions"
    assert body["messages"] == [
        {"role": "user", "content": "Which?"},
        {"role": "assistant", "content": "Mount Everest"},
        {"role": "user", "content": "And then?"},
    ]


@pytest.mark.parametrize(
    ("events", "said"),
    [
        (("data: [DONE]",), "without text"),
        (('data: {"error": {"message": "out of memory"}}',), "out of memory"),
        (("data: <html>",), "no JSON"),
    ],
)
def test_answers_without_text_are_errors(events: tuple[str, ...], said: str) -> None:
    """Whatever the stream says instead."""
    with pytest.raises(Exception, match=said):
        list(chatting.Asking(Model(*events), "/v1", "llama", 64).ask("Which?"))


def test_a_wanted_key_is_named() -> None:
    """With the option that gives it."""
    with pytest.raises(Exception, match="--key-from"):
        chatting.served_models(Model(), "/v1")
