"""Use case: a look from inside the pods of an object that is there: programs of their own images, which change nothing."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from shardwright import errors
from shardwright.core.preflight import inside, trees
from shardwright.core.preflight.facts import Untold
from shardwright.core.preflight.inside import Index, Lookup
from shardwright.service import seeing

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from shardwright.core.lifecycle.snapshot import Member
    from shardwright.core.rules import Finding
    from shardwright.kubernetes.client import Client
    from shardwright.service.seeing import Subject

__all__ = ["look"]

_WIDTH = 16
_MOST = 64
"""So many workers are asked."""
_SECONDS = 30.0
_RUNS = frozenset({"running", "ready"})
_RESOLVE = (
    'a=$(printenv "$0") || exit 3; echo "$a"; '
    'if command -v getent > /dev/null; then getent hosts "$a"; '
    'else python3 -c "import socket, sys; print(socket.getaddrinfo(sys.argv[1], 1)[0][4][0])" "$a" 2> /dev/null; fi'
)
"""The address on one line, and what it resolves to on the next."""
_NO_VARIABLE = 3
_WEIGHTS = """import json, os, struct, sys
claims, words = json.loads(sys.argv[1]), json.loads(sys.argv[2])
named = [word for word in words if any(word == claim or word.startswith(claim + "/") for claim in claims)]
named += [os.path.join(claim, "hub", "models--" + word.replace("/", "--")) for claim in claims for word in words if word.count("/") == 1]
def whole(path):
    with open(path, "rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        head = json.loads(file.read(length)) if length < 1 << 28 else {"": {"data_offsets": [0, 1 << 62]}}
    ends = [each["data_offsets"][1] for name, each in head.items() if name != "__metadata__"]
    return os.path.getsize(path) >= 8 + length + max(ends, default=0)
def is_whole(path):
    try:
        return whole(path)
    except (OSError, ValueError, struct.error):
        return False
found = []
for root in dict.fromkeys(each for each in named if os.path.isdir(each)):
    for at, folders, files in os.walk(root):
        if at.count("/") - root.count("/") > 3:
            folders.clear()
        for name in files:
            if name.endswith(".safetensors.index.json"):
                wanted = sorted(set(json.load(open(os.path.join(at, name)))["weight_map"].values()))
                there = [each for each in wanted if os.path.exists(os.path.join(at, each))]
                found.append({
                    "path": os.path.join(at, name), "shards": len(wanted), "missing": [each for each in wanted if each not in there],
                    "cut": [each for each in there if not is_whole(os.path.join(at, each))],
                    "bytes": sum(os.path.getsize(os.path.join(at, each)) for each in there),
                })
print(json.dumps(found))
"""
"""Of each index in the folders that the command names: its files, and those that end before what their heads say.

Source: safetensors' format: eight bytes with the length of the head, the head as JSON, the tensors.
"""


def look(client: Client, namespace: str, name: str) -> tuple[Finding, ...]:
    """What pods that run see of their leader and of their model; nothing where none runs. Needs pods/exec to tell."""
    return tuple(_look(client, seeing.find(client, namespace, name)))


def _look(client: Client, subject: Subject) -> Iterator[Finding]:
    from shardwright.kubernetes.live import observing, seen  # noqa: PLC0415 - see clusters

    pods = observing.pods_of(client, subject.namespace, subject.parts)
    running = [each for each in seen.members_of(pods, subject.parts) if each.state in _RUNS]
    workers = [each for each in running if each.index][:_MOST] if subject.parts.leader_variable else []
    with ThreadPoolExecutor(_WIDTH) as pool:
        weights = pool.submit(_weights, client, subject, running[0]) if running else None
        lookups = list(pool.map(partial(_lookup, client, subject), workers))
    yield from inside.check_addresses([each for each in lookups if each is not None], subject.namespace)
    yield from inside.check_weights(weights.result()) if weights else ()


def _lookup(client: Client, subject: Subject, worker: Member) -> Lookup | Untold | None:
    """None for a worker that has no such variable: its leader is told to it in another way."""
    from shardwright.kubernetes.live import facts_asking  # noqa: PLC0415 - see clusters

    argv = ("sh", "-c", _RESOLVE, subject.parts.leader_variable)
    told = facts_asking.told(partial(_run, client, subject, worker, argv))
    if isinstance(told, Untold):
        return told
    code, said = told
    if code == _NO_VARIABLE:
        return None
    lines = said.splitlines()
    answers = [line.split()[0] for line in lines[1:] if line.split()]
    return Lookup(worker.name, lines[0] if lines else "", answers[0] if answers and not code else "")


def _weights(client: Client, subject: Subject, member: Member) -> tuple[Index, ...] | Untold:
    from shardwright.kubernetes.live import facts_asking  # noqa: PLC0415 - see clusters

    found = facts_asking.told(partial(_read_weights, client, subject, member))
    return found if isinstance(found, Untold) else tuple(_index(each) for each in found)


def _index(told: dict[str, Any]) -> Index:
    return Index(
        str(told["path"]), int(told["shards"]), float(told["bytes"]), tuple(told["missing"]), tuple(told["cut"])
    )


def _read_weights(client: Client, subject: Subject, member: Member) -> list[dict[str, Any]]:
    """TargetError where the container has no Python, or says what is no answer."""
    claims, words = _mounted(client, subject, member)
    if not claims:
        return []
    argv = ("python3", "-c", _WEIGHTS, json.dumps(claims), json.dumps(words))
    code, said = _run(client, subject, member, argv)
    if code:
        raise errors.TargetError(f"python3 in {member.name} ended with {code}")
    try:
        return cast("list[dict[str, Any]]", json.loads(said))
    except ValueError as problem:
        raise errors.TargetError(f"{member.name} says {said.strip()[:200]!r} of its files") from problem


def _mounted(client: Client, subject: Subject, member: Member) -> tuple[list[str], list[str]]:
    """Where the engine's container has claims, and the words of its command."""
    from shardwright.kubernetes.client import Ref  # noqa: PLC0415 - see clusters

    pods = client.list(
        Ref("v1", "Pod", namespace=subject.namespace), labels=subject.parts.pod_selector,
        fields=f"metadata.name={member.name}",
    )  # fmt: skip
    spec = next((trees.part(each, "spec") for each in pods), dict[str, Any]())
    claims = {each.get("name") for each in trees.items(spec, "volumes") if each.get("persistentVolumeClaim")}
    wanted = subject.parts.container_of(member.index)
    containers = trees.items(spec, "containers")
    engine = next((each for each in containers if each.get("name") == wanted), containers[0] if containers else {})
    mounts = [each for each in trees.items(engine, "volumeMounts") if each.get("name") in claims]
    texts = (*trees.texts(engine, "command"), *trees.texts(engine, "args"))
    return [str(each.get("mountPath")).rstrip("/") for each in mounts], _words(texts)


def _words(texts: Sequence[str]) -> list[str]:
    """Words of a command, those of a shell's line too."""
    found = (word.strip("'\"").partition("=") for text in texts for word in text.split())
    return list(dict.fromkeys(each for head, _, value in found for each in (head, value) if "/" in each))


def _run(client: Client, subject: Subject, member: Member, argv: Sequence[str]) -> tuple[int, str]:
    from shardwright.kubernetes.client import streams  # noqa: PLC0415 - see clusters

    container = subject.parts.container_of(member.index)
    output = streams.run_in(client, subject.namespace, member.name, argv, container=container, timeout_seconds=_SECONDS)
    return output.exit_code, output.stdout
