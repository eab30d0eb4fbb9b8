"""LeaderWorkerSets from anywhere become recipes: group, templates, the Service before the leaders, claim and Job.

What the pods say `kubernetes.reading` reads; here are the set's own fields, the way back from `render` and `placement`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from shardwright.core.importing import Imported
from shardwright.kubernetes.read import reading, reading_access, reading_storage
from shardwright.targets.lws import options, releases

if TYPE_CHECKING:
    from shardwright.core.importing import Fields, Surroundings
    from shardwright.core.manifests.objects import Object
    from shardwright.kubernetes.read.reading import ReadPod
    from shardwright.targets.lws.releases import Release

__all__ = ["READER", "LwsReader"]

_PREFIX = "leaderworkerset.sigs.k8s.io"
_KUEUE = "kueue.x-k8s.io"
_AFTER_START = f"{_PREFIX}/experimental-recreate-group-after-start"
_SET_ANNOTATIONS = {
    "exclusiveTopology": f"{_PREFIX}/exclusive-topology",
    "subgroupExclusiveTopology": f"{_PREFIX}/subgroup-exclusive-topology",
    "volcanoQueue": "scheduling.volcano.sh/queue-name",
}
_POD_ANNOTATIONS = {
    "requiredTopology": f"{_KUEUE}/podset-required-topology",
    "preferredTopology": f"{_KUEUE}/podset-preferred-topology",
}
_TEMPLATE = ("spec", "leaderWorkerTemplate")


class LwsReader:
    """Reader of LeaderWorkerSets."""

    platform = "lws"
    kinds = ("LeaderWorkerSet",)

    def read(self, main: Object, surroundings: Surroundings) -> Imported | None:
        """The recipe of a set; None where its leader starts no engine."""
        template = main.map_at(*_TEMPLATE)
        size = main.number_at(*_TEMPLATE, "size") or 1
        worker = reading.pod_of(template.get("workerTemplate"), surroundings)
        leader = reading.pod_of(template.get("leaderTemplate"), surroundings) or worker
        if leader is None or leader.command is None:
            return None
        own = (*_SET_ANNOTATIONS.values(), _AFTER_START, f"{_KUEUE}/queue-name")
        place = reading.Place(main.name, main.namespace, surroundings, (f"{_KUEUE}/podset-",), is_group=size > 1)
        fields, findings = reading.fields_of(reading.Group(leader, worker if size > 1 else None, size), place)
        labels = {**leader.labels, f"{_PREFIX}/name": main.name, f"{_PREFIX}/worker-index": "0"}
        way_in, served = reading.way_in_of(surroundings, labels, main.namespace)
        manager, rights = reading_access.manager_of(surroundings, main.name, main.namespace)
        asked = {**_options(main, leader, releases.release_named(surroundings.version)), "manager": manager}
        replicas = main.number_at("spec", "replicas")
        return Imported(
            {
                **reading.metadata_of(main, own=own),
                **fields,
                **way_in,
                "target.options": {name: value for name, value in asked.items() if value},
                "replicas": replicas if replicas != 1 else None,
            },
            (main, *rights, *reading_storage.objects_of(leader, place), *served),
            findings,
        )


def _options(main: Object, leader: ReadPod, release: Release | None) -> Fields:
    """`target.options` that the set and its pods stand for; defaults of the target are left out."""
    annotations = main.map_at("metadata", "annotations")
    asked: Fields = {name: annotations.get(key) for name, key in _SET_ANNOTATIONS.items()}
    asked |= {name: leader.annotations.get(key) for name, key in _POD_ANNOTATIONS.items()}
    policy = main.text_at("spec", "networkConfig", "subdomainPolicy")
    return {
        **asked,
        "restartPolicy": _restart_policy(main, release),
        "subdomainPolicy": policy if policy == "UniquePerReplica" else None,
        "subgroupSize": main.number_at(*_TEMPLATE, "subGroupPolicy", "subGroupSize"),
        "gang": "volcano" if leader.spec.get("schedulerName") == "volcano" else None,
        "queue": main.map_at("metadata", "labels").get(f"{_KUEUE}/queue-name"),
    }


def _restart_policy(main: Object, release: Release | None) -> str | None:
    if release is None:
        return None
    policy = main.text_at(*_TEMPLATE, "restartPolicy") or options.ON_RESTART
    if main.map_at("metadata", "annotations").get(_AFTER_START) == "true":
        policy = options.AFTER_START
    default = options.ON_RESTART if release.after_start == "none" else options.AFTER_START
    known = {options.ON_RESTART, options.AFTER_START}
    return policy if policy != default and policy in known else None


READER = LwsReader()
