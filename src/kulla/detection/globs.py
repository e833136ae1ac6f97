"""Values with wildcards: ``*`` any run of characters, ``?`` exactly one, newlines included.

Sigma Rules Specification 2.1, "String Wildcard" and "Escaping". Each part between two ``*`` is sought
once, from left to right, at its first place: that is enough and never goes back, so that the time is at most
the length of the value times the length of a part.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

#: Characters that a backslash takes the meaning from.
ESCAPABLE = "*?\\"


@dataclass(frozen=True, slots=True)
class Part:
    """What stands between two ``*``: characters and ``?``, so its length is fixed."""

    pattern: re.Pattern[str]
    length: int


def escaped(text: str) -> str:
    """Return the glob that matches exactly ``text``."""
    return re.sub(r"([*?\\])", r"\\\1", text)


@lru_cache(maxsize=32_768)
def parts(glob: str) -> tuple[Part, ...]:
    """Return the parts between the ``*`` of a glob, at least one; the first and the last are anchored."""
    found: list[list[str]] = [[]]
    for char, special in _characters(glob):
        if special and char == "*":
            found.append([])
        else:
            found[-1].append("." if special else re.escape(char))
    return tuple(Part(re.compile("".join(part), re.DOTALL), len(part)) for part in found)


def _characters(glob: str) -> Iterator[tuple[str, bool]]:
    """Yield each character and whether it is a wildcard."""
    place = 0
    while place < len(glob):
        char = glob[place]
        if char == "\\" and glob[place + 1 : place + 2] in ("*", "?", "\\"):
            yield glob[place + 1], False
            place += 2
        else:
            yield char, char in "*?"
            place += 1


def matches(glob: str, text: str) -> bool:
    """Return whether the whole of ``text`` is as ``glob`` says, with regard to case."""
    first, *middle = parts(glob)
    if not middle:
        return len(text) == first.length and first.pattern.match(text) is not None
    last = middle.pop()
    end = len(text) - last.length
    if end < first.length or not first.pattern.match(text) or not last.pattern.match(text, end):
        return False
    return _in_order(middle, text, first.length, end)


def _in_order(middle: list[Part], text: str, place: int, end: int) -> bool:
    for part in middle:
        found = part.pattern.search(text, place, end)
        if found is None:
            return False
        place = found.end()
    return True
