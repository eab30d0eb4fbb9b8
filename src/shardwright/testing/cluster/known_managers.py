"""The managers that a test cluster can run, by the names that tests ask for them.

Facts: flags and files of LeaderWorkerSet 0.8.0, KubeRay 1.5.1, KServe 0.20.0 and 0.19.0, read and run (2026-11).
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from shardwright.testing.cluster.managers import Manager, Order, Start

if TYPE_CHECKING:
    from shardwright.testing.cluster.api import Tree

__all__ = ["MANAGERS"]

_LOOPBACK = "127.0.0.1"
_LWS_NAME = "leaderworkerset.sigs.k8s.io/name"


def _lws(order: Order) -> Start:
    config = order.folder / "config.json"  # JSON is YAML too
    text = {
        "apiVersion": "config.lws.x-k8s.io/v1alpha1",
        "kind": "Configuration",
        "internalCertManagement": {"enable": False},
        "webhook": {"host": _LOOPBACK, "port": order.hook_port, "certDir": str(order.folder)},
        "health": {"healthProbeBindAddress": f"{_LOOPBACK}:{order.probe_port}"},
        "metrics": {"bindAddress": "0"},
        "leaderElection": {"leaderElect": False},
    }
    config.write_text(json.dumps(text), "utf-8")
    return Start((f"--config={config}", f"--kubeconfig={order.kubeconfig}"), order.folder, {})


def _kuberay(order: Order) -> Start:
    flags = (
        f"--kubeconfig={order.kubeconfig}",
        "--enable-leader-election=false",
        "--metrics-addr=0",
        f"--health-probe-bind-address={_LOOPBACK}:{order.probe_port}",
    )
    return Start(flags, order.folder, {})


def _kserve(order: Order) -> Start:
    """Both managers of KServe; they look for certificates in one fixed place below the folder for temporary files."""
    flags = (
        f"--kubeconfig={order.kubeconfig}",
        f"--webhook-port={order.hook_port}",
        "--metrics-addr=0",
        f"--health-probe-addr={_LOOPBACK}:{order.probe_port}",
    )
    environment = {"TMPDIR": str(order.folder), "POD_NAMESPACE": "kserve"}
    return Start(flags, order.folder / "k8s-webhook-server" / "serving-certs", environment)


def _without_istio(body: Tree) -> Tree:
    """KServe's settings with Deployments in place of Knative's services, and nothing in front of them."""
    data = dict[str, str](body.get("data", {}))
    if "deploy" not in data:
        return body
    ingress = json.loads(data["ingress"]) | {"disableIngressCreation": True, "disableIstioVirtualHost": True}
    data |= {"deploy": json.dumps({"defaultDeploymentMode": "Standard"}), "ingress": json.dumps(ingress)}
    return body | {"data": data}


_GATEWAY = ("GatewayClass", "Gateway", "HTTPRoute", "ReferenceGrant")
_SERVICES = (
    "InferenceService",
    "ServingRuntime",
    "ClusterServingRuntime",
    "InferenceGraph",
    "TrainedModel",
    "ClusterStorageContainer",
)

MANAGERS = {
    "lws": Manager(
        program="lws-manager",
        project="lws",
        kinds={"lws": ()},
        command=_lws,
        hooks="config/webhook/manifests.yaml",
        pod_label=_LWS_NAME,
    ),
    "kuberay": Manager(program="kuberay-manager", project="kuberay", kinds={"kuberay": ()}, command=_kuberay),
    "llmisvc": Manager(
        program="llmisvc-manager",
        project="kserve",
        kinds={
            "lws": (),
            "gateway-api": _GATEWAY,
            "inference-extension": (),
            "kserve": ("LLMInferenceService", "LLMInferenceServiceConfig"),
        },
        command=_kserve,
        hooks="config/webhook/llmisvc/manifests.yaml",
        converted=("LLMInferenceService", "LLMInferenceServiceConfig"),
        namespace="kserve",
        before="config/configmap/inferenceservice.yaml",
        after="config/llmisvcconfig/config-*.yaml",
        change=_without_istio,
    ),
    "kserve": Manager(
        program="kserve-manager",
        project="kserve",
        kinds={"kserve": _SERVICES},
        command=_kserve,
        hooks="config/webhook/manifests.yaml",
        namespace="kserve",
        before="config/configmap/inferenceservice.yaml",
        change=_without_istio,
    ),
    "kserve-spread": Manager(
        program="kserve-spread-manager",
        project="kserve-spread",
        kinds={"kserve-spread": _SERVICES},
        command=_kserve,
        hooks="config/webhook/manifests.yaml",
        namespace="kserve",
        before="config/configmap/inferenceservice.yaml",
        change=_without_istio,
    ),
}
"""`llmisvc` makes LeaderWorkerSets, which need `lws` to become pods; the definitions it brings itself. `kserve-spread` is
KServe 0.19.0, the last whose InferenceServices span nodes; it does not go into a cluster that has `kserve`."""
