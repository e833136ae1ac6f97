"""Exchange Server's own logs: message tracking, HttpProxy (what OWA, ECP, EWS and Autodiscover were asked), SMTP protocol and others.

All are CSV with a preamble (https://learn.microsoft.com/exchange/mail-flow/transport-logs/message-tracking):
``#Software: Microsoft Exchange Server``, ``#Log-type:``, ``#Fields:``. HttpProxy logs put the column names also in the first line.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import BinaryIO, ClassVar

import orjson

from kulla.model import moment
from kulla.model.logsource import LogSource
from kulla.telemetry import times
from kulla.telemetry.batch import Batch, Source
from kulla.telemetry.delimited import named, ragged, split, unique_names
from kulla.telemetry.lines import Gathering, fits, head_lines, slabs, unreadable
from kulla.telemetry.reader import Origin
from kulla.telemetry.webfields import query_values

#: HttpProxy columns -> the names that webserver rules use.
WEB_FIELDS = {
    "Method": "cs-method",
    "HttpStatus": "sc-status",
    "UserAgent": "cs-user-agent",
    "ClientIpAddress": "c-ip",
    "UrlHost": "cs-host",
    "AuthenticatedUser": "cs-username",
    "UrlStem": "cs-uri-stem",
}
_TIME_COLUMNS = ("date-time", "DateTime", "dateTime", "date_time", "TimeStamp", "Timestamp", "StartTime")
_WEB = LogSource(product="windows", category="webserver", service="exchange-httpproxy")
#: ``#Log-type`` contains -> service; the first that fits. SigmaHQ has no name for these.
_SERVICES = (
    ("message tracking", LogSource(product="windows", service="exchange-message-tracking")),
    ("smtp", LogSource(product="windows", service="exchange-smtp")),
    ("httpproxy", _WEB),
)
_PREAMBLE_LINES = 8


class ExchangeReader:
    """Reads Exchange Server's CSV logs."""

    name: ClassVar[str] = "exchange"

    def sniff(self, head: bytes) -> int:
        """Return 100 for Exchange's preamble."""
        lines = head_lines(head)[:_PREAMBLE_LINES]
        if any(line.startswith("#Software: Microsoft Exchange") for line in lines):
            return 100
        return 90 if any(line.startswith("#Log-type: ") for line in lines) else 0

    def read(self, stream: BinaryIO, origin: Origin) -> Iterator[Batch]:
        """Yield the events; a row with too many or too few cells is a ``ragged-row`` or, without a time, an ``unreadable-record``."""
        reading = _Reading(origin, Gathering(Source(origin.path, self.name)))
        for slab in slabs(stream, origin):
            reading.number += slab.oversized
            for position, line in enumerate(slab.lines, slab.first):
                if line.startswith("#"):
                    reading.layout = reading.layout.directive(line)
                elif line and line != reading.layout.heading:
                    yield from reading.record(position, line)
        yield from reading.gathering.rest()


@dataclass(frozen=True, slots=True)
class Layout:
    """What the preamble read so far says; ``heading`` is the text of ``#Fields``, which may also stand as a line of its own."""

    heading: str = ""
    names: tuple[str, ...] = ()
    logsource: LogSource = field(default_factory=lambda: LogSource(product="windows", service="exchange"))

    def directive(self, line: str) -> Layout:
        """Return the layout after one ``#`` line; unknown directives change nothing."""
        key, _, value = line.partition(":")
        match key.lower():
            case "#fields":
                return replace(self, heading=value.strip(), names=unique_names(value.strip().split(",")))
            case "#log-type":
                folded = value.lower()
                found = next((logsource for part, logsource in _SERVICES if part in folded), None)
                return replace(self, logsource=found) if found else self
        return self


@dataclass(slots=True)
class _Reading:
    """State of one file: the layout in force and the number of the next record."""

    origin: Origin
    gathering: Gathering
    layout: Layout = field(default_factory=Layout)
    number: int = 0

    def record(self, position: int, line: str) -> Iterator[Batch]:
        """Read one line; before ``#Fields`` it can only be the names themselves."""
        if not self.layout.names:
            if not self._heading(line):
                unreadable(self.origin, position, line, "no #Fields line before")
                self.number += 1
            return
        number, self.number = self.number, self.number + 1
        fields = self._fields(position, line)
        if fields is None:
            return
        yield from self._turn()
        event = orjson.dumps(fields)
        if fits(event, position, self.origin) and self.gathering.add(event, number, _time(fields)):
            yield self.gathering.take()

    def _heading(self, line: str) -> bool:
        """Take the first line for names if one is a time column's."""
        names = unique_names(line.split(","))
        known = any(column in names for column in _TIME_COLUMNS)
        if known:
            self.layout = replace(self.layout, heading=line, names=names)
        return known

    def _fields(self, position: int, line: str) -> dict[str, object] | None:
        try:
            cells = split(line, ",")
        except csv.Error as error:
            unreadable(self.origin, position, line, str(error))
            return None
        fields = named(self.layout.names, cells)
        if len(cells) != len(self.layout.names):
            if _time(fields) == moment.UNKNOWN:
                unreadable(self.origin, position, line, f"{len(cells)} cells where #Fields names {len(self.layout.names)}")
                return None
            ragged(self.origin, position, len(cells), len(self.layout.names))
        if self.layout.logsource == _WEB:
            _add_web_names(fields)
        return fields

    def _turn(self) -> Iterator[Batch]:
        """Begin a batch of another source where the log type has changed."""
        if self.layout.logsource != self.gathering.source.logsource:
            yield from self.gathering.rest()
            self.gathering.source = Source(self.origin.path, ExchangeReader.name, self.layout.logsource)


def _time(fields: dict[str, object]) -> int:
    text = next((fields[column] for column in _TIME_COLUMNS if column in fields), None)
    return times.iso(text) if isinstance(text, str) else moment.UNKNOWN


def _add_web_names(fields: dict[str, object]) -> None:
    stem, query = str(fields.get("UrlStem", "")), str(fields.get("UrlQuery", "")).removeprefix("?")
    values = query_values(stem, query)
    if values:
        fields["cs-uri-query"] = values
    for column, name in WEB_FIELDS.items():
        if column in fields:
            fields[name] = fields[column]
