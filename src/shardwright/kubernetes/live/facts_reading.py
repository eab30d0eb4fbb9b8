"""Reads what a preflight has to know of a cluster, side by side; what may not be read is said to be so, and nothing fails.

Lists come page by page, and of each object only the fields of `facts_views` are decoded. Secrets are asked for by name; of
what comes, the names of keys are kept and nothing else.
"""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from shardwright.core.preflight import access, facts, trees
from shardwright.core.preflight.facts import ClusterFacts, Untold
from shardwright.kubernetes import amounts
from shardwright.kubernetes.client import Ref
from shardwright.kubernetes.client.refusals import Asked
from shardwright.kubernetes.live import facts_openshift, facts_usage, facts_ways_in, keeping, served_fields
from shardwright.kubernetes.live import facts_views as views
from shardwright.kubernetes.live.facts_asking import all_views, gathered, one_view, told
from shardwright.kubernetes.render import labels

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from shardwright.core.preflight.needs import Ask, Needs, ObjectNeed
    from shardwright.kubernetes.client import Client

__all__ = ["read_facts", "read_nodes"]

_WIDTH = 12
"""Requests side by side."""
_INSTANCE = "app.kubernetes.io/instance"
_MANAGED = "app.kubernetes.io/managed-by"
_DEFAULT_CLASS = "storageclass.kubernetes.io/is-default-class"
_METADATA_ONLY = {"Accept": "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1, application/json"}
_T = TypeVar("_T")


def read_facts(client: Client, needs: Needs) -> ClusterFacts:
    """All facts that these needs are judged by; AccessError or TemporaryError only if the server cannot be asked at all."""
    served = client.kinds
    kinds: dict[tuple[str, str], tuple[str, ...]] = {}
    for each in served.by_name.values():
        key = (each.group, each.kind)
        kinds[key] = (*kinds.get(key, ()), each.version)
    with ThreadPoolExecutor(_WIDTH) as pool:
        reader = _Reader(client, needs, pool)
        return reader.facts(kinds)


class _Reader:
    """Asks for each fact in a thread of its own, then puts them together."""

    def __init__(self, client: Client, needs: Needs, pool: ThreadPoolExecutor) -> None:
        self.client, self.needs, self.pool = client, needs, pool

    def ask(self, read: Callable[[], _T]) -> Future[_T | Untold]:
        """Begin to read one fact."""
        return self.pool.submit(told, read)

    def by_name(self, names: Iterator[Any], read: Callable[[Any], Any]) -> dict[Any, Any]:
        """Begin to read one fact for each name."""
        return {name: self.ask(partial(read, name)) for name in dict.fromkeys(names)}

    def facts(self, kinds: Mapping[tuple[str, str], tuple[str, ...]]) -> ClusterFacts:
        """All of them."""
        client, needs = self.client, self.needs
        # What takes longest begins first.
        nodes, own = self.ask(partial(read_nodes, client)), self.ask(partial(facts_usage.own, client, needs))
        rights = {ask: self.ask(partial(_may, client, ask)) for ask in needs.asks}
        present = self.by_name(iter((*needs.objects, *needs.made_by_others)), partial(_owner, client))
        claims = self.by_name((each.name for each in needs.claims), partial(_claim, client, needs.namespace))
        keys = (each.name for each in (*needs.secrets, *needs.certificates))
        secrets = self.by_name(keys, partial(_secret, client, needs.namespace))
        accounts = self.by_name(
            iter(needs.service_accounts), partial(_is_there, client, "ServiceAccount", needs.namespace)
        )
        networks = self.by_name(iter(needs.networks), partial(_network, client))
        at = (each.gateway for each in needs.routes)
        gateways = self.by_name(at, partial(facts_ways_in.read_gateway, client))
        misfits = self.by_name(served_fields.written(needs, kinds), partial(served_fields.misfits_at, client, needs))
        controllers = self.ask(partial(_controllers, client, needs))
        others = self.others(kinds)
        is_openshift = ("config.openshift.io", "ClusterVersion") in kinds
        openshift = self.ask(partial(facts_openshift.read, client, needs)) if is_openshift else None
        found_own, found_nodes = own.result(), nodes.result()
        used = told(partial(facts_usage.usage, client, self.pool, needs, found_nodes, found_own))
        found = {name: future.result() for name, future in others.items()}
        return ClusterFacts(
            context=client.context,
            url=client.url,
            kinds=kinds,
            rights=_rights(rights),
            nodes=found_nodes,
            used=used if isinstance(used, Untold) else used.by_node,
            looked_at=None if isinstance(used, Untold) else used.looked_at,
            own={} if isinstance(found_own, Untold) else found_own.by_quota,
            own_by_node={} if isinstance(found_own, Untold) else found_own.by_node,
            present=_results(present),
            claims=_results(claims),
            secrets=_results(secrets),
            service_accounts=_results(accounts),
            networks=_results(networks),
            gateways=_results(gateways),
            misfits=_results(misfits),
            controllers=controllers.result(),
            openshift=_openshift(openshift),
            **found,
        )

    def others(self, kinds: Mapping[tuple[str, str], tuple[str, ...]]) -> dict[str, Future[Any]]:
        """Facts that are one small request each, by their field."""
        client, needs, inside = self.client, self.needs, self.needs.namespace
        found: dict[str, Future[Any]] = {
            "version": self.pool.submit(_version, client),
            "namespace": self.ask(partial(_namespace, client, inside)),
            "quotas": self.ask(partial(_quotas, client, inside)),
            "limits": self.ask(partial(_limits, client, inside)),
            "services": self.ask(partial(_policies, client, needs, kinds)),
        }
        # What nothing depends on is not asked for: it would be one more right.
        if any(claim.is_made for claim in needs.claims):
            found["storage_classes"] = self.ask(partial(_classes, client))
        if needs.ingress_classes:
            found["ingress_classes"] = self.ask(partial(facts_ways_in.ingress_classes, client))
        if needs.priority_classes:
            found["priority_classes"] = self.ask(partial(_priority_classes, client))
        return found


def _results(asked: Mapping[Any, Future[Any]]) -> dict[Any, Any]:
    return {name: future.result() for name, future in asked.items()}


def _rights(asked: Mapping[Ask, Future[bool | Untold]]) -> dict[Ask, bool] | Untold:
    found: dict[Ask, bool] = {}
    for ask, future in asked.items():
        told = future.result()
        if isinstance(told, Untold):
            return told
        found[ask] = told
    return found


def _openshift(asked: Future[facts.OpenShift | Untold] | None) -> facts.OpenShift | None:
    if asked is None:
        return None
    told = asked.result()
    return facts.OpenShift(version=told, sccs=told, releases=told, kserve=told) if isinstance(told, Untold) else told


def _version(client: Client) -> str:
    return str(client.tree("get", "/version").get("gitVersion", ""))


def _may(client: Client, ask: Ask) -> bool:
    return client.can_i(Asked(ask.verb, ask.resource, ask.name, ask.namespace))


def _namespace(client: Client, name: str) -> facts.Namespace | None:
    found = client.find(Ref("v1", "Namespace", name))
    if found is None:
        return None
    metadata = trees.part(found, "metadata")
    phase = str(trees.part(found, "status").get("phase", "Active"))
    return facts.Namespace(phase, trees.part(metadata, "labels"), trees.part(metadata, "annotations"))


def read_nodes(client: Client) -> tuple[facts.Node, ...]:
    """All nodes."""
    return gathered(client, Ref("v1", "Node"), views.NodeView, lambda found: tuple(map(_node, found)))


def _node(view: views.NodeView) -> facts.Node:
    ready = [each.status == "True" for each in view.status.conditions if each.type == "Ready"]
    return facts.Node(
        name=view.metadata.name,
        labels=view.metadata.labels,
        allocatable=amounts.amounts_of(view.status.allocatable),
        taints=tuple(facts.Taint(each.key, each.effect, each.value) for each in view.spec.taints),
        is_ready=all(ready) and bool(ready),
        is_schedulable=not view.spec.unschedulable,
        families=frozenset("ipv6" if ":" in each else "ipv4" for each in view.spec.pod_cidrs),
    )


def _claim(client: Client, namespace: str, name: str) -> facts.Claim | None:
    view = one_view(client, Ref("v1", "PersistentVolumeClaim", name, namespace), views.ClaimView)
    if view is None:
        return None
    volume = view.spec.volume_name
    return facts.Claim(
        phase=view.status.phase,
        access_modes=tuple(view.status.access_modes or view.spec.access_modes),
        size_bytes=amounts.amount_of(view.status.capacity.get("storage", 0)),
        volume=volume,
        node_affinity=told(partial(_reach, client, volume)) if volume else None,
    )


def _reach(client: Client, volume: str) -> dict[str, Any] | None:
    view = one_view(client, Ref("v1", "PersistentVolume", volume), views.VolumeView)
    return view.spec.node_affinity.required if view else None


def _classes(client: Client) -> dict[str, bool]:
    found = all_views(client, Ref("storage.k8s.io/v1", "StorageClass"), views.StorageClassView)
    return {each.metadata.name: each.metadata.annotations.get(_DEFAULT_CLASS) == "true" for each in found}


def _quotas(client: Client, namespace: str) -> tuple[facts.Quota, ...]:
    found = all_views(client, Ref("v1", "ResourceQuota", namespace=namespace), views.QuotaView)
    return tuple(
        facts.Quota(
            each.metadata.name,
            amounts.amounts_of(each.status.hard or each.spec.hard),
            amounts.amounts_of(each.status.used),
            bool(each.spec.scopes or each.spec.scope_selector),
        )
        for each in found
    )


def _limits(client: Client, namespace: str) -> tuple[facts.Limits, ...]:
    found = all_views(client, Ref("v1", "LimitRange", namespace=namespace), views.LimitRangeView)
    return tuple(_limit(each.metadata.name, item) for each in found for item in each.spec.limits)


def _limit(name: str, item: views.LimitItem) -> facts.Limits:
    given = {f"limits.{key}" for key in item.default} | {f"requests.{key}" for key in item.default_request}
    return facts.Limits(name, item.type, amounts.amounts_of(item.max), amounts.amounts_of(item.min), frozenset(given))


def _priority_classes(client: Client) -> frozenset[str]:
    ref = Ref("scheduling.k8s.io/v1", "PriorityClass")
    return frozenset(each.metadata.name for each in all_views(client, ref, views.StorageClassView))


def _secret(client: Client, namespace: str, name: str) -> facts.Secret | None:
    view = one_view(client, Ref("v1", "Secret", name, namespace), views.SecretView)
    return facts.Secret(view.type, frozenset(view.data)) if view else None


def _is_there(client: Client, kind: str, namespace: str, name: str) -> bool:
    return one_view(client, Ref("v1", kind, name, namespace), views.OwnerView, _METADATA_ONLY) is not None


def _network(client: Client, place: tuple[str, str]) -> bool:
    ref = Ref("k8s.cni.cncf.io/v1", "NetworkAttachmentDefinition", place[1], place[0])
    if not client.kinds.served("k8s.cni.cncf.io", ref.kind):
        return False
    return one_view(client, ref, views.OwnerView, _METADATA_ONLY) is not None


def _owner(client: Client, wanted: ObjectNeed) -> facts.Owner | None:
    """Whose an object is that is there; None where there is none, or the server has no such kind."""
    if wanted.version not in {each.version for each in client.kinds.served(wanted.group, wanted.kind)}:
        return None
    ref = Ref(wanted.api_version, wanted.kind, wanted.name, wanted.namespace)
    view = one_view(client, ref, views.OwnerView, _METADATA_ONLY)
    if view is None:
        return None
    metadata = view.metadata
    made_by = next((f"{each.kind} {each.name}" for each in metadata.owner_references if each.controller), "")
    return facts.Owner(
        managed_by=metadata.labels.get(_MANAGED, ""),
        instance=metadata.labels.get(_INSTANCE, ""),
        controller=made_by,
        is_ending=bool(metadata.deletion_timestamp),
        keeper=keeping.keeper_of_view(view),
        is_shared=labels.NEEDED_BY in metadata.annotations,
    )


def _controllers(client: Client, needs: Needs) -> tuple[facts.Controller, ...]:
    """Deployments of the names that operators' controllers have, in all namespaces."""
    names = dict.fromkeys(name for operator in needs.operators for name in operator.deployments)
    ref = Ref("apps/v1", "Deployment")
    return tuple(
        facts.Controller(
            namespace=each.metadata.namespace,
            name=each.metadata.name,
            images=tuple(one.image for one in each.spec.template.spec.containers),
            ready=each.status.ready_replicas,
        )
        for name in names
        for each in all_views(client, ref, views.DeploymentView, fields=f"metadata.name={name}")
    )


def _policies(
    client: Client, needs: Needs, kinds: Mapping[tuple[str, str], tuple[str, ...]]
) -> tuple[facts.ClusterService, ...]:
    """What operators of the devices that are asked for say of themselves."""
    asked = access.policies_of(needs)
    served = [(kind, f"{group}/{version}") for group, kind in asked for version in kinds.get((group, kind), ())[:1]]
    return tuple(
        facts.ClusterService(kind=kind, name=each.metadata.name, state=each.status.state)
        for kind, api_version in served
        for each in all_views(client, Ref(api_version, kind), views.PolicyView)
    )
