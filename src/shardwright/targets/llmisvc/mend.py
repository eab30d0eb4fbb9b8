"""What puts LLMInferenceServices right: credentials, tolerations, workers that parallelism asks for, a scheduler without pods."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shardwright.core.rules.rule import Change
from shardwright.kubernetes.rules import mend_pods

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shardwright.core.manifests.objects import Context, Object
    from shardwright.core.rules.rule import Breach, Mend

__all__ = ["MENDS"]


def _worker(_: Object, __: Context, breach: Breach) -> tuple[Change, ...]:
    """An empty worker: the platform's configs fill it in."""
    return (Change((*breach.path[:-1], "worker"), {}),)


def _one(_: Object, __: Context, breach: Breach) -> tuple[Change, ...]:
    return (Change(breach.path, 1),)


MENDS: Mapping[str, Mend] = {
    **mend_pods.MENDS,
    "kserve.llm-size-ignored": _worker,
    "kserve.llm-scheduler-replicas": _one,
    "kserve.llm-literal-token": mend_pods.credential,
    "kserve.llm-toleration": mend_pods.toleration,
}
"""By the ids of rules."""
