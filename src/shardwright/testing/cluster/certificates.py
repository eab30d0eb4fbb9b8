"""Keys and certificates of one API server, made by openssl for a day and thrown away with the server.

A serving certificate under an authority of its own, and the key that service account tokens are signed with. Clients
are known by token, not by certificate.
"""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

from shardwright import errors
from shardwright.values import frozen

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

__all__ = ["Certificates", "make_certificates"]

_NEW_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
_DAYS = "2"
"""A run that crosses midnight, on a machine whose clock is put right meanwhile."""


@frozen
class Certificates:
    """Files, all PEM."""

    authority: Path
    """What clients trust."""
    certificate: Path
    key: Path
    account_key: Path
    """Signs tokens of service accounts, and checks them."""


def make_certificates(folder: Path, addresses: Sequence[str]) -> Certificates:
    """Make them in that folder for a server on these IP addresses; EnvironmentFault without openssl."""
    made = Certificates(folder / "ca.crt", folder / "server.crt", folder / "server.key", folder / "accounts.key")
    authority_key, request, extensions = folder / "ca.key", folder / "server.csr", folder / "server.ext"
    names = [*(f"IP:{address}" for address in addresses), "DNS:localhost", "DNS:kubernetes.default.svc"]
    extensions.write_text(f"extendedKeyUsage=serverAuth\nsubjectAltName={','.join(names)}\n", "utf-8")
    signed = ("-CA", str(made.authority), "-CAkey", str(authority_key), "-CAcreateserial", "-days", _DAYS)
    own = ("-x509", "-days", _DAYS, "-subj", "/CN=test-cluster", "-addext", "keyUsage=critical,keyCertSign,cRLSign")
    _openssl("req", *own, *_NEW_KEY, "-keyout", authority_key, "-out", made.authority)
    _openssl("req", "-new", *_NEW_KEY, "-subj", "/CN=kube-apiserver", "-keyout", made.key, "-out", request)
    _openssl("x509", "-req", "-in", request, *signed, "-extfile", extensions, "-out", made.certificate)
    _openssl("ecparam", "-genkey", "-name", "prime256v1", "-noout", "-out", made.account_key)
    return made


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
