"""What all pods of a deployment have in common: where they may run, what they may do, a home folder.

Least privilege by default: no more rights than the image's user has, no capabilities, no token of the cluster. Which
user that is stays the image's or the cluster's choice: engine images run as root, OpenShift gives any number.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import TYPE_CHECKING, Literal, cast

from shardwright.core.recipe.model import KeyRef, PodOverrides
from shardwright.kubernetes.render import dump, labels
from shardwright.kubernetes.render.podspec import (
    Capabilities,
    Container,
    EmptyDir,
    EnvSource,
    EnvVar,
    FieldRef,
    Metadata,
    NameRef,
    PodSpec,
    PodTemplate,
    SeccompProfile,
    SecretKeyRef,
    SecurityContext,
    Tree,
    Volume,
    VolumeMount,
)
from shardwright.values import frozen

if TYPE_CHECKING:
    from collections.abc import Iterable

    from shardwright.core.deployment import Deployment, Variable
    from shardwright.core.recipe.model import Pods

__all__ = [
    "HOME_MOUNT",
    "HOME_VARIABLES",
    "HOME_VOLUME",
    "NO_SIDECAR",
    "OF_PODS",
    "OWN_ADDRESS",
    "OWN_ADDRESS_VARIABLE",
    "Extras",
    "Role",
    "environment",
    "overrides",
    "pod_context",
    "security_context",
    "template",
    "variable",
]

Role = Literal["leader", "worker", "download"]

OWN_ADDRESS_VARIABLE = EnvVar(name="POD_IP", value_from=EnvSource(field_ref=FieldRef("status.podIP")))
OWN_ADDRESS = "$(POD_IP)"

_HOME = "/home/engine"
HOME_VOLUME = Volume(name="home", empty_dir=EmptyDir())
HOME_MOUNT = VolumeMount(name="home", mount_path=_HOME)
# A user number without an entry in the image's passwd has neither a writable home nor a name; torch asks for both.
HOME_VARIABLES = (EnvVar(name="HOME", value=_HOME), EnvVar(name="USER", value="engine"))

OF_PODS = frozenset(
    {
        "fsGroup",
        "fsGroupChangePolicy",
        "seLinuxChangePolicy",
        "supplementalGroups",
        "supplementalGroupsPolicy",
        "sysctls",
    }
)
"""Fields of a security context that pods have and containers have not."""

NO_SIDECAR = {"sidecar.istio.io/inject": "false"}
"""As label and as annotation: versions of Istio differ in which one counts. A sidecar keeps a Job from ending and
blocks the random ports on which members of a group meet."""


def _texts() -> dict[str, str]:
    return {}


@frozen(kw_only=True)
class Extras:
    """What a target adds to the pods of a group, besides what the recipe asks for."""

    annotations: dict[str, str] = field(default_factory=_texts)
    scheduler_name: str | None = None
    """Another scheduler than the cluster's own."""
    sidecar: bool = False
    """Whether a mesh may put its sidecar into the pod."""


def overrides(pods: Pods, role: Role) -> PodOverrides:
    """What differs for the leader or the workers."""
    chosen = {"leader": pods.leader, "worker": pods.worker}.get(role)
    return chosen or PodOverrides()


def template(
    deployment: Deployment,
    role: Role,
    own_labels: Mapping[str, str],
    *,
    containers: tuple[Container, ...],
    init_containers: tuple[Container, ...] = (),
    volumes: tuple[Volume, ...],
    extras: Extras | None = None,
) -> PodTemplate:
    """A pod template with everything that the recipe's `pods` asks for; `own_labels` are those by which pods are found."""
    pods = deployment.recipe.pods
    own, extras = overrides(pods, role), extras or Extras()
    mesh = {} if extras.sidecar else NO_SIDECAR
    return PodTemplate(
        metadata=Metadata(
            labels={**mesh, **pods.labels, **own.labels, **labels.identity(deployment, role), **own_labels},
            annotations={**mesh, **pods.annotations, **own.annotations, **extras.annotations},
        ),
        spec=PodSpec(
            restart_policy="OnFailure" if role == "download" else None,
            service_account_name=pods.service_account,
            automount_service_account_token=None if pods.service_account else False,
            enable_service_links=False,
            scheduler_name=extras.scheduler_name,
            priority_class_name=pods.priority_class,
            image_pull_secrets=tuple(NameRef(name) for name in pods.image_pull_secrets),
            node_selector={**pods.node_selector, **own.node_selector},
            affinity=pods.affinity,
            tolerations=pods.tolerations,
            security_context=pod_context(pods),
            init_containers=init_containers,
            containers=containers,
            volumes=volumes,
        ),
    )


def security_context(pods: Pods, *, locks_memory: bool = False) -> Tree:
    """Least privilege of a container, with the recipe's context over it, field by field; RDMA locks memory whatever that says."""
    least = SecurityContext(
        allow_privilege_escalation=False,
        capabilities=Capabilities(drop=("ALL",)),
        seccomp_profile=SeccompProfile("RuntimeDefault"),
    )
    asked: Tree = pods.security_context or {}
    made = {
        **cast("Tree", dump.as_tree(least)),
        **{name: value for name, value in asked.items() if name not in OF_PODS},
    }
    return {**made, "capabilities": _with_locking(made["capabilities"])} if locks_memory else made


def _with_locking(capabilities: object) -> Tree:
    given = cast("Tree", capabilities) if isinstance(capabilities, Mapping) else {}
    added: list[str] = given.get("add") or []
    return {**given, "add": [*added, *(["IPC_LOCK"] if "IPC_LOCK" not in added else [])]}


def variable(given: Variable) -> EnvVar:
    """A variable of a launch as Kubernetes has it; a secret's value is referred to, never written."""
    if isinstance(given.value, KeyRef):
        return EnvVar(
            name=given.name, value_from=EnvSource(secret_key_ref=SecretKeyRef(given.value.secret, given.value.key))
        )
    return EnvVar(name=given.name, value=given.value)


def environment(own: Iterable[EnvVar], given: Iterable[Variable]) -> tuple[EnvVar, ...]:
    """Variables of a container, each name once: what is given replaces our own.

    Our own come first, because `$(NAME)` is filled in only with variables that stand before it.
    """
    theirs = {entry.name: variable(entry) for entry in given}
    return (*(entry for entry in own if entry.name not in theirs), *theirs.values())


def pod_context(pods: Pods) -> Tree | None:
    """What only a pod can have of the recipe's context; volumes belong to a chosen user's group, as new ones are root's."""
    asked: Tree = pods.security_context or {}
    user: object = asked.get("runAsUser")
    group: object = asked.get("runAsGroup", user)
    owner: Tree = {"fsGroup": group} if user and isinstance(group, int) else {}
    made = {**owner, **{name: value for name, value in asked.items() if name in OF_PODS}}
    return {"fsGroupChangePolicy": "OnRootMismatch", **made} if "fsGroup" in made else made or None
