"""Which modules, at which versions, the test cluster is made of: the only reader of `versions.toml` beside it.

Knows no file system but its own table, and nothing of Go.
"""

from __future__ import annotations

import functools
import tomllib
from importlib import resources
from typing import TYPE_CHECKING, Any

from shardwright.values import frozen

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Definitions", "Module", "Pins", "load_pins", "read_main"]

_PACKAGE = "shardwright.testing.cluster"


@frozen
class Module:
    """A Go module that programs are built from."""

    path: str
    version: str
    """As Go writes it, `v1.2.3`."""
    programs: Mapping[str, str]
    """Name of the program -> its package."""
    staging: str = ""
    """Version of the modules that this one requires as v0.0.0; empty: there are none."""
    version_package: str = ""
    """Package whose variables are given the version; empty: the program knows it by itself."""
    main: str = ""
    """A file beside the table that is the main package of the module's programs; empty: the module has its own."""


@frozen
class Definitions:
    """A Go module that holds a project's CustomResourceDefinitions."""

    path: str
    version: str
    folders: tuple[str, ...]
    groups: tuple[str, ...]
    """API groups of the project."""


@frozen
class Pins:
    """All of it."""

    oldest_go: tuple[int, int]
    modules: Mapping[str, Module]
    definitions: Mapping[str, Definitions]
    """By project, as `lws`."""

    def module_of(self, program: str) -> str:
        """Name of the module that a program is built from; KeyError for one that is not in the table."""
        return {program: name for name, module in self.modules.items() for program in module.programs}[program]

    def project_of(self, group: str) -> str | None:
        """The project that an API group belongs to; None if its definitions are not in the table."""
        return next((name for name, project in self.definitions.items() if group in project.groups), None)


@functools.cache
def load_pins() -> Pins:
    """Read the table."""
    text = resources.files(_PACKAGE).joinpath("versions.toml").read_text("utf-8")
    table = tomllib.loads(text)
    major, minor = table["oldest_go"].split(".")
    return Pins(
        oldest_go=(int(major), int(minor)),
        modules={name: Module(**entry) for name, entry in table["modules"].items()},
        definitions={name: _definitions(entry) for name, entry in table["definitions"].items()},
    )


def read_main(module: Module) -> str:
    """The text of the module's own main package."""
    return resources.files(_PACKAGE).joinpath(module.main).read_text("utf-8")


def _definitions(entry: dict[str, Any]) -> Definitions:
    return Definitions(entry["path"], entry["version"], tuple(entry["folders"]), tuple(entry["groups"]))
