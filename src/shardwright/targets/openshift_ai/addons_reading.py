"""Namespace, shared volumes and machines beside a service as the options that render them: the way back from `addons`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shardwright import errors
from shardwright.facts import load as facts

if TYPE_CHECKING:
    from shardwright.core.importing import Fields, Surroundings
    from shardwright.core.manifests.objects import Object

__all__ = ["addons_of", "hardware_of"]

_VALUE = ("spec", "template", "spec", "providerSpec", "value")
_CLUSTER = "machine.openshift.io/cluster-api-cluster"


def addons_of(main: Object, surroundings: Surroundings) -> tuple[Fields, tuple[Object, ...]]:
    """`target.options` for what stands beside the service, and those objects."""
    found: list[Object] = []
    made: Fields = {}
    namespace = surroundings.named("Namespace", main.namespace)
    if namespace is not None:
        made["namespace"] = True
        found.append(namespace)
    server = next(surroundings.of_kind("NFSProvisioner"), None)
    if server is not None and server.text_at("spec", "storageClass"):
        made["nfs"] = server.text_at("spec", "storageClass")
        found.append(server)
    machines = _machines(surroundings)
    if machines is not None:
        made["machines"] = _keys(machines)
        found.append(machines)
    return made, tuple(found)


def hardware_of(surroundings: Surroundings) -> Fields:
    """The node shape that machines have, where the catalogue lists it."""
    machines = _machines(surroundings)
    if machines is None:
        return {}
    try:
        shape = facts.node_shape(machines.text_at(*_VALUE, "instanceType"))
    except errors.InputError:
        return {}
    return {"hardware.nodeShape": shape.name, "hardware.gpu": None}


def _machines(surroundings: Surroundings) -> Object | None:
    """The MachineSet whose cloud and place are written out."""
    return next((each for each in surroundings.of_kind("MachineSet") if all(_keys(each).values())), None)


def _keys(machines: Object) -> dict[str, str]:
    label = machines.map_at("metadata", "labels").get(_CLUSTER)
    return {
        "infrastructure": label if isinstance(label, str) else "",
        "region": machines.text_at(*_VALUE, "placement", "region"),
        "zone": machines.text_at(*_VALUE, "placement", "availabilityZone"),
        "image": machines.text_at(*_VALUE, "ami", "id"),
    }
