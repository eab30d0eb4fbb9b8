"""What a test cluster is given, as far as it needs no cluster: addresses, images, pods that run from this machine."""

from __future__ import annotations

import io
import json
import sys
import tarfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from shardwright.testing.cluster import engine_pods, images, known_managers, pins, processes, routes
from shardwright.testing.cluster.engine_pods import EnginePlace

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def place(tmp_path: Path) -> EnginePlace:
    return EnginePlace(Path(sys.prefix), tmp_path / "cache", shown=(Path("/usr/share"),))


def template(**changed: object) -> dict[str, Any]:
    limits = {"nvidia.com/gpu": "1", "memory": "200Gi"}
    container = {"name": "main", "image": "registry.example.org/engine:1", "env": [{"name": "HOME", "value": "/h"}]}
    return {"containers": [{**container, "resources": {"limits": limits, "requests": {"cpu": "16"}}, **changed}]}


def test_services_nodes_and_pods_have_networks_of_their_own() -> None:
    """Machine and services begin the network, and no pod has an address of another node's."""
    plan = routes.plan_addresses(["198.18.7.2", "198.18.7.3"])
    assert (plan.machine, plan.services) == ("198.18.7.1", "198.18.7.0/26")
    assert plan.pods == ("198.18.7.64/26", "198.18.7.128/26")


def test_a_pod_runs_from_this_machine_and_is_else_as_it_was(place: EnginePlace) -> None:
    """Image, mounts and requests are changed; GPUs, and variables that the template sets, stay."""
    spec = engine_pods.adapted(template(), place)
    (container,) = spec["containers"]
    assert (container["image"], container["imagePullPolicy"]) == (images.HOSTROOT, "Never")
    assert container["resources"]["limits"] == {"nvidia.com/gpu": "1"}
    assert container["resources"]["requests"]["cpu"] == place.cpu
    values = {each["name"]: each["value"] for each in container["env"]}
    assert values["HOME"] == "/h"
    assert values["PATH"].startswith(f"{sys.prefix}/bin:")
    mounts = {each["mountPath"]: each.get("readOnly", False) for each in container["volumeMounts"]}
    assert mounts["/usr"]
    assert not mounts[str(place.cache)]
    assert "/usr/share" not in mounts  # a part of what is there already
    assert {each["name"] for each in spec["volumes"]} == {each["name"] for each in container["volumeMounts"]}


def test_shared_memory_that_a_template_has_is_kept(place: EnginePlace) -> None:
    """Two mounts at one place would be refused."""
    own = template(volumeMounts=[{"name": "shm", "mountPath": "/dev/shm"}])
    mounts = engine_pods.adapted(own, place)["containers"][0]["volumeMounts"]
    assert [each["name"] for each in mounts if each["mountPath"] == "/dev/shm"] == ["shm"]


def test_all_templates_of_an_object_are_changed_and_the_object_is_not(place: EnginePlace) -> None:
    """Leader and worker of a group, however deep; what was given stays as it was."""
    given = {"spec": {"leader": {"spec": template()}, "workers": [{"spec": template()}]}}
    before = json.dumps(given)
    made = json.dumps(engine_pods.templates_adapted(given, place))
    assert made.count(images.HOSTROOT) == 2
    assert json.dumps(given) == before


@pytest.mark.skipif(images.find_busybox() is None, reason="no static busybox")
def test_images_are_archives_that_a_runtime_can_import(tmp_path: Path) -> None:
    """Each names its configuration and one layer, and both are in it."""
    for path in images.write_images(tmp_path):
        with tarfile.open(path) as archive:
            (manifest,) = json.load(archive.extractfile("manifest.json") or io.BytesIO())
            config = json.load(archive.extractfile(manifest["Config"]) or io.BytesIO())
            assert set(manifest["Layers"]) < set(archive.getnames())
        assert manifest["RepoTags"][0].startswith("shardwright.test/")
        assert config["os"] == "linux"


def test_every_manager_can_be_built_and_finds_its_files() -> None:
    """Its program, its own project and those whose kinds it looks for are in the table of versions."""
    pinned = pins.load_pins()
    for manager in known_managers.MANAGERS.values():
        assert pinned.modules[pinned.module_of(manager.program)].path == pinned.definitions[manager.project].path
        assert set(manager.kinds) <= set(pinned.definitions)


@pytest.fixture
def started(tmp_path: Path) -> Iterator[processes.Processes]:
    made = processes.Processes(tmp_path)
    yield made
    made.kill_all()


def test_a_process_that_is_stopped_can_be_started_again(started: processes.Processes) -> None:
    """With the same command, and its log goes on: that is how a crash is tested."""
    started.start("says", ("sh", "-c", "echo here; exec sleep 100"), environment={"PATH": "/usr/bin:/bin"})
    said = started.log("says")
    started.wait_until(lambda: said.read_text("utf-8").count("here") == 1, "it spoke", "says", timeout_seconds=10)
    first = started.pids["says"]
    started.stop("says")
    assert "says" not in started.pids
    assert started.start_again("says") != first
    started.wait_until(lambda: said.read_text("utf-8").count("here") == 2, "it spoke", "says", timeout_seconds=10)
