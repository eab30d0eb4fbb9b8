"""Variables of a container as fields: what a recipe has a field for, what stays a variable, what is a secret.

A secret that stands in clear text is never carried: the recipe names a Secret that has to be made, and a note says how.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from shardwright.core.importing import note, secret_note
from shardwright.core.marked import secret_values
from shardwright.kubernetes.read import reading_storage
from shardwright.kubernetes.read.reading_pods import items_of, maps_of
from shardwright.kubernetes.render import pods

if TYPE_CHECKING:
    from shardwright.core.importing import Command, Fields
    from shardwright.core.manifests.objects import Value
    from shardwright.core.rules.finding import Finding
    from shardwright.kubernetes.read.reading_pods import Place, ReadPod

__all__ = ["entries_of", "fields_of"]

_TOKENS = ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HUGGINGFACE_TOKEN", "HUGGING_FACE_TOKEN", "HUGGINGFACE_HUB_TOKEN")
_FAMILIES = {"AF_INET": "ipv4", "AF_INET6": "ipv6"}
_BUCKET = "AWS_"
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_HARMLESS = {"", "0", "1", "true", "false", "yes", "no", "on", "off", "none", "null"}
_OURS = {each.name: each.value for each in pods.HOME_VARIABLES}


def entries_of(container: dict[str, Value]) -> dict[str, dict[str, Any]]:
    """Variables by name; the last of one name counts, as in Kubernetes."""
    return {str(each.get("name")): each for each in items_of(container.get("env"))}


def fields_of(leader: ReadPod, place: Place, storage: Fields) -> tuple[Fields, tuple[Finding, ...]]:
    """`engine.env`, `model.token`, `expose.auth.apiKey`, families of addresses, and notes on secrets."""
    reader = _Reader(leader, place, storage)
    for name, entry in entries_of(leader.container).items():
        reader.read(name, entry)
    reader.flags()
    reader.variables_of_jobs()
    return {**reader.fields, "engine.env": reader.kept}, tuple(reader.findings)


class _Reader:
    """Goes through the variables of one container."""

    def __init__(self, leader: ReadPod, place: Place, storage: Fields) -> None:
        self._leader, self._place, self._storage = leader, place, storage
        self._command: Command | None = leader.command
        self.fields: Fields = {}
        self.kept: dict[str, Any] = {}
        self.findings: list[Finding] = []

    def read(self, name: str, entry: dict[str, Any]) -> None:
        """One variable."""
        if not _VARIABLE.fullmatch(name) or secret_values.has_hub_token(name):
            return
        reference = _secret_ref(entry)
        field = self._field_of(name)
        if field and (reference or entry.get("value")):
            self._put_secret(field, reference)
        elif reference:
            self.kept[name] = reference
        elif "value" in entry or "valueFrom" not in entry:
            self._text(name, str(entry.get("value") if entry.get("value") is not None else ""))

    def flags(self) -> None:
        """Secrets that stand in flags; those that refer to a variable have been read with it."""
        if self._command is None:
            return
        for field, variable in self._command.secrets.items():
            if field not in self.fields:
                kept: Any = self.kept.pop(variable, None)
                self._put_secret(field, kept if isinstance(kept, dict) else None)  # pyright: ignore[reportUnknownArgumentType] - a reference of ours

    def variables_of_jobs(self) -> None:
        """What only the Job needs that fetches the model: the hub's token, a bucket's keys."""
        claim = str(self._storage.get("storage.claim") or "")
        for _, pod in reading_storage.jobs_of(claim, self._place) if claim else ():
            entries = entries_of(pod.container)
            for name in (*_TOKENS, "MODEL_REQUEST"):
                reference = _secret_ref(entries.get(name, {}))
                if reference and "model.token" not in self.fields:
                    self.fields["model.token"] = reference
            for name, entry in entries.items():
                if name.startswith(_BUCKET) and name not in self.kept:
                    self.read(name, entry)

    def _field_of(self, name: str) -> str:
        if name in _TOKENS:
            return "model.token"
        return "expose.auth.apiKey" if self._command and name == self._command.key_variable else ""

    def _put_secret(self, field: str, reference: dict[str, str] | None) -> None:
        if field in self.fields:
            return
        word = "hub-token" if field == "model.token" else "api-key"
        self.fields[field] = reference or self._invented(field, word, word.rpartition("-")[2])

    def _invented(self, field: str, word: str, key: str) -> dict[str, str]:
        secret = f"{self._place.name}-{word}"
        self.findings.append(secret_note(field, secret, key, self._place.namespace or "default"))
        return {"secret": secret, "key": key}

    def _text(self, name: str, text: str) -> None:
        if self._is_written(name, text):
            return
        if name == "NCCL_SOCKET_FAMILY" and text in _FAMILIES:
            self.fields["network.ipFamily"] = _FAMILIES[text]
        elif name == "NCCL_IB_ADDR_FAMILY" and text in _FAMILIES and self._has_rdma():
            self.fields["network.rdma.ipFamily"] = _FAMILIES[text]
        elif _is_secret(name, text):
            self.kept[name] = self._invented(f"engine.env.{name}", "variables", name)
        elif secret_values.is_secret_name(name) and text.startswith("$("):
            self.findings.append(note("variable-left-out", f"{name} refers to a secret", path=f"engine.env.{name}"))
        else:
            self.kept[name] = text

    def _has_rdma(self) -> bool:
        from shardwright.kubernetes.read.reading_devices import fields_of  # noqa: PLC0415 - asked for one variable
        from shardwright.kubernetes.read.reading_pods import Group  # noqa: PLC0415 - likewise

        return "network.rdma.devices" in fields_of(Group(self._leader))[0]

    def _is_written(self, name: str, text: str) -> bool:
        """Whether what is rendered has the variable anyway."""
        if self._command and name in self._command.variables:
            return True
        if self._command and name == self._command.start_variable:
            return _is_budget(self._leader.container, text)
        if name in _OURS:
            return text == _OURS[name]
        at = str(self._storage.get("storage.cacheDir") or "/models")
        is_cache = bool(self._storage.get("storage.claim")) and str(self._storage.get("model.source")).startswith("hf:")
        if name == "HF_HOME":
            return is_cache and text.rstrip("/") == at
        is_downloaded = is_cache and self._storage.get("storage.download") != "never"
        return name == "HF_HUB_OFFLINE" and text == "1" and is_downloaded


def _is_budget(container: dict[str, Value], text: str) -> bool:
    """Whether the startup probe waits for so many seconds, rounded up to its period."""
    probe = maps_of(container, "startupProbe")
    period, failures = probe.get("periodSeconds"), probe.get("failureThreshold")
    if not isinstance(period, int) or not isinstance(failures, int) or not text.isdigit():
        return False
    return (failures - 1) * period < int(text) <= failures * period


def _secret_ref(entry: dict[str, Any]) -> dict[str, str] | None:
    found = maps_of(maps_of(entry, "valueFrom"), "secretKeyRef")
    name, key = found.get("name"), found.get("key")
    return {"secret": str(name), "key": str(key)} if name and key else None


def _is_secret(name: str, text: str) -> bool:
    """Whether a recipe would refuse it as a secret in clear text."""
    if secret_values.has_hub_token(text):
        return True
    if not secret_values.is_secret_name(name) or text.lower() in _HARMLESS or text.startswith("$("):
        return False
    return not ("token" in name.lower() and text.isdigit())
