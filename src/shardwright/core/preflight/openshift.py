"""OpenShift: its release, its operators' releases, KServe's state in OpenShift AI, and which SCC admits each pod.

An SCC is chosen as the admission plug-in does it: those that the pod's account may use, by falling priority, then the more
restrictive; the first that admits the pod. Which an account may use by a role was asked of the server, or is not known.
Source: OpenShift 4.20, security context constraints.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from shardwright.core.preflight import pod_levels, telling, trees
from shardwright.core.preflight.facts import Untold

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shardwright.core.preflight.facts import ClusterFacts, OpenShift, Scc
    from shardwright.core.preflight.needs import Needs, PodNeed, Tree
    from shardwright.core.rules.finding import Finding

__all__ = ["admitting", "check_openshift", "release_of"]

_TESTED = (4, 16)
_AI = "rhods-operator"
_NUMBERS = re.compile(r"(\d+)\.(\d+)")
_EVERYBODY = frozenset({"system:authenticated", "system:serviceaccounts"})


def check_openshift(needs: Needs, facts: ClusterFacts) -> Iterator[Finding]:
    """All that only OpenShift has; nothing elsewhere."""
    found = facts.openshift
    if found is None:
        if needs.distribution == "openshift":
            yield telling.wrong(
                "cluster.openshift",
                "this is no OpenShift: the group config.openshift.io is not served",
                why="the target uses routes and the runtimes of OpenShift AI",
                fix="choose another target.kind, or another --context",
                requirements=("R004",),
            )
        return
    yield from _version(found)
    yield from _constraints(needs, found)
    if needs.distribution == "openshift":
        yield from _release(needs, found)
        yield from _kserve(found)


def _version(found: OpenShift) -> Iterator[Finding]:
    """The release is one that was tried."""
    if isinstance(found.version, Untold):
        yield telling.unknown(
            "cluster.openshift", "which release of OpenShift it is", found.version, requirements=("R004",)
        )
        return
    match = _NUMBERS.match(found.version)
    number = tuple(int(each) for each in match.groups()) if match else ()
    if number < _TESTED:
        yield telling.warn(
            "cluster.openshift",
            f"this is OpenShift {found.version or 'of a release that it does not tell'}",
            why="multi-node serving was tested on 4.16 and later",
            fix="update the cluster, or try it first: shardwright rehearse",
            value=found.version,
            requirements=("R004",),
        )
    else:
        yield telling.fine(
            "cluster.openshift", f"OpenShift {found.version}", value=found.version, requirements=("R004",)
        )


def release_of(facts: ClusterFacts) -> str:
    """The release of OpenShift AI that is installed; empty where that cannot be told."""
    found = facts.openshift.releases if facts.openshift else None
    return "" if found is None or isinstance(found, Untold) else found.get(_AI, "").partition(" ")[0]


def _release(needs: Needs, found: OpenShift) -> Iterator[Finding]:
    """OpenShift AI is installed, at the release that the recipe names."""
    if isinstance(found.releases, Untold):
        yield telling.unknown(
            "cluster.openshift-ai", "which release of OpenShift AI runs", found.releases, requirements=("R006",)
        )
        return
    told = found.releases.get(_AI, "")
    version, _, phase = told.partition(" ")
    if not told:
        yield telling.wrong(
            "cluster.openshift-ai",
            "OpenShift AI is not installed: there is no ClusterServiceVersion of rhods-operator",
            why="nothing acts on its InferenceServices",
            fix="shardwright render -f FILE prints the steps that install it",
            requirements=("R006", "R020"),
        )
    elif phase != "Succeeded":
        yield telling.wrong(
            "cluster.openshift-ai",
            f"OpenShift AI {version} is in phase {phase}",
            why="its operator does not run",
            fix="oc describe csv -n redhat-ods-operator",
            value=version,
            requirements=("R006",),
        )
    elif needs.release and not version.startswith(f"{needs.release}.") and version != needs.release:
        yield telling.wrong(
            "cluster.openshift-ai",
            f"OpenShift AI {version} runs; the recipe is for {needs.release}",
            why="runtimes, executors and annotations differ between releases",
            fix=f"set target.version: {'.'.join(version.split('.')[:2])}",
            value=version,
            requirements=("R006",),
        )
    else:
        yield telling.fine(
            "cluster.openshift-ai", f"OpenShift AI {version} runs", value=version, requirements=("R006",)
        )


def _kserve(found: OpenShift) -> Iterator[Finding]:
    """The DataScienceCluster manages KServe."""
    state = found.kserve
    if isinstance(state, Untold):
        yield telling.unknown(
            "cluster.data-science-cluster", "whether KServe is managed", state, requirements=("R021",)
        )
    elif state != "Managed":
        told = f"says {state or 'nothing'} of kserve" if state is not None else "is not there"
        yield telling.wrong(
            "cluster.data-science-cluster",
            f"the DataScienceCluster {told}",
            why="KServe's controller is not installed without it",
            fix="set spec.components.kserve.managementState: Managed in the DataScienceCluster",
            value=state or "",
            requirements=("R021",),
        )
    else:
        yield telling.fine(
            "cluster.data-science-cluster", "the DataScienceCluster manages KServe", value=state, requirements=("R021",)
        )


def _constraints(needs: Needs, found: OpenShift) -> Iterator[Finding]:
    """Some SCC that its account may use admits each pod."""
    if isinstance(found.sccs, Untold):
        yield telling.unknown("cluster.scc", "which SecurityContextConstraints admit its pods", found.sccs)
        return
    for pod in needs.pods:
        account = f"system:serviceaccount:{needs.namespace}:{pod.spec.get('serviceAccountName') or 'default'}"
        admitted = admitting(found, pod, account, needs.namespace)
        able = [scc.name for scc in found.sccs if not any(_obstacles(pod.spec, scc))]
        if admitted:
            yield telling.fine("cluster.scc", f"SCC {admitted.name} admits the {pod.name}", value=admitted.name)
        else:
            hint = min(able, default="privileged")
            yield telling.wrong(
                "cluster.scc",
                f"no SCC that {account} may use admits the {pod.name}; {', '.join(sorted(able)) or 'none'} would",
                why="the API server refuses such pods; their controller tries again without end",
                fix=f"oc adm policy add-scc-to-user {hint} -z {account.rpartition(':')[2]} -n {needs.namespace}",
                value=pod.name,
            )


def admitting(found: OpenShift, pod: PodNeed, account: str, namespace: str) -> Scc | None:
    """The SCC that admits a pod of an account; None if none does."""
    sccs = () if isinstance(found.sccs, Untold) else found.sccs
    groups = _EVERYBODY | {f"system:serviceaccounts:{namespace}"}
    usable = [scc for scc in sccs if account in scc.users or groups & scc.groups or scc.name in found.by_roles]
    ordered = sorted(usable, key=lambda scc: (-scc.priority, len(scc.host), "*" in scc.volumes, scc.name))
    return next((scc for scc in ordered if not any(_obstacles(pod.spec, scc))), None)


def _obstacles(spec: Tree, scc: Scc) -> Iterator[str]:
    yield from pod_levels.host_access(spec) - scc.host
    if "*" not in scc.capabilities:
        yield from pod_levels.added_capabilities(spec) - scc.capabilities
    if "*" not in scc.volumes:
        yield from pod_levels.volume_kinds(spec) - scc.volumes
    if scc.run_as in {"MustRunAsRange", "MustRunAsNonRoot"} and _is_root(spec):
        yield "root"
    if scc.run_as == "MustRunAsRange" and _names_user(spec):
        yield "a user of its own choice"


def _is_root(spec: Tree) -> bool:
    return 0 in _users(spec)


def _names_user(spec: Tree) -> bool:
    """A user outside of the namespace's range; which that is, the namespace's annotation says, and ours never name one."""
    return bool(_users(spec))


def _users(spec: Tree) -> set[int]:
    containers = [one for part in ("containers", "initContainers") for one in trees.items(spec, part)]
    contexts = [trees.part(each, "securityContext") for each in (spec, *containers)]
    return {int(context["runAsUser"]) for context in contexts if context.get("runAsUser") is not None}
