"""What some clusters lack, rendered only where it is asked for: a namespace, shared volumes, machines with GPUs.

Machines are asked of AWS, the cloud of the guide that this follows. Source: OpenShift 4.20, Machine API on AWS;
Jooho/nfs-provisioner-operator.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from shardwright.core import target_options
from shardwright.kubernetes.render import dump, labels
from shardwright.kubernetes.render.storage import claim_bytes
from shardwright.targets.openshift_ai import objects, options
from shardwright.units import GIB, format_quantity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shardwright.core.deployment import Deployment
    from shardwright.core.plugins import Manifest
    from shardwright.kubernetes.render.podspec import Tree

__all__ = ["TAINT", "rendered"]

TAINT = "nvidia.com/gpu"
"""Keeps pods without GPUs away from machines with some."""
_LEAST_NFS_BYTES = 500 * GIB
_OPERATORS = "openshift-operators"
_MACHINES = "openshift-machine-api"
_PREFIX = "machine.openshift.io"
_ROOT_GIB = 120


def rendered(deployment: Deployment) -> Iterator[Manifest]:
    """The add-ons that are asked for, in the order in which they are applied."""
    recipe = deployment.recipe
    if target_options.is_on(recipe, "namespace"):
        yield dump.as_manifest(_namespace(deployment))
    if target_options.text_of(recipe, "nfs"):
        yield dump.as_manifest(_nfs(deployment))
    if options.machines_of(recipe):
        yield dump.as_manifest(_machines(deployment))


def _namespace(deployment: Deployment) -> objects.Namespace:
    name = deployment.recipe.metadata.namespace
    made = labels.metadata(deployment, name, "namespace", own_labels={"opendatahub.io/dashboard": "true"})
    return objects.Namespace(metadata=dataclasses.replace(made, namespace=None))


def _nfs(deployment: Deployment) -> objects.NfsProvisioner:
    recipe = deployment.recipe
    size = max(_LEAST_NFS_BYTES, claim_bytes(deployment))
    made = labels.metadata(deployment, f"{recipe.metadata.name}-nfs", "shared-volumes")
    return objects.NfsProvisioner(
        metadata=dataclasses.replace(made, namespace=_OPERATORS),
        spec={
            "storageSize": format_quantity(size),
            "storageClass": target_options.text_of(recipe, "nfs"),
            "scForNFS": recipe.storage.storage_class or "nfs",
        },
    )


def _machines(deployment: Deployment) -> objects.MachineSet:
    recipe = deployment.recipe
    given, shape = options.machines_of(recipe), recipe.hardware.node_shape or ""
    zone = given.get("zone", "")
    name = f"{given.get('infrastructure', '')}-{shape.replace('.', '-')}-{zone}"
    cluster = {f"{_PREFIX}/cluster-api-cluster": given.get("infrastructure", "")}
    own = {**cluster, f"{_PREFIX}/cluster-api-machineset": name}
    spec = objects.MachineSpec(
        metadata=objects.Labelled(labels={"node-role.kubernetes.io/worker": ""}),
        provider_spec=objects.ProviderSpec(_aws(given, shape)),
        taints=(objects.Taint(key=TAINT, effect="NoSchedule"),),
    )
    made = labels.metadata(deployment, name, "machines", own_labels=cluster)
    return objects.MachineSet(
        metadata=dataclasses.replace(made, namespace=_MACHINES),
        spec=objects.MachineSetSpec(
            replicas=deployment.group.size * recipe.replicas,
            selector=objects.Selector(own),
            template=objects.MachineTemplate(
                metadata=objects.Labelled(
                    labels={
                        **own,
                        f"{_PREFIX}/cluster-api-machine-role": "worker",
                        f"{_PREFIX}/cluster-api-machine-type": "worker",
                    }
                ),
                spec=spec,
            ),
        ),
    )


def _aws(given: dict[str, str], shape: str) -> Tree:
    infrastructure, zone = given.get("infrastructure", ""), given.get("zone", "")
    return {
        "apiVersion": f"{_PREFIX}/v1beta1",
        "kind": "AWSMachineProviderConfig",
        "ami": {"id": given.get("image", "")},
        "instanceType": shape,
        "placement": {"region": given.get("region", ""), "availabilityZone": zone},
        "iamInstanceProfile": {"id": f"{infrastructure}-worker-profile"},
        "credentialsSecret": {"name": "aws-cloud-credentials"},
        "userDataSecret": {"name": "worker-user-data"},
        "securityGroups": [{"filters": [{"name": "tag:Name", "values": [f"{infrastructure}-worker-sg"]}]}],
        "subnet": {"filters": [{"name": "tag:Name", "values": [f"{infrastructure}-private-{zone}"]}]},
        "tags": [{"name": f"kubernetes.io/cluster/{infrastructure}", "value": "owned"}],
        "blockDevices": [{"ebs": {"volumeSize": _ROOT_GIB, "volumeType": "gp3", "encrypted": True}}],
    }
