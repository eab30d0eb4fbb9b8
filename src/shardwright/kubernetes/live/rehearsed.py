"""Manifests as they are rehearsed in a cluster without GPUs: what it cannot give is mapped away, all else stays as it is.

Replaced are the engine's command line, its image and the model's files; lifted is what would keep a pod from a node that has
no GPU. Names, labels, Services, probes, group sizes and policies are those that will be applied. Pure; every difference to the
planned manifests is in the result, for it is computed from both.
"""

from __future__ import annotations

import copy
import posixpath
from typing import TYPE_CHECKING, Any, TypeAlias, cast

from shardwright.core.manifests.differences import differences
from shardwright.core.plugins import Manifest
from shardwright.kubernetes.render import labels, sources
from shardwright.kubernetes.render.network import NETWORKS
from shardwright.units import GIB, format_quantity
from shardwright.values import frozen

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from shardwright.core.deployment import Deployment, Launch
    from shardwright.core.manifests.differences import Difference
    from shardwright.core.staging import Staging

__all__ = ["Rehearsed", "rehearsed"]

Tree: TypeAlias = "dict[str, Any]"

_LEFT_OUT = {
    "PersistentVolumeClaim": "the twin's files are mounted instead",
    "Job": "there is nothing to download: the twin's files are mounted instead",
    "Ingress": "the way in from outside is not opened",
    "Route": "the way in from outside is not opened",
    "HTTPRoute": "the way in from outside is not opened",
}
_PLACING = ("nodeSelector", "schedulerName", "priorityClassName", "runtimeClassName", "serviceAccountName")
_PLACING_ANNOTATIONS = (
    NETWORKS,
    "leaderworkerset.sigs.k8s.io/exclusive-topology",
    "leaderworkerset.sigs.k8s.io/subgroup-exclusive-topology",
    "kueue.x-k8s.io/",
    "scheduling.volcano.sh/",
)
"""Whole names, or how names begin: queues, racks and networks that only the real cluster has."""
_CPU = "500m"
"""So that a busy machine gives the engine time; more would not fit on a laptop."""
_MARK = "DONE_FILE"


@frozen
class Rehearsed:
    """What is applied, and what was done to the planned manifests."""

    manifests: tuple[Manifest, ...]
    changed: tuple[tuple[str, tuple[Difference, ...]], ...]
    """Objects and the fields that differ; `original` is what was planned, `rendered` what is applied."""
    left_out: tuple[str, ...]
    added: tuple[str, ...]
    replaced_commands: int
    """Containers that start the engine."""


def rehearsed(
    planned: Deployment,
    run: Deployment,
    manifests: Sequence[Manifest],
    *,
    files: Mapping[str, str],
    model: str,
    staging: Staging | None = None,
) -> Rehearsed:
    """The manifests of `planned`, started as `run` is, with `files` of the model at the path `model` in every pod.

    `staging`: what is the target's own in it.
    """
    mapping = _Mapping(planned, run, model)
    left_out = {**_LEFT_OUT, **(staging.left_out if staging else {})}
    kept = [each for each in manifests if each.kind not in left_out]
    eased = [staging.eased(planned, each.body) if staging else each.body for each in kept]
    made = [Manifest(each.kind, each.name, mapping.object(body)) for each, body in zip(kept, eased, strict=True)]
    marks = dict.fromkeys(mapping.marks, "")
    config = _config_map(run, mapping.config_map, {**files, **marks})
    pairs = (
        (before, differences(dict(before.body), dict(after.body))) for before, after in zip(kept, made, strict=True)
    )
    return Rehearsed(
        manifests=(config, *made),
        changed=tuple((f"{each.kind} {each.name}", found) for each, found in pairs if found),
        left_out=tuple(
            f"{each.kind} {each.name}: {left_out[each.kind]}" for each in manifests if each.kind in left_out
        ),
        added=(f"ConfigMap {config.name}: the twin's files, mounted at {model}",),
        replaced_commands=mapping.replaced,
    )


class _Mapping:
    """What stands in for what; remembers what it came across."""

    def __init__(self, planned: Deployment, run: Deployment, model: str) -> None:
        self._planned, self._run, self._model = planned, run, model
        self.config_map = f"{run.recipe.metadata.name}-twin"
        self.replaced = 0
        self.marks: list[str] = []
        self._images = {planned.image}
        """Of the engine; platforms may have one of their own."""
        pairs = [(planned.leader, run.leader)]
        pairs += [(planned.worker, run.worker)] if planned.worker and run.worker else []
        # One member's words may be the beginning of another's: the longest are looked for first.
        self._commands = sorted(pairs, key=lambda pair: -len(pair[0].argv))
        ranks = max(len(member.ranks) for member in run.group.members)
        self._requests = {"cpu": _CPU, "memory": format_quantity((1 + ranks) * GIB)}

    def object(self, body: Mapping[str, object]) -> Tree:
        """One object as it is applied."""
        made: Tree = copy.deepcopy(dict(body))
        for pod in list(_pods(made)):
            self._pod(pod)
        _drop_placing(made)
        spec = made.get("spec")
        if isinstance(spec, dict):
            _one_replica(cast("Tree", spec))
            if made.get("kind") == "Service":
                cast("Tree", spec).pop("ipFamilies", None)
                cast("Tree", spec)["type"] = "ClusterIP"
        return made

    def _pod(self, spec: Tree) -> None:
        for name in _PLACING:
            spec.pop(name, None)
        self._volumes(spec)
        # The engine's first: they tell its image, which others use too.
        for each in (*spec.get("containers", ()), *spec.get("initContainers", ())):
            self._container(spec, each)
        _place(spec, self._run)

    def _volumes(self, spec: Tree) -> None:
        claim = sources.mounted_claim(self._planned.recipe)
        for volume in spec.get("volumes", ()):
            if claim and volume.get("persistentVolumeClaim", {}).get("claimName") == claim:
                del volume["persistentVolumeClaim"]
                volume["configMap"] = {"name": self.config_map}

    def _container(self, spec: Tree, container: Tree) -> None:
        image: str = container.get("image", "")
        if image in self._images:
            container["image"] = self._run.image
        _drop_devices(container)
        self.marks += [
            posixpath.basename(each["value"])
            for each in container.get("env", ())
            if each["name"] == _MARK and posixpath.dirname(each.get("value", "")) == self._model
        ]
        for planned, run in self._commands:
            if _replace_words(container, planned.argv, run.argv):
                self.replaced += 1
                self._images.add(image)
                container["image"] = self._run.image
                container["env"] = _environment(container.get("env") or [], planned, run)
                _give(container, self._requests)
                self._mount(spec, container)
                break
        for each in container.get("env", ()):
            sources: Tree = each.get("valueFrom") or {}
            for source in sources.values():
                if "key" in source:  # of a Secret or ConfigMap, which a rehearsal does not need
                    source["optional"] = True

    def _mount(self, spec: Tree, container: Tree) -> None:
        """Give the container the model's files, if no claim was to bring them."""
        mounts: list[Tree] = container.setdefault("volumeMounts", [])
        if any(each["mountPath"] == self._model for each in mounts):
            return
        volumes: list[Tree] = spec.setdefault("volumes", [])
        if not any(each["name"] == "twin" for each in volumes):
            volumes.append({"name": "twin", "configMap": {"name": self.config_map}})
        mounts.append({"name": "twin", "mountPath": self._model, "readOnly": True})


def _config_map(run: Deployment, name: str, files: Mapping[str, str]) -> Manifest:
    head = {"name": name, "namespace": run.recipe.metadata.namespace, "labels": labels.identity(run, "twin")}
    return Manifest("ConfigMap", name, {"apiVersion": "v1", "kind": "ConfigMap", "metadata": head, "data": dict(files)})


def _trees(node: object) -> Iterator[Tree]:
    """All mappings in a tree, however deep they are."""
    if isinstance(node, list):
        for each in cast("list[object]", node):
            yield from _trees(each)
    if isinstance(node, dict):
        tree = cast("Tree", node)
        yield tree
        for value in tree.values():
            yield from _trees(value)


def _pods(body: Tree) -> Iterator[Tree]:
    """Specifications of pods: by their containers, and the one whose containers are those of a runtime."""
    for tree in _trees(body):
        if isinstance(tree.get("containers"), list):
            yield tree
        if isinstance(tree.get("predictor"), dict):
            yield tree["predictor"]


def _drop_placing(body: Tree) -> None:
    for tree in list(_trees(body)):
        for part in ("labels", "annotations"):
            texts: Tree = tree.get(part) or {}
            for name in [name for name in texts if name.startswith(_PLACING_ANNOTATIONS)]:
                del texts[name]


def _one_replica(spec: Tree) -> None:
    if isinstance(spec.get("replicas"), int) and spec["replicas"] > 1:
        spec["replicas"] = 1


def _drop_devices(container: Tree) -> None:
    """Without devices of any kind: names of extended resources have a slash, huge pages are as scarce."""
    resources: Tree = container.get("resources") or {}
    for part in resources.values():
        for name in [name for name in part if "/" in name or name.startswith("hugepages-")]:
            del part[name]


def _give(container: Tree, requests: Mapping[str, str]) -> None:
    """Requests of an engine that is small; limits that the real one needs would say nothing here."""
    resources: Tree = container.setdefault("resources", {})
    resources["requests"] = {**(resources.get("requests") or {}), **requests}
    given: Tree = resources.pop("limits", None) or {}
    limits = {name: value for name, value in given.items() if name not in requests}
    if limits:
        resources["limits"] = limits


def _replace_words(container: Tree, planned: Sequence[str], run: Sequence[str]) -> bool:
    """Put one command line in the place of another, be it divided into command and arguments; whether it stood there."""
    command: list[Any] = container.get("command") or []
    arguments: list[Any] = container.get("args") or []
    words = [*command, *arguments]
    for start in range(len(words) - len(planned) + 1) if planned else ():
        end = start + len(planned)
        if words[start:end] != list(planned):
            continue
        # Where the line begins in the command, as many of its words stay there as were.
        border = len(command) if start >= len(command) or end > len(command) else len(command) - len(planned) + len(run)
        words[start:end] = run
        parts = {"command": words[:border], "args": words[border:]}
        container.update({name: part for name, part in parts.items() if part or name in container})
        return True
    return False


def _environment(env: list[Tree], planned: Launch, run: Launch) -> list[Tree]:
    """Variables with those of one launch in the place of those of the other; what others have set stays."""
    before = {each.name for each in planned.environment}
    after = {each.name: each.value for each in run.environment if isinstance(each.value, str)}
    kept = [each for each in env if each["name"] not in before or each["name"] in after]
    made = [
        {"name": each["name"], "value": after.pop(each["name"])} if each["name"] in after else each for each in kept
    ]
    return [*made, *({"name": name, "value": value} for name, value in after.items())]


def _place(spec: Tree, run: Deployment) -> None:
    """Anywhere, and apart from each other where there are nodes enough, as GPUs would keep them."""
    affinity: Tree = spec.get("affinity") or {}
    kept = {name: value for name, value in affinity.items() if name == "podAntiAffinity"}
    if run.group.size > 1 and not kept:
        own = {"app.kubernetes.io/instance": run.recipe.metadata.name}
        term = {"labelSelector": {"matchLabels": own}, "topologyKey": "kubernetes.io/hostname"}
        wish = [{"weight": 100, "podAffinityTerm": term}]
        kept = {"podAntiAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": wish}}
    spec.pop("affinity", None)
    if kept:
        spec["affinity"] = kept
