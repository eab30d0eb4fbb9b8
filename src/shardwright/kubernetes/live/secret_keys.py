"""Keys of Secrets that a deployment brings: written, and removed with it. What they hold is never read back nor told.

A Secret is looked at by its metadata alone. Each key is applied under a field manager of its own, so that one that is
written later takes none of the others away, and no copy of a value is kept beside the Secret itself.
"""

from __future__ import annotations

import base64
from dataclasses import field
from typing import TYPE_CHECKING

from shardwright import errors
from shardwright.kubernetes.client import Ref
from shardwright.kubernetes.client.client import MANAGER
from shardwright.kubernetes.live import facts_views as views
from shardwright.kubernetes.live import keeping
from shardwright.kubernetes.live.facts_asking import one_view
from shardwright.values import frozen

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from shardwright.kubernetes.client import Client

__all__ = ["SecretValue", "demand_ours", "remove_ours", "write"]

_METADATA_ONLY = {"Accept": "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1, application/json"}
_OURS = {"app.kubernetes.io/managed-by": "shardwright"}
_INSTANCE = "app.kubernetes.io/instance"
_LONGEST_MANAGER = 128
_HIDDEN = "(not shown)"


@frozen(kw_only=True)
class SecretValue:
    """What one key of a Secret is to hold."""

    name: str
    """Of the Secret."""
    key: str
    variable: str
    """Environment variable that it comes from."""
    value: bytes = field(repr=False)

    def __str__(self) -> str:
        """`hf-token:token`."""
        return f"{self.name}:{self.key}"


def demand_ours(client: Client, namespace: str, deployment: str, given: Iterable[SecretValue]) -> None:
    """Conflict if one of these Secrets is there and was not made for this deployment, or Argo CD or Flux keep it."""
    for name in dict.fromkeys(each.name for each in given):
        found = _looked(client, namespace, name)
        if found is not None and not _is_ours(found, deployment):
            owner = found.metadata.labels.get(_INSTANCE) or found.metadata.labels.get("app.kubernetes.io/managed-by")
            raise errors.Conflict(
                f"Secret {namespace}/{name} is there already and is not this deployment's"
                f"{f', but of {owner}' if owner else ''}: it is not written",
                hint="leave --secret-from-env out, and it is used as it is; or name another Secret in the recipe",
            )
        if found is not None:
            keeping.demand_free(Ref("v1", "Secret", name, namespace), keeping.tree_of(found), "write")
        if found is not None and found.metadata.deletion_timestamp:
            raise errors.Conflict(f"Secret {namespace}/{name} is being deleted", hint="wait until it is gone")


def write(client: Client, namespace: str, deployment: str, given: SecretValue) -> None:
    """Write one key; Conflict as above. No error shows the value, whatever the server answers."""
    demand_ours(client, namespace, deployment, [given])
    encoded = base64.b64encode(given.value).decode()
    labels = {**_OURS, _INSTANCE: deployment, "app.kubernetes.io/component": "secret"}
    body = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": given.name, "namespace": namespace, "labels": labels},
        "data": {given.key: encoded},
    }
    try:
        client.apply(body, manager=f"{MANAGER}-{given.key}"[:_LONGEST_MANAGER])
    except errors.ShardwrightError as refused:
        shown = refused.message
        for secret in (encoded, given.value.decode("utf-8", "replace")):
            shown = shown.replace(secret, _HIDDEN)
        if shown == refused.message:
            raise
        raise errors.TargetError(shown, hint=refused.hint) from None


def remove_ours(client: Client, namespace: str, deployment: str, names: Iterable[str]) -> Iterator[Ref]:
    """Delete those of these Secrets that were made for the deployment; each is yielded when that is asked for.

    Forbidden where they may not be looked at; Conflict for one that Argo CD or Flux keep.
    """
    for name in dict.fromkeys(names):
        found = _looked(client, namespace, name)
        if found is not None and _is_ours(found, deployment):
            ref = Ref("v1", "Secret", name, namespace)
            keeping.demand_free(ref, keeping.tree_of(found), "remove")
            client.delete(ref, propagation="Background")
            yield ref


def _looked(client: Client, namespace: str, name: str) -> views.OwnerView | None:
    return one_view(client, Ref("v1", "Secret", name, namespace), views.OwnerView, _METADATA_ONLY)


def _is_ours(found: views.OwnerView, deployment: str) -> bool:
    wanted = {**_OURS, _INSTANCE: deployment}
    return wanted.items() <= found.metadata.labels.items()
