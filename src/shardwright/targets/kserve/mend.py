"""What puts InferenceServices and runtimes right: names that a release has, credentials, variables, sizes, annotations.

The mends of sizes and modes stand beside their rules (`lint_workers`, `lint_sizes`, `lint_gpus`). Source: kserve/kserve v0.13.1 to
v0.20.0 (constants, webhook), as named at each rule.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from shardwright.core.rules.rule import Change
from shardwright.kubernetes import manifest_pods
from shardwright.kubernetes.rules import mend_pods
from shardwright.targets.kserve import components, gpu_resources, groups, lint_workers

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shardwright.core.manifests.objects import Context, Object, Value
    from shardwright.core.rules.rule import Breach, Mend

__all__ = ["MENDS"]

_RUNTIME_WORKER = ("spec", "workerSpec")
_MULTINODE = "kserve-huggingfaceserver-multinode"
_OWN_PORT = re.compile(r"(?:localhost|127\.0\.0\.1):([0-9]{2,5})/v1/(?:chat/)?completions")
_TODAY = {"RawDeployment": "Standard", "Serverless": "Knative"}


def _mode_name(_: Object, context: Context, breach: Breach) -> tuple[Change, ...]:
    names = _TODAY if components.at_release(context, "0.16") else {new: old for old, new in _TODAY.items()}
    return (Change(breach.path, names[breach.value]),) if breach.value in names else ()


def _autoscaler_class(_: Object, context: Context, breach: Breach) -> tuple[Change, ...]:
    """`none` came with 0.15.1; before, `external` is what makes no autoscaler."""
    is_early = not components.at_release(context, "0.15.1")
    return (Change(breach.path, "external"),) if breach.value == "none" and is_early else ()


def _one_replica(_: Object, __: Context, breach: Breach) -> tuple[Change, ...]:
    return (Change(breach.path, 1),)


def _runtime_name(manifest: Object, _: Context, breach: Breach) -> tuple[Change, ...]:
    is_shipped = manifest.text_at(*breach.path) == "huggingface-server-multinode"
    return (Change(breach.path, _MULTINODE),) if is_shipped else ()


def _gpu_types(manifest: Object, _: Context, breach: Breach) -> tuple[Change, ...]:
    """The resource joins the list in the annotation."""
    at = ("metadata",) if manifest.kind == "InferenceService" else ("spec",)
    if breach.path[-1] != breach.value:
        return ()
    text = components.annotation(manifest, components.GPU_TYPES, at) or ""
    try:
        names = [*gpu_resources.custom_types(text), breach.value]
    except ValueError:
        return ()
    return (Change((*at, "annotations", components.GPU_TYPES), json.dumps(names)),)


def _runtime_variables(manifest: Object, _: Context, breach: Breach) -> tuple[Change, ...]:
    """A size that a variable of a runtime sets becomes the field, unless that is there."""
    removal = Change(breach.path, is_removal=True)
    field = lint_workers.PARALLEL_VARIABLES.get(breach.value)
    text = manifest.text_at(*breach.path, "value")
    if field is None or breach.path[-2:-1] != ("env",):
        return ()
    if not text.isdecimal() or manifest.get(*_RUNTIME_WORKER, field) is not None:
        return (removal,)
    return (removal, Change((*_RUNTIME_WORKER, field), int(text[:9])))


def _executor(manifest: Object, _: Context, breach: Breach) -> tuple[Change, ...]:
    """The annotation stands where it is read, and says `mp` where the engine runs without Ray."""
    at = ("spec", "annotations", groups.EXECUTOR)
    if breach.path[0] != "metadata":
        is_told = manifest.text_at(*at) == "mp"
        return () if is_told else (Change(at, "mp"),)
    removal = Change(breach.path, is_removal=True)
    if manifest.get(*at) is not None:
        return (removal,)
    return (removal, Change(at, manifest.text_at(*breach.path)))


def _busy_head(manifest: Object, _: Context, breach: Breach) -> tuple[Change, ...]:
    """VLLM is asked for its health at the port at which the probe asked itself for an answer; other servers are not known."""
    container = breach.path[:-1]
    script = "\n".join(str(word) for word in manifest.list_at(*breach.path, "exec", "command"))
    found = _OWN_PORT.search(script)
    if found is None or not any("vllm" in word for word in manifest_pods.arguments(manifest, container)):
        return ()
    asks: Value = {"path": "/health", "port": int(found[1])}
    return (Change((*breach.path, "exec"), is_removal=True), Change((*breach.path, "httpGet"), asks))


MENDS: Mapping[str, Mend] = {
    **mend_pods.MENDS,
    "kserve.mode-name": _mode_name,
    "kserve.autoscaler-class": _autoscaler_class,
    "kserve.worker-replicas": _one_replica,
    "kserve.worker-variables": mend_pods.removal,
    "kserve.container-name": mend_pods.removal,
    "kserve.runtime-name": _runtime_name,
    "kserve.gpu-types": _gpu_types,
    "kserve.runtime-gpu-types": _gpu_types,
    "kserve.runtime-variables": _runtime_variables,
    "kserve.executor": _executor,
    "kserve.busy-head": _busy_head,
    "kserve.literal-token": mend_pods.credential,
    "kserve.toleration": mend_pods.toleration,
    "kserve.shared-memory": mend_pods.memory_mount,
    "kserve.start-time": mend_pods.long_start,
}
"""By the ids of rules."""
