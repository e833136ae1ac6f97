"""Comma-separated values: records out of lines, cells out of records (RFC 4180 and what programs make of it)."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache

from kulla.telemetry import batch
from kulla.telemetry.lines import line_place
from kulla.telemetry.reader import Origin

DELIMITERS = (",", ";", "\t", "|")
#: Where the cells stand that have no column.
EXTRA = "_extra"


def split(record: str, delimiter: str) -> list[str]:
    """Return the cells of one record.

    Raises:
        csv.Error: a carriage return outside quotes.
    """
    if '"' not in record and "\r" not in record:
        return record.split(delimiter)
    csv.field_size_limit(batch.RECORD_BYTES)  # Python's own limit of 128 KiB is below what an event's payload needs
    return next(csv.reader((record,), delimiter=delimiter))


@cache
def _closed(delimiter: str) -> tuple[re.Pattern[str], re.Pattern[str]]:
    """Return what a line looks like that ends outside quotes: one that began outside, and one that began inside.

    Linear: every repetition is possessive, so nothing is tried twice.
    """
    rest = rf"[^{re.escape(delimiter)}]*+"
    inside = rf'(?:[^"]++|"")*+"{rest}'
    cells = rf'(?:{re.escape(delimiter)}(?:"{inside}|(?!"){rest}))*+'
    return re.compile(rf'(?:"{inside}|(?!"){rest}){cells}'), re.compile(inside + cells)


@dataclass(slots=True)
class Records:
    """Joins the lines of quoted cells that contain line ends.

    A quote that nobody closes would swallow the rest of the file: after RECORD_BYTES, or at the end, the
    lines it took are given one by one, and the quote is the problem ``unclosed-quote``.
    """

    delimiter: str
    origin: Origin
    _lines: list[str] = field(default_factory=list)
    _first: int = 0
    _size: int = 0

    def add(self, position: int, line: str) -> Iterator[tuple[int, str]]:
        """Take one line; yield (position of the first line, text) of each record that it completes."""
        if not self._lines:
            if '"' not in line or _closed(self.delimiter)[0].fullmatch(line):
                yield position, line
            else:
                self._lines, self._first, self._size = [line], position, len(line)
            return
        self._lines.append(line)
        self._size += len(line) + 1
        if '"' in line and _closed(self.delimiter)[1].fullmatch(line):
            yield self._first, "\n".join(self._lines)
            self._lines = []
        elif self._size > batch.RECORD_BYTES:
            yield from self.end()

    def end(self) -> Iterator[tuple[int, str]]:
        """Give up the open quote; yield the lines that it took."""
        lines, self._lines = self._lines, []
        if lines:
            message = "a quote is not closed; its lines are read one by one"
            self.origin.problems.add(self.origin.path, "unclosed-quote", message, place=line_place(self._first))
        yield from enumerate(lines, self._first)


def unique_names(header: Sequence[str]) -> tuple[str, ...]:
    """Return usable field names: an empty one becomes ``column_N``, a repeated one gets ``_2``, ``_3``, ..."""
    taken: dict[str, int] = {}
    names = []
    for index, cell in enumerate(header, 1):
        name = cell.strip().lstrip("\ufeff") or f"column_{index}"
        taken[name] = taken.get(name, 0) + 1
        names.append(name if taken[name] == 1 else f"{name}_{taken[name]}")
    return tuple(names)


def named(names: Sequence[str], cells: Sequence[str]) -> dict[str, object]:
    """Return the cells by name; empty cells are left out, cells without a column stand in ``_extra``."""
    fields: dict[str, object] = {name: cell for name, cell in zip(names, cells, strict=False) if cell}
    extra = [cell for cell in cells[len(names) :] if cell]
    if extra:
        fields[EXTRA] = extra
    return fields


def ragged(origin: Origin, position: int, cells: int, columns: int) -> None:
    """Count a record that has more or fewer cells than the header has columns."""
    message = f"{cells} cells where the header has {columns}"
    origin.problems.add(origin.path, "ragged-row", message, place=line_place(position))
