"""Make the tables of fields by release from CRDs: `tools/crd_fields.py FOLDER core|lws|kserve|llmisvc|kuberay > FILE`.

FOLDER holds `<project>/<release>/<plural>.yaml.gz`, a CRD each, as upstream publishes it at its release tags. What comes
out is in the form of `shardwright.core.manifests.schema`: names, types, limits and defaults, no texts. `core` makes the
types of pods from donors, one CRD for each minor of Kubernetes; the other tables refer to a shared type wherever a CRD
holds exactly that type, and spell out what differs. A table is made anew when a platform has a new release. Kinds whose
CRDs FOLDER does not have come from `crd_additions.toml` beside this file.
"""

from __future__ import annotations

import gzip
import json
import sys
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from collections.abc import Iterator

Tree = dict[str, Any]

# Minor of Kubernetes -> a CRD that holds its pod types. 1.28 stands for it and all before.
DONORS = {
    "1.28": "kuberay/v1.1.1",
    "1.30": "kuberay/v1.2.2",
    "1.31": "lws/v0.5.1",
    "1.32": "kuberay/v1.3.2",
    "1.33": "kuberay/v1.4.2",
    "1.34": "kuberay/v1.5.2",
    "1.35": "kuberay/v1.6.2",
    "1.36": "kuberay/v1.7.0",
}
# A field of a pod that came with a minor of Kubernetes.
MARKS = {
    "1.30": ("securityContext", "appArmorProfile"),
    "1.31": ("volumes", "image"),
    "1.32": ("resources",),
    "1.33": ("containers", "lifecycle", "stopSignal"),
    "1.34": ("hostnameOverride",),
    "1.35": ("workloadRef",),
    "1.36": ("schedulingGroup",),
}
PROJECTS = {
    "lws": ("lws", ("leaderworkersets", "disaggregatedsets", "disaggregatedsetrolescalers")),
    "kserve": ("kserve", ("inferenceservices", "servingruntimes", "clusterservingruntimes")),
    "llmisvc": ("kserve", ("llminferenceservices", "llminferenceserviceconfigs")),
    "kuberay": ("kuberay", ("rayclusters", "rayservices", "rayjobs", "raycronjobs")),
}
# Patch releases that brought a field, where only a later patch release is at hand; else the minor counts.
PATCHES = {"kserve/v0.15.2": "0.15.1", "kuberay/v1.5.2": "1.5"}
# Kinds of the same groups that are known by name alone: what they hold is not looked at.
UNREAD = {
    "kserve": {
        "serving.kserve.io/v1alpha1": (
            *("InferenceGraph", "TrainedModel", "ClusterStorageContainer", "Predictor", "LocalModelCache"),
            *("LocalModelNamespaceCache", "LocalModelNode", "LocalModelNodeGroup"),
        )
    }
}
ADDITIONS = Path(__file__).with_name("crd_additions.toml")
LIMITS = {
    "minimum": "min",
    "maximum": "max",
    "minLength": "min_length",
    "maxLength": "max_length",
    "minItems": "min_items",
    "maxItems": "max_items",
    "minProperties": "min_items",
    "maxProperties": "max_items",
    "pattern": "pattern",
    "enum": "enum",
    "default": "default",
    "nullable": "nullable",
}
OBJECT_META = {
    "annotations": "{}string",
    "creationTimestamp": {"type": "string", "nullable": True},
    "deletionGracePeriodSeconds": "int64",
    "deletionTimestamp": {"type": "string", "nullable": True},
    "finalizers": "[]string",
    "generateName": "string",
    "generation": "int64",
    "labels": "{}string",
    "managedFields": "any",
    "name": "string",
    "namespace": "string",
    "ownerReferences": "any",
    "resourceVersion": "string",
    "selfLink": "string",
    "uid": "string",
}


def scalar_of(tree: Tree) -> str:
    """Name of a scalar type."""
    if tree.get("x-kubernetes-int-or-string"):
        return "quantity" if "pattern" in tree else "int-or-string"
    kind = tree.get("type", "")
    if kind == "integer":
        return tree.get("format", "int")
    return {"boolean": "bool", "number": "number", "string": "string"}[kind]


def bare(tree: Tree) -> Any:
    """A schema without its texts, to compare."""
    if isinstance(tree, dict):
        return {
            key: {name: bare(each) for name, each in value.items()} if key == "properties" else bare(value)
            for key, value in tree.items()
            if key not in {"description", "x-kubernetes-map-type", "x-kubernetes-list-type", "title", "example"}
        }
    return [bare(each) for each in tree] if isinstance(tree, list) else tree


def signature(tree: Tree) -> str:
    """A schema as a text, to compare."""
    return json.dumps(bare(tree), sort_keys=True)


@dataclass
class Made:
    """Tables made so far, each once, and what shared types look like at each minor."""

    types: dict[str, Tree] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    shared: dict[tuple[str, str], str] = field(default_factory=dict)
    seen: list[tuple[str, str, str]] = field(default_factory=list)

    def name_of(self, table: Tree, hint: str, parent: str) -> str:
        """The name of a table; equal tables are one."""
        text = json.dumps(table)
        if text not in self.names:
            name = hint if hint not in self.types else f"{parent}{hint}"
            number = 2
            while name in self.types:
                name, number = f"{parent}{hint}{number}", number + 1
            self.types[name] = table
            self.names[text] = name
        return self.names[text]


At = dict[str, Tree]
"""Release -> the schema of one field there; releases in their order."""


def wrapped(tree: Tree) -> tuple[str, Tree | None]:
    """`[]` and `{}` around a type, and the schema of an object inside; for scalars the full type and None."""
    if tree.get("type") == "array":
        inner, below = wrapped(tree["items"])
        return f"[]{inner}", below
    extra = tree.get("additionalProperties")
    if isinstance(extra, dict):
        inner, below = wrapped(extra)
        return "{}" + inner, below
    if tree.get("type") == "object" and "properties" in tree:
        return "", tree
    if tree.get("x-kubernetes-preserve-unknown-fields") or (
        not tree.get("type") and "x-kubernetes-int-or-string" not in tree
    ):
        return "any", None
    if tree.get("type") == "object":
        return "", {"properties": {}}
    return scalar_of(tree), None


def limits_of(tree: Tree) -> Tree:
    """What a table says of a field beside its type and that of the objects in it."""
    found = {name: tree[key] for key, name in LIMITS.items() if key in tree}
    if found.get("enum") and None in found["enum"]:
        found["enum"].remove(None)
    if scalar_of(tree) == "quantity" if tree.get("x-kubernetes-int-or-string") else False:
        found.pop("pattern", None)
    if tree.get("type") == "array":
        if keys := tree.get("x-kubernetes-list-map-keys"):
            found["keys"] = keys
        elif tree.get("x-kubernetes-list-type") == "set":
            found["keys"] = ["."]
        inner = tree["items"]
    else:
        inner = tree.get("additionalProperties")
    if isinstance(inner, dict) and (more := limits_of(inner)):
        found["items"] = more
    return found


def capital(name: str) -> str:
    """A type's name from a field's."""
    if name.endswith("ies"):
        name = f"{name[:-3]}y"
    elif name.endswith("s") and not name.endswith(("ss", "us", "fs")):
        name = name[:-1]
    return name[:1].upper() + name[1:]


class Merger:
    """Makes tables of one schema over releases."""

    def __init__(self, made: Made, label: dict[str, str], minor: dict[str, str]) -> None:
        self.made = made
        self.label = label
        self.minor = minor

    def type_name(self, at: At, hint: str, parent: str) -> str:
        """The type of objects that look like this over the releases."""
        shared = {self.made.shared.get((self.minor[release], signature(tree)), "") for release, tree in at.items()}
        if len(shared) == 1 and "" not in shared:
            return shared.pop()
        table: Tree = {}
        for tree in reversed(at.values()):
            for name in tree.get("properties", {}):
                table.setdefault(name, None)
        for name in sorted(table):
            table[name] = self.field(dict(at.items()), name, hint)
        if any(tree.get("x-kubernetes-preserve-unknown-fields") for tree in at.values()):
            table["*"] = "any"
        made = self.made.name_of({key: table[key] for key in sorted(table)}, hint, parent)
        for release, tree in at.items():
            self.made.seen.append((self.minor[release], signature(tree), made))
        return made

    def field(self, at: At, name: str, parent: str) -> Any:
        """One field over the releases: one table, or one for each run of releases where it is the same."""
        inner: dict[str, At] = {}
        runs: list[tuple[str, str, Tree]] = []
        before = ""
        order = list(at)
        for release, tree in at.items():
            mine = tree.get("properties", {}).get(name)
            entry: Tree = {}
            if mine is not None:
                shape, below = wrapped(mine)
                if below is not None:
                    inner.setdefault(shape, {})[release] = below
                entry = {"type": shape, "is_type": below is not None, **limits_of(mine)}
                if name in tree.get("required", []):
                    entry["required"] = True
            text = json.dumps(entry, sort_keys=True)
            if text != before:
                runs.append((release, text, entry))
            before = text
        names = {shape: self.type_name(trees, capital(name), parent) for shape, trees in inner.items()}
        made: list[Tree] = []
        for index, (since, _, entry) in enumerate(runs):
            if not entry:
                continue
            table = dict(entry)
            if table.pop("is_type"):
                table["type"] += names[entry["type"]]
            if since != order[0]:
                table["since"] = self.label[since]
            if index + 1 < len(runs):
                table["until"] = self.label[runs[index + 1][0]]
            made.append(table)
        if len(made) > 1:
            return made
        return made[0]["type"] if list(made[0]) == ["type"] else made[0]


def load(folder: Path, release: str, plural: str) -> Tree | None:
    """A CRD; None where the release has none of that name."""
    path = folder / release / f"{plural}.yaml.gz"
    return yaml.load(gzip.open(path), Loader=yaml.CSafeLoader) if path.exists() else None


def pods_in(tree: Tree) -> Iterator[Tree]:
    """Pod specs below a schema."""
    properties = tree.get("properties", {})
    if "containers" in properties and "nodeSelector" in properties:
        yield tree
    for each in [*properties.values(), *([tree["items"]] if "items" in tree else [])]:
        yield from pods_in(each)


def has(tree: Tree, path: tuple[str, ...]) -> bool:
    """Whether a field is there."""
    for name in path:
        tree = tree.get("items", tree).get("properties", {}).get(name)
        if tree is None:
            return False
    return True


def minor_of(crds: list[Tree]) -> str:
    """The newest minor of Kubernetes that left a mark in the pods of CRDs."""
    roots = [version["schema"]["openAPIV3Schema"] for crd in crds for version in crd["spec"]["versions"]]
    pods = [pod for root in roots for pod in pods_in(root)]
    found = [minor for minor, mark in MARKS.items() if any(has(pod, mark) for pod in pods)]
    return found[-1] if found else "1.28"


def core(folder: Path) -> Made:
    """The shared types, from the donors."""
    made = Made()
    at: At = {}
    services: At = {}
    for minor, release in DONORS.items():
        crd = load(folder, release, "rayclusters") or load(folder, release, "leaderworkersets")
        root = next(v for v in crd["spec"]["versions"] if v["name"] == "v1")["schema"]["openAPIV3Schema"]
        at[minor] = next(pods_in(root))
        head = root["properties"]["spec"]["properties"].get("headGroupSpec", {}).get("properties", {})
        if "headService" in head:
            services[minor] = head["headService"]["properties"]["spec"]
    same = {minor: minor for minor in at}
    merger = Merger(made, same, same)
    merger.type_name(at, "PodSpec", "")
    merger.type_name(services, "ServiceSpec", "")
    made.shared = {(minor, text): name for minor, text, name in made.seen}
    return made


def releases_of(folder: Path, project: str) -> list[str]:
    """Releases, oldest first."""
    names = [each.name for each in (folder / project).iterdir()]
    return [f"{project}/{name}" for name in sorted(names, key=lambda name: [int(n) for n in name[1:].split(".")])]


def platform(folder: Path, name: str, shared: Made) -> Tree:
    """The table of one platform."""
    project, plurals = PROJECTS[name]
    releases = releases_of(folder, project)
    label = {each: PATCHES.get(each, each.split("/v")[1].rsplit(".", 1)[0]) for each in releases}
    crds = {each: [crd for plural in plurals if (crd := load(folder, each, plural))] for each in releases}
    oldest = releases[0]
    releases = [each for each in releases if crds[each]]
    minor = {each: minor_of(crds[each]) for each in releases}
    made = Made(shared=shared.shared, types={name: {} for name in shared.types})
    kinds: list[Tree] = []
    roots: dict[tuple[str, str, str], At] = {}
    for each in releases:
        for crd in crds[each]:
            for version in crd["spec"]["versions"]:
                spec = crd["spec"]
                key = (spec["group"], version["name"], spec["names"]["kind"])
                roots.setdefault(key, {})[each] = version["schema"]["openAPIV3Schema"]
    merger = Merger(made, label, minor)
    for (group, version, kind), at in roots.items():
        bodies = {each: _body(root) for each, root in at.items()}
        entry = {
            "api_version": f"{group}/{version}",
            "kind": kind,
            "type": merger.type_name(bodies, kind, capital(version)),
        }
        if next(iter(at)) != oldest:
            entry["since"] = label[next(iter(at))]
        if list(at)[-1] != releases[-1]:
            entry["until"] = label[releases[releases.index(list(at)[-1]) + 1]]
        kinds.append(entry)
    types = {key: table for key, table in made.types.items() if key not in shared.types}
    for api_version, names in UNREAD.get(name, {}).items():
        kinds.extend({"api_version": api_version, "kind": each, "type": "Unread"} for each in names)
        types["Unread"] = {"*": "any"}
    return {"kinds": kinds, "kubernetes": {label[each]: minor[each] for each in releases}, "types": types}


def _body(root: Tree) -> Tree:
    properties = {
        key: value for key, value in root["properties"].items() if key not in {"apiVersion", "kind", "metadata"}
    }
    if "status" in properties:
        properties["status"] = {"x-kubernetes-preserve-unknown-fields": True}
    return {
        **root,
        "properties": properties,
        "required": [key for key in root.get("required", []) if key in properties],
    }


def with_additions(tables: Tree, name: str, additions: Tree) -> Tree:
    """The table with the kinds that no CRD at hand has; SystemExit for one that a CRD has after all."""
    more: Tree = additions.get(name, {"kinds": [], "types": {}})
    known = {(each["api_version"], each["kind"]) for each in tables["kinds"]}
    for each in more["kinds"]:
        if (each["api_version"], each["kind"]) in known:
            raise SystemExit(f"{each['kind']} has a CRD: remove it from {ADDITIONS.name}")
    types = {key: {each: table[each] for each in sorted(table)} for key, table in more["types"].items()}
    return {**tables, "kinds": [*tables["kinds"], *more["kinds"]], "types": {**tables["types"], **types}}


def toml(value: Any) -> str:
    """A value in TOML."""
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{_key(key)} = {toml(each)}" for key, each in value.items()) + " }" if value else "{}"
    if isinstance(value, list):
        return "[" + ", ".join(toml(each) for each in value) + "]"
    return json.dumps(value, ensure_ascii=False)


def _key(name: str) -> str:
    return name if name.replace("_", "").replace("-", "").isalnum() else json.dumps(name)


def lines_of(tables: Tree) -> Iterator[str]:
    """A file in TOML."""
    for kind in tables.get("kinds", []):
        yield "[[kinds]]"
        yield from (f"{key} = {toml(value)}" for key, value in kind.items())
        yield ""
    if kubernetes := tables.get("kubernetes"):
        yield "[kubernetes]"
        yield from (f"{json.dumps(key)} = {toml(value)}" for key, value in kubernetes.items())
        yield ""
    for name, table in sorted(tables["types"].items()):
        yield f"[types.{name}]"
        for key, value in table.items():
            if isinstance(value, list):
                yield f"{_key(key)} = ["
                yield from (f"    {toml(each)}," for each in value)
                yield "]"
            else:
                yield f"{_key(key)} = {toml(value)}"
        yield ""


def main() -> None:
    """Print one table."""
    folder, name = Path(sys.argv[1]), sys.argv[2]
    shared = core(folder)
    print(
        "# Made by tools/crd_fields.py from CRDs at their release tags; the form is explained in core/manifests/schema.py.\n"
    )
    if name == "core":
        tables: Tree = {"types": {**shared.types, "ObjectMeta": OBJECT_META}}
    else:
        additions = tomllib.loads(ADDITIONS.read_text("utf-8"))
        tables = with_additions(platform(folder, name, shared), name, additions)
    print("\n".join(lines_of(tables)).rstrip())


if __name__ == "__main__":
    main()
