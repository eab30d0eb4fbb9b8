"""The Job that puts a model on a claim: whether it is done, waiting for it, and a failed one out of the way."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from shardwright import errors
from shardwright.kubernetes.client import Ref, streams
from shardwright.kubernetes.client.refs import ref_of
from shardwright.kubernetes.live import applying, observing, seen, views

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from shardwright.core.lifecycle.snapshot import Download
    from shardwright.kubernetes.client import Client, Tree

__all__ = ["is_complete", "is_download", "remove_failed", "wait"]

_LOOK_SECONDS = 2.0
_LINE_SECONDS = 30.0
"""How often the last line of its log is told."""
_LINE_END = 200


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


def wait(client: Client, body: Tree, *, timeout_seconds: float) -> Iterator[str]:
    """Wait until it is complete, telling what its pod waits for as that changes, and now and then its last line.

    TargetError if it fails, TimeoutError, which says so, if it is not in time.
    """
    deadline = time.monotonic() + timeout_seconds
    told, line_at = "", 0.0
    while not is_complete(client, body):
        now = time.monotonic()
        found = _look(client, body)
        if now > deadline:
            why = f": {found.message}" if found.message else ""
            raise TimeoutError(f"the download of the model is not complete after {timeout_seconds:.0f} s{why}")
        text = found.message or found.state
        if text != told:
            told, line_at = text, now
            yield text
        elif found.state == "running" and now - line_at > _LINE_SECONDS:
            line_at = now
            yield f"running: {_last_line(client, found, ref_of(body, client.namespace).namespace)}"
        time.sleep(_LOOK_SECONDS)


def _look(client: Client, body: Tree) -> Download:
    ref = ref_of(body, client.namespace)
    job = observing.view_of(client.get(ref), views.Job)
    pods = observing.list_of(
        client, Ref("v1", "Pod", namespace=ref.namespace), views.Pod, f"{seen.JOB_LABEL}={ref.name}"
    )
    (found,) = seen.downloads_of([job], pods)
    return found


def _last_line(client: Client, found: Download, namespace: str) -> str:
    """What the download wrote last; programs that draw a bar write it over and over in one line."""
    try:
        lines = [text for _, text in streams.log_lines(client, namespace, found.pod, streams.Excerpt(tail=1))]
    except errors.ShardwrightError:
        lines = []
    last = lines[-1].rstrip("\r").rpartition("\r")[2] if lines else ""
    return last[-_LINE_END:] or "it has written nothing yet"


def remove_failed(client: Client, body: Tree) -> None:
    """Remove the Job of an earlier attempt that failed: it never runs again by itself."""
    found = client.find(ref_of(body, client.namespace))
    if found is not None and "Failed" in _conditions(found):
        applying.remove_object(client, ref_of(body, client.namespace))


def _conditions(job: Tree) -> dict[str, Tree]:
    conditions: list[Tree] = job.get("status", {}).get("conditions") or []
    return {str(each["type"]): each for each in conditions if each.get("status") == "True"}
