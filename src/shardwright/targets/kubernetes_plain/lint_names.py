"""Names, labels and selectors as the API server of Kubernetes accepts them.

Source: Kubernetes v1.36 pkg/apis/{core,apps,batch}/validation and k8s.io/apimachinery util/validation.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from shardwright.core.manifests import versions
from shardwright.core.rules.rule import Breach, Rule
from shardwright.kubernetes import names
from shardwright.kubernetes.manifest_pods import items
from shardwright.kubernetes.rules import metadata_lint
from shardwright.targets.kubernetes_plain import releases, workloads

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shardwright.core.manifests.objects import Context, Object, Value
    from shardwright.core.marked.paths import Path

__all__ = ["KINDS", "RULES", "api_rule"]

KINDS = (*workloads.WORKLOADS, "Service", "PersistentVolumeClaim")
_LONGEST_CRON_JOB = 52
_NAMED = ("Service", "CronJob")
_SELECTED = workloads.LASTING
_SHOWN = 80
_OPERATORS = ("In", "NotIn", "Exists", "DoesNotExist")

api_rule = partial(
    Rule,
    severity="error",
    enforced_by="kubernetes",
    source="Kubernetes v1.36 pkg/apis (validation)",
)
"""What the API server itself refuses."""


def _name(each: Object, context: Context) -> Iterator[Breach]:
    name, at = each.name, ("metadata", "name")
    if not name:
        return
    if each.kind == "Service":
        is_relaxed = versions.holds(context.versions.get("kubernetes", releases.known_versions()[-1]), "1.36", "")
        is_right = names.is_dns_1123_label(name) if is_relaxed else names.is_dns_1035_label(name)
        if not is_right:
            yield Breach(
                at, f"{name[:_SHOWN]!r} is no DNS label: small letters, digits and -, before 1.36 first a letter", name
            )
    elif not names.is_subdomain(name):
        yield Breach(at, f"{name[:_SHOWN]!r} is no DNS name in small letters", name)
    elif each.kind == "CronJob" and len(name) > _LONGEST_CRON_JOB:
        yield Breach(at, f"the name has {len(name)} characters; {_LONGEST_CRON_JOB} are possible", name)


def _labels(each: Object, _: Context) -> Iterator[Breach]:
    places: list[Path] = [("spec", "selector")] if each.kind == "Service" else [("spec", "selector", "matchLabels")]
    places += _of_template(each, "labels")
    for place in places:
        yield from _bad_labels(each, place)


def _of_template(each: Object, field: str) -> list[Path]:
    """The place in the template of pods; the metadata of the object itself has rules of its own."""
    has_template = each.kind in workloads.WORKLOADS and each.kind != "Pod"
    return [(*workloads.template_metadata(each), field)] if has_template else []


def _bad_labels(each: Object, place: Path) -> Iterator[Breach]:
    for key, value in each.map_at(*place).items():
        if not names.is_qualified_name(key):
            yield Breach(
                (*place, key),
                f"{key[:_SHOWN]!r} is no key of a label: a name, with a domain and / before it or not",
                key,
            )
        elif isinstance(value, str) and not names.is_label_value(value):
            message = f"{value[:_SHOWN]!r} is no value of a label: at most 63 letters, digits, -, _ and ."
            yield Breach((*place, key), message, value)


def _annotations(each: Object, _: Context) -> Iterator[Breach]:
    for place in _of_template(each, "annotations"):
        for key in each.map_at(*place):
            if not names.is_qualified_name(key.lower()):
                yield Breach((*place, key), f"{key[:_SHOWN]!r} is no key of an annotation", key)


def _selector(each: Object, _: Context) -> Iterator[Breach]:
    at: Path = ("spec", "selector")
    selector = each.get(*at)
    if not isinstance(selector, dict):
        return
    if not selector.get("matchLabels") and not selector.get("matchExpressions"):
        yield Breach(at, "the selector is empty, so it would select every pod")
    labels = each.map_at(*workloads.template_metadata(each), "labels")
    for key, value in each.map_at(*at, "matchLabels").items():
        if labels.get(key) != value:
            has = f"has {labels[key]!r}" if key in labels else "does not have it"
            yield Breach(
                (*at, "matchLabels", key), f"the selector asks for {key}={value}; the template {has}", str(value)
            )
    for index, entry in enumerate(each.list_at(*at, "matchExpressions")):
        if isinstance(entry, dict):
            yield from _expression(entry, labels, (*at, "matchExpressions", index))


def _expression(entry: dict[str, Value], labels: dict[str, Value], at: Path) -> Iterator[Breach]:
    key, operator, given = str(entry.get("key")), str(entry.get("operator")), items(entry.get("values"))
    if operator not in _OPERATORS:
        yield Breach((*at, "operator"), f"{operator[:_SHOWN]!r} is not one of: {', '.join(_OPERATORS)}", operator)
        return
    has_values = operator in {"In", "NotIn"}
    if has_values != bool(given):
        yield Breach((*at, "values"), f"{operator} {'needs' if has_values else 'has no'} values", operator)
        return
    has = key in labels
    is_in = has and labels[key] in given
    if not {"In": is_in, "NotIn": not is_in, "Exists": has, "DoesNotExist": not has}[operator]:
        yield Breach(at, f"the template's labels do not match: {key[:_SHOWN]} {operator}", key)


def _selector_kept(each: Object, context: Context) -> Iterator[Breach]:
    old = context.old
    if old is not None and old.get("spec", "selector") != each.get("spec", "selector"):
        yield Breach(("spec", "selector"), "the selector is another one now and cannot be changed")


RULES = (
    *metadata_lint.metadata_rules(KINDS, named=_NAMED),
    api_rule(
        "kubernetes.name",
        kinds=_NAMED,
        title="Names of Services and CronJobs leave room for what is made of them",
        why="the API server refuses it",
        fix="use small letters, digits and - only, and begin with a letter",
        check=_name,
    ),
    api_rule(
        "kubernetes.label",
        kinds=KINDS,
        title="Labels of pods and selectors have keys and values that can be labels",
        why="the API server refuses it",
        fix="use letters, digits, -, _ and . with a letter or digit at both ends; at most 63 characters",
        check=_labels,
    ),
    api_rule(
        "kubernetes.annotation",
        kinds=KINDS,
        title="Annotations of pods have keys that can be keys",
        why="the API server refuses it",
        fix="use letters, digits, -, _ and . after the domain and its /; at most 63 characters",
        check=_annotations,
    ),
    api_rule(
        "kubernetes.selector",
        kinds=_SELECTED,
        title="A selector matches the labels of the pods that are made",
        why="the API server refuses it; a controller would never find the pods that it made",
        fix="write the same labels in spec.selector and in the template",
        check=_selector,
    ),
    api_rule(
        "kubernetes.selector-kept",
        kinds=_SELECTED,
        title="A selector stays as it is",
        why="the API server refuses the update",
        fix="keep the selector, or delete the object and make it anew",
        check=_selector_kept,
    ),
)
