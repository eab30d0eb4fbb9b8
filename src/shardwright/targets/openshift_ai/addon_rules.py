"""Rules on the add-ons: each is for clusters that lack something, and each needs something else to be there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shardwright.core import target_options
from shardwright.kubernetes.rules.findings import error, info, unknown
from shardwright.targets.openshift_ai import addons, options

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shardwright.core.deployment import Deployment
    from shardwright.core.rules import Finding

__all__ = ["RULES", "listed_kinds"]


def listed_kinds(deployment: Deployment) -> tuple[str, ...]:
    """Kinds that are rendered and for which no definition was at hand."""
    recipe = deployment.recipe
    asked = {
        "MachineSet": bool(options.machines_of(recipe)),
        "NFSProvisioner": bool(target_options.text_of(recipe, "nfs")),
        "Route": recipe.expose.kind == "route",
        "Template": target_options.text_of(recipe, "runtime") == "template",
    }
    return tuple(name for name, is_rendered in asked.items() if is_rendered)


def machines(deployment: Deployment) -> Iterator[Finding]:
    """Machines are of a shape, and pods must tolerate their taint."""
    recipe = deployment.recipe
    given = options.machines_of(recipe)
    if not given:
        return
    if recipe.hardware.node_shape is None:
        yield error(
            "openshift-ai.machines-shape",
            path="hardware.nodeShape",
            message="machines are asked for, but not of which shape",
            fix="give hardware.nodeShape, as g5.4xlarge, instead of hardware.gpu",
            requirements=("R019",),
        )
    tolerated = any(
        entry.get("key") in {addons.TAINT, None} and entry.get("operator") == "Exists"
        for entry in recipe.pods.tolerations
    )
    if not tolerated:
        yield error(
            "openshift-ai.machines-tainted",
            path="pods.tolerations",
            message=f"the machines have the taint {addons.TAINT}:NoSchedule, which the pods do not tolerate",
            why="a toleration without operator: Exists means an empty value, and no taint with a value",
            fix=f"give pods.tolerations: [{{key: {addons.TAINT}, operator: Exists, effect: NoSchedule}}]",
            requirements=("R019",),
        )
    yield unknown(
        "openshift-ai.machines-cluster",
        path="target.options.machines",
        value=", ".join(given.values()),
        message=f"infrastructure {given.get('infrastructure')} must be this cluster's, and {given.get('image')} its image in that region",
        fix="kubectl get infrastructure cluster -o jsonpath='{.status.infrastructureName}'; the image as other MachineSets have it",
        requirements=("R019",),
    )


def shared_volumes(deployment: Deployment) -> Iterator[Finding]:
    """The NFS server is made by an operator, which is not rendered."""
    recipe = deployment.recipe
    backing = target_options.text_of(recipe, "nfs")
    if not backing:
        return
    if recipe.storage.claim is None:
        yield error(
            "openshift-ai.nfs-unused",
            path="target.options.nfs",
            value=backing,
            message="an NFS server is asked for, and no claim that would use it",
            fix="give storage: {claim: NAME, class: nfs}, or remove the option",
            requirements=("R018",),
        )
    yield unknown(
        "openshift-ai.nfs-operator",
        path="target.options.nfs",
        value=backing,
        message=f"the operator of NFSProvisioner must be installed, and storage class {backing} be there",
        why="one server in the cluster holds the model; it is for trying things out",
        fix="kubectl get crd nfsprovisioners.cache.jhouse.com; install nfs-provisioner-operator from OperatorHub",
        requirements=("R018",),
    )


def template(deployment: Deployment) -> Iterator[Finding]:
    """A Template does nothing until it is processed."""
    recipe = deployment.recipe
    if target_options.text_of(recipe, "runtime") == "template":
        name, namespace = f"{options.runtime_name(recipe)}-template", recipe.metadata.namespace
        yield info(
            "openshift-ai.template",
            path="target.options.runtime",
            value="template",
            message=f"the runtime is there only when Template {name} has been processed",
            fix=f"oc process -n {namespace} {name} | oc apply -n {namespace} -f -",
            requirements=("R024",),
        )


RULES = (machines, shared_volumes, template)
"""All rules on add-ons."""
