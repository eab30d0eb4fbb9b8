"""Objects of OpenShift Templates are judged with their parameters put in, and findings stand in the template's lines."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from shardwright import registry
from shardwright.core.manifests import judge, reading
from shardwright.core.manifests.objects import Context

HEAD = "apiVersion: template.openshift.io/v1\nkind: Template\nmetadata: {name: t}\n"
DEPLOYMENT = """objects:
- apiVersion: apps/v1
  kind: Deployment
  metadata:
    name: ${NAME}-server
  spec:
    replicas: ${{REPLICAS}}
    selector: {matchLabels: {app: "${NAME}"}}
    template:
      metadata: {labels: {app: "${NAME}"}}
      spec:
        containers: [{name: c, image: "registry/${IMAGE}", command: [sh, -c, "echo ${HOME}"]}]
"""


def template(*parameters: dict[str, Any], objects: str = DEPLOYMENT) -> bytes:
    """A template with parameters."""
    return (HEAD + objects + yaml.safe_dump({"parameters": list(parameters)})).encode()


def found(data: bytes) -> list[tuple[str, str, int]]:
    """Ids, paths and lines of all findings."""
    read = reading.read_manifests(data, "t.yaml")
    judged = judge.judge(read.objects, registry.load_platforms(), Context())
    return [(each.id, each.path, each.line) for each in (*read.findings, *judged)]


NAME = {"name": "NAME", "value": "chat"}
REPLICAS = {"name": "REPLICAS", "value": "2"}
IMAGE = {"name": "IMAGE", "value": "vllm:v0.24.0"}


def test_objects_have_the_values_of_parameters() -> None:
    """Texts stay texts, `${{NAME}}` is a value of any type, and a shell's own variables are left alone."""
    read = reading.read_manifests(template(NAME, REPLICAS, IMAGE), "t.yaml")
    assert [each.kind for each in read.objects] == ["Template", "Deployment"]
    made = read.objects[1]
    assert (made.name, made.get("spec", "replicas")) == ("chat-server", 2)
    assert made.get("spec", "template", "spec", "containers", 0, "image") == "registry/vllm:v0.24.0"
    assert made.get("spec", "template", "spec", "containers", 0, "command", 2) == "echo ${HOME}"
    assert found(template(NAME, REPLICAS, IMAGE)) == []


def test_findings_stand_where_the_template_has_the_value() -> None:
    """What a parameter's value breaks is found at the line that uses it."""
    wrong = template({"name": "NAME", "value": "Chat_1"}, {"name": "REPLICAS", "value": "two"}, IMAGE)
    assert found(wrong) == [
        ("object.name", "metadata.name", 8),
        ("kubernetes.wrong-type", "spec.replicas", 10),
    ]


@pytest.mark.parametrize("more", [{"required": True}, {"required": True, "value": ""}])
def test_a_required_parameter_without_a_value_is_one_finding(more: dict[str, Any]) -> None:
    """However often it is used, and whatever its value would have to be."""
    ((name, _, line),) = found(
        template({"name": "NAME", **more}, {"name": "REPLICAS", "generate": "expression"}, IMAGE)
    )
    assert (name, line) == ("manifest.template", 17)


def test_a_name_that_is_no_parameter_is_a_placeholder() -> None:
    """`oc process` leaves it as it stands."""
    assert found(template(NAME, REPLICAS)) == [("manifest.placeholder", "spec.template.spec.containers[0].image", 15)]


@pytest.mark.parametrize(
    "parameters",
    [{"a": 1}, ["x"], [{"name": "a b"}], [{"name": "A"}, {"name": "A"}]],
    ids=["map", "text", "name", "twice"],
)
def test_parameters_that_are_none_are_one_finding(parameters: object) -> None:
    """`oc process` refuses the template."""
    data = (HEAD + "objects: []\n" + yaml.safe_dump({"parameters": parameters})).encode()
    assert [name for name, _, _ in found(data)] == ["manifest.template"]


def test_parameters_cannot_make_a_file_grow_without_bound() -> None:
    """A long value that is used often enough would fill all memory."""
    objects = (
        f"objects: [{{apiVersion: v1, kind: ConfigMap, metadata: {{name: a}}, data: {{a: '{'${A}' * 50_000}'}}}}]\n"
    )
    ids = [name for name, _, _ in found(template({"name": "A", "value": "x" * 100_000}, objects=objects))]
    assert ids == ["manifest.template"]
