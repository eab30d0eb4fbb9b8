"""Templates in an LLMInferenceServiceConfig, which the webhook fills in once to see whether they can be.

They are Go templates over the service and the controller's settings. Judged here: braces that do not close, functions
and fields that do not exist; not what an expression gives.
Source: kserve/kserve v0.20.0 cmd/llmisvc/main.go (validateLLMISVCConfig), pkg/controller/v1alpha2/llmisvc/
config_merge.go (ReplaceVariables); functions and keywords of Go's text/template.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from shardwright.core.rules.rule import Breach, Rule
from shardwright.targets.llmisvc import workloads

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shardwright.core.manifests.objects import Context, Object, Value
    from shardwright.core.marked.paths import Path

__all__ = ["RULES"]

_ACTION = re.compile(r"\{\{(.*?)\}\}", re.DOTALL)
_TEXT = re.compile(r'"(?:[^"\\]|\\.)*"|`[^`]*`|/\*.*?\*/', re.DOTALL)
_FIELD = re.compile(r"(?<![\w.)$])\.([A-Za-z_]\w*)(?:\.([A-Za-z_]\w*))?")
_WORD = re.compile(r"(?<![\w.$])([A-Za-z_]\w*)")
_WORDS = {
    *("and", "call", "html", "index", "slice", "js", "len", "not", "or", "print", "printf", "println", "urlquery"),
    *("eq", "ge", "gt", "le", "lt", "ne", "true", "false", "nil"),
    *("if", "else", "end", "range", "with", "define", "template", "block", "break", "continue"),
    *("ChildName", "kvTransferConfig", "shutdownTimeout"),
}
_SETTINGS = {
    *("SystemNamespace", "IngressGatewayName", "IngressGatewayNamespace", "EnableTLS"),
    *("ModelBasedRoutingHeaderName", "InferencePoolNamespacedName"),
}
_SPEC = {
    *("Model", "Replicas", "Scaling", "Parallelism", "Template", "Worker", "Labels", "Annotations", "WorkloadSpec"),
    *("KVCacheOffloading", "StorageInitializer", "Router", "Prefill", "BaseRefs", "Tracing"),
}
_ROOTS = {
    *("TypeMeta", "ObjectMeta", "Kind", "APIVersion", "Name", "GenerateName", "Namespace", "UID", "Generation"),
    *("ResourceVersion", "Labels", "Annotations", "OwnerReferences", "Finalizers", "CreationTimestamp"),
    *("Spec", "Status", "GlobalConfig", "LLMInferenceService"),
}
_SCOPED = re.compile(r"^\s*-?\s*(?:range|with|block|define)\b")


def _templates(manifest: Object, _: Context) -> Iterator[Breach]:
    for path, text in _texts(manifest.get("spec"), ("spec",)):
        if "{{" in text and (complaint := _complaint(text)):
            yield Breach(path, complaint)


def _texts(value: Value, path: Path) -> Iterator[tuple[Path, str]]:
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, dict):
        for key, each in value.items():
            yield from _texts(each, (*path, key))
    elif isinstance(value, list):
        for index, each in enumerate(value):
            yield from _texts(each, (*path, index))


def _complaint(text: str) -> str:
    """What is wrong with the templates of a text; empty if nothing is seen."""
    if "{{" in _ACTION.sub("", text):
        return "a template begins with {{ and does not end"
    actions = [_TEXT.sub('""', match[1]) for match in _ACTION.finditer(text)]
    # Inside `range` and `with` the dot is something else.
    is_scoped = any(_SCOPED.match(action) for action in actions)
    for action in actions:
        for match in _WORD.finditer(action):
            if match[1] not in _WORDS:
                return f'the template uses "{match[1]}", which is no function of it'
        if not is_scoped and (name := _unknown_field(action)):
            return f"the template reads {name}, which does not exist"
    return ""


def _unknown_field(action: str) -> str:
    for root, member in _FIELD.findall(action):
        if root not in _ROOTS:
            return f".{root}"
        known = {"GlobalConfig": _SETTINGS, "Spec": _SPEC}.get(root)
        if member and known is not None and member not in known:
            return f".{root}.{member}"
    return ""


RULES = (
    Rule(
        "kserve.llm-template",
        "error",
        workloads.CONFIG,
        "Templates in a config can be filled in.",
        "The webhook fills them in for a sample service and refuses the config if that fails.",
        "close the braces; use .Name, .Namespace, .Spec and .GlobalConfig",
        "webhook",
        "kserve/kserve v0.20.0 cmd/llmisvc/main.go, pkg/controller/v1alpha2/llmisvc/config_merge.go",
        workloads.live(_templates),
        since="0.17",
    ),
)
