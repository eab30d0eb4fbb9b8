"""What must be in a cluster before a deployment is applied, and the exact steps that put it there.

Each target names its own controller in its facts, release by release; what several need is in `prerequisites.toml`
beside this, which also explains the form. Nothing is asked of a cluster here: every entry brings the command that does.
"""

from __future__ import annotations

import functools
import json
import tomllib
from importlib import resources
from typing import TYPE_CHECKING, Any, TypeVar

from shardwright.kubernetes.render import members
from shardwright.values import frozen

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from shardwright.core.deployment import Deployment

__all__ = ["Prerequisite", "distribution_of", "has_table", "needed"]

_Value = TypeVar("_Value")


@frozen
class Prerequisite:
    """Something that a cluster must have."""

    name: str
    release: str
    """The release that the steps install; empty where they name it alone."""
    check: str
    """Command that shows whether it is there."""
    install: tuple[str, ...]
    """Steps in order; each is one command of a shell."""
    kinds: tuple[str, ...] = ()
    """`GROUP/KIND` that show that it is installed."""
    deployments: tuple[str, ...] = ()
    """Names of the Deployments of its controllers; one of them is enough."""
    devices: str = ""
    """Vendor of the devices that it brings; empty: none."""
    is_shared: bool = False
    """Only others need it."""
    is_platform: bool = False
    """Its release is the one that recipes name in `target.version`."""


@functools.cache
def _table(package: str, file: str) -> dict[str, Any]:
    place = resources.files(package).joinpath(file)
    return tomllib.loads(place.read_text("utf-8")) if place.is_file() else {}


def has_table(package: str) -> bool:
    """Whether a target's facts say what it needs; one that does not run in a cluster has no such table."""
    return "prerequisites" in _table(package, "facts.toml")


def distribution_of(package: str) -> str:
    """`openshift` where a target runs on nothing else; empty otherwise."""
    return str(_table(package, "facts.toml").get("distribution", ""))


def needed(deployment: Deployment, package: str, version: str) -> tuple[Prerequisite, ...]:
    """All that this deployment needs of a cluster, in the order of installation; `version` is the target's."""
    facts = _table(package, "facts.toml")
    own: list[dict[str, Any]] = facts["prerequisites"]
    everything: list[dict[str, Any]] = [
        *own,
        *_table("shardwright.kubernetes.render", "prerequisites.toml")["prerequisites"],
    ]
    by_name = {entry["name"]: entry for entry in reversed(everything)}
    openshift = facts.get("distribution") == "openshift" or deployment.recipe.expose.kind == "route"
    wanted = [entry for entry in everything if _applies(deployment, entry.get("when", "always"))]
    ordered = _with_needs(wanted, by_name, openshift=openshift)
    return tuple(_prerequisite(entry, version, openshift=openshift) for entry in ordered)


def _applies(deployment: Deployment, when: str) -> bool:
    recipe = deployment.recipe
    kind, _, value = when.partition(":")
    if kind == "option":
        name, _, wanted = value.partition("=")
        given = recipe.target.options.get(name) if recipe.target else None
        return given == wanted if wanted else bool(given)
    rdma = recipe.network.rdma
    holds = {
        "always": True,
        "gpu": bool(value) and members.gpu_resource(deployment).partition("/")[0] == value,
        "rdma": rdma is not None,
        "networks": rdma is not None and bool(rdma.networks),
        "gateway": recipe.expose.kind == "gateway",
        "several-nodes": deployment.group.size > 1,
    }
    return holds.get(kind, False)


def _with_needs(
    wanted: Iterable[dict[str, Any]], by_name: dict[str, dict[str, Any]], *, openshift: bool
) -> Iterator[dict[str, Any]]:
    """Each entry once, after those that it needs."""
    done: set[str] = set()
    pending = list(reversed(list(wanted)))
    while pending:
        entry = pending[-1]
        missing = [by_name[name] for name in _needs(entry, openshift=openshift) if name not in done]
        if missing:
            pending.extend(reversed(missing))
            continue
        pending.pop()
        if entry["name"] not in done:
            done.add(entry["name"])
            yield entry


def _needs(entry: dict[str, Any], *, openshift: bool) -> list[str]:
    by_catalogue: dict[str, Any] = entry.get("openshift", {}) if openshift else {}
    return [*entry.get("needs", ()), *by_catalogue.get("needs", ())]


def _prerequisite(entry: dict[str, Any], version: str, *, openshift: bool) -> Prerequisite:
    pin = _at(entry.get("pins", {}), version) or ""
    catalogue: dict[str, Any] | None = entry.get("openshift") if openshift else None
    written: list[str] | dict[str, list[str]] = entry["install"]
    install = written if isinstance(written, list) else _at(written, version) or []
    steps = _steps_by_catalogue(catalogue) if catalogue else tuple(install)
    return Prerequisite(
        name=entry["name"],
        release=str(catalogue["channel"]).replace("{pin}", pin) if catalogue else pin,
        check=entry["check"].replace("kubectl", "oc") if openshift else entry["check"],
        install=tuple(step.replace("{pin}", pin) for step in steps),
        kinds=tuple(entry.get("kinds", ())),
        deployments=tuple(entry.get("deployments", ())),
        devices=str(entry.get("when", "")).partition("gpu:")[2],
        is_shared=entry.get("when") == "shared",
        is_platform=bool(entry.get("platform", False)),
    )


def _at(table: Mapping[str, _Value], version: str) -> _Value | None:
    """What a table has by the target's version, each entry holding from there on; None before the first."""
    firsts = [first for first in table if _number(first) <= _number(version)]
    return table[max(firsts, key=_number)] if firsts else None


def _number(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))


def _steps_by_catalogue(entry: dict[str, Any]) -> tuple[str, ...]:
    """Namespace, group and subscription of an operator, then an object of the operator's own example."""
    namespace: str = entry["namespace"]
    package: str = entry["package"]
    spec: dict[str, Any] = {} if entry.get("scope") == "all" else {"targetNamespaces": [namespace]}
    objects: list[dict[str, Any]] = [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}},
        {
            "apiVersion": "operators.coreos.com/v1",
            "kind": "OperatorGroup",
            "metadata": {"name": package, "namespace": namespace},
            "spec": spec,
        },
        {
            "apiVersion": "operators.coreos.com/v1alpha1",
            "kind": "Subscription",
            "metadata": {"name": package, "namespace": namespace},
            "spec": {
                "name": package,
                "channel": entry["channel"],
                "source": entry["source"],
                "sourceNamespace": "openshift-marketplace",
            },
        },
    ]
    listed = json.dumps({"apiVersion": "v1", "kind": "List", "items": objects})
    steps = [f"echo '{listed}' | oc apply -f -"]
    if "sample" in entry:
        steps += _sample(f"-n {namespace} -l operators.coreos.com/{package}.{namespace}", namespace, entry["sample"])
    return tuple(steps)


def _sample(chosen: str, namespace: str, kind: str) -> tuple[str, str]:
    """Wait until the operator runs, then create the object that it brings as its example."""
    phase = f'oc get csv {chosen} -o jsonpath="{{.items[0].status.phase}}" | grep -q Succeeded'
    example = f'.items[0].metadata.annotations["alm-examples"] | fromjson | map(select(.kind == "{kind}")) | first'
    return (
        f"timeout 600 sh -c 'until {phase}; do sleep 5; done'",
        f"oc get csv {chosen} -o json | jq '{example}' | oc apply -n {namespace} -f -",
    )
