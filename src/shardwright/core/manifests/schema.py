"""What a platform's kinds may hold, release by release, as data: fields, types, limits and defaults.

Knows the form of the data and resolves it for one release; `admission` prunes and fills in, `checking` looks for flaws.
Knows no kind: each platform keeps its own table (`targets/<platform>/fields.toml`), and the types of pods are shared
(`kubernetes/core_v1.toml`, their versions are Kubernetes' minors). The tables are made from the CRDs by
`tools/crd_fields.py` and can be written by hand. The form, which TOML spells:

    [[kinds]]                               # one for each apiVersion and kind
    api_version = "leaderworkerset.x-k8s.io/v1"
    kind = "LeaderWorkerSet"
    type = "LeaderWorkerSet"                # a table under [types]; apiVersion, kind and metadata need no mention
    since = "0.5"                           # first and, as `until`, first release without it; both may be left out

    [kubernetes]                            # first release -> minor of Kubernetes whose pod types its CRDs hold
    "0.5" = "1.31"

    [types.LeaderWorkerTemplate]            # field = TYPE, or a table, or a list of tables that hold at different releases
    workerTemplate = { type = "PodTemplateSpec", required = true }
    size = { type = "int32", default = 1 }
    volumeClaimTemplates = { type = "[]PersistentVolumeClaim", since = "0.8" }
    restartPolicy = [
        { type = "string", enum = ["Default", "None"], until = "0.9" },
        { type = "string", enum = ["Default", "None", "RecreateGroupAfterStart"], since = "0.9" },
    ]
    "*" = "any"                             # unknown fields are kept (x-kubernetes-preserve-unknown-fields)

TYPE: `string`, `bool`, `int`, `int32`, `int64`, `number`, `quantity` (as CRDs have it, numbers are whole), `amount` (a quantity
as Kubernetes' own kinds have it), `int-or-string`, `any`, the name of a table under
[types] (of the file or shared), `[]TYPE` for lists, `{}TYPE` for maps with free keys. Keys of a field's table:
`type`, `required`, `default`, `enum`, `min`, `max` (numbers), `min_length`, `max_length`, `pattern` (texts), `min_items`,
`max_items`, `keys` (the fields by which items are unique; `["."]`: the items themselves), `items` (a table that says more
of the items of a list or map), `nullable`, `since`, `until`.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal, cast

from shardwright.core.manifests import versions
from shardwright.values import frozen

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from shardwright.core.manifests.objects import Value

__all__ = ["OBJECT_META", "Field", "Kind", "Schema", "TypeView", "View", "parse_schema"]

SCALARS = frozenset({"string", "bool", "int", "int32", "int64", "number", "quantity", "amount", "int-or-string"})
OBJECT_META = "ObjectMeta"
"""The type of the metadata of every object; the shared types bring it."""


@frozen
class Field:
    """What one field holds; the module says what each key means."""

    shape: Literal["scalar", "list", "map", "type", "any"]
    type: str
    """Name of the scalar or of the table; as written for lists and maps."""
    item: Field | None = None
    required: bool = False
    default: Value = None
    enum: tuple[Value, ...] = ()
    min: float | None = None
    max: float | None = None
    min_length: int | None = None
    max_length: int | None = None
    min_items: int | None = None
    max_items: int | None = None
    pattern: re.Pattern[str] | None = None
    keys: tuple[str, ...] = ()
    nullable: bool = False
    since: str = ""
    until: str = ""


@frozen
class Kind:
    """One kind in one apiVersion, from `since` to before `until`."""

    api_version: str
    kind: str
    type: str
    since: str = ""
    until: str = ""


@frozen
class TypeView:
    """The fields of one type at one release."""

    fields: dict[str, Field]
    rest: Field | None
    """What other fields hold; None where there are none."""
    required: tuple[str, ...]
    defaults: tuple[tuple[str, Value], ...]


class Schema:
    """The kinds and types of one platform at all its releases."""

    def __init__(
        self, kinds: tuple[Kind, ...], types: Mapping[str, Mapping[str, Any]], shared: Mapping[str, Mapping[str, Any]]
    ) -> None:
        self.kinds = kinds
        self._types = types
        self._shared = shared
        self._kubernetes: dict[str, str] = {}
        self._parsed: dict[str, dict[str, tuple[Field, ...]]] = {}
        self._views: dict[str, View] = {}

    def at(self, version: str) -> View:
        """The types at a release."""
        if version not in self._views:
            self._views[version] = View(self, version, self.kubernetes_at(version))
        return self._views[version]

    def kubernetes_at(self, version: str) -> str:
        """The minor of Kubernetes whose pod types the CRDs of a release hold; the newest known where nothing is said."""
        fitting = [since for since in self._kubernetes if versions.holds(version, since, "")]
        return self._kubernetes[max(fitting, key=versions.parse)] if fitting else "99"

    def set_kubernetes(self, table: Mapping[str, str]) -> None:
        """Name the minor of Kubernetes from each of some releases on."""
        self._kubernetes = dict(table)

    def kind_of(self, api_version: str, kind: str) -> Kind | None:
        """That kind in that apiVersion, at whatever release."""
        return next((each for each in self.kinds if (each.api_version, each.kind) == (api_version, kind)), None)

    def is_shared(self, name: str) -> bool:
        """Whether a type is one of Kubernetes' own, whose versions are minors of Kubernetes."""
        return name not in self._types and name in self._shared

    def variants(self, name: str) -> dict[str, tuple[Field, ...]]:
        """All fields that a type has at any release, each as it is at different ones."""
        if name not in self._parsed:
            table = self._types[name] if name in self._types else self._shared[name]
            self._parsed[name] = {field: tuple(_fields_of(raw)) for field, raw in table.items()}
        return self._parsed[name]


class View:
    """The types of one platform at one release; each is worked out when it is first asked for."""

    def __init__(self, schema: Schema, version: str, kubernetes: str) -> None:
        self.schema = schema
        self.version = version
        self.kubernetes = kubernetes
        self._types: dict[str, TypeView] = {}

    def type_at(self, name: str) -> TypeView:
        """The fields of a type at this release."""
        made = self._types.get(name)
        if made is None:
            made = self._types[name] = self._made(name)
        return made

    def version_of(self, name: str) -> str:
        """The version that counts for a type."""
        return self.kubernetes if self.schema.is_shared(name) else self.version

    def _made(self, name: str) -> TypeView:
        at = self.version_of(name)
        fields: dict[str, Field] = {}
        for field, variants in self.schema.variants(name).items():
            found = next((each for each in variants if versions.holds(at, each.since, each.until)), None)
            if found is not None:
                fields[field] = found
        rest = fields.pop("*", None)
        required = tuple(key for key, field in fields.items() if field.required)
        defaults = tuple((key, field.default) for key, field in fields.items() if field.default is not None)
        return TypeView(fields, rest, required, defaults)


def parse_schema(own: Mapping[str, Any], shared: Mapping[str, Any]) -> Schema:
    """The schema of a platform from its table and the shared one, both as TOML gives them."""
    kinds = tuple(Kind(**each) for each in own["kinds"])
    schema = Schema(kinds, own["types"], shared["types"])
    schema.set_kubernetes(own.get("kubernetes", {}))
    return schema


def _fields_of(raw: object) -> Iterator[Field]:
    for each in cast("list[object]", raw) if isinstance(raw, list) else [raw]:
        table: dict[str, Any] = {"type": each} if isinstance(each, str) else dict(cast("dict[str, Any]", each))
        yield _field(table)


def _field(table: dict[str, Any]) -> Field:
    name = cast("str", table.pop("type"))
    more = cast("dict[str, Any]", table.pop("items", {}))
    values: dict[str, Any] = {key: tuple(value) if key in {"enum", "keys"} else value for key, value in table.items()}
    if "pattern" in values:
        values["pattern"] = re.compile(values["pattern"])
    if name == "any":
        return Field("any", name, **values)
    if name in SCALARS:
        return Field("scalar", name, **values)
    if name[:2] not in {"[]", "{}"}:
        return Field("type", name, **values)
    item = replace(_field({"type": name[2:], **more}), required=False)
    return Field("list" if name.startswith("[]") else "map", name, item, **values)
