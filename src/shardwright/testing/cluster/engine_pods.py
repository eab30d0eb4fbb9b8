"""Pods that run what this machine has installed, an engine's environment for one, in the image `hostroot`.

The pod's containers see the machine's /usr, the Python installation, the environment and whatever else is named, all
read-only and at the same places, and one folder they may write that outlives them: byte code and compiled graphs are
made once, not once a pod. A rendered pod template is changed no more than that needs, so that what is tested is the
template that users get.
"""

from __future__ import annotations

import copy
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from shardwright.testing.cluster import images
from shardwright.values import frozen

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from shardwright.testing.cluster.api import Tree

__all__ = ["EnginePlace", "adapted", "python_home", "templates_adapted"]

_SYSTEM = (Path("/usr"), Path("/etc/alternatives"))
_SHARED_MEMORY = "1Gi"
# What an engine on processors needs in a pod; a template's own values go before.
_ENVIRONMENT = {
    "HOME": "/root",
    "HF_HUB_OFFLINE": "1",
    "OMP_NUM_THREADS": "1",
    "VLLM_NO_USAGE_STATS": "1",
    "VLLM_CPU_KVCACHE_SPACE": "1",
    "VLLM_CPU_OMP_THREADS_BIND": "nobind",
    "RAY_USAGE_STATS_ENABLED": "0",
}
_CACHES = {"PYTHONPYCACHEPREFIX": "byte-code", "VLLM_CACHE_ROOT": "engine"}


@frozen
class EnginePlace:
    """What of this machine the pods see."""

    environment: Path
    """A virtual environment; its programs go before all others."""
    cache: Path
    """A folder that pods may write and that outlives them."""
    shown: tuple[Path, ...] = ()
    """Other folders that pods may read: models, a launcher."""
    cpu: str = "500m"
    """What a container asks for; without it, it gets next to nothing when the machine is busy."""
    memory: str = "1Gi"


def python_home(environment: Path) -> Path:
    """The Python installation that a virtual environment is of."""
    for line in (environment / "pyvenv.cfg").read_text("utf-8").splitlines():
        name, _, value = line.partition("=")
        if name.strip() == "home":
            return Path(value.strip()).resolve().parent
    return Path("/usr")


def adapted(pod: Mapping[str, Any], place: EnginePlace) -> Tree:
    """A pod's `spec` such that its containers run from that place: image, mounts, variables, requests; the rest stays.

    GPUs that it asks for stay too: a test cluster's nodes pretend to have some.
    """
    changed = copy.deepcopy(dict(pod))
    folders = _folders(place)
    volumes: list[Tree] = changed.setdefault("volumes", [])
    volumes += [
        {"name": f"machine-{number}", "hostPath": {"path": str(folder)}} for number, folder in enumerate(folders)
    ]
    volumes.append({"name": "machine-cache", "hostPath": {"path": str(place.cache), "type": "DirectoryOrCreate"}})
    containers: list[Tree] = [*changed.get("initContainers", ()), *changed["containers"]]
    if not any(mount["mountPath"] == "/dev/shm" for each in containers for mount in each.get("volumeMounts", ())):  # noqa: S108 - a place in a pod
        volumes.append({"name": "machine-shm", "emptyDir": {"medium": "Memory", "sizeLimit": _SHARED_MEMORY}})
        for each in containers:
            each.setdefault("volumeMounts", []).append({"name": "machine-shm", "mountPath": "/dev/shm"})  # noqa: S108 - likewise
    for each in containers:
        _adapt_container(each, place, folders)
    changed["enableServiceLinks"] = False  # a Service would set variables that engines take for their own
    changed.setdefault("terminationGracePeriodSeconds", 5)
    changed.pop("imagePullSecrets", None)
    return changed


def templates_adapted(body: Mapping[str, Any], place: EnginePlace) -> Tree:
    """An object with all pod templates in it adapted, however deep they are."""
    return _walked(copy.deepcopy(dict(body)), lambda pod: adapted(pod, place))


def _adapt_container(container: Tree, place: EnginePlace, folders: Iterable[Path]) -> None:
    container["image"], container["imagePullPolicy"] = images.HOSTROOT, "Never"
    mounts: list[Tree] = container.setdefault("volumeMounts", [])
    mounts += [
        {"name": f"machine-{number}", "mountPath": str(folder), "readOnly": True}
        for number, folder in enumerate(folders)
    ]
    mounts.append({"name": "machine-cache", "mountPath": str(place.cache)})
    given: list[Tree] = container.setdefault("env", [])
    names = {each["name"] for each in given}
    path = f"{place.environment}/bin:/usr/local/bin:/usr/bin:/bin"
    own = _ENVIRONMENT | {name: str(place.cache / folder) for name, folder in _CACHES.items()} | {"PATH": path}
    given += [{"name": name, "value": value} for name, value in own.items() if name not in names]
    resources: Tree = container.setdefault("resources", {})
    limits = {name: value for name, value in resources.get("limits", {}).items() if name not in {"cpu", "memory"}}
    requests = {name: value for name, value in resources.get("requests", {}).items() if name in limits}
    resources.update(limits=limits, requests={**requests, "cpu": place.cpu, "memory": place.memory})


def _folders(place: EnginePlace) -> list[Path]:
    """Each folder once, and none below another."""
    wanted = [*_SYSTEM, place.environment, python_home(place.environment), *place.shown]
    every = sorted({folder for folder in wanted if folder.exists()})
    return [folder for folder in every if not any(folder.is_relative_to(above) for above in every if above != folder)]


def _walked(node: Any, change: Callable[[Tree], Tree]) -> Any:  # noqa: ANN401 - a JSON tree
    if isinstance(node, list):
        return [_walked(each, change) for each in cast("list[Any]", node)]
    if not isinstance(node, dict):
        return node
    tree = cast("Tree", node)
    if isinstance(tree.get("containers"), list):
        return change(tree)
    return {key: _walked(value, change) for key, value in tree.items()}
