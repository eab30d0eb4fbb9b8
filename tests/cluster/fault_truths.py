"""What must hold on a server whatever went wrong on the way to it, read past the product's own client."""

from __future__ import annotations

import dataclasses
import datetime as dt
import time
from typing import TYPE_CHECKING, Any, cast

from shardwright.core.lifecycle import revision as revisions
from shardwright.values import frozen

if TYPE_CHECKING:
    from shardwright import errors
    from shardwright.core.lifecycle.revision import Revision
    from shardwright.testing.cluster.api import Api

__all__ = ["Look", "Truth", "Try", "wrong_after_try", "wrong_at_the_end", "wrong_when_done"]

_KINDS = (
    *("/apis/apps/v1/{}deployments", "/api/v1/{}services", "/api/v1/{}persistentvolumeclaims", "/api/v1/{}configmaps"),
    "/apis/batch/v1/{}jobs",
)
_LEASE = "/apis/coordination.k8s.io/v1/namespaces/{}/leases"
_STAYING = "persistentvolumeclaims"
Tree = dict[str, Any]
Key = tuple[str, str]
"""Plural and name."""


@frozen
class Look:
    """One look at what the server has of a deployment."""

    revisions: tuple[Revision, ...]
    objects: dict[Key, Tree]
    """Without revisions and lease, and without what controllers made below."""
    lease: Tree | None

    @property
    def newest(self) -> int:
        """Number of the newest revision; 0 without one."""
        return self.revisions[-1].number if self.revisions else 0


class Truth:
    """The server, asked directly."""

    def __init__(self, api: Api, namespace: str, name: str) -> None:
        self._api, self._namespace, self._name = api, namespace, name

    def look(self) -> Look:
        """What is there now."""
        kept: list[Revision] = []
        objects: dict[Key, Tree] = {}
        for plural, each in self._objects():
            if each["metadata"]["labels"].get("app.kubernetes.io/component") == "revision":
                kept.append(revisions.decode(each["data"]["revision"]))
            else:
                objects[plural, each["metadata"]["name"]] = each
        lease = self._api.items(_LEASE.format(self._namespace), fieldSelector=f"metadata.name=shardwright-{self._name}")
        return Look(tuple(sorted(kept, key=lambda each: each.number)), objects, lease[0] if lease else None)

    def _objects(self) -> list[tuple[str, Tree]]:
        inside, labels = f"namespaces/{self._namespace}/", f"app.kubernetes.io/instance={self._name}"
        return [
            (place.rpartition("}")[2], each)
            for place in _KINDS
            for each in self._api.items(place.format(inside), labelSelector=labels)
        ]


@dataclasses.dataclass(slots=True)
class Try:
    """One try of a command as its user saw it."""

    command: str
    with_claims: bool = False
    """Of a delete: whether claims go as well."""
    wanted: Revision | None = None
    goes_back_to: int = 0
    reported: list[int] = dataclasses.field(default_factory=list[int])
    """Revisions that it said it made."""
    was_needed: bool = True
    error: errors.ShardwrightError | None = None


def wrong_after_try(before: Look, after: Look, tried: Try) -> list[str]:
    """What must not be, however the try ended."""
    return [
        f"{tried.command}: {each}"
        for each in (*_untold(tried), *_uncounted(before, after, tried), *_orphans(after), *_rewritten(before, after))
    ]


def _untold(tried: Try) -> list[str]:
    """An error without a cure."""
    if tried.error is None or (tried.error.message and tried.error.hint):
        return []
    return [f"{type(tried.error).__name__} without a cure: {tried.error}"]


def _uncounted(before: Look, after: Look, tried: Try) -> list[str]:
    """Revisions that a try may not make, lose or change."""
    old = {each.number: each for each in before.revisions}
    new = [each.number for each in after.revisions if each.number not in old]
    allowed = [] if tried.command == "delete" or not tried.was_needed else [before.newest + 1]
    found = [] if new in ([], allowed) else [f"revisions {new} are new, allowed is {allowed}"]
    if len(tried.reported) > 1 or not set(tried.reported) <= {each.number for each in after.revisions}:
        found.append(f"revisions {tried.reported} were reported; there: {[each.number for each in after.revisions]}")
    if tried.command != "delete":
        lost = set(old) - {each.number for each in after.revisions}
        found += [f"revision {number} is lost" for number in lost if number > before.newest - 8]
    for each in after.revisions:
        if each.number in old and old[each.number].manifests != each.manifests:
            found.append(f"revision {each.number} was written over")
    return found


def _orphans(after: Look) -> list[str]:
    """Objects that no revision names: nobody would ever remove them."""
    named = {_key(body) for each in after.revisions for body in each.manifests}
    return [f"{key} is in no revision" for key in after.objects if key not in named and key[0] != _STAYING]


def _rewritten(before: Look, after: Look) -> list[str]:
    """Objects that one try changed twice."""
    found: list[str] = []
    for key in before.objects.keys() & after.objects.keys():
        one, other = before.objects[key]["metadata"], after.objects[key]["metadata"]
        is_going = bool(other.get("deletionTimestamp"))  # which counts as a change of its own
        if one["uid"] == other["uid"] and other.get("generation", 0) - one.get("generation", 0) > 1 + is_going:
            found.append(f"{key} was changed more than once")
    return found


def wrong_when_done(after: Look, tried: Try) -> list[str]:
    """What must not be when a command said that it is done."""
    if tried.command == "delete":
        left = [key for key in after.objects if tried.with_claims or key[0] != _STAYING]
        return [f"delete: left is {left}, revisions {after.newest}"] if left or after.revisions else []
    if tried.error is not None:
        return []
    if not after.revisions or tried.wanted is None:
        return [f"{tried.command}: done, and there is no revision"]
    newest, wanted = after.revisions[-1], tried.wanted
    found = [] if newest.digest == wanted.digest else [f"{tried.command}: the newest revision is of another recipe"]
    there = {key for key in after.objects if key[0] != _STAYING}
    named = {_key(body) for body in newest.manifests}
    found += [f"{tried.command}: {key} is in an older revision only" for key in there - named]
    for body in newest.manifests:
        # Items of a list do not say what they are.
        said = {key: value for key, value in body.items() if key not in {"apiVersion", "kind"}}
        live = after.objects.get(_key(body))
        found += [
            f"{tried.command}: {_key(body)} {path}" for path in ([""] if live is None else _unlike(said, live, ""))
        ]
    return found


def _unlike(wanted: Any, live: Any, path: str) -> list[str]:  # noqa: ANN401 - JSON
    """Paths at which an object does not have what its manifest says."""
    if isinstance(wanted, dict) and isinstance(live, dict):
        one, other = cast("dict[str, Any]", wanted), cast("dict[str, Any]", live)
        return [place for key, value in one.items() for place in _unlike(value, other.get(key), f"{path}.{key}")]
    if isinstance(wanted, list) and isinstance(live, list):
        first, second = cast("list[Any]", wanted), cast("list[Any]", live)
        pairs = list(zip(first, second, strict=False))
        if len(first) != len(second):
            return [f"{path}: {len(second)} items, not {len(first)}"]
        return [place for index, pair in enumerate(pairs) for place in _unlike(*pair, f"{path}[{index}]")]
    return [] if wanted == live else [f"{path}: {live!r}, not {wanted!r}"]


def wrong_at_the_end(truth: Truth, lease_seconds: float) -> list[str]:
    """What is left after the last command: no object but a claim, no revision, and no lease that is held."""
    deadline = time.monotonic() + lease_seconds
    while (lease := truth.look().lease) is not None and _is_held(lease):
        if time.monotonic() > deadline:
            return [f"the lease is held: {lease['spec']}"]
        time.sleep(0.2)
    return []


def _is_held(lease: Tree) -> bool:
    renewed = dt.datetime.fromisoformat(lease["spec"]["renewTime"])
    return dt.datetime.now(dt.UTC) - renewed < dt.timedelta(seconds=lease["spec"]["leaseDurationSeconds"])


def _key(body: Any) -> Key:  # noqa: ANN401 - a manifest
    return f"{body['kind'].lower()}s", body["metadata"]["name"]
