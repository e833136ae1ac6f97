"""Lists of plain things (rules, findings, test results) in the formats table, jsonl, json and csv."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from kulla.model.text import visible
from kulla.reporting.columns import cut, shown, width_of
from kulla.reporting.writer import ByteSink
from kulla.reporting.writers.flat import safe_cell

FORMATS = ("table", "json", "jsonl", "csv")
_GAP = 2
#: Columns of the terminal that the open column of a table has at least.
_NARROWEST = 20


@dataclass(frozen=True, slots=True)
class Column:
    """One column of the table.

    Attributes:
        key: of the row.
        title: above the column.
        most: columns of the terminal it may take at the most; 0 gives it what is left.
    """

    key: str
    title: str
    most: int = 0


def write_rows(sink: ByteSink, form: str, columns: Sequence[Column], rows: Iterable[dict[str, Any]], width: int) -> int:
    """Write rows in one of FORMATS and return how many.

    Args:
        sink: where to.
        form: the format. json and jsonl have the rows as they are, csv and table one cell for each column or key.
        columns: of the table.
        rows: plain values by key, all with the same keys.
        width: of the terminal.
    """
    found = list(rows)
    match form:
        case "jsonl":
            for row in found:
                sink.write(orjson.dumps(_clean(row)) + b"\n")
        case "json":
            sink.write(orjson.dumps([_clean(row) for row in found], option=orjson.OPT_INDENT_2) + b"\n")
        case "csv":
            sink.write(_csv(found))
        case _:
            sink.write(_table(columns, found, width).encode("utf-8", "replace"))
    return len(found)


def _clean(value: Any) -> Any:
    """Return a plain value with unpaired surrogates replaced, which JSON in UTF-8 cannot carry."""
    if isinstance(value, str):
        return value if value.isascii() else value.encode("utf-8", "replace").decode()
    if isinstance(value, (list, tuple)):
        return [_clean(item) for item in value]
    if isinstance(value, dict):
        return {_clean(key): _clean(item) for key, item in value.items()}
    return value


def _csv(rows: list[dict[str, Any]]) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    if rows:
        writer.writerow(rows[0])
    writer.writerows([safe_cell(_cell(value)) for value in row.values()] for row in rows)
    return text.getvalue().encode("utf-8", "replace")


def _cell(value: Any) -> str:
    if isinstance(value, (list, tuple)):
        return " ".join(map(str, value))
    if isinstance(value, dict):
        return json.dumps(value)
    return "" if value is None else str(value)


def _table(columns: Sequence[Column], rows: list[dict[str, Any]], width: int) -> str:
    cells = [[shown(_cell(row[column.key])) for column in columns] for row in rows]
    widths = _widths(columns, cells, width)
    lines = [[column.title for column in columns], *cells]
    return "".join(_line(line, widths) + "\n" for line in lines)


def _widths(columns: Sequence[Column], cells: list[list[str]], width: int) -> list[int]:
    """Return the width of each column: what its cells need, at most ``most``; the open column takes the rest."""
    needed = [max([width_of(column.title), *(width_of(row[at]) for row in cells)]) for at, column in enumerate(columns)]
    taken = [min(need, column.most) if column.most else 0 for need, column in zip(needed, columns, strict=True)]
    rest = max(width - sum(taken) - _GAP * (len(columns) - 1), _NARROWEST)
    return [size or min(need, rest) for size, need in zip(taken, needed, strict=True)]


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    padded = []
    for cell, size in zip(cells, widths, strict=True):
        short = cut(visible(cell), size)
        padded.append(short + " " * (size - width_of(short)))
    return (" " * _GAP).join(padded).rstrip()
