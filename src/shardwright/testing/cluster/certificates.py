"""Keys and certificates of one cluster, made by openssl for two days and thrown away with the cluster.

An authority of its own, serving certificates under it, a client certificate for the API server's calls to kubelets,
and the key that service account tokens are signed with. People and controllers are known by token, not by certificate.
"""

from __future__ import annotations

import base64
import subprocess
from typing import TYPE_CHECKING

from shardwright import errors
from shardwright.values import frozen

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

__all__ = ["Authority", "Pair", "make_account_key", "make_authority", "make_client", "make_server"]

_NEW_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
_DAYS = "2"
"""A run that crosses midnight, on a machine whose clock is put right meanwhile."""


@frozen
class Pair:
    """A certificate and its key, PEM files."""

    certificate: Path
    key: Path


@frozen
class Authority:
    """What signs the certificates of a cluster, and what clients trust."""

    certificate: Path
    key: Path

    @property
    def bundle(self) -> str:
        """The certificate as `caBundle` of a webhook has it."""
        return base64.b64encode(self.certificate.read_bytes()).decode()


def make_authority(folder: Path) -> Authority:
    """A new authority with files in that folder; EnvironmentFault without openssl."""
    made = Authority(folder / "ca.crt", folder / "ca.key")
    own = ("-x509", "-days", _DAYS, "-subj", "/CN=test-cluster", "-addext", "keyUsage=critical,keyCertSign,cRLSign")
    _openssl("req", *own, *_NEW_KEY, "-keyout", made.key, "-out", made.certificate)
    return made


def make_server(authority: Authority, pair: Pair, addresses: Sequence[str]) -> Pair:
    """A certificate for a server on these IP addresses, in the files of that pair."""
    names = [*(f"IP:{address}" for address in addresses), "DNS:localhost", "DNS:kubernetes.default.svc"]
    return _signed(authority, pair, "/CN=server", f"extendedKeyUsage=serverAuth\nsubjectAltName={','.join(names)}\n")


def make_client(authority: Authority, pair: Pair, *, name: str, group: str) -> Pair:
    """A certificate by which a client is known under that name, in that group."""
    return _signed(authority, pair, f"/O={group}/CN={name}", "extendedKeyUsage=clientAuth\n")


def make_account_key(folder: Path) -> Path:
    """A key that signs tokens of service accounts and checks them; RSA, as the controller manager demands."""
    made = folder / "accounts.key"
    _openssl("genrsa", "-out", made, "2048")
    return made


def _signed(authority: Authority, pair: Pair, subject: str, extensions: str) -> Pair:
    request, text = pair.key.with_suffix(".csr"), pair.key.with_suffix(".ext")
    text.write_text(extensions, "utf-8")
    _openssl("req", "-new", *_NEW_KEY, "-subj", subject, "-keyout", pair.key, "-out", request)
    signer = ("-CA", authority.certificate, "-CAkey", authority.key, "-CAcreateserial", "-days", _DAYS)
    _openssl("x509", "-req", "-in", request, *signer, "-extfile", text, "-out", pair.certificate)
    return pair


def _openssl(*arguments: str | Path) -> None:
    command = ["openssl", *(str(argument) for argument in arguments)]
    try:
        subprocess.run(command, check=True, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    except FileNotFoundError as problem:
        raise errors.EnvironmentFault("openssl is not in PATH", hint="install openssl") from problem
    except subprocess.CalledProcessError as problem:
        raise errors.EnvironmentFault(
            f"{' '.join(command)} failed:\n  {problem.stderr.strip()}", hint="OpenSSL 1.1.1 or newer is needed"
        ) from problem
