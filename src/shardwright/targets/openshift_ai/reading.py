"""Recipes out of InferenceServices of OpenShift AI: read as KServe's, with what the platform decides and marks.

A service is the platform's where it, its runtime or the image carries a mark of it, or where a Template holds the runtime.
KServe's own part is read by the reader of the platform beneath, which comes from the registry.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, cast

from shardwright import registry
from shardwright.core.importing import Imported, note
from shardwright.core.marked.tree import ListNode
from shardwright.kubernetes.read import reading_answers, reading_texts
from shardwright.targets.openshift_ai import addons_reading, platform_runtime, releases

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shardwright.core.importing import Fields, Reader, Surroundings
    from shardwright.core.manifests.objects import Object
    from shardwright.core.rules.finding import Finding
    from shardwright.targets.openshift_ai.releases import Release

__all__ = ["READER", "OpenShiftAiReader"]

_BENEATH = "kserve"
_MARKS = ("opendatahub.io/", "security.opendatahub.io/", "openshift.io/display-name", "openshift.io/description")
_IMAGES = ("/rhaii/", "/rhaiis/", "/rhoai/", "/modh/", "/opendatahub/", "/rhods/")
_DASHBOARD = "opendatahub.io/dashboard"
_AUTH = "security.opendatahub.io/enable-auth"
_VISIBILITY = "networking.kserve.io/visibility"
_VERSION = "opendatahub.io/runtime-version"
_RUNTIME = ("spec", "predictor", "model", "runtime")
_ADAPTER = ("vllm_tgis_adapter", "vllm.entrypoints.openai.api_server")
"""The server of old images: vLLM with a second protocol, and its flags."""


class OpenShiftAiReader:
    """Reader of InferenceServices that carry marks of OpenShift AI."""

    platform = "openshift-ai"
    kinds = ("InferenceService",)

    def read(self, main: Object, surroundings: Surroundings) -> Imported | None:
        """The recipe of a service; None where it is not this platform's, or no engine serves."""
        runtime = next((each for each in surroundings.of_kind("ServingRuntime") if each.name == _name(main)), None)
        if not _is_ours(main, runtime, surroundings):
            return None
        return _Service(main, runtime, surroundings).imported()


class _Service:
    """One service, its runtime and what stands beside them."""

    def __init__(self, main: Object, runtime: Object | None, surroundings: Surroundings) -> None:
        self._main, self._surroundings = main, surroundings
        self._release: Release | None = releases.release_named(surroundings.version)
        self._given = runtime
        is_platforms = runtime is None and _name(main) == releases.names().runtime
        self._runtime = platform_runtime.shipped(main, self._release) if is_platforms else runtime
        self._template = _template_of(runtime, surroundings)

    def imported(self) -> Imported | None:
        """The recipe; None where KServe's reader finds no engine."""
        read_as = _as_engine(self._runtime)
        made = _beneath().read(self._main, self._around(read_as))
        if made is None:
            return None
        objects = [each for each in made.objects if each is not read_as]
        place = 1
        if self._template is not None:
            objects.insert(place, self._template)
        elif self._given is not None:
            objects.insert(place, self._given)
        beside, theirs = addons_reading.addons_of(self._main, self._surroundings)
        fields: Fields = {
            **self._metadata(made.fields),
            **self._engine(made.fields),
            **self._way_in(made.fields),
            **addons_reading.hardware_of(self._surroundings),
        }
        asked = {**self._options(), **beside}
        fields["target.options"] = {name: value for name, value in asked.items() if value}
        found = (*made.findings, *self._notes())
        return Imported(fields, (*objects, *theirs), reading_answers.unanswered(found, fields))

    def _around(self, runtime: Object | None) -> Surroundings:
        """What KServe's reader is given: its own release, and the runtime as an engine's reader knows it."""
        kept = [each for each in self._surroundings.objects if each is not self._given]
        objects = (*kept, *([runtime] if runtime is not None else []))
        version = self._release.kserve if self._release else self._surroundings.version
        return dataclasses.replace(self._surroundings, version=version, objects=tuple(objects))

    def _metadata(self, fields: Fields) -> Fields:
        made = dict(fields)
        for name in ("metadata.labels", "metadata.annotations"):
            texts = cast("dict[str, str]", made.get(name) or {})
            made[name] = {key: text for key, text in texts.items() if not key.startswith(_MARKS)}
        return made

    def _engine(self, fields: Fields) -> Fields:
        """The platform's image is its release's; of others the annotation of the runtime says which engine is in it."""
        image = str(fields.get("engine.image") or "")
        release = next((each for each in releases.known_releases() if image and each.image == image), None)
        if release is not None and release.engine:
            is_this = self._release is not None and release.version == self._release.version
            return {"engine.version": release.engine, "engine.image": None if is_this else image}
        if fields.get("engine.version") or self._runtime is None:
            return {}
        written = self._runtime.map_at("metadata", "annotations").get(_VERSION)
        version = written.removeprefix("v") if isinstance(written, str) else ""
        return {"engine.version": version or (self._release.engine if self._release and not image else "")}

    def _way_in(self, fields: Fields) -> Fields:
        """Where the platform checks tokens it makes the Route; where it exposes a service without, a Route is asked for."""
        if self._annotation(_AUTH) == "true":
            kept = {name: None for name in fields if name.startswith("expose.")}
            return {**kept, "expose.auth.platform": True}
        is_exposed = self._main.map_at("metadata", "labels").get(_VISIBILITY) == "exposed"
        is_led = fields.get("expose.kind") in {"route", "ingress", "gateway"}
        return {"expose.kind": "route", "expose.tls": {}} if is_exposed and not is_led else {}

    def _annotation(self, name: str) -> object:
        return self._main.map_at("metadata", "annotations").get(name)

    def _options(self) -> Fields:
        name = _name(self._main)
        return {
            "runtime": "template" if self._template is not None else None,
            "runtimeName": name if name and name != self._main.name else None,
            "dashboard": self._main.map_at("metadata", "labels").get(_DASHBOARD) in ("true", True),
        }

    def _notes(self) -> Iterator[Finding]:
        if self._given is None and self._runtime is not None:
            yield note(
                "runtime-assumed",
                f"runtime {self._runtime.name} is not among the files; read as OpenShift AI {self._surroundings.version} has it",
                path="target.options.runtimeName",
                fix=f"oc get servingruntime {self._runtime.name} -n {self._main.namespace or 'default'} -o yaml, and import it too",
                objects=(self._main,),
            )
        if self._given is not None and _as_engine(self._given) is not self._given:
            yield note(
                "server-replaced",
                f"the runtime starts {_ADAPTER[0]}, vLLM with a second protocol; the recipe has vLLM's own server",
                path="engine.image",
                fix="set engine.version, and engine.image where it is not the platform's",
                objects=(self._given,),
            )


def _beneath() -> Reader:
    return next(each for each in registry.load_readers() if each.platform == _BENEATH)


def _name(main: Object) -> str:
    return main.text_at(*_RUNTIME)


def _is_ours(main: Object, runtime: Object | None, surroundings: Surroundings) -> bool:
    marked = [main, *([runtime] if runtime is not None else [])]
    for each in marked:
        names = (*each.map_at("metadata", "labels"), *each.map_at("metadata", "annotations"))
        if any(str(name).startswith(_MARKS) for name in names):
            return True
    if runtime is not None and any(part in _images(runtime) for part in _IMAGES):
        return True
    return _template_of(runtime, surroundings) is not None or _name(main) == releases.names().runtime


def _images(runtime: Object) -> str:
    listed = (each.get("image") for each in runtime.list_at("spec", "containers") if isinstance(each, dict))
    return " ".join(str(image) for image in listed)


def _template_of(runtime: Object | None, surroundings: Surroundings) -> Object | None:
    """The Template that a runtime was read out of."""
    for each in surroundings.of_kind("Template") if runtime is not None else ():
        held = each.node(("objects",))
        if (
            isinstance(held, ListNode)
            and runtime is not None
            and runtime.root.mark in {item.mark for item in held.items}
        ):
            return each
    return None


def _as_engine(runtime: Object | None) -> Object | None:
    """A runtime whose old server is named as the engine's own; the same one where there is none."""
    if runtime is None or _ADAPTER[0] not in str(runtime.get("spec", "containers")):
        return runtime
    value = reading_texts.changed(dict(runtime.value), lambda text: text.replace(*_ADAPTER))
    return dataclasses.replace(runtime, value=value)


READER = OpenShiftAiReader()
