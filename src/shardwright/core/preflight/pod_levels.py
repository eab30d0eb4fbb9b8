"""Which level of the Pod Security Standards a pod needs, and why not a stricter one.

Source: Kubernetes 1.36, pod security standards (baseline and restricted), as the admission plug-in checks them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from shardwright.core.preflight import trees

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from shardwright.core.preflight.needs import Tree

__all__ = ["LEVELS", "Level", "added_capabilities", "host_access", "level_of", "obstacles", "volume_kinds"]

Level = Literal["restricted", "baseline", "privileged"]

LEVELS: tuple[Level, ...] = ("restricted", "baseline", "privileged")
"""From the strictest."""
_BASELINE_CAPABILITIES = frozenset(
    {
        *("AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "MKNOD", "NET_BIND_SERVICE", "SETFCAP"),
        *("SETGID", "SETPCAP", "SETUID", "SYS_CHROOT"),
    }
)
_RESTRICTED_VOLUMES = frozenset(
    {
        *("configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected", "secret"),
    }
)
_SYSCTLS = frozenset(
    {
        *("kernel.shm_rmid_forced", "net.ipv4.ip_local_port_range", "net.ipv4.ip_unprivileged_port_start"),
        *("net.ipv4.tcp_syncookies", "net.ipv4.ping_group_range", "net.ipv4.ip_local_reserved_ports"),
        *("net.ipv4.tcp_keepalive_time", "net.ipv4.tcp_fin_timeout", "net.ipv4.tcp_keepalive_intvl"),
        "net.ipv4.tcp_keepalive_probes",
    }
)


def level_of(spec: Tree) -> Level:
    """The strictest level that admits a pod."""
    return next(level for level in LEVELS if level == "privileged" or not any(obstacles(spec, level)))


def obstacles(spec: Tree, level: str) -> Iterator[str]:
    """What a level refuses in a pod; nothing for `privileged` and unknown levels."""
    if level in {"baseline", "restricted"}:
        yield from _beyond_baseline(spec)
    if level == "restricted":
        yield from _beyond_restricted(spec)


def _containers(spec: Tree) -> Iterator[dict[str, Any]]:
    for part in ("initContainers", "containers", "ephemeralContainers"):
        yield from trees.items(spec, part)


def _context(container: Mapping[str, Any]) -> dict[str, Any]:
    return trees.part(container, "securityContext")


def added_capabilities(spec: Tree) -> frozenset[str]:
    """Linux capabilities that any container adds."""
    given = (trees.part(one, "securityContext", "capabilities") for one in _containers(spec))
    return frozenset(name for capabilities in given for name in trees.texts(capabilities, "add"))


def host_access(spec: Tree) -> frozenset[str]:
    """What of the node itself a pod wants: hostNetwork, hostPID, hostIPC, hostPorts, privileged."""
    found = {name for name in ("hostNetwork", "hostPID", "hostIPC") if spec.get(name)}
    for one in _containers(spec):
        found |= {"privileged"} if _context(one).get("privileged") else set()
        found |= {"hostPorts"} if any(port.get("hostPort") for port in trees.items(one, "ports")) else set()
    return frozenset(found)


def volume_kinds(spec: Tree) -> frozenset[str]:
    """Kinds of its volumes: emptyDir, persistentVolumeClaim, hostPath ..."""
    return frozenset(str(key) for volume in trees.items(spec, "volumes") for key in volume if key != "name")


def _beyond_baseline(spec: Tree) -> Iterator[str]:
    yield from sorted(host_access(spec))
    if "hostPath" in volume_kinds(spec):
        yield "a hostPath volume"
    if odd := sorted(added_capabilities(spec) - _BASELINE_CAPABILITIES):
        yield f"capabilities {', '.join(odd)}"
    contexts = [trees.part(spec, "securityContext"), *(_context(one) for one in _containers(spec))]
    if any(trees.part(context, "seccompProfile").get("type") == "Unconfined" for context in contexts):
        yield "seccompProfile Unconfined"
    if any(context.get("procMount") not in {None, "Default"} for context in contexts):
        yield "procMount"
    sysctls = {str(each.get("name")) for each in trees.items(contexts[0], "sysctls")}
    if odd := sorted(sysctls - _SYSCTLS):
        yield f"sysctls {', '.join(odd)}"


def _beyond_restricted(spec: Tree) -> Iterator[str]:
    pod = trees.part(spec, "securityContext")
    contexts = [_context(one) for one in _containers(spec)]
    if odd := sorted(volume_kinds(spec) - _RESTRICTED_VOLUMES):
        yield f"volumes {', '.join(odd)}"
    if any(context.get("allowPrivilegeEscalation") is not False for context in contexts):
        yield "allowPrivilegeEscalation is not false"
    if any("ALL" not in trees.texts(trees.part(context, "capabilities"), "drop") for context in contexts):
        yield "capabilities are not dropped"
    if odd := sorted(added_capabilities(spec) - {"NET_BIND_SERVICE"}):
        yield f"capabilities {', '.join(odd)}"
    if any(context.get("runAsNonRoot", pod.get("runAsNonRoot")) is not True for context in contexts):
        yield "runAsNonRoot is not true"
    if any(context.get("runAsUser", pod.get("runAsUser")) == 0 for context in contexts):
        yield "runAsUser is 0"
    profiles = [trees.part(context, "seccompProfile") or trees.part(pod, "seccompProfile") for context in contexts]
    if any(profile.get("type") not in {"RuntimeDefault", "Localhost"} for profile in profiles):
        yield "seccompProfile is neither RuntimeDefault nor Localhost"
