"""Where brackets stand in JSON text, outside strings, found for a whole buffer at once (numpy, no loop over characters)."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

_QUOTE, _BACKSLASH = ord('"'), ord("\\")


class Brackets(NamedTuple):
    """The brackets of a buffer.

    Attributes:
        at: their positions.
        steps: +1 for an opening one, -1 for a closing one.
        quoted: whether the buffer ends inside a string.
    """

    at: NDArray[np.int64]
    steps: NDArray[np.int64]
    quoted: bool


def brackets(data: bytes, start: int, *, quoted: bool = False) -> Brackets:
    """Return the brackets from ``start`` on.

    Args:
        data: JSON text. It must not end inside an escape; see ``whole_escapes``.
        start: where to begin.
        quoted: whether ``start`` is inside a string.
    """
    text = np.frombuffer(data, dtype=np.uint8)[start:]
    places = np.flatnonzero(_marks()[text]).astype(np.int64, copy=False)
    marks = text[places]
    quotes = marks == _QUOTE
    escaped = _escaped(text, places[quotes])
    if escaped.any():
        keep = np.ones(len(places), dtype=bool)
        keep[np.flatnonzero(quotes)[escaped]] = False
        places, marks, quotes = places[keep], marks[keep], quotes[keep]
    inside = (np.cumsum(quotes) + quoted) & 1
    outside = ~quotes & (inside == 0)
    steps = np.where((marks[outside] == ord("{")) | (marks[outside] == ord("[")), 1, -1).astype(np.int64)
    return Brackets(places[outside] + start, steps, bool(inside[-1]) if len(inside) else quoted)


@cache
def _marks() -> NDArray[np.bool_]:
    table: NDArray[np.bool_] = np.zeros(256, dtype=bool)
    table[list(b'"{}[]')] = True
    return table


def _escaped(text: NDArray[np.uint8], quotes: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return which quotes stand behind an odd number of backslashes."""
    behind: NDArray[np.bool_] = (quotes > 0) & (text[np.maximum(quotes - 1, 0)] == _BACKSLASH)
    if not behind.any():
        return behind
    slashes = np.flatnonzero(text == _BACKSLASH)
    first = np.ones(len(slashes), dtype=bool)
    first[1:] = np.diff(slashes) != 1
    runs = np.maximum.accumulate(np.where(first, slashes, 0))
    last = quotes[behind] - 1
    escaped = behind.copy()
    escaped[behind] = (last - runs[np.searchsorted(slashes, last)]) % 2 == 0
    return escaped


def whole_escapes(data: bytes) -> int:
    """Return how many bytes of ``data`` may be looked at: one fewer when an escape is cut at its end."""
    slashes = len(data) - len(data.rstrip(b"\\"))
    return len(data) - slashes % 2
