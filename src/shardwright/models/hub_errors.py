"""The seam to the hub: what its library and the network raise becomes an error that says who must act.

No message holds a token, and none an address to which the hub redirected, for those carry signatures.
"""

from __future__ import annotations

import importlib
from contextlib import contextmanager
from dataclasses import field
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from shardwright import errors
from shardwright.values import frozen

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

__all__ = ["HubModel", "check_environment", "offline", "translated"]

_RETRY_SECONDS = 30.0
_NO_HUB = "or give a directory with its config.json, which is enough to plan"


@frozen
class HubModel:
    """A model on a hub."""

    repository: str
    """`owner/name`."""
    revision: str | None
    endpoint: str
    token: str | None = field(repr=False)
    """None: the library looks in the usual places."""

    @property
    def source(self) -> str:
        """As recipes write it, with the revision."""
        return f"hf://{self.repository}" + (f" (revision {self.revision})" if self.revision else "")

    @property
    def page(self) -> str:
        """Where people look at it."""
        return f"{self.endpoint}/{self.repository}"


def check_environment(model: HubModel) -> None:
    """InputError for an endpoint that is no address; EnvironmentFault where the library refuses its own variables."""
    try:
        address = urlsplit(model.endpoint)
        usable = address.scheme in {"http", "https"} and bool(address.hostname) and address.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise errors.InputError(
            f"HF_ENDPOINT: {model.endpoint!r} is not the address of a hub", hint="as https://huggingface.co"
        )
    try:
        importlib.import_module("huggingface_hub.constants")  # it reads its variables, and fails on wrong ones
    except ValueError as error:
        raise errors.EnvironmentFault(
            f"the hub's library refuses its settings: {error}", hint="check the variables that begin with HF_"
        ) from error


@contextmanager
def translated(model: HubModel) -> Generator[None]:
    """Everything that is raised inside and is the hub's or the network's becomes an error of ours."""
    import httpx2  # noqa: PLC0415 - slow to import, only needed when the hub is asked
    from huggingface_hub import errors as theirs  # noqa: PLC0415

    try:
        yield
    # A host name that is none surfaces as UnicodeError, where the system's resolver encodes it.
    except (
        theirs.OfflineModeIsEnabled,
        theirs.HFValidationError,
        httpx2.HTTPError,
        httpx2.InvalidURL,
        UnicodeError,
    ) as error:
        raise _ours(model, error) from error


def stored_token() -> str | None:
    """The token in the usual places; EnvironmentFault if the file that holds it cannot be read."""
    from huggingface_hub import get_token  # noqa: PLC0415 - as above

    try:
        return get_token()
    except OSError as error:
        raise errors.EnvironmentFault(
            f"the hub's token cannot be read: {error.filename}: {error.strerror}",
            hint=f"set HF_TOKEN, or HF_HOME to a folder of your own, {_NO_HUB}",
        ) from error


def offline(model: HubModel) -> errors.EnvironmentFault:
    """The hub is not asked, because the user said so."""
    return errors.EnvironmentFault(
        f"{model.source} is not in the hub's local cache, and HF_HUB_OFFLINE forbids asking the hub",
        hint=f"unset HF_HUB_OFFLINE, {_NO_HUB}",
    )


def _ours(model: HubModel, error: Exception) -> errors.ShardwrightError:
    """The first class that fits decides: a gated repository is also one that is not found."""
    from huggingface_hub import errors as theirs  # noqa: PLC0415 - as above

    makers: tuple[tuple[type[Exception], Callable[[HubModel], errors.ShardwrightError]], ...] = (
        (theirs.GatedRepoError, _gated),
        (theirs.RepositoryNotFoundError, _no_repository),
        (theirs.RevisionNotFoundError, _no_revision),
        (theirs.EntryNotFoundError, _no_file),
        (theirs.OfflineModeIsEnabled, offline),
        (theirs.HFValidationError, _no_name),
    )
    for kind, make in makers:
        if isinstance(error, kind):
            return make(model)
    if isinstance(error, theirs.HfHubHTTPError):
        return _refused(model, error.response.status_code)
    return _unreachable(model, error)


def _gated(model: HubModel) -> errors.AccessError:
    if model.token or stored_token():
        message = f"{model.source} is gated, and the account of the token in use has no access to it"
        return errors.AccessError(message, hint=f"accept its licence with that account at {model.page}, {_NO_HUB}")
    return errors.AccessError(
        f"{model.source} is gated: its licence must be accepted, and no token was found",
        hint=f"accept it at {model.page}, then set HF_TOKEN or run `hf auth login`, {_NO_HUB}",
    )


def _no_repository(model: HubModel) -> errors.NotFound:
    return errors.NotFound(
        f"{model.endpoint} has no model {model.repository}, or it is private",
        hint=f"check the name; for a private model set HF_TOKEN or run `hf auth login`, {_NO_HUB}",
    )


def _no_revision(model: HubModel) -> errors.NotFound:
    return errors.NotFound(
        f"{model.repository} has no revision {model.revision}", hint=f"see {model.page}/commits/main"
    )


def _no_file(model: HubModel) -> errors.NotFound:
    return errors.NotFound(
        f"{model.source} has no config.json",
        hint="is this a model's repository? Adapters and GGUF files alone cannot be planned",
    )


def _no_name(model: HubModel) -> errors.InputError:
    return errors.InputError(f"{model.repository!r} is no name of a model on the hub", hint="write hf://OWNER/NAME")


def _refused(model: HubModel, status: int) -> errors.ShardwrightError:
    """A status that the hub's library has no name for."""
    if status in {401, 403}:
        return errors.AccessError(
            f"{model.endpoint} refuses access to {model.source} (status {status})",
            hint=f"check HF_TOKEN or run `hf auth login` again, {_NO_HUB}",
        )
    if status == 429 or status >= 500:
        return errors.TemporaryError(
            f"{model.endpoint} cannot answer for {model.source} now (status {status})",
            retry_after_seconds=_RETRY_SECONDS,
            hint=f"try again later, {_NO_HUB}",
        )
    return errors.TargetError(
        f"{model.endpoint} answered with status {status} for {model.source}", hint=f"check HF_ENDPOINT, {_NO_HUB}"
    )


def _unreachable(model: HubModel, error: Exception) -> errors.TemporaryError:
    """Only the system's own words are repeated: other texts may quote headers, and with them the token."""
    import httpx2  # noqa: PLC0415 - as above

    name = type(error).__name__
    cause = f"{name}: {error}" if isinstance(error, httpx2.ConnectError) else name
    return errors.TemporaryError(
        f"{model.endpoint} cannot be reached for {model.source}: {cause}",
        retry_after_seconds=_RETRY_SECONDS,
        hint=f"check the network and HF_ENDPOINT, {_NO_HUB}",
    )
