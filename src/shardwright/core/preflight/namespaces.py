"""The namespace: whether it is there and stays, which pods it admits, its quota and its limits."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shardwright.core.preflight import pod_levels, telling
from shardwright.core.preflight.facts import Owner, Untold

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from shardwright.core.preflight.facts import ClusterFacts, Limits, Namespace, Quota
    from shardwright.core.preflight.needs import Needs
    from shardwright.core.rules.finding import Finding

__all__ = ["asked_of_quota", "check_namespace"]

_ENFORCE = "pod-security.kubernetes.io/enforce"
_GI = float(1 << 30)
_INJECTING = (("istio-injection", "enabled"), ("sidecar.istio.io/inject", "true"))
_NO_SIDECAR = "sidecar.istio.io/inject"


def check_namespace(needs: Needs, facts: ClusterFacts) -> Iterator[Finding]:
    """All that is asked of the namespace."""
    found = facts.namespace
    if isinstance(found, Untold):
        yield telling.unknown("cluster.namespace", f"whether there is a namespace {needs.namespace}", found)
    elif found is None:
        yield from _missing(needs)
        return
    elif found.phase != "Active":
        yield telling.wrong(
            "cluster.namespace",
            f"the namespace {needs.namespace} is being deleted",
            why="nothing can be created in it any more",
            fix=f"wait until it is gone (kubectl get namespace {needs.namespace} -o yaml says what holds it), or use another",
        )
    else:
        yield telling.fine("cluster.namespace", f"the namespace {needs.namespace} is there")
        yield from _security(needs, found)
        yield from _sidecar(needs, found)
    yield from _quota(needs, facts)
    yield from _limits(needs, facts.limits)


def _missing(needs: Needs) -> Iterator[Finding]:
    """The namespace is there, or made by the same apply."""
    if needs.makes_namespace:
        yield telling.fine("cluster.namespace", f"the namespace {needs.namespace} is made")
    else:
        yield telling.wrong(
            "cluster.namespace",
            f"there is no namespace {needs.namespace}",
            why="objects cannot be created in it",
            fix=f"kubectl create namespace {needs.namespace}, or shardwright apply --create-namespace",
        )


def _security(needs: Needs, found: Namespace) -> Iterator[Finding]:
    """The namespace's Pod Security level admits the pods."""
    enforced = found.labels.get(_ENFORCE, "")
    refused = {pod.name: tuple(pod_levels.obstacles(pod.spec, enforced)) for pod in needs.pods}
    worst = {name: told for name, told in refused.items() if told}
    if worst:
        name, told = next(iter(worst.items()))
        needed = max((pod_levels.level_of(pod.spec) for pod in needs.pods), key=pod_levels.LEVELS.index)
        yield telling.wrong(
            "cluster.pod-security",
            f"the namespace enforces the level {enforced}, which refuses the {name}: {'; '.join(told)}",
            why="the API server refuses such pods; their controller tries again without end",
            fix=f"kubectl label namespace {needs.namespace} {_ENFORCE}={needed} --overwrite, or change pods.securityContext",
            value=enforced,
        )
    elif needs.pods:
        told = f"enforces the level {enforced}, which admits its pods" if enforced else "enforces no Pod Security level"
        yield telling.fine("cluster.pod-security", f"the namespace {told}", value=enforced)


def _sidecar(needs: Needs, found: Namespace) -> Iterator[Finding]:
    """No proxy is put between the members of a group."""
    is_injecting = any(found.labels.get(key) == value for key, value in _INJECTING) or bool(
        found.labels.get("istio.io/rev")
    )
    if not is_injecting or not needs.is_spread:
        return
    open_pods = [pod.name for pod in needs.members if pod.annotations.get(_NO_SIDECAR) != "false"]
    if open_pods:
        yield telling.warn(
            "cluster.sidecar",
            f"Istio injects its proxy into pods of this namespace, and into the {open_pods[0]} too",
            why="traffic between members goes to ports that are chosen as they start; a proxy with strict TLS drops it",
            fix=f"give the pods the label and annotation {_NO_SIDECAR}: 'false'",
        )
    else:
        yield telling.fine("cluster.sidecar", "Istio injects its proxy in this namespace; its pods are left out")


def _quota(needs: Needs, facts: ClusterFacts) -> Iterator[Finding]:
    """What is asked for fits what is left of every quota."""
    quotas = facts.quotas
    if isinstance(quotas, Untold):
        yield telling.unknown("cluster.quota", "whether a quota stands in the way", quotas)
        return
    asked = asked_of_quota(needs, facts)
    found = [finding for quota in quotas for finding in (*_over(needs, quota, asked), *_unsaid(needs, quota))]
    yield from found
    if not found:
        told = f"{', '.join(quota.name for quota in quotas)}: enough is left" if quotas else "there is no quota"
        yield telling.fine("cluster.quota", told)


def _over(needs: Needs, quota: Quota, asked: Mapping[str, float]) -> Iterator[Finding]:
    """No resource goes beyond a quota."""
    for key, hard in quota.hard.items():
        used, more = quota.used.get(key, 0.0), asked.get(key, 0.0)
        if more > 0 and used + more > hard:
            yield telling.wrong(
                "cluster.quota",
                f"quota {quota.name}: {key} is {_shown(key, hard)}, {_shown(key, used)} are used; "
                f"{_shown(key, more)} more are asked for",
                why="the API server refuses what goes beyond a quota",
                fix=f"kubectl describe quota {quota.name} -n {needs.namespace}; end something, or have the quota raised",
                value=key,
            )


def _unsaid(needs: Needs, quota: Quota) -> Iterator[Finding]:
    """Pods say what a quota counts."""
    unsaid = sorted({_full(key) for key in quota.hard if any(_full(key) in pod.lacks for pod in needs.pods)})
    if unsaid and not quota.is_scoped:
        yield telling.warn(
            "cluster.quota",
            f"quota {quota.name} counts {', '.join(unsaid)}, which containers of these pods do not say",
            why="pods that do not say what a quota counts are refused, unless a LimitRange says it for them",
            fix="set pods.cpu and pods.memory, or have a LimitRange with defaults in the namespace",
            value=unsaid[0],
        )


def _full(key: str) -> str:
    """Quotas on `cpu` and `memory` are on requests."""
    return f"requests.{key}" if key in {"cpu", "memory"} else key


def asked_of_quota(needs: Needs, facts: ClusterFacts) -> dict[str, float]:
    """What is asked for beyond what the deployment has already, under the names that quotas have for it."""
    found: dict[str, float] = {}
    for key, amount in (
        *_of_pods(needs, facts),
        *_of_claims(needs, facts),
        *((key, -each) for key, each in facts.own.items()),
    ):
        found[key] = found.get(key, 0.0) + amount
    for key in ("cpu", "memory"):
        if f"requests.{key}" in found:
            found[key] = found[f"requests.{key}"]
    return found


def _of_pods(needs: Needs, facts: ClusterFacts) -> Iterator[tuple[str, float]]:
    """A Job that is there already makes no second pod."""
    has_job = any(each.kind == "Job" and isinstance(facts.present.get(each), Owner) for each in needs.objects)
    for pod in needs.members if has_job else needs.pods:
        for part, amounts in (("requests", pod.requests), ("limits", pod.limits)):
            yield from ((f"{part}.{key}", amount * pod.count) for key, amount in amounts.items() if key != "pods")
        yield "pods", pod.count
        yield "count/pods", pod.count


def _of_claims(needs: Needs, facts: ClusterFacts) -> Iterator[tuple[str, float]]:
    for claim in needs.claims:
        if claim.is_made and facts.claims.get(claim.name) is None:
            yield "requests.storage", claim.size_bytes
            yield "persistentvolumeclaims", 1
            if claim.storage_class:
                yield f"{claim.storage_class}.storageclass.storage.k8s.io/requests.storage", claim.size_bytes


def _limits(needs: Needs, limits: tuple[Limits, ...] | Untold) -> Iterator[Finding]:
    """Every container and claim is within the limits of the namespace."""
    if isinstance(limits, Untold):
        yield telling.unknown("cluster.limit-range", "whether a LimitRange stands in the way", limits)
        return
    for limit in limits:
        sizes: list[tuple[str, Mapping[str, float]]] = []
        if limit.kind == "Container":
            sizes = [(f"a container of the {pod.name}", pod.largest) for pod in needs.pods]
        elif limit.kind == "Pod":
            sizes = [(f"the {pod.name}", {**pod.requests, **pod.limits}) for pod in needs.pods]
        elif limit.kind == "PersistentVolumeClaim":
            sizes = [(f"claim {each.name}", {"storage": each.size_bytes}) for each in needs.claims if each.is_made]
        for what, amounts in sizes:
            for key, most in limit.most.items():
                if amounts.get(key, 0.0) > most:
                    yield telling.wrong(
                        "cluster.limit-range",
                        f"LimitRange {limit.name}: {key} may be {_shown(key, most)} at most; "
                        f"{what} has {_shown(key, amounts[key])}",
                        why="the API server refuses what is beyond these limits",
                        fix=f"ask for less, or have the limit raised: kubectl describe limitrange {limit.name} -n {needs.namespace}",
                        value=key,
                    )


def _shown(key: str, amount: float) -> str:
    """Memory and storage in GiB, all else as a number."""
    is_bytes = key.rpartition(".")[2] in {"memory", "storage", "ephemeral-storage"}
    return f"{amount / _GI:,.1f} GiB" if is_bytes else f"{amount:g}"
