"""Recipes out of InferenceServices: service and runtime put together as KServe does, then read as the pods that it makes.

What a recipe has no field for (transformers, canaries, autoscaling, loggers) is not read; the comparison lists it.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, cast

from shardwright.core.importing import Imported, note
from shardwright.core.manifests.objects import Object
from shardwright.kubernetes.read import reading, reading_answers, reading_storage, reading_texts
from shardwright.targets.kserve import (
    components,
    container_rules,
    groups,
    merged_pods,
    options,
    releases,
    render,
    runtime_reading,
    server_reading,
    sizes_reading,
    wiring,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shardwright.core.importing import Fields, Surroundings
    from shardwright.core.manifests.objects import Value
    from shardwright.core.rules.finding import Finding
    from shardwright.kubernetes.read.reading import ReadPod
    from shardwright.targets.kserve.sizes_reading import Sizes

    Tree = dict[str, Value]

__all__ = ["READER", "KserveReader"]

_OWN = ("serving.kserve.io/", "networking.kserve.io/")
_OWN_OF_PODS = (*_OWN, "prometheus.kserve.io/", "prometheus.io/", "multinode/", "opendatahub.io/")
_STOP = "serving.kserve.io/stop"
_MODEL = (*components.PREDICTOR, "model")
_SIZE_VARIABLES = ("TENSOR_PARALLEL_SIZE", "PIPELINE_PARALLEL_SIZE")
_INVALID_SCHEMES = ("gs://", "https://", "http://", "hdfs://", "webhdfs://")


class KserveReader:
    """Reader of InferenceServices with their runtimes."""

    platform = "kserve"
    kinds = ("InferenceService",)

    def read(self, main: Object, surroundings: Surroundings) -> Imported | None:
        """The recipe of a service; InputError where its runtime is missing, or no engine that is known serves."""
        runtime_reading.check_kind(main)
        whole = runtime_reading.as_model(main)
        runtime, is_at_hand = runtime_reading.runtime_of(whole, surroundings)
        made = _Service(whole, runtime, surroundings, is_at_hand=is_at_hand).imported()
        return dataclasses.replace(made, objects=(main, *made.objects[1:]))


class _Service:
    """One service with all that is read of it."""

    def __init__(self, main: Object, runtime: Object | None, surroundings: Surroundings, *, is_at_hand: bool) -> None:
        self._main, self._runtime, self._surroundings = main, runtime, surroundings
        self._is_at_hand = is_at_hand
        self._leader_tree = merged_pods.leader_pod(main, runtime)
        self._worker_tree = merged_pods.worker_pod(main, runtime)
        head = merged_pods.as_pod(main, self._leader_tree)
        worker = merged_pods.as_pod(main, self._worker_tree) if self._worker_tree else None
        self._sizes: Sizes = sizes_reading.sizes_of(main, runtime, head, worker)
        self._is_server = False

    def imported(self) -> Imported:
        """The recipe; InputError where nothing starts an engine."""
        leader = self._pod(self._leader_tree)
        if leader is None or leader.command is None:
            raise runtime_reading.no_engine(self._main, str(leader.container.get("image") or "") if leader else "")
        worker = self._pod(self._worker_tree) if self._worker_tree else None
        group = reading.Group(leader, worker, nodes=self._sizes.nodes)
        place = reading.Place(
            self._main.name, self._main.namespace, self._surroundings, own=_OWN_OF_PODS, is_group=self._sizes.nodes > 1
        )
        fields, findings = reading.fields_of(group, place)
        way_in, leading = self._way_in()
        made: Fields = {
            **reading.metadata_of(self._main, own=_OWN),
            **fields,
            **way_in,
            **self._source(leader, fields),
            **self._engine(leader, fields),
            **self._group(fields),
            "target.options": {"runtime": options.HUGGING_FACE} if self._is_server else None,
        }
        if made.get("model.servedName") == self._main.name:
            del made["model.servedName"]
        runtimes = (self._runtime,) if self._runtime and self._is_at_hand else ()
        objects = (self._main, *runtimes, *reading_storage.objects_of(leader, place), *leading)
        return Imported(made, objects, reading_answers.unanswered((*findings, *self._notes()), made))

    def _pod(self, tree: Tree) -> ReadPod | None:
        return reading.pod_of(self._prepared(tree), self._surroundings)

    def _prepared(self, tree: Tree) -> Tree:
        """The template with the variables that KServe gives filled in, and the engine's command for its own server's."""
        spec = cast("Tree", tree["spec"])
        listed = merged_pods.list_at(spec, "containers")
        return {**tree, "spec": {**spec, "containers": [self._container(each) for each in listed]}}

    def _container(self, container: Value) -> Value:
        if not isinstance(container, dict):
            return container
        given = self._given()
        made = {
            **container,
            **{name: reading_texts.with_variables(container.get(name), given) for name in ("command", "args")},
        }
        env = container.get("env")
        if isinstance(env, list):
            made["env"] = [each for each in env if not _is_own(each)]
        words = [str(word) for name in ("command", "args") for word in merged_pods.list_at(made, name)]
        command = server_reading.engine_command(words, given)
        if command is not None:
            self._is_server = True
            made["command"], made["args"] = list(command), None
        return made

    def _given(self) -> dict[str, str]:
        texts = {
            "TENSOR_PARALLEL_SIZE": str(self._sizes.tensor),
            "PIPELINE_PARALLEL_SIZE": str(self._sizes.pipeline),
            "RAY_NODE_COUNT": str(self._sizes.nodes),
            "ISVC_NAME": self._main.name,
            "MODEL_NAME": self._main.name,
        }
        if self._main.text_at(*_MODEL, "storageUri"):
            texts["MODEL_DIR"] = wiring.MODEL_FOLDER
        return texts

    def _source(self, leader: ReadPod, fields: Fields) -> Fields:
        """What storageUri says, where the engine reads the folder at which KServe puts it."""
        uri = self._main.text_at(*_MODEL, "storageUri")
        model = leader.command.model.rstrip("/") if leader.command else ""
        if not uri or not f"{model}/".startswith(f"{wiring.MODEL_FOLDER}/"):
            return {}
        below = model.removeprefix(wiring.MODEL_FOLDER).strip("/")
        made: Fields = {"model.source": f"{uri.rstrip('/')}/{below}".rstrip("/")}
        if uri.startswith("pvc://"):
            # The claim's own folder lies at the place of the model only where the source names no folder in it.
            has_folder = "/" in made["model.source"].removeprefix("pvc://")
            return {**made, "storage.cacheDir": None if has_folder else fields.get("storage.cacheDir")}
        return {**made, "storage.cacheDir": None}

    def _engine(self, leader: ReadPod, fields: Fields) -> Fields:
        """Engine, version and image of the server that KServe brings, and how ranks are spread."""
        made: Fields = {}
        release = releases.release_named(self._surroundings.version)
        image = str(leader.container.get("image") or "")
        if self._is_server and release and image in {release.server_image, ""} and release.server_engine:
            # The engine's own image may have no Ray, which the server's has.
            is_named = self._sizes.nodes > 1
            made |= {
                "engine.image": release.server_image if is_named else None,
                "engine.version": release.server_engine,
            }
        if self._sizes.nodes > 1:
            made["engine.executor"] = fields.get("engine.executor") or _executor(self._runtime)
        return made

    def _group(self, fields: Fields) -> Fields:
        count = self._main.number_at(*components.PREDICTOR, "minReplicas")
        is_stopped = components.annotation(self._main, _STOP) == "true"
        replicas = 1 if not count or self._sizes.nodes > 1 else count
        made: Fields = {"replicas": 0 if is_stopped else replicas}
        if not fields.get("hardware.gpusPerNode"):
            made["hardware.gpusPerNode"] = self._sizes.gpus_per_node
        return {name: value for name, value in made.items() if name != "replicas" or value != 1}

    def _way_in(self) -> tuple[Fields, tuple[Object, ...]]:
        """What leads to the Service that KServe makes before the head; that Service is in no file."""
        name = render.predictor_name(self._main.name)
        made = Object("v1", "Service", name, self._main.namespace, self._main.root, {})
        around = dataclasses.replace(self._surroundings, objects=(*self._surroundings.objects, made))
        fields, found = reading.way_in_of(around, {}, self._main.namespace, services=(name,))
        return fields, tuple(each for each in found if each is not made)

    def _notes(self) -> Iterator[Finding]:
        yield from sizes_reading.notes_of(self._main, self._sizes)
        count = self._main.number_at(*components.PREDICTOR, "minReplicas")
        if count == 0:
            yield note(
                "scale-to-zero",
                "minReplicas: 0 ends all pods while nobody asks; a recipe has one that stays",
                path="replicas",
                fix="give replicas: 0 to stop it until you start it",
                objects=(self._main,),
            )
        elif count and count > 1 and self._sizes.nodes > 1:
            yield note(
                "one-group",
                f"minReplicas is {count}, and a group has one head: one group is imported",
                path="replicas",
                fix="for several groups use target.kind: lws or llmisvc, or one recipe for each",
                objects=(self._main,),
            )
        if self._runtime is not None and not self._is_at_hand:
            yield note(
                "runtime-assumed",
                f"runtime {self._runtime.name} is not among the files; read as KServe {self._surroundings.version} ships it",
                path="target.options.runtime",
                fix=f"kubectl get clusterservingruntime {self._runtime.name} -o yaml, and import it with the service",
                objects=(self._main,),
            )
        if self._runtime is not None and components.has_workers(self._runtime) and self._worker_tree is None:
            yield note(
                "workers-not-asked",
                f"runtime {self._runtime.name} is for several nodes, and the service has no workerSpec: KServe makes one pod",
                path="hardware.nodes",
                fix="set hardware.nodes and parallelism if several nodes are meant",
                objects=(self._main,),
            )
        if self._main.text_at(*_MODEL, "storageUri").startswith(_INVALID_SCHEMES):
            yield note(
                "source-unknown",
                "storageUri has a scheme that a recipe does not know",
                path="model.source",
                fix="set model.source: hf://OWNER/NAME, pvc://CLAIM/PATH, oci://IMAGE or s3://BUCKET/PATH",
                objects=(self._main,),
            )


def _executor(runtime: Object | None) -> str:
    """How a runtime spans nodes: by Ray, unless it says otherwise."""
    annotations = runtime.map_at("spec", "annotations") if runtime else {}
    return "mp" if annotations.get(groups.EXECUTOR) == "mp" else "ray"


def _is_own(entry: Value) -> bool:
    return isinstance(entry, dict) and entry.get("name") in (*container_rules.OWN, *_SIZE_VARIABLES)


READER = KserveReader()
