"""The text that must occur wherever a hard pattern matches: a cheap test before an expensive one."""

from __future__ import annotations

import re
import warnings
from re import _constants as c  # type: ignore[attr-defined]
from re import _parser  # type: ignore[attr-defined]
from typing import Any

from kulla.detection.folding import fold

#: A longer literal rules out no more.
_MAX = 64
_ASCII_END = 0x80


def regex_literal(pattern: str) -> str:
    """Return the longest text (folded) that every match of a regular expression contains; "" if none is known.

    The literal is used to rule values out, so it may be too short but never wrong: only
    plain ASCII characters in sequence count (engines differ in how they fold others), and whatever is
    optional or alternative ends a run.
    """
    if "[:" in pattern:  # a POSIX class, which Python's parser takes for something else
        return ""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            parsed = _parser.parse(pattern)
    except (re.error, OverflowError, RecursionError, ValueError):
        return ""
    runs: list[str] = [""]
    _collect(parsed, runs)
    return max((fold(run[:_MAX]) for run in runs), key=len)


def _collect(items: Any, runs: list[str]) -> None:
    """Extend the last run by plain characters; start a new one at everything else."""
    for op, argument in items:
        if op is c.LITERAL and argument < _ASCII_END:
            runs[-1] += chr(argument)
        elif op is c.SUBPATTERN:
            _collect(argument[-1], runs)
        elif op in (c.MAX_REPEAT, c.MIN_REPEAT, c.POSSESSIVE_REPEAT) and argument[0] >= 1:
            runs.append("")
            _collect(argument[2], runs)
            runs.append("")
        elif op is c.ATOMIC_GROUP:
            _collect(argument, runs)
        elif op is c.AT:
            continue
        else:
            runs.append("")


def glob_pieces(text: str) -> list[str | None]:
    """Split a glob into literal texts, ``None`` for ``*`` and ``"?"`` kept as a lone private marker.

    Returns:
        literal texts, None for any run, and ``ANY_ONE`` for any one character, in order.
    """
    pieces: list[str | None] = []
    literal = ""
    place = 0
    while place < len(text):
        char = text[place]
        if char == "\\" and place + 1 < len(text) and text[place + 1] in "*?\\":
            literal += text[place + 1]
            place += 2
            continue
        if char in "*?":
            pieces += [literal] * bool(literal) + [None if char == "*" else ANY_ONE]
            literal = ""
        else:
            literal += char
        place += 1
    return pieces + [literal] * bool(literal)


#: Stands for ``?`` among the pieces of a glob: a character that is not one of Unicode's.
ANY_ONE = "\udc00"
