"""In which namespace a recipe goes: its own, else that of -n, else that of the context."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from shardwright import errors
from shardwright.kubernetes.place import Place
from shardwright.service import clusters, recipes, whereabouts
from shardwright.settings import load_settings

if TYPE_CHECKING:
    from pathlib import Path

LWS = {"kind": "lws"}


def kubeconfig(folder: Path, *, current: str = "team") -> str:
    """With a context for each of two namespaces, and one that has none."""
    contexts: list[dict[str, Any]] = [
        {"name": name, "context": {"cluster": "prod"} | ({"namespace": name} if name != "bare" else {})}
        for name in ("team", "other", "bare")
    ]
    whole = {
        "current-context": current,
        "clusters": [{"name": "prod", "cluster": {"server": "http://127.0.0.1:1"}}],
        "contexts": contexts,
    }
    path = folder / "kubeconfig"
    path.write_text(json.dumps(whole), "utf-8")
    return str(path)


def recipe(folder: Path, metadata: Any = None, target: Any = None) -> str:  # noqa: ANN401 - JSON
    path = folder / "recipe.json"
    document = {"apiVersion": "shardwright.dev/v1", "kind": "Recipe", "model": {"source": "llama"}}
    fields = {"metadata": {"name": "llama"} if metadata is None else metadata, "target": target or LWS}
    path.write_text(json.dumps(document | fields), "utf-8")
    return str(path)


def namespace_of(path: str, place: Place | None, *sets: str) -> str:
    (loaded,) = recipes.load_recipes([path], sets, place=place)
    return loaded.recipe.metadata.namespace


@pytest.mark.parametrize(
    ("current", "place", "expected"),
    [
        ("team", Place(), "team"),
        ("team", Place(context="other"), "other"),
        ("team", Place(context="bare"), "default"),
        ("bare", Place(), "default"),
        ("team", Place(namespace="mine"), "mine"),
        ("team", Place(context="other", namespace="mine"), "mine"),
    ],
)
def test_a_recipe_without_one_goes_where_kubectl_would(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, current: str, place: Place, expected: str
) -> None:
    """-n wins, then the context that is meant, then `default`; objects that are named by kind are looked for there too."""
    monkeypatch.setenv("KUBECONFIG", kubeconfig(tmp_path, current=current))
    assert namespace_of(recipe(tmp_path), place) == expected
    assert namespace_of(recipe(tmp_path, {"name": "llama", "namespace": None}), place) == expected
    found = whereabouts.where("lws/llama", load_settings(), place)
    assert (found.is_here, found.namespace) == (False, expected)
    # A file that is named by an option says the same.
    named = Place(kubeconfig(tmp_path, current=current), place.context, place.namespace)
    assert namespace_of(recipe(tmp_path), named) == expected


def test_its_own_wins_over_the_context(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Written in the recipe or set by an option; and -n may say the same."""
    monkeypatch.setenv("KUBECONFIG", kubeconfig(tmp_path))
    own = {"name": "llama", "namespace": "demo"}
    assert namespace_of(recipe(tmp_path, own), Place()) == "demo"
    assert namespace_of(recipe(tmp_path, own), Place(namespace="demo")) == "demo"
    assert namespace_of(recipe(tmp_path), Place(), "metadata.namespace=demo") == "demo"
    assert namespace_of(recipe(tmp_path, own), Place(), "metadata.namespace=null") == "team"


def test_for_this_machine_and_without_a_cluster_it_is_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No context has a say in what runs here, nor in what is only planned; without a kubeconfig there is none."""
    monkeypatch.setenv("KUBECONFIG", kubeconfig(tmp_path))
    local = recipe(tmp_path, target={"kind": "local"})
    assert (namespace_of(local, Place()), namespace_of(local, Place(namespace="mine"))) == ("default", "mine")
    assert namespace_of(recipe(tmp_path), None) == "default"
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "none"))
    assert namespace_of(recipe(tmp_path), Place()) == "default"
    with pytest.raises(errors.AccessError, match="no context 'nope'"):
        namespace_of(recipe(tmp_path), Place(kubeconfig(tmp_path), "nope"))


def test_two_namespaces_are_a_fault_with_both_in_it(tmp_path: Path) -> None:
    """The recipe is not moved in silence; the fault stands where the recipe says it, beside all others."""
    place = Place(namespace="prod")
    with pytest.raises(errors.InputError) as refused:
        namespace_of(recipe(tmp_path, {"name": "llama", "namespace": "demo"}), place, "replicas=x")
    told = str(refused.value)
    assert 'recipe.json:1: metadata.namespace: "demo" is not the namespace of the command line, -n prod' in told
    assert "write -n demo, or --set metadata.namespace=prod" in told
    assert "replicas" in told
    with pytest.raises(errors.RecipeError, match=r'-n: metadata\.namespace: "No_Label" is not a DNS label'):
        namespace_of(recipe(tmp_path), Place(namespace="No_Label"))


@pytest.mark.parametrize("metadata", ["llama", [], {"namespace": "demo"}])
def test_what_is_no_recipe_is_left_to_its_reader(tmp_path: Path, metadata: object) -> None:
    """Its own faults are told, and no other."""
    with pytest.raises(errors.RecipeError, match="metadata"):
        namespace_of(recipe(tmp_path, metadata), Place(namespace="demo"))


def test_a_namespace_is_told_before_a_cluster_is_asked(tmp_path: Path) -> None:
    """What is resolved once stays; a cluster that cannot be told is an error."""
    place = clusters.resolved(Place(kubeconfig(tmp_path), "other"))
    assert (place.namespace, clusters.resolved(place)) == ("other", place)
    with pytest.raises(errors.AccessError, match="no such file"):
        clusters.resolved(Place(str(tmp_path / "none")))
