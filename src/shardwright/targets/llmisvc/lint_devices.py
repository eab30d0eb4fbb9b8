"""Devices that the controller claims for an LLMInferenceService by annotations (dynamic resource allocation).

Source: kserve/kserve v0.20.0 pkg/apis/serving/v1alpha2/llm_inference_service_validation.go
(validateManagedDRAAnnotations); names as in Kubernetes (RFC 1123).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from shardwright.core.rules.rule import Breach, Rule
from shardwright.targets.llmisvc import workloads

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shardwright.core.manifests.objects import Context, Object

__all__ = ["RULES"]

_PREFIX = "serving.kserve.io/exp-dra-"
_CLASS, _COUNT, _SELECTOR, _CONTAINER = (
    _PREFIX + name for name in ("device-class", "device-count", "cel-selector", "container-name")
)
_LABEL = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_IS_LABEL = re.compile(_LABEL)
_IS_SUBDOMAIN = re.compile(rf"{_LABEL}(\.{_LABEL})*")
_NUMBER = re.compile(r"[+-]?[0-9]{1,18}")


def _annotations(manifest: Object, _: Context) -> Iterator[Breach]:
    given = {
        name: text.strip()
        for name, text in manifest.map_at("metadata", "annotations").items()
        if name.startswith(_PREFIX) and isinstance(text, str)
    }
    others = [name for name in (_COUNT, _SELECTOR, _CONTAINER) if name in given]
    if others and _CLASS not in given:
        yield Breach(
            ("metadata", "annotations", others[0]), f"{_CLASS} is missing, without which {others[0]} is nothing"
        )
    complaints = {_CLASS: _class, _COUNT: _count, _SELECTOR: _selector, _CONTAINER: _container}
    for name, complaint_of in complaints.items():
        if name in given and (complaint := complaint_of(given[name])):
            yield Breach(("metadata", "annotations", name), complaint, given[name])


def _class(text: str) -> str:
    if not text:
        return "the device class is empty"
    is_right = len(text) <= 253 and _IS_SUBDOMAIN.fullmatch(text)
    return "" if is_right else f'the device class "{text}" is no DNS name in small letters'


def _count(text: str) -> str:
    if text and not (_NUMBER.fullmatch(text) and int(text) >= 1):
        return f'the number of devices "{text}" is no whole number from 1 on'
    return ""


def _selector(text: str) -> str:
    return "" if text else "the selector holds no expression"


def _container(text: str) -> str:
    if not text:
        return "the container's name is empty"
    is_right = len(text) <= 63 and _IS_LABEL.fullmatch(text)
    return "" if is_right else f'the container\'s name "{text}" is no DNS label'


RULES = (
    Rule(
        "kserve.llm-devices",
        "error",
        workloads.SERVICE,
        "Annotations that claim devices name a device class, a count from 1 on, expressions and a container.",
        "The controller writes a claim of them.",
        "put the annotation right, or remove all of them",
        "webhook",
        "kserve/kserve v0.20.0 llm_inference_service_validation.go (validateManagedDRAAnnotations)",
        workloads.live(_annotations),
        since="0.20",
    ),
)
