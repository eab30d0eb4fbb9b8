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
_TEXT = re.compile(r"`[^`]*`|/\*.*?\*/", re.DOTALL)
_ESCAPED = re.compile(r'["\\<>&\x00-\x1f]')
"""What JSON writes with a backslash: the config is filled in as JSON, and a template cannot hold a backslash."""
_FIELD = re.compile(r"(?<![\w.)$])\.([A-Za-z_]\w*)(?:\.([A-Za-z_]\w*))?(?:\.([A-Za-z_]\w*))?")
_WORD = re.compile(r"(?<![\w.$])([A-Za-z_]\w*)")
_VARIABLE = re.compile(r"\$([A-Za-z_]\w*)(\s*(?:,\s*\$[A-Za-z_]\w*\s*)?:=)?")
_OPENING = ("if", "range", "with", "block", "define")
_LONELY = {
    *("eq", "ge", "gt", "le", "lt", "ne", "not", "and", "or", "len", "index", "slice", "printf", "call"),
    *_OPENING,
}
"""Words that stand before something."""
_WORDS = {
    *_LONELY,
    *("html", "js", "print", "println", "urlquery", "true", "false", "nil"),
    *("else", "end", "template", "break", "continue"),
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
_MODEL = {"URI", "Name", "Criticality", "LoRA", "Confidential"}
_TEXTS = ("Kind", "APIVersion", "Name", "GenerateName", "Namespace", "UID", "Generation", "ResourceVersion")
_ROOTS = {
    *("TypeMeta", "ObjectMeta", *_TEXTS),
    *("Labels", "Annotations", "OwnerReferences", "Finalizers", "CreationTimestamp"),
    *("Spec", "Status", "GlobalConfig", "LLMInferenceService"),
}
_MEMBERS: dict[str, set[str]] = {"GlobalConfig": _SETTINGS, "Spec": _SPEC, **{name: set[str]() for name in _TEXTS}}
_SCOPED = re.compile(r"^\s*(?:range|with|block|define)\b")


def _templates(manifest: Object, _: Context) -> Iterator[Breach]:
    # The config is one template: what one text opens another one may close.
    found = [(path, text) for path, text in _texts(manifest.get("spec"), ("spec",)) if "{{" in text]
    actions = [action for _path, text in found for action in _actions(text)]
    open_ones = sum(_first_word(action) in _OPENING for action in actions)
    ends = sum(_first_word(action) == "end" for action in actions)
    known = {name for action in actions for name, is_made in _VARIABLE.findall(action) if is_made}
    known |= {second for action in actions for second in re.findall(r",\s*\$(\w+)\s*:=", action)}
    for path, text in found:
        if complaint := _complaint(text, known, is_closed=open_ones == ends):
            yield Breach(path, complaint)


def _texts(value: Value, path: Path) -> Iterator[tuple[Path, str]]:
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, dict):
        for key, each in value.items():
            yield (*path, key), key
            yield from _texts(each, (*path, key))
    elif isinstance(value, list):
        for index, each in enumerate(value):
            yield from _texts(each, (*path, index))


def _actions(text: str) -> list[str]:
    """What stands between braces, without the dashes that trim blanks and with raw texts emptied."""
    found = (_TEXT.sub("``", match[1]) for match in _ACTION.finditer(text))
    return [re.sub(r"^-\s|\s-$", " ", action) for action in found]


def _first_word(action: str) -> str:
    return (action.split() or [""])[0]


def _complaint(text: str, variables: set[str], *, is_closed: bool) -> str:
    """What is wrong with the templates of a text; empty if nothing is seen."""
    if "{{" in _ACTION.sub("", text):
        return "a template begins with {{ and does not end"
    actions = _actions(text)
    if not is_closed and any(_first_word(each) in {*_OPENING, "end"} for each in actions):
        return "what if, range or with opens is closed by one end each, and here it is not"
    # Inside `range` and `with` the dot is something else.
    is_scoped = any(_SCOPED.match(action) for action in actions)
    for action in actions:
        if complaint := _action_complaint(action, variables):
            return complaint
        if not is_scoped and (name := _unknown_field(action)):
            return f"the template reads {name}, which does not exist"
    return ""


def _action_complaint(action: str, variables: set[str]) -> str:
    words = action.split()
    if not words:
        return "a template is empty"
    if escaped := _ESCAPED.search(action):
        return f"the template holds {escaped[0]!r}, which JSON writes with a backslash; write texts as `text`"
    if len(words) == 1 and words[0] in _LONELY:
        return f"the template says {words[0]} of nothing"
    for match in _WORD.finditer(action):
        if match[1] not in _WORDS:
            return f'the template uses "{match[1]}", which is no function of it'
    unknown = [name for name, _ in _VARIABLE.findall(action) if name not in variables]
    return f"the template uses ${unknown[0]}, which is not set" if unknown else ""


def _unknown_field(action: str) -> str:
    for root, member, part in _FIELD.findall(action):
        if root not in _ROOTS:
            return f".{root}"
        known = _MEMBERS.get(root)
        if member and known is not None and member not in known:
            return f".{root}.{member}"
        if (root, member) == ("Spec", "Model") and part and part not in _MODEL:
            return f".{root}.{member}.{part}"
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
