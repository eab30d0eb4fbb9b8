"""What the manifests name and do not bring: Secrets, accounts, priority classes, networks; and names that must be free."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shardwright.core.preflight import telling
from shardwright.core.preflight.facts import Untold

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shardwright.core.preflight.facts import ClusterFacts, Owner, Secret
    from shardwright.core.preflight.needs import Needs, ObjectNeed, SecretNeed
    from shardwright.core.rules.finding import Finding

__all__ = ["check_names", "check_references"]

_PULL_TYPES = frozenset({"kubernetes.io/dockerconfigjson", "kubernetes.io/dockercfg"})
_OURS = "shardwright"
_SHARED_KINDS = frozenset({"Namespace", "PersistentVolumeClaim"})


def check_references(needs: Needs, facts: ClusterFacts) -> Iterator[Finding]:
    """All that is named in manifests and must be there."""
    for secret in needs.secrets:
        found = facts.secrets.get(secret.name)
        yield from _pull_secret(needs, secret, found) if secret.is_for_images else _secret(needs, secret, found)
    yield from _accounts(needs, facts)
    yield from _priority_classes(needs, facts)
    yield from _networks(needs, facts)


def _secret(needs: Needs, need: SecretNeed, found: Secret | Untold | None) -> Iterator[Finding]:
    """A Secret is there with the key that is read; its value is nobody's business here."""
    named = f"{need.name}/{need.key}" if need.key else need.name
    if isinstance(found, Untold):
        yield telling.unknown("cluster.secret", f"whether there is a Secret {named}", found)
    elif found is None or (need.key and need.key not in found.keys):
        told = f"there is no Secret {need.name}" if found is None else f"Secret {need.name} has no key {need.key}"
        key = need.key or "KEY"
        yield telling.wrong(
            "cluster.secret",
            f"{told} in {needs.namespace}",
            why="a container that reads it does not start",
            fix=f"kubectl create secret generic {need.name} -n {needs.namespace} --from-literal={key}=...; "
            f"or shardwright apply --secret-from-env {need.name}:{key}=VARIABLE"
            if found is None
            else f"kubectl edit secret {need.name} -n {needs.namespace}; it has: {', '.join(sorted(found.keys)) or 'no key'}",
            value=named,
        )
    else:
        yield telling.fine("cluster.secret", f"Secret {named} is there", value=named)


def _pull_secret(needs: Needs, need: SecretNeed, found: Secret | Untold | None) -> Iterator[Finding]:
    """A Secret for images is there, and of a type that the kubelet reads."""
    if isinstance(found, Untold):
        yield telling.unknown("cluster.pull-secret", f"whether there is a Secret {need.name} for images", found)
    elif found is None or found.type not in _PULL_TYPES:
        told = "is not there" if found is None else f"is of type {found.type}"
        yield telling.wrong(
            "cluster.pull-secret",
            f"Secret {need.name}, with which images are to be pulled, {told}",
            why="images of a closed registry cannot be pulled",
            fix=f"kubectl create secret docker-registry {need.name} -n {needs.namespace} --docker-server=... "
            "--docker-username=... --docker-password=...",
            value=need.name,
        )
    else:
        yield telling.fine("cluster.pull-secret", f"Secret {need.name} for images is there", value=need.name)


def _accounts(needs: Needs, facts: ClusterFacts) -> Iterator[Finding]:
    """Service accounts of the pods are there."""
    for name in needs.service_accounts:
        found = facts.service_accounts.get(name, False)
        if isinstance(found, Untold):
            yield telling.unknown("cluster.service-account", f"whether there is a service account {name}", found)
        elif not found:
            yield telling.wrong(
                "cluster.service-account",
                f"there is no service account {name} in {needs.namespace}",
                why="the API server refuses pods of an account that is not there",
                fix=f"kubectl create serviceaccount {name} -n {needs.namespace}",
                value=name,
            )
        else:
            yield telling.fine("cluster.service-account", f"service account {name} is there", value=name)


def _priority_classes(needs: Needs, facts: ClusterFacts) -> Iterator[Finding]:
    """Priority classes of the pods are there."""
    known = facts.priority_classes
    for name in needs.priority_classes:
        if isinstance(known, Untold):
            yield telling.unknown("cluster.priority-class", f"whether there is a priority class {name}", known)
        elif name not in known:
            yield telling.wrong(
                "cluster.priority-class",
                f"there is no priority class {name}; there are: {', '.join(sorted(known)) or 'none'}",
                why="the API server refuses pods with it",
                fix=f"kubectl create priorityclass {name} --value=1000, or leave out pods.priorityClass",
                value=name,
            )
        else:
            yield telling.fine("cluster.priority-class", f"priority class {name} is there", value=name)


def _networks(needs: Needs, facts: ClusterFacts) -> Iterator[Finding]:
    """Secondary networks are defined."""
    for namespace, name in needs.networks:
        found = facts.networks.get((namespace, name), False)
        if isinstance(found, Untold):
            yield telling.unknown("cluster.network", f"whether there is a network {namespace}/{name}", found)
        elif not found:
            yield telling.wrong(
                "cluster.network",
                f"there is no NetworkAttachmentDefinition {namespace}/{name}",
                why="Multus lets no pod start that names it",
                fix="kubectl get network-attachment-definitions -A shows those that there are; network.rdma.networks names them",
                value=f"{namespace}/{name}",
            )
        else:
            yield telling.fine("cluster.network", f"network {namespace}/{name} is defined", value=f"{namespace}/{name}")


def check_names(needs: Needs, facts: ClusterFacts) -> Iterator[Finding]:
    """Names of all objects are free, or theirs already; of what is only looked at nothing is written."""
    if not needs.asks:
        return
    taken = untold = 0
    for wanted in needs.objects:
        found = facts.present.get(wanted)
        if isinstance(found, Untold):
            untold += 1
            yield telling.unknown("cluster.name", f"whether there is a {wanted}", found)
        elif found is not None and wanted.kind not in _SHARED_KINDS:
            told = list(_taken(needs, wanted, found))
            taken += len(told)
            yield from told
    for made in needs.made_by_others:
        found = facts.present.get(made)
        if isinstance(found, Untold) or found is None or found.controller.endswith(f" {needs.name}"):
            continue
        taken += 1
        yield telling.wrong(
            "cluster.name",
            f"{made} is there already{_whose(found)}; the operator makes one of that name",
            why="it leaves what it did not make alone, and members then do not find their leader",
            fix=f"remove it, or choose another metadata.name than {needs.name}",
            value=made.name,
        )
    if len(needs.objects) > untold and not taken:
        count = f"{len(needs.objects) - untold} objects"
        yield telling.fine("cluster.name", f"the names of {count} are free, or theirs already")


def _taken(needs: Needs, wanted: ObjectNeed, found: Owner) -> Iterator[Finding]:
    """An object that is there already is ours to change."""
    if found.is_ending:
        yield telling.wrong(
            "cluster.name",
            f"{wanted} is being deleted",
            why="it cannot be written until it is gone",
            fix="wait until it is gone; kubectl get -o yaml shows its finalizers if it stays",
            value=wanted.name,
        )
    elif found.keeper:
        yield telling.wrong(
            "cluster.name",
            f"{wanted} is kept by {found.keeper}",
            why="what is written here, it would undo",
            fix="put the manifests where it reads them: shardwright render -o kustomize --out DIR",
            value=wanted.name,
        )
    elif found.managed_by != _OURS or (found.instance != needs.name and not found.is_shared):
        yield telling.warn(
            "cluster.name",
            f"{wanted} is there already{_whose(found)}",
            why="apply changes an object that something else made, and delete would remove it",
            fix="choose another metadata.name, or remove it first if nobody needs it",
            value=wanted.name,
        )


def _whose(found: Owner) -> str:
    """`, made by helm for llama`."""
    if found.controller:
        return f", made by {found.controller}"
    by = f" by {found.managed_by}" if found.managed_by else ""
    of = f" for {found.instance}" if found.instance else ""
    return f", made{by}{of}" if by or of else ""
