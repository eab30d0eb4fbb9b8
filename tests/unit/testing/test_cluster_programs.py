"""Where the programs of a test cluster come from, with a stand-in for Go: nothing is built or fetched here."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from shardwright import errors
from shardwright.testing.cluster import building, pins, run_folders

# Answers as go does, notes each call, and "builds" a script.
GO = """#!/bin/sh
echo "$@" >> "$NOTES"
case "$1 $2" in
  "env GOVERSION") printf '%s\\nlocal\\n' "$VERSION" ;;
  "mod download") echo '{"GoMod": "go.mod", "Dir": "/nowhere"}' ;;
  "mod edit") echo "$EDITED" ;;
  "list "*) echo one; echo two ;;
  build*) while [ "$1" != -o ]; do shift; done; echo one >&2; cp go.mod "$2"; chmod +x "$2"; [ -z "$BROKEN" ] || { echo broken >&2; exit 1; } ;;
esac
"""

EDITED = """{"Go": "1.26.0", "Require": [{"Path": "k8s.io/api", "Version": "v0.0.0"}],
 "Replace": [{"Old": {"Path": "example.org/a"}, "New": {"Path": "example.org/b", "Version": "v1.2.3"}},
             {"Old": {"Path": "example.org/c"}, "New": {"Path": "./c"}}]}"""


@pytest.fixture
def notes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A stand-in for Go in PATH; returns the file with its calls."""
    folder = tmp_path / "go"
    folder.mkdir()
    (folder / "go").write_text(GO, "utf-8")
    (folder / "go").chmod(0o755)
    for name, value in {
        "PATH": f"{folder}:/usr/bin:/bin",
        "NOTES": str(tmp_path / "notes"),
        "VERSION": "go1.26.3",
        "EDITED": EDITED,
    }.items():
        monkeypatch.setenv(name, value)
    return tmp_path / "notes"


def quiet(line: str) -> None:
    del line


def test_programs_of_envtest_are_taken_as_they_are(tmp_path: Path) -> None:
    """Where KUBEBUILDER_ASSETS is set nothing is built that it holds."""
    for name in building.ENVTEST:
        (tmp_path / name).touch(mode=0o755)
    found = building.obtain_programs(tmp_path / "cache", tmp_path)
    assert found.paths == {name: tmp_path / name for name in building.ENVTEST}
    assert not (tmp_path / "cache").exists()


@pytest.mark.usefixtures("notes")
def test_what_envtest_does_not_have_is_built(tmp_path: Path) -> None:
    """Its folder has no controllers: those are built, and etcd and the API server are still taken from it."""
    for name in building.ENVTEST:
        (tmp_path / name).touch(mode=0o755)
    names = (*building.ENVTEST, "kube-scheduler")
    assert building.missing_programs(tmp_path / "cache", tmp_path, names) == ("kube-scheduler",)
    found = building.obtain_programs(tmp_path / "cache", tmp_path, names=names, report=quiet)
    assert found.paths["etcd"] == tmp_path / "etcd"
    assert found.paths["kube-scheduler"].is_relative_to(tmp_path / "cache")


def test_a_folder_of_envtest_that_lacks_a_program_is_an_error(tmp_path: Path) -> None:
    """A wrong folder is said, not silently replaced by a build of ten minutes."""
    (tmp_path / "etcd").touch(mode=0o755)
    with pytest.raises(errors.EnvironmentFault, match=r"does not hold kube-apiserver"):
        building.obtain_programs(tmp_path / "cache", tmp_path)


def test_without_go_it_is_said_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The way out is in the message: Go, or programs that are there already."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(errors.EnvironmentFault, match=r"install Go 1\.26 or newer, or set KUBEBUILDER_ASSETS"):
        building.obtain_programs(tmp_path / "cache", report=quiet)


def test_a_go_that_is_too_old_is_refused(notes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An old Go without leave to fetch a newer one would fail after minutes, with a message about something else."""
    monkeypatch.setenv("VERSION", "go1.19.8")
    with pytest.raises(errors.EnvironmentFault, match=r"is go1\.19\.8, the test cluster needs Go 1\.26"):
        building.obtain_programs(tmp_path / "cache", report=quiet)
    assert "build" not in notes.read_text("utf-8")


def test_two_runs_build_once(notes: Path, tmp_path: Path) -> None:
    """The second run waits for the first and finds everything built."""
    with ThreadPoolExecutor(2) as pool:
        both = [pool.submit(building.obtain_programs, tmp_path / "cache", report=quiet) for _ in range(2)]
        found = [one.result() for one in both]
    calls = notes.read_text("utf-8").splitlines()
    assert len([call for call in calls if call.startswith("build")]) == len(building.ENVTEST)
    assert found[0] == found[1]
    for name, path in found[0].paths.items():
        module = pins.load_pins().modules["etcd" if name == "etcd" else "kubernetes"]
        assert path.parent.name.endswith(f"-{module.version}")
        assert [each.name for each in path.parent.iterdir()] == [name]


@pytest.mark.usefixtures("notes")
def test_staging_modules_are_replaced_by_published_ones(tmp_path: Path) -> None:
    """Kubernetes requires parts of itself as v0.0.0, which no proxy has."""
    found = building.obtain_programs(tmp_path / "cache", report=quiet)
    module = Path(found.path("kube-apiserver")).read_text("utf-8")
    pinned = pins.load_pins().modules["kubernetes"]
    assert f"require k8s.io/kubernetes {pinned.version}" in module
    assert f"replace k8s.io/api => k8s.io/api {pinned.staging}" in module


@pytest.mark.usefixtures("notes")
def test_replacements_of_a_module_hold_although_it_is_not_the_main_one(tmp_path: Path) -> None:
    """KServe builds with the versions that its own go.mod says, not with those that it would get as a dependency."""
    names = ("llmisvc-manager",)
    module = Path(building.obtain_programs(tmp_path / "cache", names=names, report=quiet).path(*names)).read_text(
        "utf-8"
    )
    assert "replace example.org/a => example.org/b v1.2.3" in module
    assert "./c" not in module  # a folder of its checkout, which is not there


@pytest.mark.usefixtures("notes")
def test_the_name_server_is_built_from_a_main_of_ours(tmp_path: Path) -> None:
    """With the few plugins that a cluster needs: the usual build links those of clouds too."""
    found = building.obtain_programs(tmp_path / "cache", names=("coredns",), report=quiet)
    assert "require github.com/coredns/coredns" in Path(found.path("coredns")).read_text("utf-8")
    assert "plugin/kubernetes" in pins.read_main(pins.load_pins().modules["coredns"])


@pytest.mark.usefixtures("notes")
def test_a_build_that_fails_leaves_nothing_that_looks_built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The next run builds again; what go said is in the message."""
    monkeypatch.setenv("BROKEN", "1")
    with pytest.raises(errors.TargetError, match="broken"):
        building.obtain_programs(tmp_path / "cache", report=quiet)
    assert building.find_programs(tmp_path / "cache", None) is None
    assert list((tmp_path / "cache/test-cluster").glob("programs/*/*")) == []


def test_folders_of_living_runs_stay_and_those_of_dead_ones_go(tmp_path: Path) -> None:
    """A start removes what a killed run left, and nothing of one that still runs."""
    left = tmp_path / "run-left"
    left.mkdir()
    (tmp_path / "run-left.lock").touch()
    with run_folders.run_folder(tmp_path) as first, run_folders.run_folder(tmp_path) as second:
        assert not left.exists()
        assert first.is_dir()
        assert second.stat().st_mode & 0o077 == 0
    assert [path.name for path in tmp_path.iterdir()] == ["all.lock"]


def test_the_command_line_says_what_is_wrong(tmp_path: Path) -> None:
    """`python -m shardwright.testing.cluster`, as make calls it, fails with one message and no trace."""
    environment = {**os.environ, "KUBEBUILDER_ASSETS": str(tmp_path)}
    command = [sys.executable, "-m", "shardwright.testing.cluster"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("error: KUBEBUILDER_ASSETS: ")
    assert "Traceback" not in done.stderr
