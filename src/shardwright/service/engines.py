"""Use cases about engine environments: install, list, remove."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shardwright import errors, registry
from shardwright.local import engine_environments

if TYPE_CHECKING:
    from collections.abc import Callable

    from shardwright.core.plugins import EngineBuild
    from shardwright.local.engine_environments import EngineEnvironment
    from shardwright.settings import Settings

__all__ = ["build_of", "find_engine", "install_engine", "list_engines", "remove_engine"]


def build_of(name: str, version: str | None) -> EngineBuild:
    """The build for this machine; InputError names the version there is."""
    build = registry.load_build(name)
    if version not in {None, build.version}:
        raise errors.InputError(
            f"engine {name} {version} has no build for this machine", hint=f"use --version {build.version}"
        )
    return build


def install_engine(
    name: str, version: str | None, settings: Settings, *, report: Callable[[str], None]
) -> EngineEnvironment:
    """Install an engine's build, or find that it is there."""
    build = build_of(name, version)
    return engine_environments.install(settings.engines_dir, build, wheel_dirs=settings.wheel_dirs, report=report)


def find_engine(name: str, settings: Settings) -> EngineEnvironment:
    """The installed build of an engine; EnvironmentFault with the command that installs it."""
    return engine_environments.find(settings.engines_dir, build_of(name, None))


def list_engines(settings: Settings) -> list[EngineEnvironment]:
    """All engines installed here."""
    return engine_environments.installed(settings.engines_dir)


def remove_engine(name: str, version: str | None, settings: Settings) -> int:
    """Remove an engine's build; returns the bytes freed."""
    return engine_environments.remove(settings.engines_dir, build_of(name, version))
