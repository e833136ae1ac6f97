"""System logs: files of syslogd, rsyslog and syslog-ng, and what network devices send to them.

A line without header that is indented belongs to the message before it. Audit records inside (audispd, kernel) are joined as
the auditd reader does; events that Sysmon for Linux writes as XML become the nested form of Windows events.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO, ClassVar, cast

from kulla.model import moment
from kulla.model.logsource import LogSource
from kulla.telemetry import audit, syslog
from kulla.telemetry.batch import Batch, Source
from kulla.telemetry.event_xml import event_from_xml
from kulla.telemetry.lines import Gathering, head_lines, likelihood, slabs, unreadable
from kulla.telemetry.reader import Origin
from kulla.telemetry.readers import auditd
from kulla.telemetry.streams import HEAD_BYTES, Peekable

#: What most of the first lines contain -> what the file is; Linux where none does. Routers' rules are keywords of these log sources.
DEVICES: tuple[tuple[re.Pattern[str], LogSource], ...] = (
    (re.compile(r"%%\d\d[A-Z0-9_]{1,60}/\d/"), LogSource(product="huawei", service="syslog")),
    (re.compile(r"%[A-Z][A-Z0-9_-]{1,60}-[0-7]-[A-Z0-9_]{1,80}:"), LogSource(product="cisco", service="syslog")),
    (re.compile(r"\bdevid=.{0,2000}\blogid=|\blogid=.{0,2000}\bdevid="), LogSource(product="fortigate")),
    (re.compile(r"\bRT_FLOW\b|\bUI_[A-Z_]{3,60}:|\brpd\[\d"), LogSource(product="juniper", service="syslog")),
)
LINUX = LogSource(product="linux")
#: Lines and characters that a message may go on for.
MESSAGE_LINES = 1000
MESSAGE_CHARACTERS = 1024 * 1024

# Linear: bounded classes of fixed order.
_AUDIT = re.compile(r"(?:node=\S{1,255} )?type=[A-Z0-9_\[\]]{1,64} (?:msg=)?audit\(")
_AUDIT_SEARCHED = 400


class SyslogReader:
    """Reads system logs; product linux unless the first lines are a network device's."""

    name: ClassVar[str] = "syslog"

    def sniff(self, head: bytes) -> int:
        """Return how many of the first lines have a header, not counting indented ones."""
        lines = [line for line in head_lines(head) if not line[0].isspace()]
        calendar = syslog.Calendar.until(None)
        return likelihood(lines, lambda line: syslog.parse(line, calendar) is not None)

    def read(self, stream: BinaryIO, origin: Origin) -> Iterator[Batch]:
        """Yield the events; a line without header that is not indented is given as a message of its own and counted as ``no-header``."""
        plain = Peekable(stream)
        base = _device(head_lines(plain.peek(HEAD_BYTES)))
        gathering = Gathering(Source(origin.path, self.name, base))
        reading = _Reading(origin, base, gathering, syslog.Calendar.until(origin.modified), auditd.AuditEvents(origin, gathering, base))
        for slab in slabs(cast("BinaryIO", plain), origin):
            reading.number += slab.oversized
            for position, line in enumerate(slab.lines, slab.first):
                yield from reading.line(position, line)
        yield from reading.end()


def _device(lines: list[str]) -> LogSource:
    for pattern, logsource in DEVICES:
        if sum(pattern.search(line) is not None for line in lines) * 2 > len(lines):
            return logsource
    return LINUX


@dataclass(slots=True)
class _Pending:
    """A message that the next lines may continue."""

    number: int
    position: int
    header: syslog.Line
    more: list[str] = field(default_factory=list)
    size: int = 0

    def takes(self, line: str) -> bool:
        """Add an indented line, unless there is no more room."""
        self.size += len(line)
        fits_in = len(self.more) < MESSAGE_LINES and self.size <= MESSAGE_CHARACTERS
        if fits_in:
            self.more.append(line)
        return fits_in

    @property
    def message(self) -> str:
        """The whole message."""
        return "\n".join((self.header.message, *self.more))


@dataclass(slots=True)
class _Reading:
    """State of one file."""

    origin: Origin
    base: LogSource
    gathering: Gathering
    calendar: syslog.Calendar
    audits: auditd.AuditEvents
    number: int = 0
    pending: _Pending | None = None

    def line(self, position: int, text: str) -> Iterator[Batch]:
        """Take one line."""
        line = text.strip("\0")
        if not line or line.isspace():
            return
        if line[0].isspace() and self.pending and self.pending.takes(line):
            return
        yield from self._flush()
        header = syslog.parse(line, self.calendar)
        number, self.number = self.number, self.number + 1
        if header is None:
            self.origin.problems.add(self.origin.path, "no-header", "read as a message without time and host", place=f"line {position + 1}")
            header = syslog.Line({}, line, moment.UNKNOWN)
        self.pending = _Pending(number, position, header)

    def end(self) -> Iterator[Batch]:
        """Give what still waits."""
        yield from self._flush()
        yield from self.audits.end()
        yield from self.gathering.rest()

    def _flush(self) -> Iterator[Batch]:
        pending, self.pending = self.pending, None
        if pending is None:
            return
        found = _AUDIT.search(pending.header.message[:_AUDIT_SEARCHED])
        record = audit.parse(pending.header.message[found.start() :], pending.header.fields.get("hostname", "")) if found else None
        if record is not None:
            yield from self.audits.give(self.audits.window.add_record(pending.number, pending.position, record))
            return
        event = self._sysmon(pending)
        time = pending.header.time if event is None else moment.UNKNOWN  # Sysmon's own time has its year
        fields = syslog.event(pending.header, pending.message) if event is None else event
        size = len(pending.header.message) + pending.size
        yield from self.audits.give(self.audits.window.add_event(pending.number, pending.position, time, fields, size))

    def _sysmon(self, pending: _Pending) -> syslog.Fields | None:
        message = pending.message
        start = message.find("<Event>")
        if start < 0 or pending.header.fields.get("program") != "sysmon":
            return None
        try:
            return {**pending.header.fields, **event_from_xml(message[start:].rstrip())}
        except ValueError as error:
            unreadable(self.origin, pending.position, message, f"no event of Sysmon: {error}")
            return None
