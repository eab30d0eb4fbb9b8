from __future__ import annotations

from typing import Any

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from shardwright.core.marked import writing
from shardwright.kubernetes.render import dump
from shardwright.kubernetes.render.objects import Service, ServicePort, ServiceSpec
from shardwright.kubernetes.render.podspec import EmptyDir, Metadata, Volume

# What YAML 1.2 readers, such as those of kubectl and of the API server, take for something else than a text.
LOOKS_LIKE_MORE = [
    "1e3",
    "12e45678",
    "-2E5",
    "0o17",
    "8080",
    "0x1F",
    "1_000",
    "true",
    "no",
    "y",
    "null",
    "~",
    "1.5",
    ".5",
    "12:30",
]


def service() -> Service:
    return Service(
        metadata=Metadata(name="api", namespace="demo", labels={"b": "2", "a": "1"}),
        spec=ServiceSpec(selector={"role": "leader"}, ports=(ServicePort(name="http", port=80, target_port="http"),)),
    )


@given(st.text())
@example("1e3")
@example("a\nb \n")
@example("#!")
@example("\x85 \ufeff")
def test_every_text_is_read_back(text: str) -> None:
    """Whatever a user writes reaches the platform unchanged."""
    assert yaml.safe_load(writing.as_yaml({"text": text})) == {"text": text}


@pytest.mark.parametrize("text", LOOKS_LIKE_MORE)
def test_texts_that_look_like_more_are_quoted(text: str) -> None:
    """A label or argument such as 1e3 stays a text for every reader of YAML."""
    assert writing.as_yaml({"text": text}).strip() == f"text: '{text}'"


def test_texts_of_several_lines_stay_readable() -> None:
    """A script is shown as it is, line by line."""
    assert writing.as_yaml({"run": "one\ntwo\n"}) == "run: |\n  one\n  two\n"


def test_long_texts_stay_on_one_line() -> None:
    """A folded command could not be searched for."""
    assert len(writing.as_yaml({"text": "word " * 100 + "end"}).splitlines()) == 1


def test_repeated_values_are_written_again() -> None:
    """No anchors and aliases: they are hard to read and to patch."""
    value = {"a": ["x"]}
    assert "&" not in writing.as_yaml({"one": value, "two": value})


def test_documents_follow_the_order_people_know() -> None:
    """The form of an object is that of Kubernetes: apiVersion, kind, metadata, spec."""
    tree = dump.as_manifest(service())
    assert list(tree.body) == ["apiVersion", "kind", "metadata", "spec"]
    assert (tree.kind, tree.name) == ("Service", "api")


def test_names_are_camel_case_and_labels_are_sorted() -> None:
    """Names of fields are the API's; free mappings have no order of their own, so theirs is the alphabet's."""
    body: dict[str, Any] = dict(dump.as_manifest(service()).body)
    assert dump.as_tree(service().spec.ports) == [{"name": "http", "port": 80, "targetPort": "http", "protocol": "TCP"}]
    assert list(body["metadata"]["labels"]) == ["a", "b"]


def test_what_is_not_set_is_left_out() -> None:
    """None and empty collections are not written, an object without fields is."""
    assert dump.as_tree(Volume(name="home", empty_dir=EmptyDir())) == {"name": "home", "emptyDir": {}}


def test_pieces_of_the_user_are_kept_whole() -> None:
    """What a recipe passes on keeps its empty parts."""
    assert dump.as_tree({"nodeAffinity": {"terms": []}}) == {"nodeAffinity": {"terms": []}}


def test_what_json_has_no_word_for_is_refused() -> None:
    """A value that slipped through the types does not become a text by chance."""
    with pytest.raises(TypeError, match="set is no JSON value"):
        dump.as_tree({"a": {1}})
