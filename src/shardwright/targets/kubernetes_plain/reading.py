"""Deployments and StatefulSets from anywhere become recipes: one pod a replica, the Service before them, claim and Job."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shardwright.core.importing import Imported, note
from shardwright.kubernetes.read import reading, reading_access, reading_storage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shardwright.core.importing import Surroundings
    from shardwright.core.manifests.objects import Object
    from shardwright.core.rules.finding import Finding

__all__ = ["READER", "KubernetesReader"]

_QUEUE = "kueue.x-k8s.io/queue-name"
_DEADLINE = "progressDeadlineSeconds"


class KubernetesReader:
    """Reader of what has one pod template."""

    platform = "kubernetes"
    kinds = ("Deployment", "StatefulSet")

    def read(self, main: Object, surroundings: Surroundings) -> Imported | None:
        """The recipe of an object; None where its pods start no engine."""
        pod = reading.pod_of(main.get("spec", "template"), surroundings)
        if pod is None or pod.command is None:
            return None
        place = reading.Place(main.name, main.namespace, surroundings)
        fields, findings = reading.fields_of(reading.Group(pod), place)
        way_in, served = reading.way_in_of(surroundings, pod.labels, main.namespace)
        manager, rights = reading_access.manager_of(surroundings, main.name, main.namespace)
        asked = {
            _DEADLINE: main.number_at("spec", _DEADLINE),
            "queue": main.map_at("metadata", "labels").get(_QUEUE),
            "manager": manager,
        }
        replicas = main.number_at("spec", "replicas")
        return Imported(
            {
                **reading.metadata_of(main, own=(_QUEUE, "deployment.kubernetes.io/")),
                **fields,
                **way_in,
                "target.options": {name: value for name, value in asked.items() if value},
                "replicas": replicas if replicas != 1 else None,
            },
            (main, *rights, *reading_storage.objects_of(pod, place), *served),
            (*findings, *_notes(main, pod.command.own.get("nnodes", "1"))),
        )


def _notes(main: Object, nodes: str) -> Iterator[Finding]:
    if main.kind == "StatefulSet":
        message = f"StatefulSet {main.name} becomes a Deployment: its pods lose their names and claims of their own"
        yield note("kind-changed", message, path="target.kind", objects=(main,))
    if nodes not in {"", "1"}:
        message = f"the command spans {nodes} nodes, and a recipe for kubernetes has one pod a replica"
        fix = "set target.kind: lws, hardware.nodes and the sizes of parallelism"
        yield note("several-nodes", message, path="hardware.nodes", fix=fix, objects=(main,))


READER = KubernetesReader()
