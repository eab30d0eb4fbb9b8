"""The engine that is installed, for tests that ask it."""

from __future__ import annotations

import os

import pytest

from shardwright import errors, settings
from shardwright.engines.vllm.build import BUILD
from shardwright.local import engine_environments


@pytest.fixture(scope="session")
def python() -> str:
    """The engine's interpreter: SHARDWRIGHT_TEST_ENGINE_PYTHON, else that of the installed engine."""
    given = os.environ.get("SHARDWRIGHT_TEST_ENGINE_PYTHON")
    if given:
        return given
    try:
        return str(engine_environments.find(settings.load_settings().engines_dir, BUILD).python)
    except errors.EnvironmentFault as fault:
        pytest.skip(str(fault))
