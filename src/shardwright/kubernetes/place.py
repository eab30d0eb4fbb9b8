"""Which cluster and namespace a command means, as far as its options and the environment tell; nothing is read here.

Apart from `client`, which is slow to import: most commands that could ask a cluster find what they look for without one.
"""

from __future__ import annotations

import shlex

from shardwright import errors
from shardwright.settings import load_kubernetes_settings
from shardwright.values import frozen

__all__ = ["NoContext", "Place"]


class NoContext(errors.AccessError):
    """There is a kubeconfig, and it means no cluster now: `kind delete cluster` leaves it so."""


@frozen
class Place:
    """Which cluster and namespace a command means; empty: what the kubeconfig says."""

    kubeconfig: str = ""
    context: str = ""
    namespace: str = ""

    @property
    def is_named(self) -> bool:
        """Whether an option names a cluster: then it is meant, and this machine is not."""
        return bool(self.kubeconfig or self.context)

    @property
    def options(self) -> str:
        """The options of a command by which this cluster is meant, for hints: ` --context prod`; empty if none is needed."""
        named = (("--context", self.context), ("--kubeconfig", self.kubeconfig))
        return "".join(f" {option} {shlex.quote(value)}" for option, value in named if value)

    def has_cluster(self) -> bool:
        """Whether there may be a cluster to ask: it is named, there is a kubeconfig, or a pod's service account."""
        if self.is_named:
            return True
        settings = load_kubernetes_settings()
        return settings.is_in_pod or any(path.is_file() for path in settings.kubeconfigs)
