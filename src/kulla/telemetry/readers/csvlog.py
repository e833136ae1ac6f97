"""Comma-separated exports: EvtxECmd, the Windows Event Viewer, PowerShell's Export-Csv, and any other with a header line.

The delimiter is the one of ``, ; TAB |`` that gives the header most columns. Windows exports get the names that the event
log itself uses (EventID, Channel, Computer), so that the same rules apply.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO, ClassVar

import orjson

from kulla.model import moment
from kulla.model.logsource import LogSource
from kulla.model.problem import Problems
from kulla.telemetry import times
from kulla.telemetry.batch import Batch, Source
from kulla.telemetry.delimited import DELIMITERS, Records, named, ragged, split, unique_names
from kulla.telemetry.fields import name_key
from kulla.telemetry.json_rewrite import rewrite
from kulla.telemetry.lines import Gathering, fits, head_lines, slabs, unreadable
from kulla.telemetry.reader import Origin

Fields = dict[str, Any]

#: Columns that hold a record's time, best first (as ``name_key`` folds them).
TIME_COLUMNS = (
    "timecreated", "dateandtime", "@timestamp", "_time", "timestamp", "eventtime", "utctime", "creationdate", "creationtime", "datetime",
    "timegenerated", "timewritten", "ts", "time", "starttime", "date_time", "date-time", "rundate", "date",
)  # fmt: skip
_WINDOWS = LogSource(product="windows")
_EXCHANGE_MANAGEMENT = LogSource(product="windows", service="msexchange-management")
#: What may stand before the header: PowerShell's type, the spreadsheet's delimiter.
_MARKS = ("#TYPE ", "sep=")
_SAMPLED_LINES = 20
_FEWEST_COLUMNS = 2
# A name as programs give them; a sentence, a time of day or a key=value pair is none. Linear: one class.
_NAME = re.compile(r"[A-Za-z_@][\w .@()/%#-]{0,60}")


@dataclass(frozen=True, slots=True)
class Profile:
    """What is known about one program's exports.

    Attributes:
        columns: all of these in the header mean this program.
        adapt: returns the fields with the event log's own names.
        unnamed: of columns after the last, over which the program writes no name.
    """

    columns: frozenset[str]
    logsource: LogSource
    adapt: Callable[[Fields], Fields]
    unnamed: tuple[str, ...] = ()


def _evtxecmd(fields: Fields) -> Fields:
    # These are the ids of the process that wrote the event, which the event log keeps apart from the event's own ProcessId.
    _rename(fields, {"ProcessId": "Execution_ProcessID", "ThreadId": "Execution_ThreadID", "UserId": "Security_UserID"})
    return rewrite(fields)


def _event_viewer(fields: Fields) -> Fields:
    _rename(fields, {"Event ID": "EventID", "Source": "Provider_Name"})
    return fields


def _admin_audit(fields: Fields) -> Fields:
    """Put cmdlet and parameters into one text, as event 1 of the channel MSExchange Management has them."""
    fields["Message"] = f"{fields.get('CmdletName', '')} {fields.get('CmdletParameters', '')}".strip()
    return fields


def _rename(fields: Fields, names: dict[str, str]) -> None:
    for old, new in names.items():
        if old in fields:
            fields[new] = fields.pop(old)


PROFILES: tuple[Profile, ...] = (
    Profile(frozenset({"EventId", "Provider", "Channel", "MapDescription", "Payload"}), _WINDOWS, _evtxecmd),
    Profile(frozenset({"Level", "Date and Time", "Source", "Event ID", "Task Category"}), _WINDOWS, _event_viewer, ("Message",)),
    Profile(frozenset({"Id", "ProviderName", "LogName", "TimeCreated", "MachineName"}), _WINDOWS, rewrite),
    # Search-AdminAuditLog | Export-Csv of Exchange Server
    Profile(frozenset({"CmdletName", "CmdletParameters", "Caller", "RunDate"}), _EXCHANGE_MANAGEMENT, _admin_audit),
    # Splunk, which may hold the original event in _raw
    Profile(frozenset({"_raw", "_time"}), LogSource(), rewrite),
)
_PLAIN = Profile(frozenset(), LogSource(), lambda fields: fields)


class CsvReader:
    """Reads CSV with a header line."""

    name: ClassVar[str] = "csv"

    def sniff(self, head: bytes) -> int:
        """Return 90 for a known program's header or mark, 60 where every record is as wide as the header, 30 where it looks like one."""
        lines = head_lines(head)
        marked = bool(lines) and lines[0].startswith(_MARKS)
        lines = lines[marked:]
        if not lines or lines[0][:1] in "{[<#":
            return 0
        header = Header.of(lines[0])
        if marked or header.profile is not _PLAIN:
            return 90
        return _regularity(header, lines[1:_SAMPLED_LINES])

    def read(self, stream: BinaryIO, origin: Origin) -> Iterator[Batch]:
        """Yield the events; a row with more or fewer cells than the header is read and counted as ``ragged-row``."""
        reading: _Reading | None = None
        for slab in slabs(stream, origin):
            if reading:
                reading.number += slab.oversized
            for position, line in enumerate(slab.lines, slab.first):
                if reading:
                    yield from reading.line(position, line)
                elif line.strip() and not line.startswith(_MARKS):
                    reading = _Reading.of(line, origin)
        if reading:
            yield from reading.end()


def _regularity(header: Header, lines: list[str]) -> int:
    columns = len(header.names)
    nameless = [name for index, name in enumerate(header.names[1:], 2) if name == f"column_{index}"]  # a first one may be: pandas
    if columns < _FEWEST_COLUMNS or nameless or not all(_NAME.fullmatch(name) for name in header.names):
        return 0
    joiner = Records(header.delimiter, Origin("", Problems()))
    records = [record for position, line in enumerate(lines) for _, record in joiner.add(position, line)]
    fitting = sum(len(_cells(record, header.delimiter) or ()) == columns for record in records)
    if records and fitting == len(records):
        return 60
    return 30 if fitting * 2 > len(records) or columns > _FEWEST_COLUMNS else 0


@dataclass(frozen=True, slots=True)
class Header:
    """The names of the columns and what follows from them."""

    delimiter: str
    names: tuple[str, ...]
    profile: Profile
    times: tuple[str, ...]

    @classmethod
    def of(cls, line: str) -> Header:
        """Understand a header line."""
        delimiter = max(DELIMITERS, key=lambda candidate: len(_cells(line, candidate) or ()))
        names = unique_names(_cells(line, delimiter) or [line])
        profile = next((known for known in PROFILES if known.columns <= set(names)), _PLAIN)
        return cls(delimiter, (*names, *profile.unnamed), profile, _time_columns(names))

    def time(self, fields: Fields) -> int:
        """Return the time of a record, UNKNOWN where no column gives one."""
        return times.any_text(" ".join(str(fields.get(name, "")) for name in self.times)) if self.times else moment.UNKNOWN


def _time_columns(names: Sequence[str]) -> tuple[str, ...]:
    """Return the column, or the two columns of date and clock, that hold the time."""
    folded: dict[str, str] = {}
    for name in names:
        folded.setdefault(name_key(name), name)
    if "date" in folded and "time" in folded:
        return folded["date"], folded["time"]
    return next(((folded[column],) for column in TIME_COLUMNS if column in folded), ())


def _cells(record: str, delimiter: str) -> list[str] | None:
    try:
        return split(record, delimiter)
    except csv.Error:
        return None


@dataclass(slots=True)
class _Reading:
    """State of one file."""

    origin: Origin
    header: Header
    records: Records
    gathering: Gathering
    number: int = 0

    @classmethod
    def of(cls, line: str, origin: Origin) -> _Reading:
        header = Header.of(line)
        source = Source(origin.path, CsvReader.name, header.profile.logsource)
        return cls(origin, header, Records(header.delimiter, origin), Gathering(source))

    def line(self, position: int, line: str) -> Iterator[Batch]:
        """Take one line, which may complete a record."""
        for first, record in self.records.add(position, line):
            yield from self._record(first, record)

    def end(self) -> Iterator[Batch]:
        """Read what an unclosed quote held back, and give the last batch."""
        for first, record in self.records.end():
            yield from self._record(first, record)
        yield from self.gathering.rest()

    def _record(self, position: int, record: str) -> Iterator[Batch]:
        if not record.strip():
            return
        number, self.number = self.number, self.number + 1
        try:
            event, time = self._event(position, split(record, self.header.delimiter))
        except (csv.Error, orjson.JSONEncodeError) as error:
            unreadable(self.origin, position, record, str(error))
            return
        if fits(event, position, self.origin) and self.gathering.add(event, number, time):
            yield self.gathering.take()

    def _event(self, position: int, cells: list[str]) -> tuple[bytes, int]:
        fields = named(self.header.names, cells)
        time = self.header.time(fields)
        if len(cells) < len(self.header.names) or "_extra" in fields:
            ragged(self.origin, position, len(cells), len(self.header.names))
        return orjson.dumps(self.header.profile.adapt(fields)), time
