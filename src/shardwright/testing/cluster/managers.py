"""Controllers of the projects that targets render for, run beside a cluster as processes of this user.

What each needs is a value of its own (`known_managers`); here they are started alike: definitions first, for kinds that
are missing at the start are not watched; then the program; then its webhooks, by address and not by service, so that
nothing of it has to run inside the cluster.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import httpx2
import yaml

from shardwright.testing.cluster import certificates, crds, ports
from shardwright.testing.cluster.certificates import Pair
from shardwright.values import frozen

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from shardwright.testing.cluster.api import Api, Tree
    from shardwright.testing.cluster.building import Programs
    from shardwright.testing.cluster.control_plane import ControlPlane
    from shardwright.testing.cluster.processes import Processes

__all__ = ["Manager", "Order", "Start", "start"]

_LOOPBACK = "127.0.0.1"
_TIMEOUT_SECONDS = 90.0


@frozen
class Order:
    """What a manager is started with."""

    folder: Path
    """Its own."""
    kubeconfig: Path
    hook_port: int
    probe_port: int


@frozen
class Start:
    """How it is started."""

    flags: tuple[str, ...]
    certificates: Path
    """Folder where it reads `tls.crt` and `tls.key` of its webhooks."""
    environment: Mapping[str, str]


@frozen
class Manager:
    """One project's controllers."""

    program: str
    project: str
    """Whose module holds its webhooks and objects."""
    kinds: Mapping[str, tuple[str, ...]]
    """Project -> kinds it acts on or looks for; no kinds: all of the project."""
    command: Callable[[Order], Start]
    hooks: str = ""
    """File with its webhooks; empty: it has none."""
    pod_label: str = ""
    """Webhooks of pods that say nothing else are asked about pods with this label only."""
    converted: tuple[str, ...] = ()
    """Kinds whose versions it converts."""
    namespace: str = ""
    """Made for it; objects of its project go there."""
    before: str = ""
    """Files with objects that it reads at its start, as a pattern below the module's folder."""
    after: str = ""
    """Files with objects that its webhooks judge."""
    change: Callable[[Tree], Tree] = dict
    """What is changed in those objects."""


def start(manager: Manager, programs: Programs, plane: ControlPlane, started: Processes, folder: Path) -> None:
    """Start it and wait until it answers and judges; its webhook configurations begin with its program's name.

    TargetError, with what it logged, if it ends or is not ready in time.
    """
    order = Order(folder, plane.kubeconfig, ports.free_port(), ports.free_port())
    folder.mkdir()
    command = manager.command(order)
    command.certificates.mkdir(parents=True, exist_ok=True)
    pair = Pair(command.certificates / "tls.crt", command.certificates / "tls.key")
    certificates.make_server(plane.signer, pair, [_LOOPBACK])
    with plane.api() as api:
        if manager.namespace:
            api.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": manager.namespace}})
        _install_kinds(api, manager, plane, order.hook_port)
        _apply_files(api, manager, manager.before)
        argv = (programs.path(manager.program), *command.flags)
        started.start(manager.program, argv, environment=command.environment)
        _wait_until_ready(manager, order, started)
        _apply_hooks(api, manager, plane, order.hook_port)
        _apply_files(api, manager, manager.after)


def _install_kinds(api: Api, manager: Manager, plane: ControlPlane, hook_port: int) -> None:
    """Put definitions in place that are not yet there."""
    for project, kinds in manager.kinds.items():
        release = crds.read_module(project)
        if project == manager.project and manager.converted:
            url = f"https://{_LOOPBACK}:{hook_port}/convert"
            release = crds.with_conversion(release, manager.converted, url, plane.signer.bundle)
        wanted = kinds or tuple(release.definitions)
        crds.install(api, release, [kind for kind in wanted if not crds.is_in_place(api, release, kind)])


def _wait_until_ready(manager: Manager, order: Order, started: Processes) -> None:
    started.wait_until(
        lambda: _is_ready(order.probe_port) and (not manager.hooks or ports.accepts(order.hook_port)),
        f"{manager.program} is ready",
        manager.program,
        timeout_seconds=_TIMEOUT_SECONDS,
    )


def _is_ready(port: int) -> bool:
    try:
        return httpx2.get(f"http://{_LOOPBACK}:{port}/readyz", trust_env=False, timeout=5).is_success
    except httpx2.TransportError:
        return False


def _apply_hooks(api: Api, manager: Manager, plane: ControlPlane, hook_port: int) -> None:
    if not manager.hooks:
        return
    text = (crds.module_folder(manager.project) / manager.hooks).read_text("utf-8")
    for body in _objects(text):
        for hook in body["webhooks"]:
            path = hook["clientConfig"]["service"]["path"]
            hook["clientConfig"] = {"url": f"https://{_LOOPBACK}:{hook_port}{path}", "caBundle": plane.signer.bundle}
            if "objectSelector" not in hook and any("pods" in rule["resources"] for rule in hook["rules"]):
                hook["objectSelector"] = {"matchExpressions": [{"key": manager.pod_label, "operator": "Exists"}]}
        body["metadata"] = {"name": f"{manager.program}-{body['metadata']['name']}"}
        api.apply(body)


def _apply_files(api: Api, manager: Manager, pattern: str) -> None:
    for path in sorted(crds.module_folder(manager.project).glob(pattern)) if pattern else ():
        for body in _objects(path.read_text("utf-8")):
            body["metadata"]["namespace"] = manager.namespace
            api.apply(manager.change(body))


def _objects(text: str) -> list[dict[str, Any]]:
    return [cast("Tree", body) for body in yaml.load_all(text, yaml.CSafeLoader) if body]
