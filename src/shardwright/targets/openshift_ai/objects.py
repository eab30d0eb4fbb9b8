"""Kinds of OpenShift that are written besides those of KServe, as typed values.

Source: OpenShift 4.20 API reference; Jooho/nfs-provisioner-operator. No definition of them was at hand: `fields.toml`
lists their fields.
"""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING

from shardwright.values import frozen

if TYPE_CHECKING:
    from shardwright.kubernetes.render.podspec import Metadata, Tree

__all__ = [
    "Labelled",
    "MachineSet",
    "MachineSetSpec",
    "MachineSpec",
    "MachineTemplate",
    "Namespace",
    "NfsProvisioner",
    "ProviderSpec",
    "Selector",
    "Taint",
    "Template",
]


@frozen(kw_only=True)
class Namespace:
    """A namespace of the cluster."""

    api_version: str = field(default="v1", init=False)
    kind: str = field(default="Namespace", init=False)
    metadata: Metadata


@frozen(kw_only=True)
class Template:
    """Objects that `oc process` writes out."""

    api_version: str = field(default="template.openshift.io/v1", init=False)
    kind: str = field(default="Template", init=False)
    metadata: Metadata
    objects: tuple[Tree, ...]


@frozen(kw_only=True)
class NfsProvisioner:
    """A server in the cluster that makes shared volumes; its spec has a name (`scForNFS`) that is no camelCase of ours."""

    api_version: str = field(default="cache.jhouse.com/v1alpha1", init=False)
    kind: str = field(default="NFSProvisioner", init=False)
    metadata: Metadata
    spec: Tree


@frozen(kw_only=True)
class Labelled:
    """Labels of machines or nodes."""

    labels: dict[str, str]


@frozen(kw_only=True)
class Taint:
    """Keeps pods away that do not tolerate it."""

    key: str
    effect: str


@frozen
class ProviderSpec:
    """What the cloud is asked for."""

    value: Tree


@frozen(kw_only=True)
class MachineSpec:
    """One machine."""

    metadata: Labelled
    provider_spec: ProviderSpec
    taints: tuple[Taint, ...]


@frozen(kw_only=True)
class MachineTemplate:
    """Machines of one kind."""

    metadata: Labelled
    spec: MachineSpec


@frozen
class Selector:
    """By which labels machines are found."""

    match_labels: dict[str, str]


@frozen(kw_only=True)
class MachineSetSpec:
    """Number and kind of machines."""

    replicas: int
    selector: Selector
    template: MachineTemplate


@frozen(kw_only=True)
class MachineSet:
    """Machines that OpenShift asks the cloud for."""

    api_version: str = field(default="machine.openshift.io/v1beta1", init=False)
    kind: str = field(default="MachineSet", init=False)
    metadata: Metadata
    spec: MachineSetSpec
