"""How an update replaces the pods of a group: within its own GPUs, on GPUs more, or only by making it anew.

What a platform does stands in the parts of its root object (`parts.Update`); here it is put beside what changes and what is
there. Source: Kubernetes 1.36, apps/v1 (rounding of percentages); LWS 0.10 rounds alike.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from shardwright.core.lifecycle.bodies import text_at, value_at
from shardwright.core.lifecycle.parts import Update
from shardwright.values import frozen

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from shardwright.core.lifecycle.changes import ObjectChange
    from shardwright.core.lifecycle.parts import Parts

__all__ = ["Course", "Side", "course_of", "deployment_update", "replaces_pods", "rolling_update", "told"]

How = Literal["within", "surge", "anew"]

_QUARTER = "25%"
_KINDS = frozenset(
    {
        *("Deployment", "StatefulSet", "LeaderWorkerSet", "LLMInferenceService", "LLMInferenceServiceConfig"),
        *("RayCluster", "RayService", "InferenceService", "ServingRuntime"),
    }
)
"""Kinds whose pods are replaced when their specification changes."""
_COPIED = frozenset({"InferenceService"})
"""Kinds whose own labels and annotations their operator copies to the pods. Seen: KServe 0.19.0."""
_NUMBERS = frozenset({"replicas", "minReplicas", "maxReplicas", "suspend"})
"""Last parts of paths to what makes more or fewer pods and replaces none."""
_MANNERS = frozenset(
    {"rolloutStrategy", "strategy", "deploymentStrategy", "upgradeStrategy", "serveConfigV2", "progressDeadlineSeconds"}
)
"""Parts of paths to how an update is made, and to what is changed in the pods that there are."""


def replaces_pods(change: ObjectChange) -> bool:
    """Whether pods are replaced by the change of an object; numbers of replicas alone replace none, nor does most metadata."""
    if change.kind not in _KINDS:
        return False
    return change.action == "recreate" or any(_is_of_pods(change.kind, field.path) for field in change.fields)


def _is_of_pods(kind: str, path: str) -> bool:
    steps = path.partition("[")[0].split(".")
    if kind in _COPIED and steps[0] == "metadata":
        return True
    last = path.rpartition(".")[2]
    return steps[0] == "spec" and last not in _NUMBERS and not _MANNERS & set(steps)


def rolling_update(body: Mapping[str, object], replicas: int, *path: str, surge: str, unavailable: str) -> Update:
    """A rolling update by `maxSurge` and `maxUnavailable` at the path, with what holds where they are not given."""
    asked = value_at(body, *path, "maxSurge")
    more = _share(surge if asked is None else asked, replicas, is_up=True)
    given = value_at(body, *path, "maxUnavailable")
    missing = _share(unavailable if given is None else given, replicas, is_up=False)
    field = "" if asked is None else f"{'.'.join(path)}.maxSurge: {asked}"
    return Update(surge=more, unavailable=missing or (0 if more else 1), field=field)


def deployment_update(body: Mapping[str, object], replicas: int, *path: str) -> Update:
    """The strategy of a Deployment at the path."""
    if text_at(body, *path, "type") == "Recreate":
        return Update(unavailable=replicas, field=f"{'.'.join(path)}.type: Recreate")
    return rolling_update(body, replicas, *path, "rollingUpdate", surge=_QUARTER, unavailable=_QUARTER)


def _share(value: object, of: int, *, is_up: bool) -> int:
    """A number, or a percentage of replicas, rounded up or down."""
    if isinstance(value, str) and value.endswith("%") and value[:-1].isdigit():
        hundredths = of * int(value[:-1])
        return -(-hundredths // 100) if is_up else hundredths // 100
    text = str(value)
    return int(text) if text.isdigit() else 0


@frozen
class Side:
    """A deployment before or after."""

    parts: Parts
    gpus: int
    """Of one replica."""

    @property
    def all_gpus(self) -> int:
        """Of all replicas."""
        return self.parts.replicas * self.gpus


@frozen(kw_only=True)
class Course:
    """How an update goes."""

    subject: str
    """`LeaderWorkerSet llama`."""
    how: How
    """`within`: old pods end before new ones start. `surge`: new ones start first. `anew`: it is deleted and made again."""
    replicas: int
    """That there are."""
    serving: int
    """So many at least serve all the time."""
    surge: int = 0
    """Replicas that are made before old ones end."""
    own_gpus: int = 0
    more_gpus: int = 0
    """Beyond those that it has, at the same time."""
    field: str = ""
    """What says so."""

    @property
    def needs_surge(self) -> bool:
        """Whether it stands still until there is room for more than there is."""
        return self.how == "surge" and self.serving >= self.replicas


def course_of(changes: Iterable[ObjectChange], root: ObjectChange, old: Side, new: Side) -> Course | None:
    """How the changes replace the pods of a root object; None if they replace none, as where no replicas are asked for."""
    replaced = any(replaces_pods(change) for change in changes)
    if not replaced or not old.parts.replicas or not new.parts.replicas or root.action == "create":
        return None
    update = new.parts.update
    how: How = "anew" if root.action == "recreate" else "surge" if update.surge else "within"
    growth = max(0, new.all_gpus - old.all_gpus)
    surge = update.surge if how == "surge" else 0
    return Course(
        subject=f"{root.kind} {root.name}",
        how=how,
        replicas=old.parts.replicas,
        serving=0 if how == "anew" else max(0, old.parts.replicas - update.unavailable),
        surge=surge,
        own_gpus=old.all_gpus,
        more_gpus=growth + surge * new.gpus,
        field="" if how == "anew" else update.field,
    )


def told(course: Course) -> Iterator[str]:
    """What it means for who uses it and who pays for it."""
    because = f" ({course.field})" if course.field else ""
    if course.how == "surge":
        room = f"{course.more_gpus} more GPU{'s' if course.more_gpus > 1 else ''}"
        room = room if course.more_gpus else "room for one more"
        yield f"{course.subject}: new pods start before old ones end, on {room}{because}"
    else:
        verb = "is deleted and made anew" if course.how == "anew" else "is updated"
        own = (
            f"its own {course.own_gpus} GPU{'s' if course.own_gpus > 1 else ''}" if course.own_gpus else "its own room"
        )
        place = f"on {own} and {course.more_gpus} more" if course.more_gpus else f"within {own}"
        yield f"{course.subject} {verb} {place}{because}"
    yield f"meanwhile {_serving(course)}"


def _serving(course: Course) -> str:
    if not course.serving:
        return "it does not serve"
    if course.serving >= course.replicas:
        return "all of it serves"
    return f"at least {course.serving} of {course.replicas} replicas serve"
