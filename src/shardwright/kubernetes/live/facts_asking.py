"""One fact asked of a cluster: a list or an object as views, and what stands for it where it may not be read."""

from __future__ import annotations

import functools
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from shardwright import errors
from shardwright.core.preflight.facts import Untold
from shardwright.kubernetes.client.refusals import Asked, Forbidden

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from shardwright.kubernetes.client import Client, Ref

__all__ = ["all_views", "one_view", "told"]

_T = TypeVar("_T")


@functools.cache
def _page_of(kind: type[_T]) -> type[Any]:
    """The shape of a page of these views; what else it says is not looked at."""
    return msgspec.defstruct(f"{kind.__name__}Page", [("items", list[kind], [])])  # pyright: ignore[reportInvalidTypeForm] - a type made at run time


def told(read: Callable[[], _T]) -> _T | Untold:
    """A fact, or that it may not or cannot be read."""
    try:
        return read()
    except Forbidden as refused:
        return Untold(refused.asked.verb, refused.asked.resource)
    except (errors.TargetError, errors.TemporaryError, errors.NotFound) as problem:
        return Untold(why=problem.message)


def all_views(
    client: Client, ref: Ref, kind: type[_T], *, labels: str = "", fields: str = "", version: str = ""
) -> Iterator[_T]:
    """Objects of a kind as views, page by page; TargetError if they are not shaped as their kind is.

    Version `0`: what the server has in its cache, some moments old perhaps.
    """
    shape, found = _page_of(kind), client.kinds.find(ref)
    for page in _ahead(client.pages(found, ref.namespace, labels=labels, fields=fields, resource_version=version)):
        try:
            items: list[_T] = msgspec.json.decode(page, type=shape).items
        except msgspec.ValidationError as problem:
            raise errors.TargetError(f"the cluster gave a {ref.kind} of another shape: {problem}") from problem
        yield from items


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


def one_view(client: Client, ref: Ref, kind: type[_T], headers: Mapping[str, str] | None = None) -> _T | None:
    """One object as a view; None if there is none."""
    found = client.kinds.find(ref)
    asked = Asked("get", found.resource, ref.name, ref.namespace)
    try:
        answer = client.request("GET", found.path(ref.namespace, ref.name), asked=asked, headers=headers)
    except errors.NotFound:
        return None
    try:
        return msgspec.json.decode(answer.content, type=kind)
    except msgspec.ValidationError as problem:
        raise errors.TargetError(f"the cluster gave a {ref.kind} of another shape: {problem}") from problem
