"""What texts of a recipe must look like: names, labels, versions, paths.

Knows patterns and their meaning in words; the fields name them (`model.setting(form=...)`), the reader and the JSON schema
apply them. Patterns keep to what Python and JavaScript read alike.

Source: the validation rules of Kubernetes for names (RFC 1123 labels and subdomains), labels, Secret keys, variables and
quantities.
"""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["FORMS", "KEYED_FORMS", "Form", "KeyedForm"]


class Form(NamedTuple):
    """What a text looks like."""

    meaning: str
    """In words, to follow "is not"."""
    pattern: str
    """Regular expression for the whole text."""
    max_length: int | None = None


class KeyedForm(NamedTuple):
    """What keys and texts of a mapping look like, by the names of their forms."""

    keys: str = ""
    """Empty: any text."""
    texts: str = ""
    """Empty: any text, the empty one too."""


_LABEL = "[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_NAME = rf"{_LABEL}(\.{_LABEL})*"
_WORD = "[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?"

FORMS: dict[str, Form] = {
    "dns-label": Form("a DNS label (lower-case letters, digits and -, at most 63 characters)", _LABEL, 63),
    "dns-name": Form("a DNS name (lower-case letters, digits, - and ., at most 253 characters)", _NAME, 253),
    "label-key": Form("a label key (NAME or DOMAIN/NAME, NAME at most 63 characters)", rf"({_NAME}/)?{_WORD}", 317),
    "label-value": Form("a label value (letters, digits, -, _ and ., at most 63 characters)", f"({_WORD})?", 63),
    "secret-key": Form("a key of a Secret (letters, digits, -, _ and .)", "[-._A-Za-z0-9]+", 253),
    "variable": Form("a name of a variable (letters, digits and _, no digit first)", "[A-Za-z_][A-Za-z0-9_]*", 253),
    "resource": Form("a resource of Kubernetes, as nvidia.com/gpu", rf"{_NAME}/{_WORD}", 317),
    "network-name": Form("a network (NAME or NAMESPACE/NAME)", rf"({_LABEL}/)?{_NAME}", 317),
    "quantity": Form("a number of CPUs, as 8 or 500m", r"[0-9]+(\.[0-9]+)?m?", 20),
    "version": Form("a version, as 0.24.0", "[0-9][0-9A-Za-z.+_-]*", 63),
    "absolute-path": Form("an absolute path, as /models", r"/[^\s:]*"),
    "word": Form("a text without blanks", r"[^\s]+"),
}

KEYED_FORMS: dict[str, KeyedForm] = {
    "labels": KeyedForm("label-key", "label-value"),
    "annotations": KeyedForm("label-key"),
    "env": KeyedForm("variable"),
    "args": KeyedForm(),
}
