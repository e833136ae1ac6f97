"""How wide a text stands on a terminal, and how it is made to fit a column."""

from __future__ import annotations

import unicodedata

from kulla.model.text import defanged, visible

ELLIPSIS = "…"
#: Characters shown for each column of width: combining marks have no width, so a hostile text could pile up any number of them.
_PILE = 4


def char_width(char: str) -> int:
    """Return 0 for combining marks, 2 for wide East Asian characters and emoji, else 1 (Unicode Standard Annex 11)."""
    if unicodedata.category(char) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(char) in ("W", "F") else 1


def width_of(text: str) -> int:
    """Return how many columns ``text`` takes."""
    return len(text) if text.isascii() else sum(char_width(char) for char in text)


def cut(text: str, width: int) -> str:
    """Return ``text`` in at most ``width`` columns; a cut is shown by an ellipsis."""
    text, rest = text[: width * _PILE], text[width * _PILE :]
    if not rest and width_of(text) <= width:
        return text
    kept, used = [], 0
    for char in text:
        used += char_width(char)
        if used > width - 1:
            break
        kept.append(char)
    return "".join(kept) + ELLIPSIS if width > 0 else ""


def fit(text: str, width: int) -> str:
    """Return ``text`` in exactly ``width`` columns, cut or filled with blanks."""
    short = cut(text, width)
    return short + " " * (width - width_of(short))


def shown(text: str, limit: int = 400) -> str:
    """Return untrusted text as it may be shown: visible escapes, addresses defanged, at most about ``limit`` characters."""
    return defanged(visible(text, limit))
