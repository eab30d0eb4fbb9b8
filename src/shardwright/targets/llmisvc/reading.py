"""Recipes out of LLMInferenceServices: pods of leader and workers, sizes, router, with the configurations laid under them.

Where a container says no command of its own, the preset's is meant: the engine that serves what the platform mounted.
Other parts (a prefill of its own, autoscaling, adapters) are not read; the comparison lists them.
"""

from __future__ import annotations

import dataclasses
import re
from typing import TYPE_CHECKING

from shardwright import errors
from shardwright.core.importing import Imported, note
from shardwright.core.manifests.objects import Object
from shardwright.kubernetes.read import reading, reading_answers, reading_storage, reading_texts
from shardwright.kubernetes.render import network, strategic_merge
from shardwright.targets.llmisvc import preset_reading, releases, render, router_reading, workloads

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shardwright.core.importing import Fields, Surroundings
    from shardwright.core.manifests.objects import Value
    from shardwright.core.rules.finding import Finding
    from shardwright.kubernetes.read.reading import ReadPod

    Tree = dict[str, Value]

__all__ = ["READER", "LlmisvcReader"]

_SPEC = ("spec",)
_CONFIG = "LLMInferenceServiceConfig"
_QUEUE = "kueue.x-k8s.io/queue-name"
_TOPOLOGY = "leaderworkerset.sigs.k8s.io/exclusive-topology"
_AUTH = "security.opendatahub.io/enable-auth"
_OWN = ("serving.kserve.io/", _QUEUE, _TOPOLOGY, _AUTH)
_PLACEHOLDER = re.compile(r"\{\{-?\s*\.(?:ObjectMeta\.)?(Name|Namespace|Spec\.Model\.Name)\s*-?\}\}")


class LlmisvcReader:
    """Reader of LLMInferenceServices."""

    platform = "llmisvc"
    kinds = ("LLMInferenceService",)

    def read(self, main: Object, surroundings: Surroundings) -> Imported | None:
        """The recipe of a service; InputError where its pods start something else than a known engine."""
        bases = _bases(main, surroundings)
        return _Service(_laid_over(main, bases), main, bases, surroundings).imported()


class _Service:
    """One service, with what its configurations say."""

    def __init__(self, whole: Object, main: Object, bases: tuple[Object, ...], surroundings: Surroundings) -> None:
        self._whole, self._main, self._bases, self._surroundings = whole, main, bases, surroundings
        self._has_worker = isinstance(whole.get("spec", "worker"), dict)
        self._size = workloads.group_size(whole, _SPEC) if self._has_worker else 1

    def imported(self) -> Imported:
        """The recipe; InputError where nothing starts an engine."""
        leader = self._pod("template")
        if leader is None or leader.command is None:
            mark = self._main.mark(("spec", "template"))
            raise errors.InputError(
                f"{mark.file}:{mark.line}: {self._main.kind} {self._main.name} starts no engine that is known",
                hint="an engine is known by the command of the container; leave it out for that of the platform's preset",
            )
        worker = self._pod("worker") if self._has_worker else None
        place = reading.Place(
            self._main.name, self._main.namespace, self._surroundings, own=_OWN, is_group=self._size > 1
        )
        fields, findings = reading.fields_of(reading.Group(leader, worker, self._size), place)
        way_in, leading = self._way_in()
        made: Fields = {
            **reading.metadata_of(self._main, own=_OWN),
            **fields,
            **way_in,
            **self._model(leader),
            **self._group(fields),
            "target.options": self._options(),
        }
        if made.get("model.servedName") == self._main.name:
            del made["model.servedName"]
        objects = (self._main, *self._bases, *self._configs(), *reading_storage.objects_of(leader, place), *leading)
        told = reading_answers.unanswered((*findings, *self._notes()), made)
        return Imported(made, tuple({id(each): each for each in objects}.values()), told)

    def _pod(self, name: str) -> ReadPod | None:
        spec = preset_reading.pod_spec(self._whole, name)
        metadata: Tree = {
            "labels": self._whole.map_at("spec", "labels"),
            "annotations": {**self._whole.map_at("spec", "annotations"), **self._networks()},
        }
        return reading.pod_of({"metadata": metadata, "spec": _filled(self._whole, spec)}, self._surroundings)

    def _networks(self) -> Tree:
        value = self._main.map_at("metadata", "annotations").get(network.NETWORKS)
        return {network.NETWORKS: value} if value else {}

    def _model(self, leader: ReadPod) -> Fields:
        made: Fields = {}
        name, uri = self._whole.text_at("spec", "model", "name"), self._whole.text_at("spec", "model", "uri")
        command = leader.command
        if command is not None and "model.servedName" not in command.fields and name:
            made["model.servedName"] = name
        mount = releases.names().model_mount
        if command is not None and uri and command.model.rstrip("/") == mount:
            made |= {"model.source": uri, "storage.cacheDir": None}
        if (self._main.map_at("metadata", "annotations").get(_AUTH)) == "true":
            made["expose.auth.platform"] = True
        return made

    def _group(self, fields: Fields) -> Fields:
        replicas = self._whole.number_at("spec", "replicas")
        made: Fields = {"replicas": replicas} if replicas not in {None, 1} else {}
        if not fields.get("hardware.gpusPerNode"):
            made["hardware.gpusPerNode"] = preset_reading.gpus_per_node(self._whole)
        return made

    def _way_in(self) -> tuple[Fields, tuple[Object, ...]]:
        """The router's, else what leads to the Service that the controller makes, which is in no file."""
        routed = router_reading.expose_of(self._whole)
        if routed:
            return routed, ()
        name = render.service_name(self._main.name)
        made = Object("v1", "Service", name, self._main.namespace, self._main.root, {})
        around = dataclasses.replace(self._surroundings, objects=(*self._surroundings.objects, made))
        fields, found = reading.way_in_of(around, {}, self._main.namespace, services=(name,))
        return fields, tuple(each for each in found if each is not made)

    def _options(self) -> Fields:
        labels, annotations = (self._main.map_at("metadata", name) for name in ("labels", "annotations"))
        asked: Fields = {
            **router_reading.options_of(self._whole),
            "queue": labels.get(_QUEUE),
            "exclusiveTopology": annotations.get(_TOPOLOGY),
            **self._pipeline_options(),
        }
        return {name: value for name, value in asked.items() if value is not None and value != ""}

    def _needs_pipeline(self) -> bool:
        release = releases.release_named(self._surroundings.version)
        is_missing = release is None or "pipeline" in release.missing_presets
        return is_missing and self._size > 1 and not workloads.is_data_parallel(self._whole, _SPEC)

    def _pipeline_options(self) -> Fields:
        if not self._needs_pipeline():
            return {}
        ending = releases.names().pipeline_config
        found = self._configs()
        if not found:
            return {"pipelineConfig": "expected"}
        prefix = found[0].name.removesuffix(ending)
        return {"configPrefix": prefix if prefix != releases.names().config_prefix else None}

    def _configs(self) -> tuple[Object, ...]:
        """The configuration that the controller asks for, where it is among the files."""
        if not self._needs_pipeline():
            return ()
        ending = releases.names().pipeline_config
        return tuple(each for each in self._surroundings.of_kind(_CONFIG) if each.name.endswith(ending))[:1]

    def _notes(self) -> Iterator[Finding]:
        if isinstance(self._whole.get("spec", "prefill"), dict):
            yield note(
                "prefill-left-out",
                "pods for prefill alone are not carried: a recipe is one group that does both",
                path="hardware.nodes",
                fix="keep the original, or serve with one group",
                objects=(self._main,),
            )
        missing = [name for name in _base_names(self._main) if name not in {each.name for each in self._bases}]
        if missing:
            yield note(
                "configuration-missing",
                f"baseRefs names {', '.join(missing)}, not among the files: what it says is not imported",
                path="target.options",
                fix="import it too: kubectl get llminferenceserviceconfig NAME -o yaml",
                objects=(self._main,),
            )
        if preset_reading.is_of_preset(self._whole):
            yield note(
                "preset-assumed",
                "the container has no command of its own: the preset's is meant, vLLM on what model.uri brings",
                path="engine",
                fix="set engine.version to that of the platform's image; what is rendered has its own command and image",
                objects=(self._main,),
            )
        if self._pipeline_options().get("pipelineConfig") == "expected":
            yield note(
                "pipeline-config-expected",
                f"no {_CONFIG} {releases.names().pipeline_config} is among the files, and no release has it",
                path="target.options.pipelineConfig",
                fix="leave the option out to have it rendered",
                objects=(self._main,),
            )


def _base_names(main: Object) -> list[str]:
    listed = main.list_at("spec", "baseRefs")
    return [str(each.get("name")) for each in listed if isinstance(each, dict) and each.get("name")]


def _bases(main: Object, surroundings: Surroundings) -> tuple[Object, ...]:
    found = (surroundings.named(_CONFIG, name) for name in _base_names(main))
    return tuple(each for each in found if each is not None)


def _laid_over(main: Object, bases: tuple[Object, ...]) -> Object:
    """The object with what its configurations say, later ones over earlier ones and its own words over all."""
    spec: Tree = {}
    for each in (*bases, main):
        spec = strategic_merge.merged(spec, each.map_at("spec"))
    return dataclasses.replace(main, value={**main.value, "spec": spec})


def _filled(main: Object, spec: Tree) -> Tree:
    """A pod with what the controller fills in: names, of all that its templates may ask."""
    names = {
        "Name": main.name,
        "Namespace": main.namespace,
        "Spec.Model.Name": main.text_at("spec", "model", "name") or main.name,
    }
    return reading_texts.changed(spec, lambda text: _PLACEHOLDER.sub(lambda match: names[match[1]], text))


READER = LlmisvcReader()
