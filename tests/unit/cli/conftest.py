"""The command line in this process, with nothing of the user's and without a hub."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from shardwright.cli import main

if TYPE_CHECKING:
    from pathlib import Path

    from command_line import Call


@pytest.fixture
def shardwright(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Call:
    """Runs a command line: exit code, standard output, standard error."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("SHARDWRIGHT_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")

    def call(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as leaving:
            main.run(arguments)
        out, err = capfd.readouterr()
        return int(leaving.value.code or 0), out, err

    return call
