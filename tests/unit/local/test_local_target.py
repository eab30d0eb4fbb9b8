from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import pytest

from shardwright import registry
from shardwright.core.deployment import Variable
from shardwright.core.recipe.model import Draft
from shardwright.local import spec
from shardwright.testing import builders

if TYPE_CHECKING:
    from shardwright.core.deployment import Deployment
    from shardwright.core.rules import Finding
    from shardwright.local.spec import LocalGroup

TARGET = registry.load_target("local")


def deployment(**overrides: object) -> Deployment:
    recipe = builders.recipe(**{"target": {"kind": "local"}, **overrides})
    return builders.deployment(recipe, leader=builders.launch("leader", TARGET.wiring(recipe)))


def rendered(asked: Deployment) -> LocalGroup:
    (manifest,) = TARGET.render(asked)
    return spec.parse_group(manifest.body)


def findings(**overrides: object) -> dict[str, Finding]:
    return {finding.id: finding for finding in TARGET.findings(deployment(**overrides))}


def options(**values: object) -> dict[str, object]:
    return {"target": {"kind": "local", "options": values}}


def test_a_deployment_becomes_one_group() -> None:
    """Hosts and ranks come from the layout, programs and probe from the engine, names from the recipe."""
    group = rendered(deployment())
    assert (group.namespace, group.name, group.hosts, group.ranks_per_host) == ("demo", "llama-3-8b", 2, 1)
    assert group.leader.argv[:2] == ("vllm", "serve")
    assert (group.probe_path, group.startup_budget_seconds) == ("/health", 1260)
    assert (group.host_kind, group.serve_port, group.serve_port_pinned) == ("auto", 8000, False)
    assert group.worker is not None
    assert group.recipe_digest == "0" * 64


def test_where_the_engine_is_stays_open() -> None:
    """That is known on the machine only; a manifest says nothing about it."""
    assert rendered(deployment()).engine == spec.EngineProcess(None, None)


def test_wiring_uses_placeholders_that_are_filled() -> None:
    """Every reference in the wiring is one that a host's start knows."""
    wired = TARGET.wiring(builders.recipe())
    known = {str(name): "x" for name in spec.PLACEHOLDERS}
    texts = [
        getattr(wired, name) for name in ("leader_address", "member_index", "own_address", "serve_port", "group_port")
    ]
    texts += [wired.interface, wired.listen_address]
    assert [spec.expand(text, known) for text in texts] == ["x"] * 7


@pytest.mark.parametrize(
    ("source", "model"),
    [
        ("hf://owner/name", "owner/name"),
        ("/models/llama", "/models/llama"),
        ("./llama", "./llama"),
        ("llama-3-8b", "meta-llama/Meta-Llama-3-8B"),
    ],
)
def test_the_model_is_a_directory_or_a_repository(source: str, model: str) -> None:
    """A name of the catalogue stands for its repository; a directory stays as it is written."""
    assert TARGET.wiring(builders.recipe(model={"source": source})).model == model


def test_the_draft_is_named_like_the_model() -> None:
    """A name of the catalogue stands for its repository, and what is not on this machine is an error."""
    recipe = builders.recipe(model={"draft": Draft("llama-3-8b")})
    assert TARGET.wiring(recipe).draft == "meta-llama/Meta-Llama-3-8B"
    assert TARGET.wiring(builders.recipe()).draft == ""
    assert findings(model={"draft": Draft("pvc://models/small")})["local.model-source"].path == "model.draft.source"


def test_values_of_secrets_are_named_and_not_written() -> None:
    """They come from the caller's environment; a finding says so."""
    group = rendered(deployment())
    assert group.leader.passed_on == ("HF_TOKEN",)
    assert "HF_TOKEN" not in dict(group.leader.environment)
    assert "export HF_TOKEN" in findings()["local.secret-from-environment"].fix


def test_options_are_taken() -> None:
    """A port that is asked for is pinned; hosts and shared memory are as asked."""
    group = rendered(deployment(**options(hosts="loopback", port=9000), pods={"shared_memory": 2**30}))
    assert (group.host_kind, group.serve_port, group.serve_port_pinned) == ("loopback", 9000, True)
    assert group.shared_memory_bytes == 2**30


@pytest.mark.parametrize(
    ("overrides", "identifier", "words"),
    [
        (options(host="netns"), "local.option-unknown", "hosts, port"),
        (options(hosts="docker"), "local.option-value", "auto, netns, loopback"),
        (options(hosts=1), "local.option-value", "auto, netns, loopback"),
        (options(port=0), "local.option-value", "1 to 65535"),
        (options(port="8000"), "local.option-value", "1 to 65535"),
        (options(port=True), "local.option-value", "1 to 65535"),
        ({"replicas": 2}, "local.replicas", "exactly one group"),
        ({"model": {"source": "pvc://claim/path"}}, "local.model-source", "not on this machine"),
        ({"metadata": {"name": "Not_A_Label"}}, "local.name", "no DNS label"),
    ],
)
def test_what_cannot_be_run_here_is_an_error(overrides: dict[str, object], identifier: str, words: str) -> None:
    """Each finding names the field, what would be right and what to do."""
    found = findings(**overrides)[identifier]
    assert (found.severity, found.status) == ("error", "fail")
    assert words in found.message
    assert found.path
    assert found.fix


def test_a_good_recipe_has_no_errors() -> None:
    """Nothing is said against a group that can run; limits of pods that mean nothing here are pointed out."""
    found = findings(pods={"memory": 2**30}, storage={"claim": "models"})
    assert [one.id for one in found.values() if one.severity == "error"] == []
    assert found["local.field-ignored"].path in {"pods.memory", "storage.claim"}


def test_another_system_is_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    """Planning and rendering work anywhere; the warning says where it can be started."""
    assert "local.platform" not in findings()
    monkeypatch.setattr(sys, "platform", "darwin")
    assert findings()["local.platform"].severity == "warning"


def test_variables_keep_their_order() -> None:
    """A value may refer to one before it."""
    variables = (Variable("B", "1"), Variable("A", "$(B)"))
    asked: Any = deployment()
    asked = builders.deployment(asked.recipe, leader={"environment": variables})
    assert rendered(asked).leader.environment == (("B", "1"), ("A", "$(B)"))
