"""Case folding: one character to one character, the same table for the oracle and the kernel.

Sigma compares without regard to case in every language. Unicode's full folding changes
lengths (ß to ss), which would break prefixes and offsets, so a simple folding is used:
the lower case of the upper case, where both are single characters. Turkish İ and ı fold
to i as well, as Python's ``re.IGNORECASE`` does: an investigator wants İstanbul, istanbul
and ISTANBUL alike.
"""

from __future__ import annotations

import sys
from functools import cache


def fold_char(char: str) -> str:
    """Return the folded form of one character, itself one character."""
    if char == "\u0130":
        return "i"
    upper = char.upper()
    lower = (upper if len(upper) == 1 else char).lower()
    return lower if len(lower) == 1 else char


@cache
def fold_table() -> dict[int, int]:
    """Return the folding of every code point that changes, for ``str.translate``."""
    pairs = ((code, ord(fold_char(chr(code)))) for code in range(sys.maxunicode + 1))
    return {code: folded for code, folded in pairs if code != folded}


class _Folded(dict[int, int]):
    """Folds a code point when it is first met: most texts never need the other million."""

    def __missing__(self, code: int) -> int:
        folded = self[code] = ord(fold_char(chr(code)))
        return folded


_FOLDED = _Folded()


def fold(text: str) -> str:
    """Return ``text`` folded; the number of characters stays the same."""
    return text.lower() if text.isascii() else text.translate(_FOLDED)
