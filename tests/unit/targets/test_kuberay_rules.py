from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import pytest

from shardwright.core.group import Group, Member
from shardwright.core.recipe.model import Auth, Expose, KeyRef, PodOverrides, Quantity
from shardwright.targets.kuberay.target import TARGET
from shardwright.testing import builders

if TYPE_CHECKING:
    from shardwright.core.rules import Finding

SERVE = {"server": "ray-serve"}


def found(nodes: int = 2, **overrides: Any) -> dict[str, Finding]:  # noqa: ANN401 - fields of a recipe
    """Findings by rule for a recipe whose version is given."""
    target = {"version": "1.7", **overrides.pop("target", {})}
    made = builders.on_ray(TARGET, nodes, target=target, **overrides)
    return {finding.id: finding for finding in TARGET.findings(made)}


def errors_of(nodes: int = 2, **overrides: Any) -> set[str]:  # noqa: ANN401 - fields of a recipe
    return {finding.id for finding in found(nodes, **overrides).values() if finding.severity == "error"}


@pytest.mark.parametrize("given", [{}, SERVE])
def test_a_sound_recipe_has_no_errors_and_no_warnings(given: dict[str, str]) -> None:
    """No rule speaks up without a reason."""
    assert {finding.severity for finding in found(target={"options": given}).values()} == {"info"}


@pytest.mark.requirement("R105")
def test_only_ray_can_span_the_pods() -> None:
    """Workers have no index that stays."""
    made = builders.deployment(builders.recipe(target={"kind": "kuberay"}))
    assert "kuberay.executor" in {finding.id for finding in TARGET.findings(made)}
    assert "kuberay.executor" not in errors_of()


def test_an_engine_without_ray_is_sent_elsewhere() -> None:
    """What is proposed is possible: SGLang has no executor ray, and Ray Serve LLM would take its flags for vLLM's."""
    recipe = builders.recipe(engine={"name": "sglang"}, target={"kind": "kuberay", "options": SERVE})
    made = builders.deployment(recipe)
    of_sglang = dataclasses.replace(made.plan, engine=dataclasses.replace(made.plan.engine, name="sglang"))
    told = {each.id: each.fix for each in TARGET.findings(dataclasses.replace(made, plan=of_sglang))}
    assert told["kuberay.engine-without-ray"] == "use target.kind: lws, or an engine that Ray runs"
    assert "kuberay.executor" not in told
    assert told["kuberay.serve-engine"] == "set engine.name: vllm, or leave target.options.server out"
    assert "kuberay.serve-engine" not in errors_of(target={"options": SERVE})


@pytest.mark.parametrize(
    ("image", "rule"),
    [
        ("docker.io/vllm/vllm-openai:v0.24.0", "kuberay.image-without-ray"),
        ("vllm/vllm-openai:v0.17.1", "kuberay.image-expected"),
        ("registry.example.org/ours:1", "kuberay.image-expected"),
        ("docker.io/rayproject/ray-llm:2.52.0-py311-cu128", None),
    ],
)
def test_images_must_hold_ray(image: str, rule: str | None) -> None:
    """The operator starts it in every pod; of images that nobody knows only the user can tell."""
    rules = {"kuberay.image-without-ray", "kuberay.image-expected"}
    assert rules & set(found(engine={"image": image})) == ({rule} if rule else set())


def test_replicas_are_for_ray_serve() -> None:
    """A RayCluster is one group."""
    assert errors_of(replicas=2) == {"kuberay.replicas"}
    assert errors_of(replicas=2, target={"options": SERVE}) == set()


@pytest.mark.requirement("R095", "R097", "R103")
def test_head_and_workers_ask_for_the_same() -> None:
    """The head serves the same share of the model."""
    assert "kuberay.resources-unequal" in found(pods={"cpu": "8", "leader": PodOverrides(cpu=Quantity("16"))})
    assert "kuberay.resources-unequal" not in found(pods={"cpu": "8"})


@pytest.mark.requirement("R096", "R103")
def test_pods_with_different_numbers_of_gpus_are_refused() -> None:
    """All workers are made from one template, and the head is like them."""
    made = builders.on_ray(TARGET, target={"version": "1.7"})
    uneven = Group((Member(0, "leader", (0, 1)), Member(1, "worker", (2,))))
    findings = TARGET.findings(dataclasses.replace(made, group=uneven))
    assert "kuberay.pods-uneven" in {finding.id for finding in findings}


@pytest.mark.requirement("R086")
@pytest.mark.parametrize(
    ("name", "given", "rule"),
    [
        ("9lives", {}, "kuberay.name-invalid"),
        ("a" * 54, {}, "kuberay.name-too-long"),
        ("a" * 48, SERVE, "kuberay.name-too-long"),
        ("a" * 53, {}, None),
    ],
)
def test_names_leave_room_for_suffixes(name: str, given: dict[str, str], rule: str | None) -> None:
    """53 characters for a cluster, 47 for a service."""
    assert errors_of(metadata={"name": name}, target={"options": given}) == ({rule} if rule else set())


@pytest.mark.requirement("R099", "R100", "R101", "R102")
@pytest.mark.parametrize("given", [{"metricsPort": 8000}, {"gcsPort": 8265}, {"clientPort": 8265}])
def test_each_port_of_the_head_is_for_one_purpose(given: dict[str, int]) -> None:
    """Ray would not start, or the server would not."""
    assert errors_of(target={"options": given}) == {"kuberay.ports-clash"}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("gcsPort", "6379"),
        ("gcsPort", 70000),
        ("gang", "yes"),
        ("server", "elsewhere"),
        ("rayVersion", "newest"),
        ("redisPassword", "hunter2"),
        ("queue", 3),
    ],
)
def test_options_have_values_of_their_kind(name: str, value: object) -> None:
    """A wrong one is named with what it must be; a password is never one."""
    given = {"redisAddress": "redis:6379", name: value} if name == "redisPassword" else {name: value}
    assert errors_of(target={"options": given}) == {"kuberay.option-value"}


def test_options_that_do_not_exist_are_errors() -> None:
    """A misspelt one would do nothing."""
    assert errors_of(target={"options": {"redis": "a"}}) == {"kuberay.option-unknown"}


@pytest.mark.parametrize("given", [{"redisNamespace": "a"}, {"upgradeStrategy": "None"}])
def test_options_that_need_another_say_so(given: dict[str, str]) -> None:
    """What would have no effect is refused."""
    assert errors_of(target={"options": given}) == {"kuberay.option-alone"}


@pytest.mark.parametrize("given", [{"redisAddress": "redis:6379"}, {**SERVE, "upgradeStrategy": "None"}])
def test_options_of_a_later_release_are_refused(given: dict[str, str]) -> None:
    """Both came with 1.3."""
    assert errors_of(target={"version": "1.2", "options": given}) == {"kuberay.option-release"}
    assert errors_of(target={"version": "1.3", "options": given}) == set()


def test_a_release_that_is_not_known_is_refused() -> None:
    """What it accepts is not known."""
    assert errors_of(target={"version": "0.6"}) == {"kuberay.version-unknown"}


def test_one_node_needs_no_operator() -> None:
    """The plain target does the same."""
    assert "kuberay.one-node" in found(1)
    assert "kuberay.one-node" not in found(2)


def test_ray_serve_checks_no_key() -> None:
    """The engine's own server would."""
    expose = Expose(auth=Auth(api_key=KeyRef("keys", "api")))
    assert "kuberay.serve-auth" in errors_of(target={"options": SERVE}, expose=expose)
    assert "kuberay.serve-auth" not in errors_of(expose=expose)
