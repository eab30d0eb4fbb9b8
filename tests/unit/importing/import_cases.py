"""What tests of imports share: an import of a text, and manifests as other people write them."""

from __future__ import annotations

import dataclasses
import io

from shardwright.service import importing
from shardwright.settings import load_hub_settings

SETTINGS = dataclasses.replace(load_hub_settings(), offline=True, calibration_dirs=())


def imported(
    text: str,
    *,
    gpu: str = "",
    model: str = "",
    name: str = "",
    target_version: str = "",
    keeps_differences: bool = False,
) -> importing.ImportResult:
    """The import of a text that came on standard input; the hub is asked for nothing."""
    wish = importing.Wish(name, model, gpu, target_version, keeps_differences)
    return importing.import_manifests(["-"], wish, SETTINGS, io.BytesIO(text.encode()))


def places(result: importing.ImportResult) -> list[str]:
    """Where differences are, each with its object's kind."""
    return [f"{told.kind} {told.difference.path}" for told in result.differences]


def ids(result: importing.ImportResult) -> list[str]:
    """The findings by their ids."""
    return [finding.id for finding in result.findings]


GROUP = """
apiVersion: leaderworkerset.x-k8s.io/v1
kind: LeaderWorkerSet
metadata: {name: chat}
spec:
  replicas: 2
  leaderWorkerTemplate:
    size: 2
    restartPolicy: RecreateGroupOnPodRestart
    leaderTemplate: {leader}
    workerTemplate: {worker}
---
apiVersion: v1
kind: Service
metadata: {name: chat-leader}
spec:
  selector: {leaderworkerset.sigs.k8s.io/name: chat, role: front}
  ports: [{port: 31000, targetPort: 31000}]
"""

POD = """
      metadata:
        annotations:
          k8s.v1.cni.cncf.io/networks: fabric/net-a, fabric/net-b
          sidecar.istio.io/inject: "false"
        labels: {LABELS}
      spec:
        containers:
        - name: serving
          image: IMAGE
          command: COMMAND
          securityContext: {capabilities: {add: [IPC_LOCK]}}
          env:
          - {name: HF_TOKEN, value: SECRET}
          - {name: HF_HOME, value: /models}
          - {name: NCCL_DEBUG, value: INFO}
          - {name: NCCL_IB_ADDR_FAMILY, value: AF_INET6}
          resources: {limits: {nvidia.com/gpu: "4", rdma/shared_a: 1, rdma/shared_b: 1}}
          volumeMounts:
          - {name: dshm, mountPath: /dev/shm}
          - {name: store, mountPath: /models}
        volumes:
        - {name: dshm, emptyDir: {medium: Memory}}
        - {name: store, persistentVolumeClaim: {claimName: models-pvc}}
"""


def group(image: str, leader: str, worker: str, text: str = "placeholder") -> str:
    """A group of two pods with four GPUs, two fabrics and a claim each, as guides have it."""
    pod = POD.replace("IMAGE", image).replace("SECRET", text)
    front = pod.replace("{LABELS}", "{role: front}").replace("COMMAND", leader)
    back = pod.replace("{LABELS}", "{}").replace("COMMAND", worker)
    return GROUP.replace(" {leader}", front).replace(" {worker}", back)


_SGLANG = (
    "[python3, -m, sglang.launch_server, --model-path, meta-llama/Llama-3.3-70B-Instruct, --tp, '4', "
    "--pipeline-parallel-size, '2', --dist-init-addr, '$(LWS_LEADER_ADDRESS):31001', --nnodes, $(LWS_GROUP_SIZE), "
    "--node-rank, $(LWS_WORKER_INDEX), --trust-remote-code, --host, 0.0.0.0, --port, '31000', "
    "--max-running-requests, '500']"
)
SGLANG = group("lmsysorg/sglang:v0.5.6.post2", _SGLANG, _SGLANG)

_SCRIPT = "bash /vllm-workspace/examples/online_serving/multi-node-serving.sh"
VLLM_ON_RAY = group(
    "vllm/vllm-openai:v0.10.2",
    f'[sh, -c, "{_SCRIPT} leader --ray_cluster_size=$(LWS_GROUP_SIZE); python3 -m vllm.entrypoints.openai.api_server '
    '--port 8080 --model meta-llama/Llama-3.3-70B-Instruct --tensor-parallel-size 4 --pipeline_parallel_size 2"]',
    f'[sh, -c, "{_SCRIPT} worker --ray_address=$(LWS_LEADER_ADDRESS)"]',
)

DEPLOYMENT = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: mistral, labels: {app: mistral}}
spec:
  selector: {matchLabels: {app: mistral}}
  template:
    metadata: {labels: {app: mistral}}
    spec:
      volumes:
      - {name: cache, persistentVolumeClaim: {claimName: mistral-7b}}
      - {name: shm, emptyDir: {medium: Memory, sizeLimit: "2Gi"}}
      containers:
      - name: mistral
        image: vllm/vllm-openai:latest
        command: ["/bin/sh", "-c"]
        args: ["vllm serve meta-llama/Meta-Llama-3-8B-Instruct --trust-remote-code --enable-chunked-prefill --max_num_batched_tokens 1024"]
        env:
        - {name: HUGGING_FACE_HUB_TOKEN, valueFrom: {secretKeyRef: {name: hf-token-secret, key: token}}}
        ports: [{containerPort: 8000}]
        resources:
          limits: {cpu: "10", memory: 20G, nvidia.com/gpu: "1"}
          requests: {cpu: "2", memory: 6G, nvidia.com/gpu: "1"}
        volumeMounts:
        - {mountPath: /root/.cache/huggingface, name: cache}
        - {name: shm, mountPath: /dev/shm}
        livenessProbe: {httpGet: {path: /health, port: 8000}, initialDelaySeconds: 60, periodSeconds: 10}
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: mistral-7b}
spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 50Gi}}, storageClassName: default}
---
apiVersion: v1
kind: Service
metadata: {name: mistral}
spec: {ports: [{name: http, port: 80, targetPort: 8000}], selector: {app: mistral}}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: beside}
data: {a: b}
"""
