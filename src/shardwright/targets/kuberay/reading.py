"""Recipes out of Ray objects: clusters whose head serves, services of Ray Serve LLM, jobs that start a server.

A cluster in which nothing serves is no deployment. What a recipe has no field for (autoscaling, several models behind one
service, other groups of workers) is not read; the comparison lists it.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, cast

from shardwright import errors
from shardwright.core.importing import Imported, note
from shardwright.core.manifests.objects import Object
from shardwright.kubernetes.read import reading, reading_answers, reading_storage
from shardwright.targets.kuberay import cluster_reading, names, options, ray_images, ray_objects, serve_reading

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shardwright.core.importing import Fields, Surroundings
    from shardwright.core.manifests.objects import Value
    from shardwright.core.rules.finding import Finding
    from shardwright.kubernetes.read.reading import ReadPod
    from shardwright.targets.kuberay.ray_objects import Cluster, Group

    Tree = dict[str, Value]

__all__ = ["READER", "KuberayReader"]

_OWN = ("ray.io/", "kueue.x-k8s.io/queue-name", "volcano.sh/queue-name")
_HEAD_LABELS = {
    "ray.io/node-type": "head",
    "ray.io/group": "headgroup",
    "ray.io/is-ray-node": "yes",
}


class KuberayReader:
    """Reader of clusters, services and jobs of Ray."""

    platform = "kuberay"
    kinds = ("RayCluster", "RayService", "RayJob")

    def read(self, main: Object, surroundings: Surroundings) -> Imported | None:
        """The recipe of an object; None where nothing in it serves with a known engine."""
        cluster = ray_objects.cluster_of(main)
        if cluster is None:
            return None
        reader = _Cluster(main, cluster, surroundings)
        return reader.served() if main.kind == "RayService" else reader.on_the_head()


class _Cluster:
    """One object with the cluster in it."""

    def __init__(self, main: Object, cluster: Cluster, surroundings: Surroundings) -> None:
        self._main, self._cluster, self._surroundings = main, cluster, surroundings
        self._nodes = sum(cluster_reading.count_of(group, main) for group in cluster.workers)

    def on_the_head(self) -> Imported | None:
        """The engine's own server on the head, or started by a job in its place."""
        head = self._pod(self._cluster.head, entrypoint=self._main.text_at("spec", "entrypoint"))
        if head is None or head.command is None or not (head.container.get("command") or head.container.get("args")):
            # The operator starts Ray in place of what the image would start by itself.
            return None
        worker = self._worker()
        nodes = self._nodes + (1 if cluster_reading.has_gpus(head) or not self._nodes else 0)
        fields, findings = reading.fields_of(reading.Group(head, worker, nodes), self._place(nodes))
        is_stopped = self._cluster.get("suspend") is True
        made: Fields = {
            **fields,
            **({"replicas": 0} if is_stopped else {}),
            "target.options": self._options(head),
        }
        return self._imported(made, head, (*findings, *self._notes()))

    def served(self) -> Imported:
        """A model of Ray Serve LLM on the workers, beside a head that serves none; InputError for other applications."""
        model = serve_reading.model_of(self._main)
        head, worker = self._pod(self._cluster.head), self._worker()
        if model is None or head is None:
            mark = self._main.mark(("spec", "serveConfigV2"))
            raise errors.InputError(
                f"{mark.file}:{mark.line}: RayService {self._main.name} serves no model that its configuration names",
                hint="what is read is Ray Serve LLM: applications with args.llm_configs, or with MODEL_ID as a variable",
            )
        ranks = worker or head
        container = serve_reading.with_variables(model, ranks.container)
        command = serve_reading.command_of(model, self._surroundings, container)
        leader = dataclasses.replace(ranks, command=command, container=container)
        nodes = self._nodes or 1
        replicas = max(model.replicas, 1)
        per_replica = max(nodes // replicas, 1)
        fields, findings = reading.fields_of(reading.Group(leader, None, per_replica), self._place(per_replica))
        made: Fields = {
            **fields,
            **serve_reading.fields_of(model, fields),
            **cluster_reading.head_fields(head),
            **({"replicas": model.replicas} if model.replicas != 1 else {}),
            "target.options": {
                "server": options.RAY_SERVE,
                **cluster_reading.upgrade_option(self._main, self._surroundings.version),
                **self._options(head),
            },
        }
        notes = (*serve_reading.notes_of(self._main, model, nodes, _gpus(made)), *self._notes())
        return self._imported(made, leader, (*findings, *notes))

    def _imported(self, fields: Fields, leader: ReadPod, findings: tuple[Finding, ...]) -> Imported:
        way_in, leading = self._way_in(leader)
        made: Fields = {**reading.metadata_of(self._main, own=_OWN), **fields, **way_in, "engine.executor": "ray"}
        if not made.get("engine.version"):
            made["engine.version"] = cluster_reading.written_version(leader)
        if made.get("model.servedName") == self._main.name:
            del made["model.servedName"]
        objects = (self._main, *reading_storage.objects_of(leader, self._place(1)), *leading)
        return Imported(made, objects, reading_answers.unanswered(findings, made))

    def _place(self, nodes: int) -> reading.Place:
        own = ("ray.io/", "shardwright.dev/")
        return reading.Place(self._main.name, self._main.namespace, self._surroundings, own=own, is_group=nodes > 1)

    def _pod(self, group: Group, *, entrypoint: str = "") -> ReadPod | None:
        template = self._main.get(*group.path, "template")
        if not entrypoint or not isinstance(template, dict):
            return reading.pod_of(template, self._surroundings)
        spec = template.get("spec")
        listed = spec.get("containers") if isinstance(spec, dict) else None
        if not isinstance(spec, dict) or not isinstance(listed, list) or not listed or not isinstance(listed[0], dict):
            return None
        first: Tree = {**listed[0], "command": ["sh", "-c", entrypoint], "args": None}
        return reading.pod_of({**template, "spec": {**spec, "containers": [first, *listed[1:]]}}, self._surroundings)

    def _worker(self) -> ReadPod | None:
        """The first group of workers that has any."""
        for group in self._cluster.workers:
            if cluster_reading.count_of(group, self._main):
                return self._pod(group)
        return None

    def _options(self, head: ReadPod) -> Fields:
        version = names.ray_version(str(self._cluster.get("rayVersion") or ""))
        told = ray_images.version_in(str(head.container.get("image") or ""))
        written = str(self._cluster.get("rayVersion") or "")
        asked: Fields = {
            "rayVersion": written if version and written != told else None,
            **cluster_reading.port_options(self._cluster),
            **cluster_reading.state_options(self._cluster),
            **cluster_reading.scheduling_options(self._main),
        }
        return {name: value for name, value in asked.items() if value}

    def _way_in(self, leader: ReadPod) -> tuple[Fields, tuple[Object, ...]]:
        """A Service of one's own before the head; else what leads to the operator's, which is in no file."""
        name, around = self._main.name, self._surroundings
        is_service = self._main.kind == "RayService"
        marks = {"ray.io/serve": "true", "app.kubernetes.io/instance": name} if is_service else {"ray.io/cluster": name}
        head = self._main.map_at(*self._cluster.head.path, "template", "metadata", "labels")
        texts = {key: text for key, text in head.items() if isinstance(text, str)}
        labels = {**leader.labels, **texts, **_HEAD_LABELS, "ray.io/identifier": f"{name}-head", **marks}
        fields, found = reading.way_in_of(around, labels, self._main.namespace)
        if found:
            return fields, found
        theirs = tuple(
            Object("v1", "Service", f"{name}-{ending}", self._main.namespace, self._main.root, {})
            for ending in ("head-svc", "serve-svc")
        )
        around = dataclasses.replace(around, objects=(*around.objects, *theirs))
        led, objects = reading.way_in_of(around, {}, self._main.namespace, services=tuple(each.name for each in theirs))
        return led or fields, tuple(each for each in objects if each not in theirs)

    def _notes(self) -> Iterator[Finding]:
        groups = [each for each in self._cluster.workers if cluster_reading.count_of(each, self._main)]
        if len(groups) > 1:
            yield note(
                "worker-groups",
                f"{len(groups)} groups of workers are there; a recipe has one, read from {groups[0].name}",
                path="hardware.nodes",
                fix="check hardware and pods.worker",
                objects=(self._main,),
            )
        if self._cluster.is_autoscaled:
            yield note(
                "autoscaling",
                "Ray's autoscaler sets the number of workers; the recipe has as many as the manifest starts with",
                path="hardware.nodes",
                fix="set hardware.nodes, or replicas with server: ray-serve",
                objects=(self._main,),
            )
        if self._main.kind == "RayJob":
            yield note(
                "job",
                "a RayJob ends with its entrypoint; the recipe is of a cluster that serves until it is deleted",
                path="target.kind",
                objects=(self._main,),
            )


def _gpus(fields: Fields) -> int:
    return cast("int", fields.get("hardware.gpusPerNode") or 1)


READER = KuberayReader()
