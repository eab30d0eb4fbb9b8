"""Command lines as manifests hold them: a program's words, or a shell's script taken apart into its commands.

Reads what people write to start a server: `sh -c`, `&&`, `;`, continued lines, `exec`, variables before a command, `"$@"`.
What a shell would compute (substitution, loops, tests) stays as it is written. Never fails: a script that is no valid shell
is split at blanks.
"""

from __future__ import annotations

import functools
import re
import shlex
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

__all__ = ["Line", "lines_of"]

_SHELLS = frozenset({"sh", "bash", "dash", "ash", "zsh", "ksh"})
_SCRIPT_FLAG = re.compile(r"-[a-zA-Z]*c[a-zA-Z]*")
_ASSIGNMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_]*=")
_REFERENCE = re.compile(r"\$(?:\(([A-Za-z_][A-Za-z0-9_]*)\)|\{([A-Za-z_][A-Za-z0-9_]*)\}|([A-Za-z_][A-Za-z0-9_]*))")
_BEFORE = frozenset({"exec", "nohup", "time", "env", "then", "do", "else", "export", "(", "{", "sudo", "tini", "--"})
_ENDS = ";&|\n"
_LONGEST = 256 * 1024
_DEEPEST = 3


class Line(NamedTuple):
    """One command of a script, or the one that a container starts."""

    words: tuple[str, ...]
    variables: dict[str, str]
    """Set before it, on its own line or on earlier ones."""


def lines_of(argv: Sequence[str], environment: Mapping[str, str]) -> tuple[Line, ...]:
    """All commands that a program's words run, in order; references to variables with a known text are filled in."""
    return tuple(_lines(tuple(argv), dict(environment), _DEEPEST))


def _lines(argv: tuple[str, ...], known: dict[str, str], deepest: int) -> Iterator[Line]:
    words = _without_prefix(argv, known)
    found = _script(words)
    if found is None or not deepest:
        if words:
            yield Line(tuple(_filled(word, known) for word in words), dict(known))
        return
    script, given = found
    for command in _commands(script):
        if command[0] == "shift" and given:
            count = int(command[1]) if len(command) > 1 and command[1].isdigit() else 1
            given = (given[0], *given[1 + count :])
            continue
        whole = tuple(each for word in command for each in (given[1:] if word in {"$@", "$*"} else (word,)))
        yield from _lines(whole, known, deepest - 1)


def _script(words: tuple[str, ...]) -> tuple[str, tuple[str, ...]] | None:
    """The script of a shell's command line and the words that it is given; None where no shell is started with one."""
    if not words or words[0].rpartition("/")[2] not in _SHELLS:
        return None
    for place, word in enumerate(words[1:], start=1):
        if _SCRIPT_FLAG.fullmatch(word) and place + 1 < len(words):
            return words[place + 1], words[place + 2 :]
        if not word.startswith("-"):
            return None
    return None


def _without_prefix(words: tuple[str, ...], known: dict[str, str]) -> tuple[str, ...]:
    """A command without what stands before it; variables that are set there are added to the known ones."""
    place = 0
    for word in words:
        if _ASSIGNMENT.match(word):
            name, _, value = word.partition("=")
            known[name] = _filled(value, known)
        elif word not in _BEFORE:
            break
        place += 1
    return words[place:]


@functools.lru_cache(maxsize=64)
def _commands(script: str) -> tuple[tuple[str, ...], ...]:
    text = script.replace("\\\n", " ").replace("\r", "")[:_LONGEST]
    try:
        lexer = shlex.shlex(text, posix=True, punctuation_chars=_ENDS)
        lexer.whitespace, lexer.whitespace_split, lexer.commenters = " \t", True, ""
        words = list(lexer)
    except ValueError:
        return (tuple(re.split(r"[\s\"']+", text.strip())),)
    commands: list[tuple[str, ...]] = []
    line: list[str] = []
    is_comment = False
    for word in [*words, "\n"]:
        if word and not word.strip(_ENDS):
            if line:
                commands.append(tuple(line))
            line, is_comment = [], is_comment and "\n" not in word
        elif not is_comment:
            is_comment = word.startswith("#")
            if not is_comment:
                line.append(word)
    return tuple(commands)


def _filled(word: str, known: Mapping[str, str]) -> str:
    """A word with the variables whose text is known; others stay as they are written."""
    if "$" not in word:
        return word
    return _REFERENCE.sub(lambda match: known.get(match[1] or match[2] or match[3], match[0]), word)
