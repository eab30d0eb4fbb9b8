"""Rules that hold for the pods of every platform: secrets, shared memory, probes, RDMA, rights, what shells make of scripts.

Nobody refuses what they find, it goes wrong later; so they warn, but for a token that stands in a file. A platform
says where its pods are and gets the rules for its kinds. Source: failures that users of these platforms report.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from shardwright.core.rules.rule import Breach, Rule
from shardwright.kubernetes.rules import pod_checks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from shardwright.core.manifests.objects import Context, Object
    from shardwright.core.rules.finding import Severity
    from shardwright.kubernetes.manifest_pods import Pod, PodsOf

__all__ = ["pod_rules"]

_IN_SECRET = "reference a Secret: valueFrom.secretKeyRef with its name and key"  # noqa: S105 - an advice, no secret


def _in_pods(
    look: Callable[[Pod], Iterator[Breach]], pods_of: PodsOf, each: Object, context: Context
) -> Iterator[Breach]:
    del context
    for pod in each.once(pods_of):
        yield from look(pod)


_Row = tuple[str, "Severity", "Callable[[Pod], Iterator[Breach]]", str, str, str, "tuple[str, ...]"]
_ROWS: tuple[_Row, ...] = (
    (
        "pod.token-literal",
        "error",
        pod_checks.tokens,
        "No token of the hub stands in a manifest",
        "whoever may read the object, or the repository it lies in, has the token",
        _IN_SECRET,
        ("R123",),
    ),
    (
        "pod.secret-literal",
        "warning",
        pod_checks.secret_literals,
        "Variables with a secret's name take it from a Secret",
        "whoever may read the object, or the repository it lies in, has the secret",
        _IN_SECRET,
        (),
    ),
    (
        "pod.shared-memory",
        "warning",
        pod_checks.shared_memory,
        "Pods of several GPUs have a memory volume at /dev/shm",
        "NCCL and the engine's processes exchange data there; too little ends in a bus error or an unhandled system error",
        "mount an emptyDir with medium: Memory and a sizeLimit of some GiB at /dev/shm",
        ("R135",),
    ),
    (
        "pod.liveness",
        "warning",
        pod_checks.liveness,
        "No liveness probe kills an engine that loads or is busy",
        "loading takes minutes and a full queue delays every answer; a restart of one member restarts the group",
        "give it a startupProbe with time to load, and a liveness probe of long patience or none",
        (),
    ),
    (
        "pod.startup",
        "warning",
        pod_checks.startup,
        "A startup probe leaves time to load the model",
        "weights of a large model take minutes to load, and the container is killed before they are there",
        "raise failureThreshold, so that periodSeconds x failureThreshold covers the load",
        (),
    ),
    (
        "pod.after-shell",
        "warning",
        pod_checks.after_shell,
        "A server starts only when the cluster it needs has formed",
        "; goes on whatever came before; the engine then waits for GPUs that are not there",
        "write && instead of ;",
        ("R145",),
    ),
    (
        "pod.lock-memory",
        "warning",
        pod_checks.lock_memory,
        "Pods with RDMA devices may lock memory",
        "the registration of memory with the device fails (ibv_reg_mr: cannot allocate memory), or sockets are used instead",
        "add securityContext.capabilities.add: [IPC_LOCK]",
        ("R130",),
    ),
    (
        "pod.rights",
        "warning",
        pod_checks.rights,
        "Pods have no rights of the node that they do not need",
        "clusters with Pod Security refuse it, and whoever breaks into the engine has the node",
        "remove it; RDMA needs the capability IPC_LOCK and its device only",
        (),
    ),
    (
        "pod.image-version",
        "info",
        pod_checks.image,
        "Images of engines name a version",
        "members of one group may run different engines, and memory and flags differ between versions",
        "name a version or a digest",
        (),
    ),
    (
        "pod.variable-order",
        "warning",
        pod_checks.references,
        "Variables are defined before they are used",
        "Kubernetes replaces $(NAME) by variables that stand before it only",
        "move the definition up",
        (),
    ),
    (
        "pod.gpu-limit",
        "warning",
        pod_checks.lone_requests,
        "Requests and limits of GPUs are equal",
        "the API server refuses the pod, long after it has accepted the object that makes it",
        "write the number under limits; requests follow",
        (),
    ),
    (
        "pod.toleration",
        "warning",
        pod_checks.unmatched_tolerations,
        "A toleration without a value has the operator Exists",
        "without it the toleration means an empty value and does not match a taint that has one",
        "add operator: Exists",
        ("R019",),
    ),
)


def pod_rules(kinds: tuple[str, ...], pods_of: PodsOf) -> tuple[Rule, ...]:
    """The rules on pods for kinds whose pods a function finds."""
    return tuple(
        Rule(
            name,
            severity,
            kinds,
            title,
            why,
            fix,
            "practice",
            "reports of users and the documentation of Kubernetes",
            partial(_in_pods, look, pods_of),
            requirements=requirements,
        )
        for name, severity, look, title, why, fix, requirements in _ROWS
    )
