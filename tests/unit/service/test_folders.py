"""What lies in the folder that is written to: ours is replaced, stale files of ours go, nobody else's is touched."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from shardwright import errors
from shardwright.core.plugins import Manifest
from shardwright.formats.texts import File
from shardwright.service import rendering
from shardwright.targets.lws.target import TARGET
from shardwright.testing import builders

if TYPE_CHECKING:
    from pathlib import Path

    from shardwright.service.rendering import Form


def manifests(name: str = "llama-3-8b") -> tuple[Manifest, ...]:
    return rendering.render(builders.deployment(builders.recipe(metadata={"name": name})), TARGET)


def names(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


OBJECTS = ["10-service.yaml", "20-leaderworkerset.yaml"]
WRITTEN: dict[Form, list[str]] = {
    "yaml": OBJECTS,
    "kustomize": [*OBJECTS, "kustomization.yaml"],
    "helm": ["Chart.yaml", *(f"templates/{name}" for name in OBJECTS), "values.yaml"],
}


@pytest.mark.parametrize("before", WRITTEN)
@pytest.mark.parametrize("form", WRITTEN)
def test_another_form_takes_the_place_of_the_first(tmp_path: Path, before: Form, form: Form) -> None:
    """A folder never holds two forms of one deployment, and each form writes the same bytes again."""
    rendering.write_directory(manifests(), tmp_path, before)
    paths = rendering.write_directory(manifests(), tmp_path, form)
    assert names(tmp_path) == sorted(str(path.relative_to(tmp_path)) for path in paths) == sorted(WRITTEN[form])
    first = {path: path.read_bytes() for path in paths}
    rendering.write_directory(manifests(), tmp_path, form)
    assert first == {path: path.read_bytes() for path in paths}


@pytest.mark.parametrize(
    ("form", "file"),
    [
        ("kustomize", "kustomization.yaml"),
        ("helm", "Chart.yaml"),
        ("helm", "values.yaml"),
        ("helm", "templates/10-service.yaml"),
        ("yaml", "prerequisites.sh"),
    ],
)
def test_a_file_of_the_users_stops_everything(tmp_path: Path, form: Form, file: str) -> None:
    """What has not our first line is not overwritten, and nothing else is written either."""
    place = tmp_path / file
    place.parent.mkdir(exist_ok=True)
    place.write_text("mine\n")
    more = (File("prerequisites.sh", "# Written by Shardwright for demo/llama-3-8b from a recipe.\n"),)
    with pytest.raises(errors.Conflict, match="was not written by Shardwright"):
        rendering.write_directory(manifests(), tmp_path, form, more)
    assert names(tmp_path) == [file]
    assert place.read_text() == "mine\n"


def test_other_files_of_the_users_stay(tmp_path: Path) -> None:
    """A chart may have templates and notes of one's own beside ours."""
    for file in ("README.md", "templates/NOTES.txt", "templates/extra.yaml", "patch.yaml"):
        (tmp_path / file).parent.mkdir(exist_ok=True)
        (tmp_path / file).write_text("mine\n")
    rendering.write_directory(manifests(), tmp_path, "helm")
    rendering.write_directory(manifests(), tmp_path, "kustomize")
    mine = ["README.md", "patch.yaml", "templates/NOTES.txt", "templates/extra.yaml"]
    assert names(tmp_path) == sorted([*WRITTEN["kustomize"], *mine])


def test_a_kustomization_of_two_recipes_is_not_replaced_by_one(tmp_path: Path) -> None:
    """Rendering one of them alone would leave the other's objects out of the list."""
    rendering.write_directory((*manifests(), *manifests("other")), tmp_path, "kustomize")
    with pytest.raises(errors.Conflict, match="was written for demo/other"):
        rendering.write_directory(manifests(), tmp_path, "kustomize")


def test_a_group_of_this_machine_has_no_chart(tmp_path: Path) -> None:
    """What no cluster knows is not put into a form for clusters."""
    group = Manifest("LocalGroup", "a", {"apiVersion": "shardwright.dev/v1", "kind": "LocalGroup", "metadata": {}})
    with pytest.raises(errors.InputError, match="no object of Kubernetes"):
        rendering.write_directory((group,), tmp_path, "helm")


def test_a_form_that_there_is_not_names_those_that_there_are() -> None:
    """A wrong word ends in the right ones."""
    with pytest.raises(errors.InputError) as caught:
        rendering.form_of("tar")
    assert "yaml, kustomize, helm" in str(caught.value.hint)
