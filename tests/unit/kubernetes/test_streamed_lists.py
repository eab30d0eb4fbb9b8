"""Lists that are decoded as they come: the same items, wherever the answer is cut into parts."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shardwright.kubernetes.live import facts_streaming
from shardwright.kubernetes.live.facts_views import NodeView

TRAP = '},{"metadata":{"name":"none"}'
FILLING = "x" * 1500


def item(index: int) -> dict[str, Any]:
    """An object with what looks like the end of one: in a text, and in a list of objects within."""
    within = [{"metadata": {"name": "none"}}, {"metadata": {"name": "none"}}]
    labels = {"text": TRAP, "filling": FILLING}
    return {"metadata": {"name": f"node-{index}", "labels": labels}, "spec": {"templates": within}}


def text_of(count: int) -> bytes:
    head = {"kind": "NodeList", "apiVersion": "v1", "metadata": {"resourceVersion": "1"}}
    whole = {**head, "items": [item(index) for index in range(count)]}
    return json.dumps(whole, separators=(",", ":")).encode() + b"\n"


def names(content: bytes, size: int) -> list[str]:
    parts = (content[begin : begin + size] for begin in range(0, len(content), size))
    return [each.metadata.name for each in facts_streaming.items_of(parts, NodeView)]


@given(st.sampled_from([0, 1, 2, 60, 400]), st.integers(min_value=200, max_value=300_000))
def test_all_items_come_once_and_in_order(count: int, size: int) -> None:
    """However long the parts are, and whatever within an object looks like its end."""
    assert names(text_of(count), size) == [f"node-{index}" for index in range(count)]


@given(st.integers(min_value=1, max_value=len(text_of(100)) - 2))
def test_a_list_that_breaks_off_is_refused(length: int) -> None:
    """What is left out is not taken for what is not there."""
    with pytest.raises(msgspec.DecodeError):
        names(text_of(100)[:length], 16_000)


def test_items_of_another_shape_are_refused() -> None:
    """As they come, not only at the end."""
    odd = text_of(200).replace(b'"name":"node-7"', b'"name":7')
    with pytest.raises(msgspec.ValidationError, match=r"metadata\.name"):
        names(odd, 16_000)


def test_objects_that_begin_otherwise_are_decoded_at_the_end() -> None:
    """Where no place to cut is found, the list is read whole."""
    turned: list[dict[str, Any]] = [{"spec": {}, **item(index)} for index in range(100)]
    content = json.dumps({"items": turned}).encode()
    assert names(content, 16_000) == [f"node-{index}" for index in range(100)]
