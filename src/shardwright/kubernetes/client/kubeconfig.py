"""Which cluster is meant: a kubeconfig and one of its contexts, or the service account of the pod that this runs in.

In the order kubectl has it: `--kubeconfig`, `KUBECONFIG` (several files are one, the first to name a thing wins),
`~/.kube/config`, the service account. Values of a kubeconfig are never shown: they may be credentials.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shardwright import errors
from shardwright.kubernetes.place import NoContext, Place
from shardwright.settings import load_kubernetes_settings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lightkube.config.kubeconfig import KubeConfig, SingleConfig

    from shardwright.kubernetes.client.refs import Tree

__all__ = ["Place", "find_config"]

_EXEC_VERSIONS = ("client.authentication.k8s.io/v1", "client.authentication.k8s.io/v1beta1")


def find_config(place: Place) -> SingleConfig:
    """The context that is meant; AccessError with what there is if it cannot be found or read."""
    from lightkube.core.exceptions import ConfigError  # noqa: PLC0415 - slow to import

    try:
        return _select(_load(place), place)
    except ConfigError as problem:
        raise errors.AccessError(f"kubeconfig: {problem}", hint="kubectl config view shows what it holds") from problem


def _load(place: Place) -> KubeConfig:
    from lightkube.config.kubeconfig import KubeConfig  # noqa: PLC0415 - slow to import

    settings = load_kubernetes_settings()
    given = [Path(place.kubeconfig)] if place.kubeconfig else list(settings.kubeconfigs)
    files = [path.expanduser() for path in given]
    present = [path for path in files if path.is_file()]
    if place.kubeconfig and not present:
        raise errors.AccessError(f"--kubeconfig {place.kubeconfig}: there is no such file")
    if present:
        return _merged([_read(path) for path in present], present)
    if settings.is_in_pod:
        return KubeConfig.from_service_account()
    looked = ", ".join(map(str, files))
    raise errors.AccessError(
        f"no kubeconfig: {looked} is not there, and this is no pod with a service account",
        hint="log in to a cluster, or name a file: --kubeconfig FILE",
    )


def _read(path: Path) -> Tree:
    import yaml  # noqa: PLC0415 - slow to import

    try:
        text = path.read_text("utf-8")
        loaded: Any = json.loads(text) if text.lstrip().startswith("{") else yaml.load(text, yaml.CSafeLoader)
    except (OSError, ValueError, yaml.YAMLError) as problem:
        reason = problem.strerror if isinstance(problem, OSError) else "it is no YAML"
        raise errors.AccessError(f"{path}: the kubeconfig cannot be read: {reason}") from problem
    if not isinstance(loaded, dict):
        raise errors.AccessError(f"{path}: this is no kubeconfig: there is no map in it")
    return loaded  # pyright: ignore[reportUnknownVariableType] - YAML


def _merged(files: Sequence[Tree], paths: Sequence[Path]) -> KubeConfig:
    """Several files as one: of each name the first entry counts; relative paths in it belong to its own file."""
    from lightkube.config.kubeconfig import KubeConfig  # noqa: PLC0415 - slow to import

    merged: Tree = {"clusters": {}, "contexts": {}, "users": {}}
    for tree, path in zip(files, paths, strict=True):
        for part, single in (("clusters", "cluster"), ("contexts", "context"), ("users", "user")):
            for entry in _entries(tree, part):
                merged[part].setdefault(
                    entry.get("name"), {"name": entry.get("name"), single: _absolute(entry, single, path)}
                )
    current = next((tree["current-context"] for tree in files if tree.get("current-context")), None)
    whole = {part: list(entries.values()) for part, entries in merged.items()} | {"current-context": current}
    return _parsed(KubeConfig, whole, paths[0])


def _parsed(kind: type[KubeConfig], whole: Tree, path: Path) -> KubeConfig:
    import msgspec  # noqa: PLC0415 - slow to import

    try:
        return kind.from_dict(whole, fname=path)  # pyright: ignore[reportUnknownMemberType] - the library's Dict
    except (msgspec.ValidationError, KeyError, TypeError) as problem:
        raise errors.AccessError(f"{path}: this is no kubeconfig: {problem}") from problem


def _entries(tree: Tree, part: str) -> list[Tree]:
    found: Any = tree.get(part)
    return [entry for entry in found if isinstance(entry, dict)] if isinstance(found, list) else []  # pyright: ignore[reportUnknownVariableType] - YAML


def _absolute(entry: Tree, single: str, path: Path) -> Tree:
    value = dict(entry.get(single) or {})
    for key in ("certificate-authority", "client-certificate", "client-key", "tokenFile"):
        if value.get(key):
            value[key] = str((path.parent / str(value[key])).absolute())
    if value.get("exec"):
        value["exec"] = _plugin(dict(value["exec"]))
    return value


def _plugin(called: Tree) -> Tree:
    """A plugin is told what it is asked for, as kubectl does; both versions of its interface answer alike."""
    version = called.get("apiVersion")
    if version in _EXEC_VERSIONS:
        asked = {"apiVersion": version, "kind": "ExecCredential", "spec": {"interactive": False}}
        told = {"name": "KUBERNETES_EXEC_INFO", "value": json.dumps(asked)}
        called |= {"apiVersion": _EXEC_VERSIONS[1], "env": [*(called.get("env") or ()), told]}
    return called


def _select(config: KubeConfig, place: Place) -> SingleConfig:
    from lightkube.config.models import User  # noqa: PLC0415 - slow to import

    wanted = place.context or config.current_context
    known = ", ".join(sorted(config.contexts)) or "none"
    if not wanted:
        raise NoContext("the kubeconfig has no current context", hint=f"--context NAME; there are: {known}")
    if wanted not in config.contexts:
        raise errors.AccessError(f"the kubeconfig has no context {wanted!r}", hint=f"there are: {known}")
    context = config.contexts[wanted]
    for part, name, entries in (("cluster", context.cluster, config.clusters), ("user", context.user, config.users)):
        if name and name not in entries:
            raise errors.AccessError(
                f"context {wanted!r} of the kubeconfig means the {part} {name!r}, which is not in it"
            )
    found: SingleConfig = config.get(wanted)  # pyright: ignore[reportAssignmentType] - None only for a default, and none was given
    # A context may name no user, behind `kubectl proxy` for one.
    return found if found.user else found._replace(user=User())
