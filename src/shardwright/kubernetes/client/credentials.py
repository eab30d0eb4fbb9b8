"""Credentials of a kubeconfig at the moment they are asked for: a plug-in that is missing or fails is told as such.

The library brings them: it runs plug-ins and reads token files. What a plug-in prints on its standard output is never shown:
it may be a token.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import httpx2

from shardwright import errors

if TYPE_CHECKING:
    from collections.abc import Generator

    from lightkube.config.kubeconfig import SingleConfig

__all__ = ["Credentials"]


class Credentials(httpx2.Auth):
    """As the library's own, but for how its failures are told."""

    def __init__(self, own: httpx2.Auth, config: SingleConfig) -> None:
        self._own, self._context = own, config.context_name
        plugin = config.user.exec if config.user else None
        self._install_hint = (plugin.installHint if plugin else None) or ""

    def sync_auth_flow(self, request: httpx2.Request) -> Generator[httpx2.Request, httpx2.Response, None]:
        """The request with its credentials; AccessError where there are none to be had."""
        with _told(self._context, self._install_hint):
            yield from self._own.sync_auth_flow(request)


@contextlib.contextmanager
def _told(context: str, install_hint: str) -> Generator[None]:
    from lightkube.core.exceptions import ConfigError  # noqa: PLC0415 - slow to import

    where = f"context {context!r}: no credentials"
    try:
        yield
    except ConfigError as problem:
        raise errors.AccessError(
            f"{where}: {str(problem).strip()}", hint="log in again, or name another --context"
        ) from problem
    except OSError as problem:
        raise errors.AccessError(
            f"{where}: {problem.filename or 'the plug-in'} cannot be used: {problem.strerror}",
            hint=" ".join(install_hint.split())
            or "users[].user of the kubeconfig names it; a plug-in has to be installed, and on PATH",
        ) from problem
    except (ValueError, KeyError, TypeError) as problem:
        raise errors.AccessError(
            f"{where}: what the plug-in of the kubeconfig printed holds no token",
            hint="run the command that users[].user.exec of the kubeconfig names: its output has to be an ExecCredential",
        ) from problem
