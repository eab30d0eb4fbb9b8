"""Rules on names of Ray objects and on RayService: how it is replaced, how long it may take to start.

Source: ray-operator/controllers/ray/utils/validation.go of KubeRay v1.5.1 to v1.7.0.
"""

from __future__ import annotations

import functools
import re
from typing import TYPE_CHECKING

from shardwright.core.manifests import versions
from shardwright.core.rules.rule import Breach, Rule
from shardwright.targets.kuberay import gates, names
from shardwright.targets.kuberay.ray_objects import has, is_long, is_true, text_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shardwright.core.manifests.objects import Context, Object

__all__ = ["LABELLED", "LONGEST_NAMES", "RULES"]

LONGEST_NAMES = {"RayCluster": 53, "RayService": 47, "RayJob": 47, "RayCronJob": 36}
"""Characters of a name: the operator appends a suffix for the pods, and six more for the cluster that a service or job
makes."""
LABELLED = ("RayCluster", "RayService", "RayJob")
"""Kinds whose names must be DNS-1035 labels."""

_TIMEOUT = "ray.io/initializing-timeout"
_INCREMENTAL = "NewClusterWithIncrementalUpgrade"
_TYPES = ("NewCluster", "None", _INCREMENTAL)
_UPGRADE = ("spec", "upgradeStrategy")
_OPTIONS = (*_UPGRADE, "clusterUpgradeOptions")
_HUNDRED_PERCENT = 100

_rule = functools.partial(
    Rule,
    severity="error",
    kinds=("RayService",),
    enforced_by="operator",
    source="KubeRay v1.5.1 to v1.7.0, ray-operator/controllers/ray/utils/validation.go",
)


def _length(thing: Object, context: Context) -> Iterator[Breach]:
    del context
    longest, length = LONGEST_NAMES[thing.kind], len(thing.name.encode())
    if length > longest:
        message = f"the name has {length} characters; a {thing.kind} may have {longest}"
        yield Breach(("metadata", "name"), message, thing.name)


def _label(thing: Object, context: Context) -> Iterator[Breach]:
    del context
    # A name that is too long is the other rule's.
    if thing.name and len(thing.name) <= LONGEST_NAMES[thing.kind] and not names.is_dns_1035_label(thing.name):
        yield Breach(("metadata", "name"), f"{thing.name!r} is no DNS-1035 label", thing.name)


def _initializing_timeout(thing: Object, context: Context) -> Iterator[Breach]:
    del context
    path = ("metadata", "annotations", _TIMEOUT)
    text = thing.text_at(*path)
    if not text:
        return
    seconds = names.duration_seconds(text)
    if seconds is None and re.fullmatch(r"[-+]?0*[0-9]{1,18}", text, re.ASCII):
        seconds = float(text)
    if seconds is None:
        yield Breach(path, f"{_TIMEOUT} is {text!r}; it may be a duration such as 30m, or seconds", text)
    elif seconds <= 0:
        yield Breach(path, f"{_TIMEOUT} is {text!r}; it must be more than 0", text)


def _head_service(thing: Object, context: Context) -> Iterator[Breach]:
    del context
    path = ("spec", "rayClusterConfig", "headGroupSpec", "headService", "metadata", "name")
    if is_long(thing.get(*path)):
        yield Breach(path, "the head's Service is given a name of its own", thing.text_at(*path))


def _upgrade_type(thing: Object, context: Context) -> Iterator[Breach]:
    value = thing.get(*_UPGRADE, "type")
    usable = _TYPES if versions.holds(gates.version_of(context), "1.5", "") else _TYPES[:2]
    if isinstance(value, str) and value not in usable:
        message = f"upgradeStrategy.type is {value!r}; it may be {' or '.join(usable)}"
        yield Breach((*_UPGRADE, "type"), message, value)


def _deletion_delay(thing: Object, context: Context) -> Iterator[Breach]:
    del context
    seconds = thing.number_at("spec", "rayClusterDeletionDelaySeconds")
    if seconds is not None and seconds < 0:
        path = ("spec", "rayClusterDeletionDelaySeconds")
        yield Breach(path, f"rayClusterDeletionDelaySeconds is {seconds}; 0 is the least", str(seconds))


def _incremental(thing: Object, context: Context) -> Iterator[Breach]:
    if thing.get(*_UPGRADE, "type") != _INCREMENTAL:
        return
    if not gates.is_enabled(context, "RayServiceIncrementalUpgrade"):
        return
    if not is_true(thing.get("spec", "rayClusterConfig", "enableInTreeAutoscaling")):
        yield Breach((*_UPGRADE, "type"), f"{_INCREMENTAL} needs enableInTreeAutoscaling: true")
    if not has(thing.get(*_OPTIONS)):
        yield Breach(_OPTIONS, f"{_INCREMENTAL} needs clusterUpgradeOptions")
        return
    yield from _percentages(thing, is_bound=versions.holds(gates.version_of(context), "1.7", ""))
    seconds = thing.number_at(*_OPTIONS, "intervalSeconds")
    if seconds is None or seconds <= 0:
        yield Breach((*_OPTIONS, "intervalSeconds"), "intervalSeconds must be more than 0", str(seconds or 0))
    if not is_long(thing.get(*_OPTIONS, "gatewayClassName")):
        yield Breach((*_OPTIONS, "gatewayClassName"), f"{_INCREMENTAL} needs gatewayClassName")


def _percentages(thing: Object, *, is_bound: bool) -> Iterator[Breach]:
    """Both are percentages; from 1.7 on a step is at most the surge."""
    surge = thing.number_at(*_OPTIONS, "maxSurgePercent")
    surge = _HUNDRED_PERCENT if surge is None else surge
    step = thing.number_at(*_OPTIONS, "stepSizePercent")
    if not 0 <= surge <= _HUNDRED_PERCENT:
        yield Breach((*_OPTIONS, "maxSurgePercent"), f"maxSurgePercent is {surge}; it may be 0 to 100", str(surge))
    if step is None or not 0 <= step <= _HUNDRED_PERCENT:
        value = text_of(thing.get(*_OPTIONS, "stepSizePercent")) or "not given"
        yield Breach((*_OPTIONS, "stepSizePercent"), f"stepSizePercent is {value}; it may be 0 to 100", value)
    elif is_bound and step > surge:
        message = f"stepSizePercent {step} is more than maxSurgePercent {surge}"
        yield Breach((*_OPTIONS, "stepSizePercent"), message, str(step))


_name_length = functools.partial(
    _rule,
    "kuberay.name-length",
    title="Names leave room for the suffixes of what is made from them.",
    why="pods and Services carry the name with suffixes, and end at 63 characters",
    fix="shorten it",
    check=_length,
    requirements=("R086",),
    source="KubeRay v1.7.0, ray-operator/controllers/ray/utils/validation.go ValidateRayClusterMetadata",
)

RULES = (
    _name_length(kinds=LABELLED, since="1.4"),
    _name_length(kinds=("RayCronJob",), since="1.7"),
    _rule(
        "kuberay.name-label",
        kinds=LABELLED,
        title="Names are DNS-1035 labels.",
        why="the name becomes that of Services",
        fix="use a-z, 0-9 and -, first a letter, last a letter or digit",
        check=_label,
        requirements=("R086",),
        source="KubeRay v1.7.0, ray-operator/controllers/ray/utils/validation.go ValidateRayClusterMetadata",
    ),
    _rule(
        "kuberay.initializing-timeout",
        title=f"{_TIMEOUT} is a duration of more than 0.",
        why="the operator gives up a service that is not ready by then",
        fix="write it as 30m or in seconds",
        check=_initializing_timeout,
        since="1.5",
    ),
    _rule(
        "kuberay.head-service-name",
        title="A RayService names its head's Service itself.",
        why="old and new cluster would share one Service while the one replaces the other",
        fix="remove headService.metadata.name",
        check=_head_service,
        since="1.3",
    ),
    _rule(
        "kuberay.upgrade-type",
        title=f"upgradeStrategy.type is one of {', '.join(_TYPES)}.",
        why="the operator knows no other",
        fix="use None where there are no GPUs for a second cluster, else NewCluster",
        check=_upgrade_type,
        since="1.3",
    ),
    _rule(
        "kuberay.deletion-delay",
        title="rayClusterDeletionDelaySeconds is 0 or more.",
        why="a time cannot be negative",
        fix="write 0 or more seconds",
        check=_deletion_delay,
        since="1.5",
    ),
    _rule(
        "kuberay.incremental-upgrade",
        title="An incremental upgrade has the autoscaler, a gateway class, and steps that fit its surge.",
        why="traffic moves from the old to the new cluster step by step, and the autoscaler moves the pods",
        fix="set enableInTreeAutoscaling, stepSizePercent <= maxSurgePercent <= 100, intervalSeconds, gatewayClassName",
        check=_incremental,
        since="1.5",
        source="KubeRay v1.7.0, ray-operator/controllers/ray/utils/validation.go ValidateClusterUpgradeOptions",
    ),
)
"""All rules on names and on RayService."""
