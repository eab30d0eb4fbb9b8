from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, cast

import pytest
import yaml

from shardwright import errors
from shardwright.formats import helm, texts
from shardwright.service import rendering
from shardwright.targets.lws.target import TARGET
from shardwright.testing import builders

if TYPE_CHECKING:
    from shardwright.core.plugins import Manifest

CLAIM: dict[str, Any] = {"claim": "models", "storage_class": "nfs"}
ACTION = re.compile(r"\{\{ *(.*?) *\}\}")
WAVE = "argocd.argoproj.io/sync-wave"


def manifests(**overrides: object) -> tuple[Manifest, ...]:
    return rendering.render(builders.deployment(builders.recipe(storage=CLAIM, **overrides)), TARGET)


def chart(made: tuple[Manifest, ...]) -> dict[str, str]:
    return {file.path: file.text for file in helm.helm_files(made)}


def filled(text: str, values: dict[str, Any]) -> dict[str, Any]:
    """What Helm makes of the few actions that charts of ours have."""

    def value(match: re.Match[str]) -> str:
        action = match[1]
        if action == '"{{"':
            return "{{"
        name, _, function = action.removeprefix(".Values.").partition(" | ")
        return json.dumps(values[name]) if function == "quote" else str(int(values[name]))

    return yaml.safe_load(ACTION.sub(value, text))


def bodies(made: tuple[Manifest, ...], **values: object) -> list[Any]:
    files = chart(made)
    given = {**yaml.safe_load(files["values.yaml"]), **values}
    parts = [filled(text, given) for path, text in files.items() if path.startswith("templates/")]
    for part in parts:
        del part["metadata"]["annotations"][WAVE]
    return parts


def test_a_chart_with_its_own_values_gives_what_was_rendered() -> None:
    """Templates change nothing of the objects."""
    made = manifests(engine={"args": {"chat-template": "{% for m in messages %}{{ m.content }}{% endfor %}"}})
    assert bodies(made) == [json.loads(json.dumps(one.body)) for one in made]


def test_values_reach_every_object_but_not_into_a_job() -> None:
    """A Job that is there cannot be changed, so its image stays; namespace and replicas follow the values."""
    made = bodies(manifests(), namespace="other", replicas=3, image="mirror.example.org/vllm:v0.24.0")
    by_kind = {body["kind"]: body for body in made}
    assert {body["metadata"]["namespace"] for body in made} == {"other"}
    assert by_kind["LeaderWorkerSet"]["spec"]["replicas"] == 3
    images = {kind: set(re.findall(r"'image': '([^']*)'", str(body))) for kind, body in by_kind.items()}
    assert images["LeaderWorkerSet"] == {"mirror.example.org/vllm:v0.24.0"}
    assert images["Job"] == {"docker.io/vllm/vllm-openai:v0.24.0"}


def test_only_three_values_are_open() -> None:
    """Layout, memory and flags belong together and stay as they were planned."""
    values = yaml.safe_load(chart(manifests())["values.yaml"])
    assert values == {"namespace": "demo", "replicas": 1, "image": "docker.io/vllm/vllm-openai:v0.24.0"}


def test_a_chart_has_a_version_of_its_own_for_each_recipe() -> None:
    """Tools that look for a new version find one exactly when the recipe changed."""
    made = yaml.safe_load(chart(manifests())["Chart.yaml"])
    assert made["apiVersion"] == "v2"
    assert made["name"] == "llama-3-8b"
    assert made["version"] == "0.1.0-r000000000000"
    assert made["appVersion"] == "0.24.0"


def test_every_file_of_a_chart_says_who_wrote_it() -> None:
    """A later run knows which files are its own, whatever the values are."""
    assert {texts.owners_of_line(text) for text in chart(manifests()).values()} == {frozenset({"demo/llama-3-8b"})}


def test_a_chart_holds_one_deployment() -> None:
    """Values of two deployments would be mixed up."""
    both = manifests() + rendering.render(builders.deployment(builders.recipe(metadata={"name": "b"})), TARGET)
    with pytest.raises(errors.InputError, match="demo/b, demo/llama-3-8b"):
        helm.helm_files(both)


def test_objects_without_replicas_or_image_open_no_such_value() -> None:
    """A value that nothing reads would be believed to work."""
    service = tuple(made for made in manifests() if made.kind == "Service")
    assert list(cast("dict[str, Any]", yaml.safe_load(chart(service)["values.yaml"]))) == ["namespace"]
