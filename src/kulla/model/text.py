"""Untrusted text at the edge: visible escapes and defanging, so that no log line can act on a reader."""

from __future__ import annotations

import re
import unicodedata

_PLAIN = re.compile(r"[\x20-\x7e]*")
_SCHEME = re.compile(r"\b(h)tt(ps?)://", re.IGNORECASE)
#: Unicode categories that change how the rest of a line is shown: controls, format (bidi overrides), surrogates, private use, separators.
_UNSAFE = {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}


def visible(text: str, limit: int | None = None) -> str:
    """Return ``text`` with control, format and bidirectional-override characters as ``\\u{...}`` escapes.

    Args:
        text: anything a log, a rule or a partner wrote.
        limit: longest result in characters; a cut is shown by an ellipsis.
    """
    if limit is not None and len(text) > limit:
        text = text[: max(limit - 1, 0)] + "…"
    if _PLAIN.fullmatch(text):
        return text
    return "".join(_escaped(char) if unicodedata.category(char) in _UNSAFE else char for char in text)


def _escaped(char: str) -> str:
    return f"\\u{{{ord(char):x}}}"


def defanged(text: str) -> str:
    """Return ``text`` with web addresses made unclickable (``hxxp://``), for display only."""
    return _SCHEME.sub(lambda match: f"{match[1]}xx{match[2]}://", text)
