"""Engine environments with the real uv and a small stand-in engine: made, resumed, locked, listed, removed."""

from __future__ import annotations

import hashlib
import subprocess
import threading
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from shardwright import errors
from shardwright.core.plugins import EngineBuild
from shardwright.local import engine_environments

pytestmark = pytest.mark.integration


def wheel(folder: Path, name: str, version: str) -> str:
    """A wheel of one module; its line in a locked list."""
    path = folder / f"{name}-{version}-py3-none-any.whl"
    info = f"{name}-{version}.dist-info"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{name}.py", f"VERSION = {version!r}\n")
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        archive.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(f"{info}/RECORD", "")
    return f"{name}=={version} --hash=sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}\n"


@pytest.fixture
def build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> EngineBuild:
    """An engine of one package, its torch in the user's wheel folder."""
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    (tmp_path / "engine.lock").write_text(wheel(wheels, "toyengine", "1.0"))
    (tmp_path / "torch.lock").write_text(wheel(wheels, "torch", "2.0"))
    monkeypatch.setenv("UV_FIND_LINKS", str(wheels))
    monkeypatch.setenv("UV_NO_INDEX", "1")
    return EngineBuild(
        engine="toy",
        version="1.0",
        device="cpu",
        torch_version="2.0",
        lock=str(tmp_path / "engine.lock"),
        torch_lock=str(tmp_path / "torch.lock"),
        launcher="",
        check="import toyengine, torch",
        disk_bytes=1,
        cache_variable="TOY_CACHE",
        python=("3.11", "3.20"),
    )


def install(tmp_path: Path, build: EngineBuild, said: list[str]) -> engine_environments.EngineEnvironment:
    """Install into the test's own folder, with the user's wheel folder."""
    wheels = (tmp_path / "wheels",)
    return engine_environments.install(tmp_path / "engines", build, wheel_dirs=wheels, report=said.append)


def test_an_environment_is_made_once_and_compiled(tmp_path: Path, build: EngineBuild) -> None:
    """The second call finds it done; byte code is there even where Python is told not to write any."""
    said: list[str] = []
    made = install(tmp_path, build, said)
    assert made.torch_source == "wheel folder"
    assert list(Path(made.folder).rglob("__pycache__/toyengine.*.pyc"))
    assert subprocess.run([made.python, "-c", "import toyengine, torch"], check=False).returncode == 0
    count = len(said)
    assert install(tmp_path, build, said) == made
    assert len(said) == count
    assert engine_environments.installed(tmp_path / "engines") == [made]


def test_a_failed_installation_is_gone_on_with(tmp_path: Path, build: EngineBuild) -> None:
    """An environment that is not finished is not taken for one; the same command finishes it."""
    lock = Path(build.lock)
    good = lock.read_text()
    lock.write_text(good.replace("sha256:", "sha256:0000")[:-5] + "\n")
    with pytest.raises(errors.TargetError, match="again"):
        install(tmp_path, build, [])
    with pytest.raises(errors.EnvironmentFault, match="shardwright engine install"):
        engine_environments.find(tmp_path / "engines", build)
    lock.write_text(good)
    assert install(tmp_path, build, []).version == "1.0"


def test_a_changed_lock_asks_for_a_new_installation(tmp_path: Path, build: EngineBuild) -> None:
    """What runs is what the list says."""
    install(tmp_path, build, [])
    Path(build.lock).write_text("# another\n" + Path(build.lock).read_text())
    with pytest.raises(errors.EnvironmentFault, match="older list"):
        engine_environments.find(tmp_path / "engines", build)


def test_too_little_disk_is_said_before_anything_is_written(tmp_path: Path, build: EngineBuild) -> None:
    """Needed and free bytes, and where else it could go."""
    with pytest.raises(errors.EnvironmentFault, match="SHARDWRIGHT_ENGINES_DIR") as caught:
        install(tmp_path, replace(build, disk_bytes=1 << 60), [])
    assert "free" in str(caught.value)
    assert not (tmp_path / "engines" / "toy-1.0-cpu").exists()


def test_another_python_is_refused_with_the_range(tmp_path: Path, build: EngineBuild) -> None:
    """An engine's wheels exist for some versions of Python only."""
    with pytest.raises(errors.EnvironmentFault, match=r"3\.98 to below 3\.99"):
        install(tmp_path, replace(build, python=("3.98", "3.99")), [])


def test_two_installations_at_once_make_one(tmp_path: Path, build: EngineBuild) -> None:
    """The second waits for the first and finds it done."""
    made: list[engine_environments.EngineEnvironment] = []
    threads = [threading.Thread(target=lambda: made.append(install(tmp_path, build, []))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 2
    assert made[0] == made[1]


def test_an_engine_in_use_is_not_removed(tmp_path: Path, build: EngineBuild) -> None:
    """Removing names the process that runs from it; afterwards the space is free."""
    made = install(tmp_path, build, [])
    with subprocess.Popen([made.python, "-c", "input()"], stdin=subprocess.PIPE) as user:
        with pytest.raises(errors.Conflict, match=str(user.pid)):
            engine_environments.remove(tmp_path / "engines", build)
        user.communicate(b"\n")
    assert engine_environments.remove(tmp_path / "engines", build) > 0
    with pytest.raises(errors.NotFound):
        engine_environments.remove(tmp_path / "engines", build)
