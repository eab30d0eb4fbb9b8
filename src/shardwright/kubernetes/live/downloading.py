"""The Job that puts a model on a claim: whether it is done, waiting for it, and a failed one out of the way."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from shardwright import errors
from shardwright.kubernetes.client.refs import ref_of
from shardwright.kubernetes.live import applying

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shardwright.kubernetes.client import Client, Tree

__all__ = ["is_complete", "is_download", "remove_failed", "wait"]

_LOOK_SECONDS = 2.0


def is_download(body: Mapping[str, Any]) -> bool:
    """Whether a manifest is the Job that fetches the model."""
    metadata: Tree = body.get("metadata") or {}
    labels: Tree = metadata.get("labels") or {}
    return body.get("kind") == "Job" and labels.get("app.kubernetes.io/component") == "download"


def is_complete(client: Client, body: Tree) -> bool:
    """Whether every file of the index is on the claim; TargetError, with where to look, if the download failed."""
    conditions = _conditions(client.get(ref_of(body, client.namespace)))
    if "Failed" in conditions:
        ref = ref_of(body, client.namespace)
        raise errors.TargetError(
            f"the download of the model failed: {conditions['Failed'].get('message', '')}",
            hint=f"see: kubectl logs -n {ref.namespace} job/{ref.name}; nothing else was started. "
            "The same command again begins it anew: files that are there are kept",
        )
    return "Complete" in conditions


def wait(client: Client, body: Tree, *, timeout_seconds: float) -> None:
    """Wait until it is complete; TargetError if it fails, TimeoutError, which says so, if it is not in time."""
    deadline = time.monotonic() + timeout_seconds
    while not is_complete(client, body):
        if time.monotonic() > deadline:
            raise TimeoutError(f"the download of the model is not complete after {timeout_seconds:.0f} s")
        time.sleep(_LOOK_SECONDS)


def remove_failed(client: Client, body: Tree) -> None:
    """Remove the Job of an earlier attempt that failed: it never runs again by itself."""
    found = client.find(ref_of(body, client.namespace))
    if found is not None and "Failed" in _conditions(found):
        applying.remove_object(client, ref_of(body, client.namespace))


def _conditions(job: Tree) -> dict[str, Tree]:
    conditions: list[Tree] = job.get("status", {}).get("conditions") or []
    return {str(each["type"]): each for each in conditions if each.get("status") == "True"}
