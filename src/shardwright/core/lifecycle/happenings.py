"""What happened between two looks at a deployment, one value a thing, for people to read and programs to filter."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from shardwright.core.lifecycle.snapshot import state_of
from shardwright.units import format_passed
from shardwright.values import frozen

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shardwright.core.lifecycle.snapshot import Condition, Member, Remark, Snapshot
    from shardwright.core.lifecycle.starts import RankStart

__all__ = ["Happening", "between", "member_gone", "of_rank"]

_STARTS = "it does not answer yet, as is to be expected while it starts"

What = Literal["state", "member", "rank", "condition", "download", "warning", "error", "note", "proof"]


@frozen(kw_only=True)
class Happening:
    """One thing; what does not apply is None or empty."""

    what: What
    subject: str
    """What it happened to: a deployment, a pod, a host, an object."""
    state: str = ""
    """Of the deployment, the member, the download or the condition; of a proof pass, warn, fail or unknown."""
    text: str = ""
    replica: int | None = None
    member: int | None = None
    """Index in its replica."""
    rank: int | None = None
    phase: str = ""
    percent: int | None = None
    phase_seconds: float | None = None
    """How long the rank was in its phase then."""
    expected_seconds: float | None = None
    """How long the whole phase takes by its pace."""
    node: str = ""

    def __str__(self) -> str:
        """One line."""
        told = f": {self.text}" if self.text else ""
        if self.what == "rank":
            pace = f", {format_passed(self.phase_seconds, self.expected_seconds)}" if self.expected_seconds else ""
            return f"{self.subject}: {self.phase} ({self.percent} %){told}{pace}"
        place = f" on {self.node}" if self.node else ""
        state = f": {self.state}{place}" if self.state else ""
        prefix = f"{self.what}: " if self.what in {"warning", "error", "download", "proof"} else ""
        return f"{prefix}{self.subject}{state}{told}"


def between(before: Snapshot | None, after: Snapshot) -> Iterator[Happening]:
    """All that is different; of a first look all that there is, but for what is as it should be."""
    if before is None or state_of(before) != state_of(after):
        yield Happening(what="state", subject=after.name, state=state_of(after))
    yield from _members(before, after)
    yield from _conditions(before, after)
    known = {each.name: (each.state, each.message) for each in before.downloads} if before else {}
    for each in after.downloads:
        if known.get(each.name) != (each.state, each.message):
            yield Happening(what="download", subject=each.name, state=each.state, text=each.message)
    yield from _remarks(before, after)


def _remarks(before: Snapshot | None, after: Snapshot) -> Iterator[Happening]:
    """Warnings that came or came again; that an engine does not answer yet is none, and told once while it starts."""
    told = {_key(each): each.count for each in before.remarks} if before else {}
    silent = {f"Pod {each.name}" for each in after.members if each.state == "ready"}
    silent |= {each.subject for each in before.remarks if _is_of_a_start(each)} if before else set()
    for each in after.remarks:
        if _is_of_a_start(each):
            if each.subject not in silent:
                silent.add(each.subject)
                yield Happening(what="note", subject=each.subject, text=f"{_STARTS}: {each.message}")
        elif told.get(_key(each), 0) < each.count:
            yield Happening(what="warning", subject=each.subject, state=each.reason, text=each.message)


def _is_of_a_start(remark: Remark) -> bool:
    return remark.reason == "Unhealthy" and remark.message.startswith("Startup probe failed")


def _members(before: Snapshot | None, after: Snapshot) -> Iterator[Happening]:
    old = {each.uid or each.name: each for each in before.members} if before else {}
    new = {each.uid or each.name for each in after.members}
    yield from (member_gone(each) for key, each in old.items() if key not in new)
    for each in after.members:
        known = old.get(each.uid or each.name)
        if known is None or _shown(known) != _shown(each):
            yield _member(each, is_restarted=known is not None and each.restarts > known.restarts)


def _shown(member: Member) -> tuple[object, ...]:
    return member.state, member.reason, member.restarts, member.node


def _member(member: Member, *, is_restarted: bool) -> Happening:
    parts = [f"restart {member.restarts}" if is_restarted else "", member.reason, member.message]
    return Happening(
        what="member",
        subject=member.name,
        state=member.state,
        text=": ".join(part for part in parts if part),
        replica=member.group,
        member=member.index,
        node=member.node,
    )


def member_gone(member: Member) -> Happening:
    """A member that is there no more."""
    return Happening(what="member", subject=member.name, state="gone", replica=member.group, member=member.index)


def _conditions(before: Snapshot | None, after: Snapshot) -> Iterator[Happening]:
    known = {each.kind: each for each in before.conditions} if before else {}
    for each in after.conditions:
        old = known.get(each.kind)
        if (old is None and each.status != "True") or (old is not None and _word(old) != _word(each)):
            yield Happening(what="condition", subject=each.kind, state=each.status, text=_reason(each))


def _word(condition: Condition) -> tuple[str, str]:
    return condition.status, condition.reason


def _reason(condition: Condition) -> str:
    return ": ".join(part for part in (condition.reason, condition.message) if part)


def _key(remark: Remark) -> tuple[str, str, str]:
    return remark.subject, remark.reason, remark.message


def of_rank(start: RankStart, name: str, at: float = 0.0) -> Happening:
    """A rank that went on, in the member of that name, at that time (seconds since 1970; 0 where it is not known)."""
    subject = name if start.rank is None else f"rank {start.rank} in {name}"
    return Happening(
        what="rank",
        subject=subject,
        text=start.text,
        replica=start.replica,
        member=start.member,
        rank=start.rank,
        phase=start.phase,
        percent=start.percent,
        phase_seconds=start.seconds(at) if at else None,
        expected_seconds=start.expected_seconds or None,
    )
