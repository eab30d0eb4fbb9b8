"""Files are mended and judged again, round by round, until nothing changes; a mend that brings a new error is taken back.

Holds no rule: what is mended is what `mendable` proposes, how it is written is `mending`'s. Pure: bytes in, bytes out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from shardwright.core.manifests import mendable, mending
from shardwright.core.manifests.reading import read_manifests
from shardwright.core.marked import document
from shardwright.values import frozen

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from shardwright.core.manifests.mendable import Proposal, Surveyed
    from shardwright.core.manifests.mending import Reader
    from shardwright.core.manifests.objects import Context, Object
    from shardwright.core.manifests.platform import Platform
    from shardwright.core.manifests.reading import Reading
    from shardwright.core.rules.finding import Finding

__all__ = ["Kept", "Outcome", "mend_files"]

_MOST_ROUNDS = 60
"""Two or three are usual; one more for each mend that has to be tried alone."""
_BOM = b"\xef\xbb\xbf"
_WHOLE = frozenset({"manifest.unreadable", "manifest.malformed", "manifest.too-large"})
"""A file with one of these is left as it is: what it means cannot be told."""
_WORSE = "it would bring another error"
_AGAIN = "the breach would still be there"

_Place: TypeAlias = "tuple[str, int]"
_Key: TypeAlias = "tuple[str, int, str, str, str]"


class Kept(NamedTuple):
    """A breach that has a mend, and why it was not made."""

    proposal: Proposal
    reason: str


@frozen
class Outcome:
    """Files after all rounds."""

    contents: Mapping[str, bytes]
    done: tuple[Proposal, ...]
    kept: tuple[Kept, ...]
    left: tuple[Finding, ...]
    """Why whole files were left as they are."""


class _Table(NamedTuple):
    """Files as they are in one round; an object is known by its file and its number in it, which no mend changes."""

    readings: dict[str, Reading]
    surveyed: dict[_Place, Surveyed]


def mend_files(
    contents: Mapping[str, bytes],
    platforms: Sequence[Platform],
    context: Context,
    *,
    old: Sequence[Object] = (),
    read: Reader = read_manifests,
) -> Outcome:
    """The files with all that can be put right; those in which nothing is are returned as they came."""
    rounds = _Rounds(platforms, context, old, read)
    now, table = dict(contents), rounds.look(contents)
    for _ in range(_MOST_ROUNDS):
        chosen = rounds.choose(table)
        if not chosen:
            break
        tried, taken = rounds.apply(now, table, chosen)
        after = rounds.look(tried)
        if worse := _worse(table, after):
            rounds.take_back(taken, worse)
        else:
            rounds.keep(taken)
            now, table = tried, after
    return Outcome(now, tuple(rounds.done), tuple(rounds.refused.values()), tuple(_blocked(table)))


class _Rounds:
    """What stays from round to round: what was done, what was refused, where to go on with care."""

    def __init__(self, platforms: Sequence[Platform], context: Context, old: Sequence[Object], read: Reader) -> None:
        self._judged_with = platforms, context, old
        self._read = read
        self._made: set[_Key] = set()
        self._careful: set[_Place] = set()
        """Objects of which one mend is made in a round, because several made something worse."""
        self.done: list[Proposal] = []
        self.refused: dict[_Key, Kept] = {}

    def look(self, contents: Mapping[str, bytes]) -> _Table:
        """Read and judge all files."""
        readings = {file: self._read(data, file) for file, data in contents.items()}
        numbers = {
            id(each.root): (file, number)
            for file, found in readings.items()
            for number, each in enumerate(found.objects)
        }
        objects = [each for found in readings.values() for each in found.objects]
        surveyed = mendable.survey(objects, *self._judged_with)
        return _Table(readings, {numbers[id(each.each.root)]: each for each in surveyed})

    def choose(self, table: _Table) -> dict[_Key, tuple[_Place, Proposal]]:
        """What to mend in the next round."""
        whole = {finding.file for finding in _blocked(table)}
        found: dict[_Key, tuple[_Place, Proposal]] = {}
        is_cautious = False
        for place in sorted(table.surveyed):
            for proposal in table.surveyed[place].proposals if place[0] not in whole else ():
                key = (*place, proposal.rule, proposal.path, repr(proposal.changes))
                if key in self._made:
                    self.refused.setdefault(key, Kept(proposal, _AGAIN))
                if key in self.refused or (is_cautious and place in self._careful):
                    continue
                found[key] = (place, proposal)
                is_cautious = is_cautious or place in self._careful
        return found

    def apply(
        self, contents: Mapping[str, bytes], table: _Table, chosen: Mapping[_Key, tuple[_Place, Proposal]]
    ) -> tuple[dict[str, bytes], dict[_Key, tuple[_Place, Proposal]]]:
        """The files with the mends that can be made together, and those mends."""
        tried, taken = dict(contents), dict[_Key, "tuple[_Place, Proposal]"]()
        for file in {place[0] for place, _ in chosen.values()}:
            mine = {key: each for key, each in chosen.items() if each[0][0] == file}
            mends = [mending.Mend(place[1], proposal.changes) for place, proposal in mine.values()]
            text = document.decode(contents[file], file)
            made = mending.mend_text(text, table.readings[file].objects, mends, self._read)
            mark = _BOM if contents[file].startswith(_BOM) else b""
            tried[file] = mark + made.text.encode()
            for (key, each), reason in zip(mine.items(), made.refused, strict=True):
                if not reason:
                    taken[key] = each
                elif reason != mending.OVERLAP:
                    self.refused[key] = Kept(each[1], reason)
        return tried, taken

    def take_back(self, taken: Mapping[_Key, tuple[_Place, Proposal]], worse: set[_Place]) -> None:
        """Refuse the mend that made something worse; where several may have, try them one by one."""
        suspects = {key: each for key, each in taken.items() if each[0] in worse} or taken
        alone = {key: each for key, each in suspects.items() if each[0] in self._careful} or suspects
        if len(alone) == 1:
            self.refused.update({key: Kept(each[1], _WORSE) for key, each in alone.items()})
        self._careful.update(place for place, _ in suspects.values())

    def keep(self, taken: Mapping[_Key, tuple[_Place, Proposal]]) -> None:
        """Note what was done."""
        self._made.update(taken)
        self.done.extend(proposal for _, proposal in taken.values())


def _worse(before: _Table, after: _Table) -> set[_Place]:
    """Objects that have an error which they had not."""
    return {place for place, each in after.surveyed.items() if each.errors - before.surveyed[place].errors}


def _blocked(table: _Table) -> Iterator[Finding]:
    """Why files are left as they are, once for each."""
    for found in table.readings.values():
        yield from [finding for finding in found.findings if finding.id in _WHOLE][:1]
