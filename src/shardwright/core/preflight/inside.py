"""What pods that run see from inside: the leader's address from its workers, and the files of the model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shardwright.core.preflight import telling
from shardwright.core.preflight.facts import Untold
from shardwright.units import format_gib
from shardwright.values import frozen

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from shardwright.core.rules.finding import Finding

__all__ = ["Index", "Lookup", "check_addresses", "check_weights"]

_MOST = 4
"""So many names are told."""


@frozen
class Lookup:
    """The leader's address as one worker has it, and what that resolves to there; empty: nothing."""

    worker: str
    address: str
    found: str


@frozen
class Index:
    """An index of safetensors, and the files beside it."""

    path: str
    shards: int
    size_bytes: float
    missing: tuple[str, ...] = ()
    cut_off: tuple[str, ...] = ()
    """Files that end before what their own heads say."""


def check_addresses(lookups: Sequence[Lookup | Untold], namespace: str) -> Iterator[Finding]:
    """The leader's address resolves in every worker."""
    seen = [each for each in lookups if isinstance(each, Lookup)]
    wrong = [each for each in seen if not each.found]
    untold = next((each for each in lookups if isinstance(each, Untold)), None)
    if wrong:
        first = wrong[0]
        names = ", ".join(each.worker for each in wrong[:_MOST])
        yield telling.wrong(
            "cluster.leader-address",
            f"the leader's address {first.address} does not resolve in {names}"
            f"{f' and {len(wrong) - _MOST} more' if len(wrong) > _MOST else ''}",
            why="workers wait for the leader until they give up, and the group never serves",
            fix=f"kubectl exec {first.worker} -n {namespace} -- getent hosts {first.address} shows it; look at the cluster's DNS "
            "(kubectl get pods -n kube-system -l k8s-app=kube-dns), the headless Service, and dnsPolicy of the pods",
            value=first.address,
            requirements=("R149",),
        )
    elif untold is not None:
        yield telling.unknown(
            "cluster.leader-address", "whether workers find their leader", untold, requirements=("R149",)
        )
    elif seen:
        count = f"{len(seen)} worker{'' if len(seen) == 1 else 's'}"
        first = seen[0]
        yield telling.fine(
            "cluster.leader-address",
            f"the leader's address resolves in {count}: {first.address} is {first.found}",
            value=first.address,
            requirements=("R149",),
        )


def check_weights(found: Sequence[Index] | Untold) -> Iterator[Finding]:
    """All files of the weights that the index names are there and whole; nothing where there is no index."""
    if isinstance(found, Untold):
        yield telling.unknown(
            "cluster.model-files", "whether all files of the model are there", found, requirements=("R163",)
        )
        return
    for each in found:
        if each.missing or each.cut_off:
            told = [f"{len(each.missing)} of {each.shards} are missing: {_named(each.missing)}"] if each.missing else []
            told += [f"{len(each.cut_off)} are cut off: {_named(each.cut_off)}"] if each.cut_off else []
            yield telling.wrong(
                "cluster.model-files",
                f"of the files in {each.path} {'; '.join(told)}",
                why="the engine ends as it loads them, or loads half a model",
                fix="bring the model again: delete the download Job and apply, or copy these files onto the claim",
                value=each.path,
                requirements=("R163",),
            )
        else:
            yield telling.fine(
                "cluster.model-files",
                f"all {each.shards} files in {each.path} are there and whole, {format_gib(each.size_bytes)} GiB",
                value=each.path,
                requirements=("R163",),
            )


def _named(names: tuple[str, ...]) -> str:
    more = f" and {len(names) - _MOST} more" if len(names) > _MOST else ""
    return ", ".join(names[:_MOST]) + more
