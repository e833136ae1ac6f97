"""Plain lists: one value a line, comments, defanged forms, hosts files and ad-block lists of domains."""

from __future__ import annotations

import io
import re

from kulla.detection.indicators.forms import refang, terms_by_form
from kulla.detection.indicators.indicator_set import PLAIN, IndicatorBuilder
from kulla.detection.indicators.textlines import MAX_LINE, numbered_lines
from kulla.model.text import visible

_COMMENT = re.compile(r"^\s*(?:[#;!]|//).*|\s+(?:#|//|;).*")
#: What hosts files map names to; the name is the indicator.
_NOWHERE = frozenset(("0.0.0.0", "127.0.0.1", "::", "::1"))  # noqa: S104 - nothing is bound to it
_SHOWN = 80


def read_plain(text: io.TextIOWrapper, path: str, builder: IndicatorBuilder) -> None:
    """Add the values of a plain list; a line of unknown form is the problem ``unknown-indicator``."""
    for number, line in numbered_lines(text):
        if line is None:
            builder.problem(path, "oversized-indicator", f"longer than {MAX_LINE} characters", f"line {number}")
            continue
        value = _value(line)
        if not value:
            continue
        terms = terms_by_form(value)
        if terms:
            builder.add(PLAIN, terms, path, f"line {number}")
        else:
            builder.problem(path, "unknown-indicator", f"no known form: {visible(value, _SHOWN)}", f"line {number}")


def _value(line: str) -> str:
    """Return what a line lists, "" for a comment."""
    if "#" in line or ";" in line or "//" in line or line.startswith("!"):
        line = _COMMENT.sub("", line)
    value = line.strip()
    first, blank, second = value.partition(" ") if " " in value else value.partition("\t")
    if blank and refang(first) in _NOWHERE:
        return second.strip()
    return value.rstrip(",;")
