"""One fact asked of a cluster: a list or an object as views, and what stands for it where it may not be read."""

from __future__ import annotations

import contextlib
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

import msgspec

from shardwright import errors
from shardwright.core.preflight.facts import Untold
from shardwright.kubernetes.client.refusals import Asked, Forbidden, cut_off
from shardwright.kubernetes.live import facts_streaming

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator, Mapping

    from shardwright.kubernetes.client import Client, Ref

__all__ = ["all_views", "cached_views", "gathered", "one_view", "told"]

_T = TypeVar("_T")
_Made = TypeVar("_Made")

_READ_SECONDS = 30.0
"""How long an answer that comes bit by bit may pause."""


def told(read: Callable[[], _T]) -> _T | Untold:
    """A fact, or that it may not or cannot be read."""
    try:
        return read()
    except Forbidden as refused:
        return Untold(refused.asked.verb, refused.asked.resource)
    except (errors.TargetError, errors.TemporaryError, errors.NotFound) as problem:
        return Untold(why=problem.message)


def all_views(client: Client, ref: Ref, kind: type[_T], *, labels: str = "", fields: str = "") -> Iterator[_T]:
    """Objects of a kind as views, page by page; TargetError if they are not shaped as their kind is."""
    found = client.kinds.find(ref)
    with _shaped(ref):
        for page in _ahead(client.pages(found, ref.namespace, labels=labels, fields=fields)):
            yield from _views(page, kind)


def _ahead(pages: Iterator[bytes]) -> Iterator[bytes]:
    """The same pages; while one is worked on, the server makes the next."""
    first = next(pages, None)
    if first is None:
        return
    with ThreadPoolExecutor(1) as pool:
        page: bytes | None = first
        while page is not None:
            coming = pool.submit(next, pages, None)
            yield page
            page = coming.result()


def cached_views(client: Client, ref: Ref, kind: type[_T], *, fields: str) -> Iterator[_T]:
    """A few objects as views, as the server has them in its cache: some moments old perhaps, and all in one answer."""
    found = client.kinds.find(ref)
    with _shaped(ref):
        for page in client.pages(found, ref.namespace, fields=fields, resource_version="0"):
            yield from _views(page, kind)


def gathered(
    client: Client,
    ref: Ref,
    kind: type[_T],
    gather: Callable[[Iterable[_T]], _Made],
    *,
    fields: str = "",
    version: str = "",
) -> _Made:
    """What is made of very many objects, as views: of one answer, decoded as it comes; page by page where that breaks off.

    One answer is made of the server's cache alone; later pages it reads from its database again, at twice the cost.
    Version `0`: the cache as it is, some moments old perhaps.
    """
    try:
        return gather(_streamed(client, ref, kind, {"resourceVersion": version, "fieldSelector": fields}))
    except errors.TemporaryError:
        if client.is_closed:
            raise
        # Pages are asked for again while the server or the way to it is in trouble.
        return gather(all_views(client, ref, kind, fields=fields))


def _streamed(client: Client, ref: Ref, kind: type[_T], query: Mapping[str, str]) -> Iterator[_T]:
    found = client.kinds.find(ref)
    asked = Asked("list", found.resource, namespace=ref.namespace)
    given = {key: value for key, value in query.items() if value}
    path = found.path(ref.namespace)
    with _shaped(ref):
        try:
            with client.stream(path, asked=asked, query=given, read_seconds=_READ_SECONDS) as answer:
                yield from facts_streaming.items_of(answer.iter_bytes(), kind)
        except msgspec.ValidationError:
            raise
        except msgspec.DecodeError as problem:
            raise cut_off(asked, client.url) from problem


def _views(page: bytes, kind: type[_T]) -> list[_T]:
    return msgspec.json.decode(page, type=facts_streaming.shape_of(kind)).items


@contextlib.contextmanager
def _shaped(ref: Ref) -> Generator[None]:
    try:
        yield
    except msgspec.ValidationError as problem:
        raise errors.TargetError(f"the cluster gave a {ref.kind} of another shape: {problem}") from problem


def one_view(client: Client, ref: Ref, kind: type[_T], headers: Mapping[str, str] | None = None) -> _T | None:
    """One object as a view; None if there is none."""
    found = client.kinds.find(ref)
    asked = Asked("get", found.resource, ref.name, ref.namespace)
    try:
        answer = client.request("GET", found.path(ref.namespace, ref.name), asked=asked, headers=headers)
    except errors.NotFound:
        return None
    with _shaped(ref):
        return msgspec.json.decode(answer.content, type=kind)
