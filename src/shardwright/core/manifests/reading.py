"""Manifests as files hold them become objects: several documents, lists of objects, YAML or JSON, each value with its line.

What cannot be read is a finding, never an error: one for each thing that is wrong, bounded in number, time and memory. Real
manifests have anchors, merge keys and tags; they are read as Kubernetes' tools do (`plain`). Files are read elsewhere.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from shardwright import errors, units
from shardwright.core.manifests import kustomize, plain, scopes, templates
from shardwright.core.manifests.objects import Object
from shardwright.core.marked import document, paths, secret_values, tree
from shardwright.core.marked.tree import ListNode, MapNode, ScalarNode
from shardwright.core.rules.finding import Finding

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from shardwright.core.manifests.plain import Placeholders
    from shardwright.core.marked.tree import Document, Entry, Mark, Node

__all__ = ["MAX_BYTES", "Reading", "Recognise", "read_manifests"]

MAX_BYTES = 16 * 1024 * 1024
"""Largest file; a bundle of 1,000 objects has about 3 MiB."""
_MAX_FAULTS = 20
_LISTS = re.compile(r"([A-Z][A-Za-z]*)?List")
_TEMPLATED = frozenset({"Template", "ConfigMap", "Secret", "CustomResourceDefinition"})
"""Kinds in which such marks are meant: parameters of a template, files."""
_TEMPLATE_MARK = re.compile(r"\{\{.*\}\}|^\s*\{\{|%[A-Z][A-Z0-9_]+%|%[a-z][A-Za-z0-9_]{2,}%|[:,\[{]\s*\$\{[A-Za-z_]")


class Reading(NamedTuple):
    """What a file holds and what is wrong with it as a file."""

    objects: tuple[Object, ...]
    findings: tuple[Finding, ...]
    patches: tuple[str, ...] = ()
    """Files that it names as patches of kustomize."""


Recognise: TypeAlias = "Callable[[MapNode], Sequence[tuple[str, str, MapNode]]]"
"""Kind, name and node of what a document without apiVersion and kind holds; nothing where it is not known."""


def read_manifests(data: bytes, file: str, recognise: Recognise = lambda _: ()) -> Reading:
    """The objects of a file; `file` is its name in findings, `recognise` knows documents of other formats."""
    if len(data) > MAX_BYTES:
        message = f"the file has more than {units.format_bytes(MAX_BYTES)}"
        return Reading((), (_finding("manifest.too-large", message, file, 1, fix="split it into files"),))
    try:
        text = document.decode(data, file)
    except errors.RecipeError as error:
        return Reading((), tuple(_faulty(fault, "manifest.unreadable", "") for fault in error.faults))
    documents = document.parse_documents(text, file, bounds=document.MANIFESTS)
    if not documents or all(document.is_empty(each) for each in documents):
        message = "there is no manifest in it"
        return Reading((), (_finding("manifest.empty", message, file, 1, severity="warning"),))
    reader = _Reader(text, recognise)
    for each in documents:
        reader.read(each)
    reader.findings.extend(_twice(reader.objects))
    return Reading(tuple(reader.objects), tuple(reader.findings), tuple(reader.patches))


def _twice(objects: Sequence[Object]) -> Iterator[Finding]:
    """The same object more than once in a file."""
    first: dict[tuple[str, ...], Mark] = {}
    for each in objects:
        mark = each.mark(("metadata", "name"))
        before = first.setdefault(scopes.identity(each), mark)
        # What has no apiVersion is no object: other formats have rules of their own.
        if each.name and each.api_version and before is not mark:
            message = f"the {each.kind} {secret_values.shown(each.name)} stands in line {before.line} already"
            why, fix = "whichever is applied last counts", "remove one of both, or give it another name"
            yield _finding(
                "manifest.twice",
                message,
                mark.file,
                mark.line,
                severity="warning",
                path="metadata.name",
                why=why,
                fix=fix,
            )


class _Reader:
    """Collects the objects of one file and what is wrong."""

    def __init__(self, text: str, recognise: Recognise) -> None:
        self._text = text
        self._recognise = recognise
        self._lines: list[str] | None = None
        self.objects: list[Object] = []
        self.findings: list[Finding] = []
        self.patches: list[str] = []

    def read(self, found: Document) -> None:
        """Read one document."""
        if found.root is None:
            self.findings.extend(self._unreadable(fault) for fault in found.faults[-1:] if not document.is_empty(found))
            return
        if marked := next((fault for fault in found.faults if "{{" in self._line(fault)), None):
            self.findings.append(self._unreadable(marked))
            return
        for fault in found.faults[:_MAX_FAULTS]:
            self.findings.append(_faulty(fault, "manifest.malformed", "readers take one of them or refuse it"))
        self._object(found.root)

    def _line(self, fault: errors.Fault, *, before: int = 0) -> str:
        if self._lines is None:
            self._lines = self._text.split("\n")
        at = fault.line - before
        return self._lines[at - 1] if 0 < at <= len(self._lines) else ""

    def _unreadable(self, fault: errors.Fault) -> Finding:
        # A template's mark in the place of a field is noticed in the line after it.
        line = f"{self._line(fault)}\n{self._line(fault, before=1)}"
        why = "what stands after it in this file was not read"
        if _TEMPLATE_MARK.search(line):
            message = "a placeholder stands there that was not replaced, so this is no YAML"
            fix = "render the template first, as helm template does, and give what comes out"
            return _finding("manifest.placeholder", message, fault.file, fault.line, why=why, fix=fix)
        return _faulty(fault, "manifest.unreadable", why)

    def _object(self, root: Node, unsettled: frozenset[paths.Path] = frozenset()) -> None:
        if not isinstance(root, MapNode):
            self._complain("manifest.not-an-object", root.mark, f"{tree.describe(root)} is no Kubernetes object")
            return
        kind, api_version = _text(root, "kind"), _text(root, "apiVersion")
        items = root.entries.get("items")
        if items and _LISTS.fullmatch(kind) and isinstance(items.value, ListNode):
            for item in items.value.items:
                self._object(item)
        elif kind in kustomize.KINDS or (not kind and kustomize.is_named_so(root.mark.file)):
            self.patches.extend(kustomize.patches_of(root))
        elif not kind or not api_version:
            self._nameless(root, kind, api_version)
        else:
            self._add(root, kind, api_version, unsettled)
            if templates.is_template(api_version, kind):
                self._template(root)

    def _template(self, root: MapNode) -> None:
        objects, complaints = templates.fill(root)
        self.findings.extend(_of_template(each) for each in complaints[:_MAX_FAULTS])
        for each in objects:
            self._object(each.node, each.unsettled)

    def _nameless(self, root: MapNode, kind: str, api_version: str) -> None:
        if not kind and not api_version and (known := self._recognise(root)):
            for name_of_kind, name, node in known:
                self._add_known(name_of_kind, name, node)
            return
        missing = " and ".join(name for name, text in (("apiVersion", api_version), ("kind", kind)) if not text)
        message = f"no Kubernetes object: {missing} is missing or no text"
        self._complain("manifest.not-an-object", root.mark, message)

    def _add(self, root: MapNode, kind: str, api_version: str, unsettled: frozenset[paths.Path]) -> None:
        placeholders: Placeholders = []
        value = plain.plain_value(root, (), placeholders)
        if not isinstance(value, dict):
            return
        metadata = root.entries.get("metadata")
        self.findings.extend(_name_findings(root, metadata, kind))
        node = metadata.value if metadata else None
        inner = node if isinstance(node, MapNode) else MapNode(root.mark, {})
        if kind not in _TEMPLATED:
            self.findings.extend(_placeholder(path, node) for path, node in placeholders[:_MAX_FAULTS])
            unsettled |= {path for path, _ in placeholders}
        name, namespace = _text(inner, "name"), _text(inner, "namespace")
        self.objects.append(Object(api_version, kind, name, namespace, root, value, unsettled))

    def _add_known(self, kind: str, name: str, root: MapNode) -> None:
        value = plain.plain_value(root, (), [])
        self.objects.append(Object("", kind, name, "", root, value if isinstance(value, dict) else {}))

    def _complain(self, name: str, mark: Mark, message: str) -> None:
        fix = "give manifests only, or begin it with apiVersion and kind"
        self.findings.append(_finding(name, message, mark.file, mark.line, fix=fix))


def _name_findings(root: MapNode, metadata: Entry | None, kind: str) -> Iterator[Finding]:
    if metadata is None or tree.is_null(metadata.value):
        yield _finding("manifest.no-name", f"this {kind} has no metadata.name", root.mark.file, root.mark.line)
        return
    node, mark = metadata.value, metadata.mark
    if not isinstance(node, MapNode):
        message = f"metadata is {tree.describe(node)}, not a mapping"
        yield _finding("manifest.malformed", message, mark.file, mark.line, path="metadata")
    elif not _text(node, "name") and not _text(node, "generateName"):
        message = "metadata.name is missing or no text"
        yield _finding("manifest.no-name", message, mark.file, mark.line, path="metadata.name", fix="give it a name")


def _placeholder(path: paths.Path, node: ScalarNode) -> Finding:
    return _finding(
        "manifest.placeholder",
        f"{tree.describe(node, path)} holds a placeholder that was not replaced",
        node.mark.file,
        node.mark.line,
        path=paths.path_text(path),
        why="Kubernetes takes it as it stands",
        fix="put the value there, or give what comes out of the program that replaces it",
    )


def _of_template(complaint: templates.Complaint) -> Finding:
    return _finding(
        "manifest.template",
        complaint.message,
        complaint.mark.file,
        complaint.mark.line,
        severity="error" if complaint.is_error else "warning",
        path="" if complaint.is_error else "parameters",
        why="oc process refuses the template",
        fix="" if complaint.is_error else "give it a value, or lint what oc process -p NAME=VALUE prints",
    )


def _text(node: MapNode, name: str) -> str:
    entry = node.entries.get(name)
    value = entry.value if entry else None
    return value.text if isinstance(value, ScalarNode) and not tree.is_null(value) else ""


def _faulty(fault: errors.Fault, name: str, why: str) -> Finding:
    return _finding(name, fault.message, fault.file, fault.line, path=fault.path, why=why, fix=fault.hint)


def _finding(  # noqa: PLR0913 - the parts of a finding
    name: str,
    message: str,
    file: str,
    line: int,
    *,
    severity: str = "error",
    path: str = "",
    why: str = "",
    fix: str = "",
) -> Finding:
    is_error = severity == "error"
    return Finding(
        name,
        "fail" if is_error else "warn",
        "error" if is_error else "warning",
        message,
        why=why,
        fix=fix,
        path=path,
        file=file,
        line=line,
        enforced_by="kubernetes" if is_error else "",
    )
