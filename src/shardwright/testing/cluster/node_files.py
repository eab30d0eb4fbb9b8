"""What a node's programs are configured with, as text: containerd, its network, kubelet, and the script that starts them.

Facts: containerd 1.6 and 1.7 (configuration version 2), CNI plugins 1.1, kubelet 1.36; seen with cgroup version 1 and
without the capability CAP_SYS_RESOURCE.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from shardwright.testing.cluster import images
from shardwright.values import frozen

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["SCRIPT", "Site", "write_files"]

SCRIPT = "start.sh"
_SOCKET = "/run/containerd/containerd.sock"
_MAX_PODS = 50
"""Fewer than a node has addresses for pods."""

# The kubelet sets these for the whole machine unless they have its values already: it is shown files that have.
_SYSCTLS = {
    "vm/overcommit_memory": 1,
    "vm/panic_on_oom": 0,
    "kernel/panic": 10,
    "kernel/panic_on_oops": 1,
    "kernel/keys/root_maxkeys": 1000000,
    "kernel/keys/root_maxbytes": 25000000,
}

_CONTAINERD = """version = 2
root = "{folder}/containerd"
state = "/run/containerd"
[grpc]
  address = "{socket}"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{pause}"
  netns_mounts_under_state_dir = true
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "overlayfs"
    default_runtime_name = "runc"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
        SystemdCgroup = false
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "{plugins}"
    conf_dir = "{folder}/cni"
"""

# First process of the node's namespaces. What it mounts is seen by the node alone.
_SCRIPT = """set -eu
folder="{folder}"
export PATH="$PATH:/usr/sbin:/sbin"
mount --make-rshared /
for place in /run /var/lib/cni /var/lib/kubelet /var/log /dev/shm; do mount -t tmpfs tmpfs "$place"; done
mkdir -p /run/containerd /run/lock /run/kubelet /run/sysctl /var/log/pods /var/log/containers
mount --bind "$folder/kubelet" /run/kubelet
for pair in {sysctls}; do
  name="/run/sysctl/$(echo "${{pair%=*}}" | tr / _)"
  echo "${{pair#*=}}" > "$name"
  mount --bind "$name" "/proc/sys/${{pair%=*}}"
done
containerd --config "$folder/containerd.toml" --log-level warn >> "$folder/containerd.log" 2>&1 &
until ctr version > /dev/null 2>&1; do kill -0 $! || exit 1; sleep 0.05; done
for archive in "{images}"/*.tar; do ctr -n k8s.io images import "$archive"; done
until [ -e "$folder/kubeconfig" ]; do sleep 0.02; done
echo 1 > /proc/sys/net/ipv4/ip_forward
"{kubelet}" --config="$folder/kubelet.json" --kubeconfig="$folder/kubeconfig" --root-dir=/run/kubelet \\
  --cert-dir="$folder/certificates" --hostname-override="{name}" --node-ip="{address}" \\
  >> "$folder/kubelet.log" 2>&1 &
wait $!
"""


@frozen
class Site:
    """Where a node is and what it is given."""

    name: str
    address: str
    folder: Path
    cgroup: str
    images: Path
    """Folder with archives of the images it has."""
    kubelet: str
    """The program."""
    plugins: Path
    """Folder with the CNI plugins."""
    pods: str
    """Network of its pods."""
    dns: str
    """Address of the cluster's name server."""
    authority: Path
    """Signs whoever may call the kubelet."""


def write_files(site: Site) -> Path:
    """Write all of it into the node's folder; returns the script, which appears when all the rest is there."""
    for name in ("kubelet", "containerd", "cni", "certificates"):
        (site.folder / name).mkdir(parents=True, exist_ok=True)
    (site.folder / "resolv.conf").touch()
    text = _CONTAINERD.format(folder=site.folder, socket=_SOCKET, pause=images.PAUSE, plugins=site.plugins)
    (site.folder / "containerd.toml").write_text(text, "utf-8")
    (site.folder / "cni" / "10-pods.conflist").write_text(json.dumps(_network(site)), "utf-8")
    (site.folder / "kubelet.json").write_text(json.dumps(_kubelet(site), indent=1), "utf-8")
    sysctls = " ".join(f"{name}={value}" for name, value in _SYSCTLS.items())
    draft = site.folder / "draft.sh"
    values = {"folder": site.folder, "images": site.images, "kubelet": site.kubelet, "sysctls": sysctls}
    draft.write_text(_SCRIPT.format(name=site.name, address=site.address, **values), "utf-8")
    return draft.replace(site.folder / SCRIPT)


def _network(site: Site) -> dict[str, object]:
    addresses = {
        "type": "host-local",
        "dataDir": str(site.folder / "addresses"),
        "ranges": [[{"subnet": site.pods}]],
        "routes": [{"dst": "0.0.0.0/0"}],
    }
    bridge = {"type": "bridge", "bridge": "cni0", "isGateway": True, "ipMasq": False, "hairpinMode": True}
    return {"cniVersion": "0.4.0", "name": "pods", "plugins": [bridge | {"ipam": addresses}]}


def _kubelet(site: Site) -> dict[str, object]:
    full = {"memory.available": "100Mi", "nodefs.available": "1%", "imagefs.available": "1%"}
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "failCgroupV1": False,
        "failSwapOn": False,
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": f"/{site.cgroup}",
        "containerRuntimeEndpoint": f"unix://{_SOCKET}",
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": False},
            "x509": {"clientCAFile": str(site.authority)},
        },
        "authorization": {"mode": "AlwaysAllow"},
        "clusterDomain": "cluster.local",
        "clusterDNS": [site.dns],
        "resolvConf": str(site.folder / "resolv.conf"),
        "podLogsDir": "/var/log/pods",
        "volumePluginDir": str(site.folder / "plugins"),
        "maxPods": _MAX_PODS,
        "readOnlyPort": 0,
        "evictionHard": full | {"nodefs.inodesFree": "0%", "imagefs.inodesFree": "0%"},
        "imageGCHighThresholdPercent": 100,
        "imageGCLowThresholdPercent": 99,
        "localStorageCapacityIsolation": False,
        "nodeStatusUpdateFrequency": "2s",
        "nodeLeaseDurationSeconds": 8,
    }
