"""Accounts with printed rights alone, on a real API server, and what a command asked for as one of them.

Requests go through a proxy that keeps a list of them; rights are checked by the server itself. Pods wait for a node that
never comes: the one that brings the model is said to have ended well by this program, in its kubelet's place.
"""

from __future__ import annotations

import contextlib
import json
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import yaml
from click.testing import CliRunner

from shardwright import errors
from shardwright.cli import main
from shardwright.testing.cluster import fault_proxy

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Sequence

    from click.testing import Result

    from shardwright.testing.cluster.api import Api
    from shardwright.testing.cluster.clusters import Running

__all__ = [
    "ACCOUNT", "EXAMPLES", "NAME", "Account", "Right", "account", "brought", "gpu_policies", "nodes", "printed",
    "rights_of", "routes", "set_status", "used", "volume",
    "without",
]  # fmt: skip

EXAMPLES = Path(__file__).parents[2] / "examples"
NAME = "llama-3-8b"
ACCOUNT = "deployer"
Right = tuple[str, str, str]
"""Verb, resource as `jobs.batch`, and the namespace; empty for the whole cluster."""
_VERBS = {"POST": "create", "PUT": "update", "DELETE": "delete"}
_SECONDS = 30.0
_NODES = {
    "rights-a": ("NVIDIA-A10G", "23028"),
    "rights-b": ("NVIDIA-A10G", "23028"),
    "rights-c": ("NVIDIA-L40S", "46068"),
}
_LABELS = {
    "nvidia.com/cuda.runtime.major": "13",
    "nvidia.com/cuda.runtime.minor": "0",
    "feature.node.kubernetes.io/pci-10de.present": "true",
}
_ASKING = "selfsubjectaccessreviews"


class Account:
    """Somebody who has no right at first, and a cluster as they meet it."""

    def __init__(self, api: Api, proxy: fault_proxy.Proxy, kubeconfig: Path, namespace: str) -> None:
        self.api, self.proxy, self.kubeconfig, self.namespace = api, proxy, kubeconfig, namespace

    def run(self, *arguments: str, is_wanted: bool = True) -> Result:
        """A command as that account."""
        connection = ("--kubeconfig", str(self.kubeconfig)) if is_wanted else ()
        return CliRunner().invoke(main.cli, [*arguments, *connection])

    def give(self, objects: Iterable[dict[str, Any]]) -> None:
        """Apply what was printed, as the administrator."""
        for body in objects:
            self.api.apply(body)

    def forget(self) -> None:
        """Begin a new list of requests."""
        self.proxy.requests.clear()


@contextlib.contextmanager
def account(running: Running, folder: Path) -> Generator[Account]:
    """A new account in a new namespace with the Secret that the example names."""
    with running.namespace("rights") as namespace, running.api() as api, fault_proxy.running(running.plane) as proxy:
        path = f"/api/v1/namespaces/{namespace}"
        body: dict[str, Any] = {"apiVersion": "v1", "metadata": {"name": ACCOUNT, "namespace": namespace}}
        api.create(body | {"kind": "ServiceAccount"})
        secret = body | {"kind": "Secret", "metadata": {"name": "hf-token", "namespace": namespace}}
        api.create(secret | {"stringData": {"token": "hf_of_nobody"}})
        asked: dict[str, Any] = {
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenRequest",
            "spec": {"audiences": []},
        }
        answer = api.connection.ask("POST", f"{path}/serviceaccounts/{ACCOUNT}/token", {}, json=asked)
        config = proxy.write_kubeconfig(folder / f"{namespace}.json", answer["status"]["token"])
        yield Account(api, proxy, config, namespace)


def printed(account: Account, *recipe: str) -> list[dict[str, Any]]:
    """What `check --print-rbac` prints for the account."""
    whom = ("--print-rbac", "--service-account", f"{account.namespace}:{ACCOUNT}")
    result = account.run("check", *recipe, *whom)
    assert result.exit_code == 0, result.output
    return [body for body in yaml.load_all(result.stdout, yaml.CSafeLoader) if body]


def rights_of(objects: Iterable[dict[str, Any]]) -> set[Right]:
    """The rights that Roles give, one by one."""
    return {
        (verb, resource if not group else f"{resource}.{group}", body["metadata"].get("namespace", ""))
        for body in objects
        for rule in body.get("rules", ())
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }


def used(requests: Sequence[str]) -> set[Right]:
    """The rights that requests needed; server-side apply may create, so it counts as both."""
    found: set[Right] = set()
    for line in requests:
        method, path, *rest = line.split()
        right = _right(method, unquote(path), is_watch=rest[:1] == ["watch"])
        if right is not None and not right[1].startswith(_ASKING):
            found.add(right)
            if right[0] == "patch":
                found.add(("create", *right[1:]))
    return found


def _right(method: str, path: str, *, is_watch: bool) -> Right | None:
    parts = path.strip("/").split("/")
    group, rest = ("", parts[2:]) if parts[0] == "api" else (parts[1] if len(parts) > 1 else "", parts[3:])
    namespace = ""
    if len(rest) > 2 and rest[0] == "namespaces":
        namespace, rest = rest[1], rest[2:]
    if not rest or parts[0] not in {"api", "apis"}:
        return None
    plural, name, inside = rest[0], rest[1:2], rest[2:3]
    resource = f"{plural}/{inside[0]}" if inside else plural
    verb = _VERBS.get(method) or ("patch" if method == "PATCH" else "")
    verb = verb or ("get" if name else "watch" if is_watch else "list")
    return verb, f"{resource}.{group}" if group else resource, namespace


@contextlib.contextmanager
def brought(api: Api, namespace: str) -> Generator[None]:
    """For the length of a block say of the pods of Jobs that they ended well."""
    stop = threading.Event()
    path = f"/api/v1/namespaces/{namespace}/pods"

    def play() -> None:
        while not stop.wait(0.1):
            for each in api.items(path):
                is_job = "batch.kubernetes.io/job-name" in each["metadata"].get("labels", {})
                if is_job and each.get("status", {}).get("phase") == "Pending":
                    _end(api, f"{path}/{each['metadata']['name']}")

    playing = threading.Thread(target=play)
    playing.start()
    try:
        yield
    finally:
        stop.set()
        playing.join()


def _end(api: Api, path: str) -> None:
    with contextlib.suppress(errors.NotFound):
        _change(api, f"{path}/status", "/status/phase", "Succeeded")


def _change(api: Api, path: str, field: str, value: object) -> None:
    change = [{"op": "add", "path": field, "value": value}]
    headers = {"Content-Type": "application/json-patch+json"}
    api.connection.ask("PATCH", path, {}, content=json.dumps(change).encode(), headers=headers)


@contextlib.contextmanager
def gpu_policies(api: Api) -> Generator[None]:
    """For the length of a block the server has the GPU operator's kind of settings, and none of them."""
    with _definition(api, "nvidia.com", ("clusterpolicies", "ClusterPolicy"), scope="Cluster"):
        yield


@contextlib.contextmanager
def _definition(api: Api, group: str, names: tuple[str, str], *, scope: str) -> Generator[None]:
    """A kind with any fields, by its plural and its name."""
    plural, kind = names
    schema = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
    version: dict[str, Any] = {"name": "v1", "served": True, "storage": True, "schema": schema}
    body: dict[str, Any] = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{group}"},
        "spec": {
            "group": group,
            "scope": scope,
            "names": {"plural": plural, "singular": kind.lower(), "kind": kind},
            "versions": [version | {"subresources": {"status": {}}}],
        },
    }
    api.create(body)
    _wait(lambda: api.has(f"/apis/{group}/v1/{plural}"))
    try:
        yield
    finally:
        api.delete(f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{plural}.{group}")


def _wait(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _SECONDS
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.1)


@contextlib.contextmanager
def nodes(api: Api) -> Generator[None]:
    """For the length of a block nodes that are objects only, each with two GPUs."""
    amounts = {"cpu": "64", "memory": "512Gi", "pods": "110", "nvidia.com/gpu": "2"}
    status = {"capacity": amounts, "allocatable": amounts, "conditions": [{"type": "Ready", "status": "True"}]}
    try:
        for name, (product, memory) in _NODES.items():
            labels = {**_LABELS, "nvidia.com/gpu.product": product, "nvidia.com/gpu.memory": memory}
            api.create({"apiVersion": "v1", "kind": "Node", "metadata": {"name": name, "labels": labels}})
            _change(api, f"/api/v1/nodes/{name}/status", "/status", status)
            _change(api, f"/api/v1/nodes/{name}", "/spec/taints", [])
        yield
    finally:
        for name in _NODES:
            with contextlib.suppress(errors.NotFound):
                api.delete(f"/api/v1/nodes/{name}")


@contextlib.contextmanager
def volume(api: Api, namespace: str) -> Generator[None]:
    """For the length of a block a volume that the example's claim is bound to."""
    spec = {
        "capacity": {"storage": "100Gi"},
        "accessModes": ["ReadWriteMany"],
        "nfs": {"server": "nowhere", "path": "/"},
        "claimRef": {"namespace": namespace, "name": "models"},
    }
    api.create({"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": namespace}, "spec": spec})
    try:
        yield
    finally:
        api.delete(f"/api/v1/persistentvolumes/{namespace}")


def without(objects: list[dict[str, Any]], verb: str, resource: str) -> list[dict[str, Any]]:
    """The same Roles with one right less; in the whole cluster too, where it would hold for the namespace as well."""

    def less(rule: dict[str, Any], one: str) -> list[str]:
        is_it = (one if not rule["apiGroups"][0] else f"{one}.{rule['apiGroups'][0]}") == resource
        return [each for each in rule["verbs"] if not (is_it and each == verb)]

    changed: list[dict[str, Any]] = []
    for body in objects:
        rules = [(rule, one) for rule in body.get("rules", ()) for one in rule["resources"] if less(rule, one)]
        own = {"rules": [rule | {"resources": [one], "verbs": less(rule, one)} for rule, one in rules]}
        changed.append(body | (own if "rules" in body else {}))
    return changed


def set_status(api: Api, path: str, status: dict[str, Any]) -> None:
    """Write an object's status, as its controller would."""
    _change(api, f"{path}/status", "/status", status)


@contextlib.contextmanager
def routes(api: Api) -> Generator[None]:
    """For the length of a block the server has a kind Route; its fields are OpenShift's own matter."""
    with _definition(api, "route.openshift.io", ("routes", "Route"), scope="Namespaced"):
        yield
