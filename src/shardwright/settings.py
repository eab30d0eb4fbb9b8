"""What the environment says: the only module that reads environment variables or knows where files of ours belong."""

from __future__ import annotations

import os
from pathlib import Path

from shardwright.values import frozen

__all__ = [
    "HubSettings",
    "KubernetesSettings",
    "Settings",
    "load_hub_settings",
    "load_kubernetes_assets",
    "load_kubernetes_settings",
    "load_settings",
    "load_variable",
]

_ACCOUNT_TOKEN = Path("/var/run/secrets/kubernetes.io/serviceaccount/token")


@frozen
class HubSettings:
    """What a plan needs to know: how to reach the hub, and where calibrations are."""

    endpoint: str
    """`HF_ENDPOINT`, else the public hub."""
    offline: bool
    """`HF_HUB_OFFLINE`: the hub is not asked."""
    calibration_dirs: tuple[Path, ...] = ()
    """Folders of calibrations: the user's own, where new ones go, then those that `SHARDWRIGHT_CALIBRATIONS` lists as PATH does."""


@frozen
class Settings:
    """Where things are kept, and how to reach the hub."""

    state_dir: Path
    """Deployments of the local target: logs, revisions, sockets. `SHARDWRIGHT_STATE_DIR`, else the user's state folder."""
    engines_dir: Path
    """Engine environments, gigabytes each. `SHARDWRIGHT_ENGINES_DIR`, else below the user's data folder."""
    cache_dir: Path
    """Twins, compile caches of engines; safe to delete. `SHARDWRIGHT_CACHE_DIR`, else the user's cache folder."""
    wheel_dirs: tuple[Path, ...]
    """Folders with wheels of the user's own, of `UV_FIND_LINKS` or `PIP_FIND_LINKS`; remote ones are left to the installer."""
    hub: HubSettings


def load_hub_settings() -> HubSettings:
    """Read what a plan needs: the hub's variables, and where calibrations are."""
    return HubSettings(
        endpoint=os.environ.get("HF_ENDPOINT", "https://huggingface.co").rstrip("/"),
        offline=os.environ.get("HF_HUB_OFFLINE", "").upper() in {"1", "ON", "YES", "TRUE"},
        calibration_dirs=_calibration_dirs(),
    )


def _calibration_dirs() -> tuple[Path, ...]:
    """The user's configuration is in the same place on every system, so that files can be shared and named in texts."""
    base = os.environ.get("XDG_CONFIG_HOME") or "~/.config"
    shared = os.environ.get("SHARDWRIGHT_CALIBRATIONS", "").split(os.pathsep)
    return (_at_home(base) / "shardwright" / "calibrations", *(_at_home(folder) for folder in shared if folder))


def _at_home(folder: str) -> Path:
    """The folder with `~` replaced; in a container whose user has no home, as if that were the root folder."""
    try:
        return Path(folder).expanduser().absolute()
    except RuntimeError:
        return Path("/", *Path(folder).parts[1:])


def load_settings() -> Settings:
    """Read the environment once; the value is passed on from here."""
    import platformdirs  # noqa: PLC0415 - takes 6 ms, and plans do without

    links = os.environ.get("UV_FIND_LINKS") or os.environ.get("PIP_FIND_LINKS") or ""
    return Settings(
        state_dir=_folder("SHARDWRIGHT_STATE_DIR", platformdirs.user_state_path("shardwright")),
        engines_dir=_folder("SHARDWRIGHT_ENGINES_DIR", platformdirs.user_data_path("shardwright") / "engines"),
        cache_dir=_folder("SHARDWRIGHT_CACHE_DIR", platformdirs.user_cache_path("shardwright")),
        wheel_dirs=tuple(Path(part) for part in links.replace(",", " ").split() if Path(part).is_dir()),
        hub=load_hub_settings(),
    )


@frozen
class KubernetesSettings:
    """Where a cluster's address and credentials may be."""

    kubeconfigs: tuple[Path, ...]
    """`KUBECONFIG`, several files as PATH has folders; else the user's own."""
    is_in_pod: bool
    """Whether Kubernetes gave this process a service account."""


def load_kubernetes_settings() -> KubernetesSettings:
    """Read what is needed to find a cluster."""
    listed = [_at_home(part) for part in os.environ.get("KUBECONFIG", "").split(os.pathsep) if part]
    # The variable alone tells a pod; one without an account has no file of it.
    is_in_pod = bool(os.environ.get("KUBERNETES_SERVICE_HOST")) and _ACCOUNT_TOKEN.is_file()
    return KubernetesSettings(tuple(listed) or (_at_home("~/.kube/config"),), is_in_pod)


def load_kubernetes_assets() -> Path | None:
    """Folder with etcd and kube-apiserver for tests: `KUBEBUILDER_ASSETS`, as envtest has it; None: they are built."""
    folder = os.environ.get("KUBEBUILDER_ASSETS")
    return Path(folder).expanduser().absolute() if folder else None


def _folder(variable: str, default: Path) -> Path:
    return Path(os.environ.get(variable) or default).expanduser().absolute()


def load_variable(name: str) -> str:
    """A variable that the user names, a key for one; empty if it is not set."""
    return os.environ.get(name, "")
