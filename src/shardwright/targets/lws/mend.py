"""What puts LeaderWorkerSets right: restarts and updates of groups, ranks and addresses in commands, probes of workers.

In commands Kubernetes itself replaces `$(NAME)`, with or without a shell, by the variables that the operator sets on every
pod of a group (LWS_LEADER_ADDRESS, LWS_GROUP_SIZE, LWS_WORKER_INDEX).
"""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING

from shardwright.core.rules.rule import Change
from shardwright.kubernetes.rules import mend_pods

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shardwright.core.manifests.objects import Context, Object
    from shardwright.core.rules.rule import Breach, Mend

__all__ = ["MENDS"]

_RANK = ("--node-rank",)
_NODES = ("--nnodes", "--ray-cluster-size")
_ADDRESSES = ("--master-addr", "--dist-init-addr", "--ray-address")
_SHELLS = re.compile(r"\b(ba|da|z)?sh\b")


def _in_command(
    flags: tuple[str, ...], wanted: str, manifest: Object, _: Context, breach: Breach
) -> tuple[Change, ...]:
    """The value of a flag, seen in a list of words or in a script, becomes another one."""
    words = manifest.list_at(*breach.path)
    changes: list[Change] = []
    names = "|".join(re.escape(flag) for flag in flags)
    inside = re.compile(rf"((?:{names})[= ]+[\"']?){re.escape(breach.value)}(?![\w.-])")
    for index, word in enumerate(words):
        if not isinstance(word, str):
            continue
        before = words[index - 1] if index else ""
        if before in flags and re.match(rf"{re.escape(breach.value)}(:|$)", word):
            changes.append(Change((*breach.path, index), wanted + word[len(breach.value) :]))
        elif (new := inside.sub(lambda match: match[1] + wanted, word)) != word:
            changes.append(Change((*breach.path, index), new))
    return tuple(changes)


def _headless(manifest: Object, _: Context, breach: Breach) -> tuple[Change, ...]:
    """One more word, where the command is a list of words and no shell's script."""
    container = breach.path[:-1]
    words = [*manifest.list_at(*container, "command"), *manifest.list_at(*container, "args")]
    if any(isinstance(word, str) and (_SHELLS.fullmatch(word.rpartition("/")[2]) or " " in word) for word in words):
        return ()
    return (Change((*breach.path, len(manifest.list_at(*breach.path))), "--headless"),)


def _restart(_: Object, __: Context, breach: Breach) -> tuple[Change, ...]:
    return (Change(breach.path, "RecreateGroupOnPodRestart"),)


def _startup(_: Object, __: Context, breach: Breach) -> tuple[Change, ...]:
    return (Change(breach.path, "LeaderCreated"),)


def _rollout(manifest: Object, _: Context, breach: Breach) -> tuple[Change, ...]:
    """One group goes before another one comes."""
    rollout = breach.path[:-1]
    changes = [Change((*rollout, "maxSurge"), 0)] if breach.path[-1] == "maxSurge" else []
    if breach.path[-1] == "maxUnavailable" or manifest.get(*rollout, "maxUnavailable") in (0, "0%", None):
        changes.append(Change((*rollout, "maxUnavailable"), 1))
    return tuple(changes)


MENDS: Mapping[str, Mend] = {
    **mend_pods.MENDS,
    "lws.rank-fixed": partial(_in_command, _RANK, "$(LWS_WORKER_INDEX)"),
    "lws.nodes": partial(_in_command, _NODES, "$(LWS_GROUP_SIZE)"),
    "lws.leader-address": partial(_in_command, _ADDRESSES, "$(LWS_LEADER_ADDRESS)"),
    "lws.headless": _headless,
    "lws.no-group-restart": _restart,
    "lws.startup-policy": _startup,
    "lws.rollout-stuck": _rollout,
    "lws.surge": _rollout,
    "lws.worker-probe": mend_pods.removal,
    "lws.role-partition": mend_pods.removal,
    "lws.placement-annotations": mend_pods.removal,
}
"""By the ids of rules."""
