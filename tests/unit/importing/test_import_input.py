"""What cannot be imported is said, whatever is put in: nothing known, several, broken, hostile."""

from __future__ import annotations

import copy
import io
import json
import random
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest
import yaml
from import_cases import DEPLOYMENT, SETTINGS, SGLANG, ids, imported

from shardwright import errors
from shardwright.cli import import_view
from shardwright.service import importing

if TYPE_CHECKING:
    from shardwright.core.recipe.model import Json

GOLDEN = Path(__file__).parents[2] / "golden"
JUNK: list[Any] = [
    *(None, True, 0, -1, 10**9, 10**30, 1.5, "", "x", "$(X)", "${X}", "<a b>", "a" * 5000, "2Gi", "1e400", "--tp"),
    *([], {}, [[]], [None], {"a": None}, [{"name": 1}], {"name": "x"}, ["sh", "-c", "vllm serve 'x"]),
]


def test_nothing_that_serves_is_an_error_that_says_what_is_there() -> None:
    """Exit code 2, with the kinds that were seen and those that could be imported."""
    with pytest.raises(errors.InputError) as caught:
        imported("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n")
    assert "there is: ConfigMap" in str(caught.value)
    assert "LeaderWorkerSet" in str(caught.value)


def test_of_several_deployments_one_is_chosen_by_name() -> None:
    """Without a name they are listed."""
    both = f"{DEPLOYMENT}---{SGLANG}"
    with pytest.raises(errors.InputError) as caught:
        imported(both)
    assert "LeaderWorkerSet chat, Deployment mistral" in str(caught.value)
    assert imported(both, name="chat", gpu="L40S").platform == "lws"
    assert imported(both, name="mistral", gpu="L40S").platform == "kubernetes"
    with pytest.raises(errors.InputError, match="no deployment 'other'"):
        imported(both, name="other")


@pytest.mark.parametrize("data", [b"", b"\xff\xfe\x00", b"a: [", b"a: &a [*a, *a]\n", b"x" * (17 * 2**20)])
def test_what_is_no_manifest_is_an_input_error(data: bytes) -> None:
    """The bounds of `lint` hold here too."""
    with pytest.raises(errors.InputError):
        importing.import_manifests(["-"], importing.Wish(), SETTINGS, io.BytesIO(data))


def test_a_missing_file_is_an_input_error() -> None:
    """With its name."""
    with pytest.raises(errors.InputError, match="no-such"):
        importing.import_manifests(["no-such.yaml"], importing.Wish(), SETTINGS)


def test_a_model_that_is_not_at_hand_is_imported_uncompared() -> None:
    """The recipe is given, with the reason and the option that helps; with it the comparison is made."""
    text = DEPLOYMENT.replace("meta-llama/Meta-Llama-3-8B-Instruct", "/root/.cache/huggingface/mine")
    result = imported(text, gpu="L40S")
    assert result.document["model"]["source"] == "pvc://mistral-7b/mine"
    (said,) = [each for each in result.findings if each.id == "import.not-compared"]
    assert not result.is_compared
    assert "--model" in said.fix or "shape" in said.fix
    helped = imported(text, gpu="L40S", model="llama-3-8b")
    assert helped.is_compared
    assert helped.document["model"]["shape"] == "llama-3-8b"


def test_without_a_gpu_the_recipe_says_what_is_missing() -> None:
    """No label names it, so --gpu has to."""
    result = imported(DEPLOYMENT)
    assert "import.gpu-unknown" in ids(result)
    assert not result.is_compared


def test_sizes_that_nobody_means_are_not_planned() -> None:
    """A plan of a billion ranks would take minutes."""
    text = SGLANG.replace("size: 2", "size: 1000000000").replace("'4'", "'1000000000'")
    result = imported(text, gpu="L40S")
    assert not result.is_compared


def test_what_a_recipe_refuses_is_left_out_and_said() -> None:
    """A name that a recipe cannot have becomes one that it can."""
    result = imported(DEPLOYMENT.replace("metadata: {name: mistral,", "metadata: {name: mistral.v1,"), gpu="L40S")
    assert result.document["metadata"]["name"] == "mistral-v1"
    assert "import.field-refused" in ids(result)
    assert "Deployment metadata.name" in [f"{told.kind} {told.difference.path}" for told in result.differences]


def _places(tree: Json, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner: Json = ()
    if isinstance(tree, dict):
        inner = cast("dict[str, Json]", tree).items()
    elif isinstance(tree, list):
        inner = enumerate(cast("list[Json]", tree))
    return [path, *(place for key, each in inner for place in _places(each, (*path, key)))]


@pytest.mark.parametrize("seed", range(40))
def test_mutated_manifests_never_crash(seed: int) -> None:
    """Any value at any place: a recipe, or an error for the user."""
    chance = random.Random(seed)  # noqa: S311 - a test's choice, the same each time
    files = sorted((GOLDEN / "lws").glob("*.yaml")) + sorted((GOLDEN / "kubernetes").glob("*.yaml"))
    documents: list[Any] = list(yaml.safe_load_all(chance.choice(files).read_text("utf-8")))
    for _ in range(3):
        path = chance.choice([each for each in _places(documents) if len(each) > 1])
        holder = documents
        for part in path[:-1]:
            holder = holder[part]
        holder[path[-1]] = copy.deepcopy(chance.choice(JUNK))
    text = "\n---\n".join(json.dumps(each) for each in documents)
    try:
        result = imported(text, gpu="L40S", model="llama-3-8b", keeps_differences=bool(seed % 2))
    except errors.InputError:
        return
    assert isinstance(import_view.text(result), str)
    json.dumps(import_view.as_data(result))
