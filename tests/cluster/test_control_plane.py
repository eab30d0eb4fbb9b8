"""The cluster fixture itself: what it gives, and that it leaves nothing."""

from __future__ import annotations

import json
import os
import shutil
import signal
import ssl
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import httpx2
import psutil
import pytest

from shardwright import errors
from shardwright.testing.cluster import building, control_plane, crds
from shardwright.testing.cluster.api import Api

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shardwright.testing.cluster.building import Programs
    from shardwright.testing.cluster.control_plane import ControlPlane

NOBODY = 65534

# Starts a server, says which processes it has, and stays as long as it is let.
START = """
import json, sys, time
from pathlib import Path
from shardwright.testing.cluster import building, control_plane
programs = building.Programs({name: Path(path) for name, path in json.loads(sys.argv[1]).items()})
with control_plane.running(programs, Path(sys.argv[2])) as plane, plane.api() as api:
    print(json.dumps([api.get("/version")["major"], *plane.pids]), flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that every user may enter; pytest's own are closed by each run that starts."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


def starter(programs: Programs, runs: Path, *before: str) -> subprocess.Popen[str]:
    paths = json.dumps({name: str(path) for name, path in programs.paths.items()})
    command = [*before, sys.executable, "-c", START, paths, str(runs)]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True, cwd="/")


def wait_until_gone(pids: list[int]) -> None:
    deadline = time.monotonic() + 10
    while any(map(psutil.pid_exists, pids)):
        assert time.monotonic() < deadline, f"still there: {pids}"
        time.sleep(0.02)


def test_the_server_knows_its_version(api: Api) -> None:
    """What asks a cluster for its version gets a real one: built from modules, it would call itself v0.0.0."""
    version = api.get("/version")
    assert int(version["minor"].rstrip("+")) >= 30
    assert not version["gitVersion"].startswith("v0.0.0")


def test_objects_are_stored_and_deleted(api: Api) -> None:
    """A created object is there until it is deleted; one of a dry run never is."""
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "kept", "namespace": "demo"}}
    path = f"{api.path_of(body)}/kept"
    api.create(body, dry_run=True)
    assert not api.has(path)
    api.create(body)
    assert api.get(path)["metadata"]["uid"]
    with pytest.raises(errors.Conflict):
        api.create(body)
    api.delete(path)
    assert not api.has(path)


def test_only_the_token_opens_the_server(plane: ControlPlane) -> None:
    """Another program on this machine cannot use the server by its port alone."""
    with Api(plane.url, "guessed", plane.authority) as stranger, pytest.raises(errors.TargetError, match="401"):
        stranger.get("/api/v1/namespaces")
    assert plane.kubeconfig.stat().st_mode & 0o077 == 0


def test_the_kubeconfig_leads_to_the_server(plane: ControlPlane) -> None:
    """What reads a kubeconfig, as the product does, reaches the same server."""
    read = json.loads(plane.kubeconfig.read_text("utf-8"))
    cluster, user = read["clusters"][0]["cluster"], read["users"][0]["user"]
    with httpx2.Client(verify=ssl.create_default_context(cafile=cluster["certificate-authority"])) as client:
        headers = {"Authorization": f"Bearer {user['token']}"}
        assert client.get(f"{cluster['server']}/api/v1/namespaces/demo", headers=headers).is_success


def test_two_servers_run_side_by_side_and_leave_nothing(
    plane: ControlPlane, programs: Programs, tmp_path: Path
) -> None:
    """A second server has ports, objects and files of its own, and is gone without a trace when its block ends."""
    with control_plane.running(programs, tmp_path / "runs") as second, second.api() as other:
        assert second.url != plane.url
        assert not other.has("/api/v1/namespaces/demo")
        pids = list(second.pids)
    assert not any(map(psutil.pid_exists, pids))
    assert [path.name for path in (tmp_path / "runs").iterdir()] == ["all.lock"]


def test_a_killed_run_leaves_no_process_and_the_next_sweeps_its_files(programs: Programs, tmp_path: Path) -> None:
    """Even a test run that is killed cannot leave a cluster behind."""
    runs = tmp_path / "runs"
    with starter(programs, runs) as first:
        assert first.stdout is not None
        _, *pids = json.loads(first.stdout.readline())
        first.send_signal(signal.SIGKILL)
    wait_until_gone(pids)
    assert list(runs.glob("run-*/etcd"))
    with control_plane.running(programs, runs):
        assert len(list(runs.glob("run-*/etcd"))) == 1


@pytest.mark.skipif(os.geteuid() != 0, reason="this run is without root itself")
def test_a_user_without_rights_can_run_it(programs: Programs, open_folder: Path) -> None:
    """Nothing of it needs root."""
    copies = {name: Path(shutil.copy(path, open_folder / name)) for name, path in programs.paths.items()}
    (open_folder / "runs").mkdir()
    os.chown(open_folder / "runs", NOBODY, NOBODY)
    become = ("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "--inh-caps=-all")
    if subprocess.run([*become, sys.executable, "-c", "import shardwright"], cwd="/", check=False).returncode:
        pytest.skip("another user cannot read this checkout")
    with starter(building.Programs(copies), open_folder / "runs", *become) as process:
        said, complaint = process.communicate("", timeout=120)
    assert json.loads(said)[0] == "1", complaint


def test_a_program_that_ends_at_once_is_quoted(programs: Programs, tmp_path: Path) -> None:
    """A server that cannot start says why, and is not waited for."""
    broken = tmp_path / "kube-apiserver"
    broken.write_text("#!/bin/sh\necho no such flag >&2; exit 1\n", "utf-8")
    broken.chmod(0o755)
    programs = building.Programs({**programs.paths, "kube-apiserver": broken})
    with (
        pytest.raises(errors.TargetError, match=r"kube-apiserver ended by itself:\n  no such flag"),
        control_plane.running(programs, tmp_path / "runs"),
    ):
        pytest.fail("it started")


def test_a_refused_definition_leaves_nothing_in_place(api: Api) -> None:
    """One wrong definition of a release: those that were created before it are removed again."""
    good = """
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: trials.example.org}
spec:
  group: example.org
  scope: Namespaced
  names: {plural: trials, singular: trial, kind: Trial, listKind: TrialList}
  versions: [{name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object}}}]
"""
    definitions = {"Trial": good, "Wrong": good.replace("name: trials.", "name: wrong.")}
    release = crds.Release("example", "v1", definitions, "a test")
    with pytest.raises(errors.TargetError, match=r"wrong\.example\.org"):
        crds.install(api, release)
    assert not api.has("/apis/example.org/v1/trials")
