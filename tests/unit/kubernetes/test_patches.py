from __future__ import annotations

import contextlib
import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shardwright import errors
from shardwright.core.recipe.model import Patch, PatchTarget, Target
from shardwright.kubernetes.render import json_patch, patches
from shardwright.targets.lws.target import TARGET
from shardwright.testing import builders

SET = PatchTarget("LeaderWorkerSet")
LEADER = "/spec/leaderWorkerTemplate/leaderTemplate"
CONTAINER = f"{LEADER}/spec/containers/0"


def recipe(patch: object, target: PatchTarget = SET) -> Any:  # noqa: ANN401 - tests look inside trees
    changed = Target("lws", "0.10", patches=(Patch(target, patch),))
    return builders.recipe(target=changed, storage={"claim": "models"})


def ids(patch: object, target: PatchTarget = SET) -> list[str]:
    """Errors about patches."""
    found = TARGET.findings(builders.deployment(recipe(patch, target)))
    return [finding.id for finding in found if finding.severity == "error"]


def rendered(patch: object, target: PatchTarget = SET) -> dict[str, Any]:
    manifests = TARGET.render(builders.deployment(recipe(patch, target)))
    return {made.kind: made.body for made in manifests}


def test_a_mapping_is_merged_and_null_removes() -> None:
    """What the patch does not name stays."""
    body = rendered({"spec": {"type": "NodePort", "selector": {"extra": "1"}}}, PatchTarget("Service"))["Service"]
    assert body["spec"]["type"] == "NodePort"
    assert body["spec"]["selector"]["shardwright.dev/role"] == "leader"
    assert "type" not in rendered({"spec": {"type": None}}, PatchTarget("Service"))["Service"]["spec"]


def test_a_list_is_done_operation_by_operation() -> None:
    """Places in lists are named by number, `-` is behind the last."""
    operations = [
        {"op": "test", "path": "/spec/replicas", "value": 1},
        {"op": "add", "path": f"{CONTAINER}/env/-", "value": {"name": "A", "value": "1"}},
        {"op": "replace", "path": f"{LEADER}/spec/terminationGracePeriodSeconds", "value": 90},
    ]
    assert ids(operations) == ["patch.not-applicable"]
    template = rendered(operations[:2])["LeaderWorkerSet"]["spec"]["leaderWorkerTemplate"]["leaderTemplate"]
    assert template["spec"]["containers"][0]["env"][-1] == {"name": "A", "value": "1"}


@pytest.mark.parametrize(
    ("patch", "target"),
    [
        ({"spec": {}}, PatchTarget("Deployment")),
        ({"spec": {}}, PatchTarget("Service", "other")),
        ([{"op": "replace", "path": "/spec/none", "value": 1}], SET),
        ([{"op": "remove", "path": f"{CONTAINER}/env/99"}], SET),
        ([{"op": "test", "path": "/spec/replicas", "value": 3}], SET),
        ([{"op": "increase", "path": "/spec/replicas"}], SET),
        ([{"op": "add", "path": "spec"}], SET),
        (["spec"], SET),
    ],
)
def test_a_patch_that_matches_nothing_is_an_error(patch: object, target: PatchTarget) -> None:
    """It would be believed to work; rendering stops at it too."""
    assert ids(patch, target) == ["patch.not-applicable"]
    with pytest.raises(errors.InputError, match=r"target\.patches\[0\]"):
        rendered(patch, target)


def test_a_patch_that_changes_nothing_is_an_error() -> None:
    """What it is there for is no longer so."""
    assert ids({"spec": {"replicas": 1}}) == ["patch.no-effect"]


@pytest.mark.parametrize(
    ("patch", "rule"),
    [
        ({"metadata": {"name": "other"}}, "patch.identity"),
        ([{"op": "add", "path": f"{LEADER}/spec/hostNetwork", "value": True}], "patch.host"),
        ([{"op": "remove", "path": f"{LEADER}/spec/enableServiceLinks"}], "patch.service-links"),
        ([{"op": "replace", "path": f"{CONTAINER}/resources/limits/nvidia.com~1gpu", "value": "2"}], "patch.devices"),
        ([{"op": "remove", "path": f"{LEADER}/metadata/labels/shardwright.dev~1role"}], "patch.selector"),
        (
            [{"op": "add", "path": f"{CONTAINER}/env/-", "value": {"name": "HOME", "value": "/"}}],
            "patch.variable-twice",
        ),
        (
            [{"op": "add", "path": f"{CONTAINER}/env/-", "value": {"name": "T", "value": "hf_" + "aBcD1234" * 4}}],
            "patch.literal-token",
        ),
    ],
)
def test_a_patch_does_not_break_what_holds_a_group_together(patch: object, rule: str) -> None:
    """What a patch makes is held to the rules of what we render."""
    assert ids(patch) == [rule]


def test_patches_are_applied_in_order_and_say_which_is_wrong() -> None:
    """A later patch sees what an earlier one made."""
    first = Patch(PatchTarget("Service"), {"metadata": {"labels": {"a": "1"}}})
    second = Patch(PatchTarget("Service"), [{"op": "remove", "path": "/metadata/labels/a"}])
    asked = builders.recipe(target=Target("lws", "0.10", patches=(first, second, second)))
    plain = TARGET.render(builders.deployment(builders.recipe(target=Target("lws", "0.10"))))
    (finding,) = patches.findings_of(asked, plain)
    assert (finding.id, finding.path) == ("patch.not-applicable", "target.patches[2]")


def test_what_is_rendered_is_not_changed_in_place() -> None:
    """Rendering twice gives the same, with patches too."""
    asked = recipe([{"op": "move", "from": "/spec/replicas", "path": "/spec/moved"}])
    assert TARGET.render(builders.deployment(asked)) == TARGET.render(builders.deployment(asked))


TREES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text("ab", max_size=2),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "b", "0"]), inner, max_size=3),
    max_leaves=8,
)
PATHS = st.lists(st.sampled_from(["a", "b", "0", "1", "-", "~1"]), max_size=3).map(lambda parts: "/".join(["", *parts]))
OPERATIONS = st.fixed_dictionaries(
    {"op": st.sampled_from(["add", "remove", "replace", "move", "copy", "test"]), "path": PATHS},
    optional={"value": TREES, "from": PATHS},
)


@given(TREES, st.lists(OPERATIONS, max_size=3))
def test_any_patch_is_done_or_refused(tree: object, operations: list[object]) -> None:
    """No operation ends in another fault than that it cannot be done, and none changes the tree that it was given."""
    before = copy.deepcopy(tree)
    with contextlib.suppress(json_patch.PatchError):
        json_patch.operated(tree, operations)
    assert tree == before


@given(TREES, TREES)
def test_merging_twice_is_merging_once(tree: object, patch: object) -> None:
    """A merge patch says how things are, not how they change."""
    once = json_patch.merged(tree, patch)
    assert json_patch.merged(once, patch) == once
