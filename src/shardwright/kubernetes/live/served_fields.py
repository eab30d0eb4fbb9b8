"""What a server's own definition of a kind says against an object: its OpenAPI document, which everybody may read.

Fields that it does not know, values that it does not take, what it demands. Rules over several fields (CEL) and webhooks are
not looked at: the dry run of `diff` and `apply` asks those. Source: Kubernetes 1.36, OpenAPI v3 as `/openapi/v3` gives it;
only what is judged by is decoded of it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from shardwright import errors
from shardwright.core.manifests import checking
from shardwright.core.preflight.facts import Misfit, Untold
from shardwright.kubernetes.client.refusals import Asked, Forbidden

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from shardwright.core.preflight.needs import Needs, ObjectNeed, Tree
    from shardwright.kubernetes.client import Client

__all__ = ["Document", "document_of", "misfits", "misfits_at", "written"]

_COMPONENT = "#/components/schemas/"
_OWN = "io.k8s.api."
"""How Kubernetes' own definitions begin; a map without fields is free there, and pruned elsewhere."""
_EMBEDDED = frozenset({"apiVersion", "kind", "metadata"})
_NOTHING = frozenset({b"0", b'""'})
_TYPES: dict[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "boolean": (bool,),
    "integer": (int,),
    "number": (int, float),
}
_NAMES = {"object": "a mapping", "array": "a list", "string": "a text", "boolean": "true or false"}


class _Schema(msgspec.Struct, rename="camel"):
    """A part of a definition."""

    type: str = ""
    format: str = ""
    enum: list[Any] = []
    required: list[str] = []
    properties: dict[str, _Schema] = {}
    additional_properties: bool | _Schema = False
    items: _Schema | None = None
    all_of: list[_Schema] = []
    pattern: str = ""
    minimum: float | None = None
    maximum: float | None = None
    min_length: int | None = None
    max_length: int | None = None
    min_items: int | None = None
    max_items: int | None = None
    default: msgspec.Raw = msgspec.Raw(b"")
    ref: str = msgspec.field(name="$ref", default="")
    is_open: bool = msgspec.field(name="x-kubernetes-preserve-unknown-fields", default=False)
    is_embedded: bool = msgspec.field(name="x-kubernetes-embedded-resource", default=False)
    is_int_or_string: bool = msgspec.field(name="x-kubernetes-int-or-string", default=False)
    kinds: list[dict[str, str]] = msgspec.field(name="x-kubernetes-group-version-kind", default_factory=list[Any])


class _Components(msgspec.Struct):
    schemas: dict[str, msgspec.Raw] = {}


class _Answer(msgspec.Struct):
    components: _Components = msgspec.field(default_factory=_Components)


class Document:
    """The definitions of one group at one version; each is decoded when it is first asked for, for there are many."""

    def __init__(self, raw: Mapping[str, msgspec.Raw]) -> None:
        self._raw = raw
        self._decoded: dict[str, _Schema] = {}

    def find(self, name: str) -> _Schema | None:
        """A definition by its name; msgspec.ValidationError if it is of another shape."""
        if name not in self._decoded and name in self._raw:
            self._decoded[name] = msgspec.json.decode(self._raw[name], type=_Schema)
        return self._decoded.get(name)

    def name_of(self, wanted: ObjectNeed) -> str:
        """Of the definition of an object's kind; empty if it is not among these."""
        key = {"group": wanted.group, "kind": wanted.kind, "version": wanted.version}
        named = (name for name in self._raw if name.rpartition(".")[2] == wanted.kind)
        return next((name for name in named if (found := self.find(name)) and key in found.kinds), "")


def document_of(content: bytes) -> Document:
    """A server's answer; msgspec.ValidationError if it is no such document."""
    return Document(msgspec.json.decode(content, type=_Answer).components.schemas)


def written(needs: Needs, kinds: Mapping[tuple[str, str], tuple[str, ...]]) -> Iterator[str]:
    """API versions of what is written in full, as far as the server has them."""
    known = (each for each in needs.objects if each.version in kinds.get((each.group, each.kind), ()))
    yield from dict.fromkeys(each.api_version for each in known) if needs.bodies else ()


def misfits_at(client: Client, needs: Needs, api_version: str) -> tuple[Misfit, ...] | Untold:
    """All that the server's definitions at one version say against what is written at it; one request."""
    path = f"/openapi/v3/{'apis/' if '/' in api_version else 'api/'}{api_version}"
    try:
        document = document_of(client.request("GET", path, asked=Asked("get", path)).content)
        pairs = zip(needs.objects, needs.bodies, strict=True)
        own = ((wanted, body) for wanted, body in pairs if wanted.api_version == api_version)
        return tuple(misfit for wanted, body in own for misfit in misfits(document, wanted, body))
    except Forbidden:
        return Untold(why=f"not allowed: get {path}, which the ClusterRole system:discovery gives")
    except errors.NotFound:
        return Untold(why="the server tells no definitions of it")
    except msgspec.ValidationError as problem:
        return Untold(why=f"the server's definitions are of another shape: {problem}")


def misfits(document: Document, wanted: ObjectNeed, body: Tree) -> Iterator[Misfit]:
    """What the definition of its kind says against an object; nothing where there is none, for all is taken then."""
    name = document.name_of(wanted)
    definition = document.find(name)
    if definition is not None:
        yield from _Judge(document, wanted, is_own=name.startswith(_OWN)).value(body, (definition,), ())


class _Judge:
    """Walks an object along its definition."""

    def __init__(self, document: Document, wanted: ObjectNeed, *, is_own: bool) -> None:
        self._document, self._wanted, self._is_own = document, wanted, is_own

    def value(self, value: object, given: Sequence[_Schema], path: tuple[str | int, ...]) -> Iterator[Misfit]:
        """A value and all that is in it; a definition may be put together of several."""
        parts = tuple(self._all_of(given))
        kind = next((each.type for each in parts if each.type), "")
        is_either = any(each.is_int_or_string or each.format == "int-or-string" for each in parts)
        if value is None:
            return
        if kind and not is_either and not _is_of(value, kind):
            yield self._misfit("type", path, value, (_NAMES.get(kind, "a number"),))
            return
        for part in parts:
            yield from self._limits(value, part, path)
        if isinstance(value, dict):
            tree: dict[str, Any] = value  # pyright: ignore[reportUnknownVariableType] - JSON
            yield from self._object(tree, parts, path)
        elif isinstance(value, list):
            items = [each.items for each in parts if each.items is not None]
            entries: list[Any] = value  # pyright: ignore[reportUnknownVariableType] - JSON
            for index, each in enumerate(entries):
                yield from self.value(each, items, (*path, index))

    def _all_of(self, given: Iterable[_Schema]) -> Iterator[_Schema]:
        for each in given:
            yield each
            found = self._document.find(each.ref.removeprefix(_COMPONENT)) if each.ref else None
            yield from self._all_of((*each.all_of, *((found,) if found else ())))

    def _object(
        self, tree: Mapping[str, Any], parts: Sequence[_Schema], path: tuple[str | int, ...]
    ) -> Iterator[Misfit]:
        fields = {name: field for part in parts for name, field in part.properties.items()}
        rests = [each.additional_properties for each in parts if each.additional_properties is not False]
        is_embedded = any(each.is_embedded for each in parts)
        is_free = True in rests or any(each.is_open for each in parts) or not (fields or self._is_closed(parts))
        inner = [each for each in rests if isinstance(each, _Schema)]
        for name in dict.fromkeys(name for part in parts for name in part.required):
            if name not in tree and not (name in fields and self._is_filled(fields[name])):
                yield self._misfit("missing", (*path, name))
        for name, value in tree.items():
            if name in fields:
                yield from self.value(value, (fields[name],), (*path, name))
            elif inner:
                yield from self.value(value, inner, (*path, name))
            elif not is_free and not (is_embedded and name in _EMBEDDED):
                yield self._misfit("unknown", (*path, name), value)

    def _is_filled(self, field: _Schema) -> bool:
        """Whether the server itself fills a field in; of its own kinds zero and the empty text are no such values."""
        default = bytes(field.default)
        return bool(default) and not (self._is_own and default in _NOTHING)

    def _is_closed(self, parts: Sequence[_Schema]) -> bool:
        """Whether a map without any field is emptied by the server."""
        return not self._is_own and any(each.type == "object" for each in parts)

    def _limits(self, value: object, part: _Schema, path: tuple[str | int, ...]) -> Iterator[Misfit]:
        if part.enum and value not in part.enum:
            yield self._misfit("choice", path, value, tuple(str(each) for each in part.enum))
        elif isinstance(value, str):
            size = (part.min_length, part.max_length)
            yield from self._between(len(value), size, path, f"{checking.shown(value, path)}: characters")
            if part.pattern and not _matches(value, part.pattern):
                yield self._misfit("limit", path, value, (f"it must match {part.pattern}",))
        elif isinstance(value, list):
            yield from self._between(len(value), (part.min_items, part.max_items), path, "items")  # pyright: ignore[reportUnknownArgumentType] - JSON
        elif isinstance(value, int | float):
            yield from self._between(value, (part.minimum, part.maximum), path, "")

    def _between(
        self, amount: float, limits: tuple[float | None, float | None], path: tuple[str | int, ...], what: str
    ) -> Iterator[Misfit]:
        least, most = limits
        told = f"{what}: {amount:g}" if what else f"{amount:g}"
        if least is not None and amount < least:
            yield Misfit(self._wanted, "limit", _text(path), told, (f"at least {least:g}",))
        if most is not None and amount > most:
            yield Misfit(self._wanted, "limit", _text(path), told, (f"at most {most:g}",))

    def _misfit(
        self,
        problem: Literal["unknown", "missing", "choice", "type", "limit"],
        path: tuple[str | int, ...],
        value: object = None,
        allowed: tuple[str, ...] = (),
    ) -> Misfit:
        shown = "" if problem == "missing" else checking.shown(value, path)  # pyright: ignore[reportArgumentType] - JSON
        return Misfit(self._wanted, problem, _text(path), shown, allowed)


def _is_of(value: object, kind: str) -> bool:
    wanted = _TYPES.get(kind, (object,))
    return isinstance(value, wanted) and (not isinstance(value, bool) or bool in wanted)


def _matches(text: str, pattern: str) -> bool:
    """Whether a text fits; a pattern that Python reads otherwise than Go refuses nothing."""
    try:
        return re.search(pattern, text) is not None
    except re.error:
        return True


def _text(path: Iterable[str | int]) -> str:
    """`spec.containers[0].image`."""
    text = ""
    for each in path:
        text += f"[{each}]" if isinstance(each, int) else f".{each}" if text else each
    return text
