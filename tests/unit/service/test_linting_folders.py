"""Several folders are judged as one input: who sees whom, namesakes, and what is only a patch of kustomize."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from shardwright.core.manifests import reading, scopes
from shardwright.core.manifests.objects import Context
from shardwright.service import linting

if TYPE_CHECKING:
    from pathlib import Path

CLAIM = """apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: models}
spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}
"""
DEPLOYMENT = """apiVersion: apps/v1
kind: Deployment
metadata: {name: chat}
spec:
  replicas: 2
  selector: {matchLabels: {app: chat}}
  template:
    metadata: {labels: {app: chat}}
    spec:
      containers: [{name: c, image: a:1}]
      volumes: [{name: m, persistentVolumeClaim: {claimName: models}}]
"""
PATCH = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: chat}\nspec: {replicas: 4}\n"


def lint(folder: Path, files: dict[str, str]) -> list[tuple[str, str]]:
    """Ids and files of what is found in a folder of files."""
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, "utf-8")
    found = linting.lint([str(folder)]).findings
    return [(each.id, each.file.removeprefix(f"{folder}/")) for each in found]


def test_folders_see_each_other(tmp_path: Path) -> None:
    """A claim in one folder is judged with the Deployment in another that mounts it."""
    files = {"storage/claim.yaml": CLAIM, "server/deployment.yaml": DEPLOYMENT}
    assert lint(tmp_path, files) == [("kubernetes.claim-mode", "storage/claim.yaml")]


def test_states_of_one_deployment_do_not_see_each_other(tmp_path: Path) -> None:
    """Test and production hold the same names: each is judged with what is its own."""
    one_pod = DEPLOYMENT.replace("replicas: 2", "replicas: 1")
    files = {
        f"{state}/{name}.yaml": text for state in ("test", "prod") for name, text in (("c", CLAIM), ("d", one_pod))
    }
    assert lint(tmp_path, files) == []
    files["prod/d.yaml"] = DEPLOYMENT
    assert lint(tmp_path, files) == [("kubernetes.claim-mode", "prod/c.yaml")]


def test_shared_folders_see_each_name_once(tmp_path: Path) -> None:
    """Two states with one pod each are not two pods that mount a claim at once."""
    one_pod = DEPLOYMENT.replace("replicas: 2", "replicas: 1")
    assert lint(tmp_path, {"base/c.yaml": CLAIM, "test/d.yaml": one_pod, "prod/d.yaml": one_pod}) == []
    assert lint(tmp_path, {"prod/d.yaml": DEPLOYMENT, "test/d.yaml": DEPLOYMENT}) == [
        ("kubernetes.claim-mode", "base/c.yaml")
    ]


def test_patches_of_kustomize_are_not_judged(tmp_path: Path) -> None:
    """They are parts of objects; the base is whole."""
    files = {
        "base/d.yaml": DEPLOYMENT,
        "base/kustomization.yaml": "resources: [d.yaml]\n",
        "overlays/prod/replicas.yaml": PATCH,
        "overlays/prod/remove.json": '[{"op": "remove", "path": "/spec/paused"}]',
        "overlays/prod/kustomization.yaml": "resources: [../../base]\npatches: [{path: replicas.yaml}, {path: ./remove.json}]\n",
    }
    assert lint(tmp_path, files) == []
    (tmp_path / "overlays/prod/kustomization.yaml").write_text("resources: [../../base]\n", "utf-8")
    assert {name for _, name in lint(tmp_path, {})} == {"overlays/prod/remove.json", "overlays/prod/replicas.yaml"}


def test_many_states_take_time_in_proportion() -> None:
    """A thousand folders with the same names, next to a thousand without, are looked at in seconds."""
    objects = [
        each
        for number in range(1000)
        for folder, name in ((f"s{number}", "same"), (f"o{number}", f"n{number}"))
        for each in reading.read_manifests(CLAIM.replace("models", name).encode(), f"{folder}/a.yaml").objects
    ]
    start = time.process_time()
    assert len(list(scopes.in_scopes(objects, Context()))) == len(objects)
    assert time.process_time() - start < 5
