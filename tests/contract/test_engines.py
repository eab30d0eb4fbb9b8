"""Every engine plug-in, and the toy that is shipped for tests, keeps the same contract."""

from __future__ import annotations

import dataclasses
import re
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shardwright import registry
from shardwright.core.deployment import LaunchOrder
from shardwright.core.memory import pool_of
from shardwright.core.plan import Plan, plan
from shardwright.core.plan.types import Question
from shardwright.core.plan.version import parse_version
from shardwright.testing import builders
from shardwright.testing.toy_engine import ToyEngine

if TYPE_CHECKING:
    from shardwright.core.plugins import Engine

ENGINES = [*(registry.load_engine(name) for name, place in registry.ENGINES.items() if place), ToyEngine()]


def question(engine: Engine, *, tensor: int = 1, pipeline: int = 2, version: str = "") -> Question:
    """One layout of Llama-3-8B on A10G."""
    asked = builders.recipe(engine={"version": version or engine.versions[-1], "args": {}})
    layout = builders.layout(tensor, pipeline, nodes=1)
    return Question(asked, builders.llama_shape(), layout, (builders.gpu(),), version or engine.versions[-1])


def planned(engine: Engine) -> Plan:
    """The pinned plan of two nodes."""
    made = plan(
        builders.recipe(engine={"version": engine.versions[-1], "args": {}}),
        builders.llama_shape(),
        builders.cluster(),
        engine,
    )
    assert isinstance(made, Plan)
    return made


@pytest.fixture(params=ENGINES, ids=lambda engine: engine.name)
def engine(request: pytest.FixtureRequest) -> Engine:
    """Each engine in turn."""
    return request.param


def test_versions_are_readable_and_sorted(engine: Engine) -> None:
    """The newest known version is the last: it is what is planned when none is asked for."""
    assert list(engine.versions) == sorted(engine.versions, key=parse_version)


def test_a_name_is_that_of_the_registry(engine: Engine) -> None:
    """What a plan says about its engine can be loaded again."""
    assert engine.name in {*registry.ENGINES, "toy"}


def test_memory_answers_for_every_rank_in_order(engine: Engine) -> None:
    """Ranks are the layout's, none is missing, and no term is negative."""
    demand = engine.memory(question(engine, tensor=2, pipeline=2))
    assert [rank.rank for rank in demand.ranks] == [0, 1, 2, 3]
    assert all(term.bytes >= 0 and term.formula and term.source for rank in demand.ranks for term in rank.terms)
    assert all(0 < rank.budget_bytes <= rank.total_bytes for rank in demand.ranks)
    assert demand.request_blocks > 0


def test_an_interval_contains_the_prediction(engine: Engine) -> None:
    """Low, expected and high stand in that order."""
    pool = pool_of(engine.memory(question(engine)))
    assert 0 <= pool.tokens_low <= pool.tokens <= pool.tokens_high


def test_settings_are_flags_without_dashes_and_named_once(engine: Engine) -> None:
    """They are written out as `--name value`."""
    names = [name for name, _ in engine.memory(question(engine)).settings]
    assert len(names) == len(set(names))
    assert all(re.fullmatch(r"[a-z][a-z0-9-]*", name) for name in names)


def test_answers_are_pure(engine: Engine) -> None:
    """The same question has the same answer."""
    assert engine.memory(question(engine)) == engine.memory(question(engine))
    assert engine.limits(question(engine)) == engine.limits(question(engine))


@pytest.mark.parametrize("tensor", [3, 5, 7])
def test_a_size_that_does_not_divide_is_refused_with_its_number(engine: Engine, tensor: int) -> None:
    """Heads must divide by the tensor parallel size, and the refusal says which size."""
    refusals = engine.limits(question(engine, tensor=tensor, pipeline=1))
    assert any(str(tensor) in refusal.message and refusal.rule.startswith(engine.name) for refusal in refusals)


def test_savings_are_flags_that_the_engine_takes(engine: Engine) -> None:
    """What a plan advises is no fault in the recipe that follows the advice."""
    asked = question(engine, pipeline=1)
    assert engine.savings
    for saving in engine.savings:
        args = {name: value for name, value in saving.arguments if value is not None}
        recipe = builders.recipe(engine={"version": asked.version, "args": args})
        engine.limits(dataclasses.replace(asked, recipe=recipe))


@pytest.mark.parametrize("entry", [0, -1])
def test_every_known_version_plans(engine: Engine, entry: int) -> None:
    """The oldest and the newest known release answer, and newer ones follow the newest."""
    for version in (engine.versions[entry], "99.0.0"):
        assert engine.limits(question(engine, version=version)) == ()
        assert pool_of(engine.memory(question(engine, version=version))).tokens > 0


def test_members_differ_by_what_is_known_where_they_start(engine: Engine) -> None:
    """Leader and worker get the same flags, so that one plan holds for both; a worker has at most one more."""
    made = planned(engine)
    leader, worker = (engine.launch(LaunchOrder(made, role, builders.wiring())).argv for role in ("leader", "worker"))
    assert set(leader) <= set(worker)
    assert len(worker) - len(leader) <= 1


def test_only_the_leader_serves(engine: Engine) -> None:
    """Workers have no port and no probe; both know the pattern of ranks, with one group."""
    made = planned(engine)
    leader = engine.launch(LaunchOrder(made, "leader", builders.wiring()))
    worker = engine.launch(LaunchOrder(made, "worker", builders.wiring()))
    assert leader.probe is not None
    assert leader.probe.startup_budget_seconds > 0
    assert leader.ports
    assert worker.probe is None
    assert worker.ports == ()
    assert re.compile(leader.rank_pattern).groups == 1
    assert leader.image == worker.image != ""


def test_a_launch_hands_on_the_wiring(engine: Engine) -> None:
    """Model, member index and port come from the target, never from the engine."""
    wiring = builders.wiring(model="/models/m", member_index="$(INDEX)", serve_port="8123")
    launch = engine.launch(LaunchOrder(planned(engine), "leader", wiring))
    assert "/models/m" in launch.argv
    assert "$(INDEX)" in launch.argv
    assert launch.ports[0].number == "8123"
    assert all(isinstance(part, str) for part in launch.argv)


@given(text=st.text(max_size=200))
@pytest.mark.parametrize("engine", ENGINES, ids=lambda engine: engine.name)
def test_any_text_may_be_read(engine: Engine, text: str) -> None:
    """Logs and metrics are whatever a process wrote; reading never fails."""
    event = engine.read_log(text)
    assert event is None or 0 <= event.percent <= 100
    engine.read_metrics(text)


def test_nothing_is_read_from_nothing(engine: Engine) -> None:
    """An empty line is no event, an empty page no figure."""
    assert engine.read_log("") is None
    assert engine.read_metrics("").running_requests is None
