"""What a server or the way to it refuses, as errors of ours: what was asked, what was said, what to do."""

from __future__ import annotations

import re
import ssl
from typing import TYPE_CHECKING, Any

from shardwright import errors
from shardwright.values import frozen

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import httpx2

    from shardwright.kubernetes.client.refs import Tree

__all__ = [
    "Asked",
    "Expired",
    "FieldConflict",
    "Forbidden",
    "Invalid",
    "Modified",
    "NotTaken",
    "cut_off",
    "refusal_of",
    "transport_error",
]

_UNAUTHORIZED, _FORBIDDEN, _NOT_FOUND, _CONFLICT, _GONE, _INVALID = 401, 403, 404, 409, 410, 422
_BAD, _TOO_LARGE = 400, 413
_BUSY = 429
_LATER = frozenset({_BUSY, 500, 502, 503, 504})
_RETRY_SECONDS = 1.0
_WEBHOOK = re.compile(r'failed calling webhook "([^"]+)"')
_OF_A_MANIFEST = "shardwright lint says more of a manifest; a webhook's text is its own"
_OTHER_RELEASE = (
    "the cluster's definition of this kind may be of another release than the manifest is for: name the one that runs there, "
    "--set target.version=VERSION"
)
_AGAIN = "is the cluster up, and the address in the kubeconfig the right one? Then run the same command again"


@frozen
class Asked:
    """One request, as it is told."""

    verb: str
    """As rules of access have it: get, list, watch, create, patch, delete ..."""
    resource: str
    """`pods`, `leaderworkersets.leaderworkerset.x-k8s.io`, `pods/log`."""
    name: str = ""
    namespace: str = ""

    def __str__(self) -> str:
        """`patch deployments.apps demo/llama`."""
        inside = f"{self.namespace}/" if self.namespace and self.name else ""
        where = f" in {self.namespace}" if self.namespace and not self.name else ""
        return f"{self.verb} {self.resource}{' ' + inside + self.name if self.name else ''}{where}"


class Forbidden(errors.AccessError):
    """The user may not do it; `asked` is what a Role would have to allow."""

    def __init__(self, asked: Asked, said: str) -> None:
        inside = f" in namespace {asked.namespace}" if asked.namespace else ""
        super().__init__(
            f"not allowed: {asked.verb} {asked.resource}{inside}: {said}",
            hint="ask for a Role that allows it: shardwright check -f FILE --print-rbac prints one",
        )
        self.asked = asked


class FieldConflict(errors.Conflict):
    """Somebody else owns fields that were to be set; `owners` are their field managers and the fields."""

    def __init__(self, asked: Asked, owners: tuple[tuple[str, str], ...]) -> None:
        told = "\n".join(f"  {field}: set by {owner}" for owner, field in owners)
        super().__init__(
            f"{asked.resource} {asked.name}: fields belong to somebody else:\n{told}",
            hint="leave them out of the recipe, or take them over: --force-conflicts",
        )
        self.owners = owners


class Expired(errors.TemporaryError):
    """The version to go on from is no longer kept: list again."""


class NotTaken(errors.TemporaryError):
    """The server did not take the request: it may be repeated even where repeating one that was taken does harm."""


class Modified(errors.Conflict):
    """Somebody else wrote the object at the same moment, or it is there already."""


_UNREACHED = re.compile(r"error trying to reach service|no endpoints available for service")
"""What the API server's proxy says where it is well itself."""


class Invalid(errors.TargetError):
    """The server refuses the object itself; `fields` are the paths that it names."""

    def __init__(self, message: str, fields: tuple[str, ...]) -> None:
        other = "Unsupported value" in message or "not declared in schema" in message
        super().__init__(message, hint=_OTHER_RELEASE if other else _OF_A_MANIFEST)
        self.fields = fields


def refusal_of(asked: Asked, code: int, body: Tree, headers: Mapping[str, str]) -> errors.ShardwrightError:
    """The error for an answer that is no success."""
    said = str(body.get("message") or "no reason given")
    details: Any = body.get("details") or {}
    if "field not declared in schema" in said:
        # Server-side apply says 500 of an unknown field.
        code = _INVALID
    if code in _LATER:
        return _later(asked, code, said, _seconds(headers.get("Retry-After") or details.get("retryAfterSeconds")))
    if body.get("reason") == "Expired":
        code = _GONE
    known = _REFUSALS.get(code)
    if known:
        return known(asked, said, details)
    return errors.TargetError(f"{asked}: {code}: {said}", hint="the API server's log may say more")


def _later(asked: Asked, code: int, said: str, seconds: float) -> errors.ShardwrightError:
    """Busy, in trouble, or waiting in vain for a webhook, which it tells by its text alone."""
    if code == _BUSY:
        hint = "the API server is busy; run the same command again"
        return NotTaken(f"{asked}: {code}: {said}", retry_after_seconds=seconds, hint=hint)
    webhook = _WEBHOOK.search(said)
    hint = "kubectl get --raw /readyz?verbose shows what is wrong; then run the same command again"
    if _UNREACHED.search(said):
        hint = "nothing answers there yet, or any more: shardwright status shows why"
    if webhook:
        hint = (
            f"the webhook {webhook[1]} does not answer: start its Pods again, or ask who keeps it; "
            "kubectl get validatingwebhookconfigurations,mutatingwebhookconfigurations shows where it is"
        )
    return errors.TemporaryError(f"{asked}: {code}: {said}", retry_after_seconds=seconds, hint=hint)


def _unauthorized(asked: Asked, said: str, details: Tree) -> errors.ShardwrightError:  # noqa: ARG001 - all refusals are told alike
    return errors.AccessError(
        f"the API server does not accept the credentials: {said}", hint="log in again, or name another --context"
    )


def _not_found(asked: Asked, said: str, details: Tree) -> errors.ShardwrightError:  # noqa: ARG001
    return errors.NotFound(f"{asked}: {said}")


def _expired(asked: Asked, said: str, details: Tree) -> errors.ShardwrightError:  # noqa: ARG001
    return Expired(f"{asked}: {said}", retry_after_seconds=0)


def _invalid(asked: Asked, said: str, details: Tree) -> errors.ShardwrightError:
    fields = tuple(str(cause.get("field", "")) for cause in details.get("causes") or ())
    return Invalid(f"{asked}: the API server refuses it: {said}", fields)


def _forbidden(asked: Asked, said: str, details: Tree) -> errors.ShardwrightError:  # noqa: ARG001
    """No permission, a namespace on its way out, a quota, or a webhook: all are 403, and the text tells them apart."""
    if "is being terminated" in said:
        return errors.Conflict(f"{asked}: {said}", hint="wait until the namespace is gone, or use another one")
    if "exceeded quota" in said:
        return errors.TargetError(f"{asked}: {said}", hint="kubectl describe quota shows what is used")
    if "admission webhook" in said or "violates PodSecurity" in said:
        return Invalid(f"{asked}: {said}", ())
    return Forbidden(asked, said)


def _conflict(asked: Asked, said: str, details: Tree) -> errors.ShardwrightError:
    causes = details.get("causes") or ()
    owners = tuple(
        (_owner(str(cause.get("message", ""))), str(cause.get("field", "")))
        for cause in causes
        if cause.get("reason") == "FieldManagerConflict"
    )
    return FieldConflict(asked, owners) if owners else Modified(f"{asked}: {said}", hint="try again")


_REFUSALS: dict[int, Callable[[Asked, str, Tree], errors.ShardwrightError]] = {
    _UNAUTHORIZED: _unauthorized,
    _FORBIDDEN: _forbidden,
    _NOT_FOUND: _not_found,
    _CONFLICT: _conflict,
    _GONE: _expired,
    _INVALID: _invalid,
    _BAD: _invalid,
    _TOO_LARGE: _invalid,
}


def _owner(message: str) -> str:
    """`helm` of `conflict with "helm" using apps/v1`."""
    parts = message.split('"')
    return parts[1] if len(parts) > 1 else message


def _seconds(given: object) -> float:
    try:
        return min(60.0, max(0.0, float(str(given))))
    except ValueError:
        return _RETRY_SECONDS


def transport_error(
    asked: Asked, url: str, problem: httpx2.TransportError | httpx2.DecodingError
) -> errors.ShardwrightError:
    """The error for a request that got no answer."""
    import httpx2  # noqa: PLC0415 - slow to import, and imported by whoever has such an error

    cause = problem.__cause__ or problem.__context__
    reason = str(problem) or type(problem).__name__
    if isinstance(cause, ssl.SSLError) or "CERTIFICATE_VERIFY_FAILED" in reason:
        return errors.AccessError(
            f"{url}: its certificate is not trusted: {reason}",
            hint="the kubeconfig's certificate-authority does not belong to this server",
        )
    kind = NotTaken if isinstance(problem, (httpx2.ConnectError, httpx2.ConnectTimeout)) else errors.TemporaryError
    told = "no answer from {} in time" if isinstance(problem, httpx2.TimeoutException) else "{} cannot be reached: {}"
    return kind(f"{asked}: {told.format(url, reason)}", retry_after_seconds=_RETRY_SECONDS, hint=_AGAIN)


def cut_off(asked: Asked, url: str) -> errors.ShardwrightError:
    """The error for an answer that is no whole JSON."""
    return errors.TemporaryError(
        f"{asked}: the answer of {url} is cut off or no JSON",
        retry_after_seconds=_RETRY_SECONDS,
        hint="is there a proxy or a login page in between? Then run the same command again",
    )
