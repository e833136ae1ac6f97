"""Zeek's tab-separated logs.

Format: https://docs.zeek.org/en/master/log-formats.html (ASCII writer). A block of ``#`` directives names separators, fields and
types; a file may have several blocks. Numbers and booleans become JSON numbers and booleans, sets and vectors become
lists, so that an event is the same as in Zeek's own JSON form; unset fields are left out.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, BinaryIO, ClassVar

import orjson

from kulla.model import moment
from kulla.model.logsource import LogSource
from kulla.telemetry.batch import Batch, Source
from kulla.telemetry.lines import Gathering, Slab, fits, head_lines, slabs, unreadable
from kulla.telemetry.reader import Origin

# Linear: each alternative begins with a different character after the backslash and has a fixed length.
_ESCAPE = re.compile(rb"\\(?:x([0-9A-Fa-f]{2})|(\\))")
# Linear: one pass, no part can take what the next one wants.
_NUMBER = re.compile(r"-?\d{1,18}(\.\d{1,18})?(?:[eE][+-]?\d{1,3})?", re.ASCII)
_KEY = re.compile(r"#[a-z_]+")
_CONTAINER = re.compile(r"(?:set|vector|table)\[(\w+)\]")
_NUMERIC = frozenset({"count", "int", "port", "double", "time", "interval"})
_MEMO_ENTRIES = 4096
_MEMO_CHARACTERS = 64
_MOST_SECONDS = 2.5e11  # the year 9892

_Column = Callable[[Sequence[str]], list[Any]]


@dataclass(frozen=True, slots=True)
class Layout:
    """What the directives read so far say about the lines that follow.

    Attributes:
        names: of the fields, in order; None before ``#fields``.
        columns: converts the texts of one field; None stands for an unset value.
    """

    separator: str = "\t"
    set_separator: str = ","
    empty: str = "(empty)"
    unset: str = "-"
    path: str = ""
    names: tuple[str, ...] | None = None
    types: tuple[str, ...] = ()
    columns: tuple[_Column, ...] = ()

    def directive(self, line: str) -> Layout:
        """Return the layout after one ``#`` line; unknown directives and comments change nothing."""
        if line.startswith("#separator "):
            return replace(self, separator=unescape(line[len("#separator ") :].strip(" ")) or "\t")
        key, _, rest = line.partition(self.separator)
        match key:
            case "#set_separator" if rest:
                return replace(self, set_separator=rest).bound()
            case "#empty_field":
                return replace(self, empty=rest).bound()
            case "#unset_field":
                return replace(self, unset=rest).bound()
            case "#path":
                return replace(self, path=rest)
            case "#fields":
                return replace(self, names=tuple(rest.split(self.separator)), types=()).bound()
            case "#types":
                return replace(self, types=tuple(rest.split(self.separator))).bound()
        return self

    def bound(self) -> Layout:
        """Return this layout with a converter for each field; fields without a type are strings."""
        names = self.names or ()
        types = self.types + ("string",) * (len(names) - len(self.types))
        return replace(self, columns=tuple(self._column(kind) for kind in types[: len(names)]))

    def _column(self, kind: str) -> _Column:
        if kind not in _NUMERIC and kind != "bool" and not _CONTAINER.fullmatch(kind):
            special = {self.unset: None, self.empty: ""}
            return lambda texts: [special[text] if text in special else unescape(text) if "\\" in text else text for text in texts]
        convert = self._converter(kind)
        if kind == "time":
            return lambda texts: list(map(convert, texts))  # hardly ever repeats
        memo = _Memo(convert)
        return lambda texts: list(map(memo.__getitem__, texts))

    def _converter(self, kind: str) -> Callable[[str], Any]:
        container = _CONTAINER.fullmatch(kind)
        if container:
            inner = self._column(container[1])
            return lambda text: None if text == self.unset else [] if text == self.empty else inner(text.split(self.set_separator))
        if kind == "bool":
            values = {"T": True, "F": False, self.unset: None}
            return lambda text: values.get(text, text)
        return lambda text: None if text == self.unset else number(text)


class _Memo(dict[str, Any]):
    """Converted values of short texts; most columns repeat a few values. Bounded, and empties itself when full."""

    def __init__(self, convert: Callable[[str], Any]) -> None:
        super().__init__()
        self._convert = convert

    def __missing__(self, text: str) -> Any:
        value = self._convert(text)
        if len(text) <= _MEMO_CHARACTERS:
            if len(self) >= _MEMO_ENTRIES:
                self.clear()
            self[text] = value
        return value


def unescape(text: str) -> str:
    """Undo ``\\xHH`` and ``\\\\``; bytes that are no UTF-8 stay as ``\\xhh``, as in Zeek's JSON."""
    data = text.encode("utf-8", "replace")
    return _ESCAPE.sub(lambda match: match[2] or bytes.fromhex(match[1].decode()), data).decode("utf-8", "backslashreplace")


def number(text: str) -> int | float | str:
    """Return the number that ``text`` writes, or ``text`` itself where it is none of a common size."""
    match = _NUMBER.fullmatch(text)
    if match is None:
        return text
    value = float(text) if match[1] or not text.lstrip("-").isdigit() else int(text)
    return value if abs(value) < float("inf") else text


def moment_of(ts: object) -> int:
    """Return microseconds of Zeek's ``ts``, seconds since the epoch; UNKNOWN beyond the years that moments can write."""
    return round(ts * 1_000_000) if isinstance(ts, int | float) and abs(ts) < _MOST_SECONDS else moment.UNKNOWN


class ZeekReader:
    """Reads Zeek TSV; the log's ``#path`` is the Sigma service and the field ``_path``."""

    name: ClassVar[str] = "zeek"

    def sniff(self, head: bytes) -> int:
        """Return 100 for Zeek's directives."""
        keys = {match[0] for line in head_lines(head)[:16] if (match := _KEY.match(line))}
        if "#separator" in keys and keys & {"#fields", "#path", "#set_separator"}:
            return 100
        return 80 if {"#fields", "#types"} <= keys else 0

    def read(self, stream: BinaryIO, origin: Origin) -> Iterator[Batch]:
        """Yield the events; a line with too few or too many fields is the problem ``unreadable-record``."""
        reading = _Reading(origin, Gathering(Source(origin.path, self.name)))
        for slab in slabs(stream, origin):
            yield from reading.slab(slab)
        yield from reading.gathering.rest()


@dataclass(slots=True)
class _Reading:
    """State of one file: the layout in force and the number of the next record."""

    origin: Origin
    gathering: Gathering
    layout: Layout = field(default_factory=Layout)
    number: int = 0

    def slab(self, slab: Slab) -> Iterator[Batch]:
        """Read runs of data lines between directives, each run column by column."""
        self.number += slab.oversized
        start = 0
        for index, line in enumerate(slab.lines):
            if line.startswith("#"):
                yield from self._run(slab.lines[start:index], slab.first + start)
                self.layout = self.layout.directive(line)
                start = index + 1
        yield from self._run(slab.lines[start:], slab.first + start)

    def _run(self, lines: list[str], first: int) -> Iterator[Batch]:
        rows, numbers, positions = self._rows(lines, first)
        if not rows:
            return
        yield from self._turn()
        layout = self.layout
        names = ("_path", *(layout.names or ()))
        columns: list[list[Any]] = [[layout.path or None] * len(rows)]
        columns += [convert(texts) for convert, texts in zip(layout.columns, zip(*rows, strict=True), strict=True)]
        dumps = orjson.dumps
        times = columns[names.index("ts")] if "ts" in names else [None] * len(rows)
        for row, number_, position, ts in zip(zip(*columns, strict=True), numbers, positions, times, strict=True):
            event = dumps({name: value for name, value in zip(names, row) if value is not None})  # noqa: B905 - equal by _rows; hot
            if fits(event, position, self.origin) and self.gathering.add(event, number_, moment_of(ts)):
                yield self.gathering.take()

    def _rows(self, lines: list[str], first: int) -> tuple[list[list[str]], list[int], list[int]]:
        """Split the lines; count those that do not fit the layout."""
        width = len(self.layout.names or ())
        rows: list[list[str]] = []
        numbers: list[int] = []
        positions: list[int] = []
        for position, line in enumerate(lines, first):
            if not line:
                continue
            row = line.split(self.layout.separator)
            if len(row) == width:
                rows.append(row)
                numbers.append(self.number)
                positions.append(position)
            else:
                why = f"{len(row)} fields where #fields names {width}" if width else "no #fields line before"
                unreadable(self.origin, position, line, why)
            self.number += 1
        return rows, numbers, positions

    def _turn(self) -> Iterator[Batch]:
        """Begin a batch of another source where the path has changed."""
        logsource = LogSource(product="zeek", service=self.layout.path.lower() or None)
        if logsource != self.gathering.source.logsource:
            yield from self.gathering.rest()
            self.gathering.source = Source(self.origin.path, ZeekReader.name, logsource)
