"""Tables of indicators: CSV with commas, semicolons, tabs or bars, with or without a header."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from kulla.detection.indicators.forms import is_type_word, terms_by_form, terms_by_word, type_word
from kulla.detection.indicators.indicator_set import DEFAULT_LEVEL, Header, IndicatorBuilder, Term
from kulla.detection.indicators.textlines import MAX_LINE, numbered_lines
from kulla.model import moment
from kulla.model.level import LEVELS
from kulla.model.text import visible

DELIMITERS = (",", ";", "\t", "|")

_VALUE_WORDS = frozenset(
    ("value", "indicator", "ioc", "ioc-value", "indicator-value", "observable", "artifact", "data", "iocs", "indicators")
)
_TYPE_COLUMN = frozenset(("type", "ioc-type", "indicator-type", "kind", "observable-type", "data-type"))
_TITLE_COLUMN = frozenset(("title", "name", "description", "comment", "threat", "malware", "malware-printable", "note", "notes", "context"))
_LEVEL_COLUMN = frozenset(("level", "severity"))
_CONFIDENCE_COLUMN = frozenset(("confidence", "confidence-level", "score"))
_TAG_COLUMN = frozenset(("tags", "tag", "labels", "label", "tlp"))
_FROM_COLUMN = frozenset(("valid-from", "first-seen", "firstseen", "first-seen-utc", "dateadded", "date-added"))
_UNTIL_COLUMN = frozenset(("valid-until", "valid-to", "expires", "expiration", "expiry"))
_TAG_SPLIT = re.compile(r"[,;|\s]+")
_TLP = re.compile(r"(?:tlp:)?(clear|white|green|amber(?:\+strict)?|red)", re.IGNORECASE)
_HEAD_LINES = 50
_HIGH, _LOW = 70, 30  # of 100; as in stix.py
_SHOWN = 80


@dataclass(slots=True)
class _Columns:
    """Which column holds what; -1: none does."""

    values: list[tuple[int, str]] = field(default_factory=list)  # column, type's word ("" where the form tells)
    type: int = -1
    title: int = -1
    level: int = -1
    confidence: int = -1
    tags: int = -1
    start: int = -1
    until: int = -1


def delimiter_of(lines: list[str]) -> str | None:
    """Return the delimiter of a table, None where the lines are a plain list.

    Args:
        lines: the first lines of the file.
    """
    rows = [line for line in lines if line.strip() and not line.lstrip().startswith("#")][:_HEAD_LINES]
    for delimiter in DELIMITERS:
        table = list(csv.reader(rows, delimiter=delimiter))
        widths = {len(row) for row in table}
        if table and min(widths) > 1 and len(widths) == 1 and _is_table(table[: _HEAD_LINES // 5]):
            return delimiter
    header = type_word(rows[0]) if rows else ""
    return "," if header in _VALUE_WORDS or is_type_word(header) else None


def _is_table(rows: list[list[str]]) -> bool:
    return bool(_columns_by_name(rows[0]).values) or any(terms_by_form(cell) for cell in rows[-1])


def read_csv(text: io.TextIOWrapper, delimiter: str, path: str, builder: IndicatorBuilder) -> None:
    """Add the rows of a table; a row of unknown form is the problem ``unknown-indicator``."""
    lines = _Lines(text, path, builder)
    columns: _Columns | None = None
    for row in _rows(lines, delimiter, path, builder):
        if not any(cell.strip() for cell in row):
            continue
        if columns is None:
            columns, is_header = _columns(row, lines.comment, delimiter)
            if is_header:
                continue
        _add_row(row, columns, f"line {lines.number}", path, builder)


class _Lines:
    """Lines for ``csv.reader``; remembers the number of the last and the last comment before the data."""

    def __init__(self, text: io.TextIOWrapper, path: str, builder: IndicatorBuilder) -> None:
        self._lines = numbered_lines(text)
        self._path, self._builder = path, builder
        self.number = 0
        self.comment = ""

    def __iter__(self) -> Iterator[str]:
        for number, line in self._lines:
            self.number = number
            if line is None:
                self._builder.problem(self._path, "oversized-indicator", f"longer than {MAX_LINE} characters", f"line {self.number}")
            elif line.lstrip().startswith("#"):
                self.comment = line.lstrip()[1:].strip() or self.comment
            else:
                yield line + "\n"


def _rows(lines: _Lines, delimiter: str, path: str, builder: IndicatorBuilder) -> Iterator[list[str]]:
    # Not strict: a quotation mark inside a cell is a quotation mark. csv raises only for a cell longer than its limit.
    reader = csv.reader(lines, delimiter=delimiter, skipinitialspace=True)
    while True:
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            builder.problem(path, "unreadable-indicators", f"no CSV: {error}", f"line {lines.number}")
            continue
        yield row


def _columns(row: list[str], comment: str, delimiter: str) -> tuple[_Columns, bool]:
    """Return (columns, whether ``row`` is the header): by the header, by a header in a comment, by the form of the first row."""
    named = _columns_by_name(row)
    if named.values and not any(terms_by_form(cell) for cell in row):
        return named, True
    commented = next(csv.reader([comment], delimiter=delimiter, skipinitialspace=True), [])
    named = _columns_by_name(commented)
    if named.values and len(commented) == len(row):
        return named, False
    return _columns_by_form(row), False


def _columns_by_name(row: list[str]) -> _Columns:
    columns = _Columns()
    typed: list[tuple[int, str]] = []
    groups = (
        (_TYPE_COLUMN, "type"), (_TITLE_COLUMN, "title"), (_LEVEL_COLUMN, "level"), (_CONFIDENCE_COLUMN, "confidence"),
        (_TAG_COLUMN, "tags"), (_FROM_COLUMN, "start"), (_UNTIL_COLUMN, "until"),
    )  # fmt: skip
    for place, cell in enumerate(row):
        word = type_word(cell)
        if word in _VALUE_WORDS:
            columns.values.append((place, ""))
        elif is_type_word(word):
            typed.append((place, word))
        for words, name in groups:
            if word in words and getattr(columns, name) < 0:
                setattr(columns, name, place)
    # A column "file" beside "indicator" describes; alone it lists.
    columns.values = columns.values[:1] or typed
    return columns


def _columns_by_form(row: list[str]) -> _Columns:
    values = [(place, "") for place, cell in enumerate(row) if terms_by_form(cell)]
    types = [place for place, cell in enumerate(row) if is_type_word(type_word(cell)) and (place, "") not in values]
    return _Columns(values=values[:1], type=types[0] if types else -1)


def _add_row(row: list[str], columns: _Columns, place: str, path: str, builder: IndicatorBuilder) -> None:
    header = _header(row, columns)
    found = False
    for column, word in columns.values:
        value = _cell(row, column)
        terms = _terms(value, word or type_word(_cell(row, columns.type))) if value else ()
        if terms:
            found = True
            builder.add(header, terms, path, place)
        elif value and word:
            builder.problem(path, "invalid-indicator", f"no {word}: {visible(value, _SHOWN)}", place)
            found = True
    if not found:
        builder.problem(path, "unknown-indicator", f"no known form: {visible(' '.join(row), _SHOWN)}", place)


def _terms(value: str, word: str) -> tuple[Term, ...]:
    """Return the terms of a value by its type's word, by its form where the word is not known."""
    if word and is_type_word(word):
        return terms_by_word(word, value, tree=word in ("domain", "domain-name", "fqdn"))
    return terms_by_form(value)


def _cell(row: list[str], column: int) -> str:
    return row[column].strip() if 0 <= column < len(row) else ""


def _header(row: list[str], columns: _Columns) -> Header:
    return Header(
        title=_cell(row, columns.title),
        level=_level(_cell(row, columns.level).lower(), _cell(row, columns.confidence)),
        tags=_tags(_cell(row, columns.tags)),
        valid_from=_time(_cell(row, columns.start)),
        valid_until=_time(_cell(row, columns.until)),
    )


def _level(word: str, confidence: str) -> str:
    if word in LEVELS:
        return word
    if not confidence.isascii() or not confidence.isdigit():
        return DEFAULT_LEVEL
    number = int(confidence[:4])
    return "high" if number >= _HIGH else "low" if number < _LOW else "medium"


def _tags(text: str) -> tuple[str, ...]:
    words = (word for word in _TAG_SPLIT.split(text)[:32] if word)
    return tuple(dict.fromkeys(_tag(word) for word in words))


def _tag(word: str) -> str:
    marking = _TLP.fullmatch(word)
    return f"tlp:{marking[1].lower().replace('white', 'clear')}" if marking else word[:100]


def _time(text: str) -> int:
    try:
        return moment.from_text(text) if text else moment.UNKNOWN
    except (ValueError, OverflowError):
        return moment.UNKNOWN
