"""IIS and every other log in the W3C Extended Log File Format (https://www.w3.org/TR/WD-logfile): HTTP.SYS errors, firewalls, proxies.

``#Fields`` names the columns and may change in the middle of the file. Header fields such as ``cs(User-Agent)`` get the
name that Sigma uses, ``cs-user-agent``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import BinaryIO, ClassVar

import orjson

from kulla.model import moment
from kulla.model.logsource import LogSource
from kulla.telemetry import times
from kulla.telemetry.batch import Batch, Source
from kulla.telemetry.delimited import named, ragged
from kulla.telemetry.lines import Gathering, fits, head_lines, slabs, unreadable
from kulla.telemetry.reader import Origin
from kulla.telemetry.webfields import proxy_fields, query_values, target_fields

#: What ``#Software`` contains -> what the events are; the first that fits. IIS and HTTP.SYS: category webserver.
SOFTWARE: tuple[tuple[str, LogSource], ...] = (
    ("internet information services", LogSource(product="windows", category="webserver", service="iis")),
    ("microsoft http", LogSource(product="windows", category="webserver", service="http-err")),
    ("windows firewall", LogSource(product="windows", category="firewall")),
    ("sgos", LogSource(category="proxy")),
    ("blue coat", LogSource(category="proxy")),
    ("isa server", LogSource(category="proxy")),
    ("threat management gateway", LogSource(category="proxy")),
    ("proxy", LogSource(category="proxy")),
)
# Linear: a quoted run ends at its quote, an unquoted one at the blank; neither can take the other's characters.
_CELL = re.compile(r'"([^"]*(?:""[^"]*)*)"(?=[ \t]|$)|([^ \t]+)')
_HEADER_FIELD = re.compile(r"(cs|sc|c|s|r|rs|sr)\(([A-Za-z0-9-]+)\)")
_COMMA_LISTS = re.compile(r"#Fields: *[A-Za-z-]+,")


class IisReader:
    """Reads W3C logs."""

    name: ClassVar[str] = "iis"

    def sniff(self, head: bytes) -> int:
        """Return 95 for a ``#Fields`` line with names separated by blanks (those of Exchange are separated by commas)."""
        directives = [line for line in head_lines(head)[:16] if line.startswith("#")]
        if any(_COMMA_LISTS.match(line) for line in directives):
            return 0
        return 95 if any(line.startswith("#Fields: ") for line in directives) else 0

    def read(self, stream: BinaryIO, origin: Origin) -> Iterator[Batch]:
        """Yield the events; a line with too many or too few cells is a ``ragged-row`` or, without a time, an ``unreadable-record``."""
        reading = _Reading(origin, Gathering(Source(origin.path, self.name)))
        for slab in slabs(stream, origin):
            reading.number += slab.oversized
            for position, raw in enumerate(slab.lines, slab.first):
                line = raw.strip("\0 ")  # a log in use ends in zeros that IIS allocated in advance
                if line.startswith("#"):
                    reading.layout = reading.layout.directive(line)
                elif line:
                    yield from reading.record(position, line)
        yield from reading.gathering.rest()


@dataclass(frozen=True, slots=True)
class Layout:
    """What the directives read so far say.

    Attributes:
        names: of the columns, in Sigma's spelling.
        date: of ``#Date``, for logs whose lines have only a clock.
    """

    names: tuple[str, ...] = ()
    date: str = ""
    logsource: LogSource = field(default_factory=LogSource)

    def directive(self, line: str) -> Layout:
        """Return the layout after one ``#`` line; unknown directives change nothing."""
        key, _, value = line.partition(":")
        match key.lower():
            case "#fields":
                return replace(self, names=tuple(_spelled(name) for name in value.split()))
            case "#date":
                return replace(self, date=value.strip()[:10])
            case "#software":
                return replace(self, logsource=_logsource(value))
        return self

    def source(self) -> LogSource:
        """Return the log source; one without ``#Software`` is known by its columns."""
        if self.logsource == LogSource() and "cs-uri-stem" in self.names:
            return LogSource(category="webserver")
        return self.logsource


def _spelled(name: str) -> str:
    match = _HEADER_FIELD.fullmatch(name)
    return f"{match[1]}-{match[2].lower()}" if match else name


def _logsource(software: str) -> LogSource:
    folded = software.lower()
    return next((logsource for part, logsource in SOFTWARE if part in folded), LogSource())


@dataclass(slots=True)
class _Reading:
    """State of one file: the layout in force and the number of the next record."""

    origin: Origin
    gathering: Gathering
    layout: Layout = field(default_factory=Layout)
    number: int = 0

    def record(self, position: int, line: str) -> Iterator[Batch]:
        """Read one line."""
        number, self.number = self.number, self.number + 1
        cells, names = _cells(line), self.layout.names
        fields = named(names, ["" if cell == "-" else cell for cell in cells])
        time = self._time(fields)
        if len(cells) != len(names) and time == moment.UNKNOWN:
            unreadable(self.origin, position, line, f"{len(cells)} cells where #Fields names {len(names)}")
            return
        if len(cells) != len(names):
            ragged(self.origin, position, len(cells), len(names))
        yield from self._turn()
        _derive(fields, self.layout.source().category)
        event = orjson.dumps(fields)
        if fits(event, position, self.origin) and self.gathering.add(event, number, time):
            yield self.gathering.take()

    def _time(self, fields: dict[str, object]) -> int:
        clock = fields.get("time")
        return times.iso(f"{fields.get('date', self.layout.date)}T{clock}") if clock else moment.UNKNOWN

    def _turn(self) -> Iterator[Batch]:
        """Begin a batch of another source where the software has changed."""
        logsource = self.layout.source()
        if logsource != self.gathering.source.logsource:
            yield from self.gathering.rest()
            self.gathering.source = Source(self.origin.path, IisReader.name, logsource)


def _cells(line: str) -> list[str]:
    if '"' not in line:
        return line.split("\t") if "\t" in line else line.split(" ")
    return [match[2] if match[1] is None else match[1].replace('""', '"') for match in _CELL.finditer(line)]


def _derive(fields: dict[str, object], category: str | None) -> None:
    """Add what rules ask and the columns say in another form: the whole target, and blanks that IIS writes as ``+``."""
    stem, uri = fields.get("cs-uri-stem"), fields.get("cs-uri")
    if category == "proxy":
        _derive_proxy(fields)
    elif isinstance(stem, str):
        query = fields.get("cs-uri-query")
        fields["cs-uri-query"] = query_values(stem, query if isinstance(query, str) else "")
    elif isinstance(uri, str):
        fields.update(target_fields(uri))
    for name in ("cs-user-agent", "cs-cookie"):
        value = fields.get(name)
        if isinstance(value, str) and "+" in value:
            fields[name] = [value, value.replace("+", " ")]


def _derive_proxy(fields: dict[str, object]) -> None:
    url = fields.get("cs-uri") or fields.get("c-uri") or _joined_url(fields)
    if isinstance(url, str) and url:
        fields.update({**proxy_fields(url), **fields})
    agent = fields.get("c-agent") or fields.get("cs-user-agent")
    if agent:
        fields["c-useragent"] = agent


def _joined_url(fields: dict[str, object]) -> str:
    """Return the URL that a proxy logged in pieces; empty when it did not."""
    host = fields.get("cs-host")
    if not host:
        return ""
    path = fields.get("cs-uri-path") or fields.get("cs-uri-stem") or ""
    query = str(fields.get("cs-uri-query") or "").removeprefix("?")
    scheme = fields.get("cs-uri-scheme") or "http"
    return f"{scheme}://{host}{path}" + (f"?{query}" if query else "")
