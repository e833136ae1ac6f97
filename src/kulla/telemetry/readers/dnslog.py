"""Query logs of name servers: the debug log of Windows DNS and the query log of BIND; names as in Sigma's category ``dns``.

Windows: the "Message logging key" at the top of each log; BIND: https://bind9.readthedocs.io/en/latest/reference.html, category queries.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, ClassVar

import orjson

from kulla.model.logsource import LogSource
from kulla.telemetry import times
from kulla.telemetry.batch import Batch, Source
from kulla.telemetry.dns_messages import bind_query
from kulla.telemetry.lines import Gathering, Parsed, fits, head_lines, slabs, unreadable
from kulla.telemetry.reader import Origin

DNS = LogSource(category="dns")

# Linear: a fixed order of fields; each class excludes the character that ends it.
_CLOCK = r"\d{1,4}[/.-]\d{1,2}[/.-]\d{1,4} \d{1,2}:\d\d:\d\d(?: [AP]M)?"
_PACKET = re.compile(
    rf"({_CLOCK}) ([0-9A-F]{{3,8}}) PACKET {{1,4}}([0-9A-Fa-f]{{8,16}}) (UDP|TCP) (Rcv|Snd) (\S{{2,45}}) +([0-9a-f]{{4}}) "
    r"([R ]) ([A-Z?]) \[([0-9a-f]{4}) ([A-Z ]{1,12}) ([A-Z]{4,12})\] (\S{1,12}) +(\S{1,2000})\s*"
)
_OTHER = re.compile(rf"({_CLOCK}) ([0-9A-F]{{3,8}}) (\S.*)", re.DOTALL)
_BIND = re.compile(r"(\d\d)-(\w{3})-(\d{4}) (\d\d:\d\d:\d\d\.\d{3}) (?:queries: )?(?:info: )?(client .*)", re.DOTALL)
_PREAMBLE = ("DNS Server log file creation", "Log file wrap", "Message logging key")
_DETAIL = re.compile(r"(?:UDP|TCP) (?:question|response) info at ")
_LABEL = re.compile(r"\(\d{1,3}\)")


class DnsReader:
    """Reads query logs of Windows DNS and BIND."""

    name: ClassVar[str] = "dns"

    def sniff(self, head: bytes) -> int:
        """Return 95 when there is a packet or a query line; nothing else looks like them."""
        return 95 if any(parse(line) for line in head_lines(head)) else 0

    def read(self, stream: BinaryIO, origin: Origin) -> Iterator[Batch]:
        """Yield the events; the contents of packets are counted together as ``detail-line``, other lines are ``unreadable-record``."""
        reading = _Reading(origin, Gathering(Source(origin.path, self.name, DNS)))
        for slab in slabs(stream, origin):
            reading.number += slab.oversized
            for position, line in enumerate(slab.lines, slab.first):
                if line and not line.isspace():
                    yield from reading.line(position, line)
        if reading.details:
            message = "the contents of packets are not read"
            origin.problems.add(origin.path, "detail-line", message, count=reading.details)
        yield from reading.gathering.rest()


@dataclass(slots=True)
class _Reading:
    """State of one file.

    Attributes:
        legend: the explanation of the columns goes on, which Windows writes at the top and after a wrap.
    """

    origin: Origin
    gathering: Gathering
    number: int = 0
    details: int = 0
    legend: bool = False

    def line(self, position: int, line: str) -> Iterator[Batch]:
        """Read one line."""
        if line.startswith(_PREAMBLE):
            self.legend = True
            return
        if line[0].isspace() or _DETAIL.match(line):
            self.details += not self.legend
            return
        self.legend = False
        number, self.number = self.number, self.number + 1
        parsed = parse(line) or _other(line)
        if parsed is None:
            unreadable(self.origin, position, line, "no line of a name server")
            return
        event = orjson.dumps(parsed.fields)
        if fits(event, position, self.origin) and self.gathering.add(event, number, parsed.time):
            yield self.gathering.take()


def parse(line: str) -> Parsed | None:
    """Understand one packet line of Windows or one query line of BIND; None when it is neither."""
    match = _PACKET.fullmatch(line)
    if match:
        return _packet(match)
    bind = _BIND.fullmatch(line)
    fields = bind_query(bind[5]) if bind else None
    if bind is None or fields is None:
        return None
    day, month, year, clock = bind.group(1, 2, 3, 4)
    stamp = f"{year}-{times.MONTHS.get(month, 0):02}-{day}T{clock}"
    return Parsed({"time": stamp, **fields}, times.iso(stamp), DNS)


def _packet(match: re.Match[str]) -> Parsed:
    stamp, thread, packet, protocol, direction, address, identifier, response, opcode, flags, letters, code, kind, name = match.groups()
    fields = {"time": stamp, "thread": thread, "packet": packet, "protocol": protocol, "direction": direction, "c-ip": address}
    fields |= {"xid": identifier, "response": "R" if response == "R" else "Q", "opcode": opcode, "flags": flags}
    fields |= {"flag_codes": letters.strip(), "rcode": code, "record_type": kind, "query": _LABEL.sub(".", name).strip(".") or "."}
    return Parsed({key: value for key, value in fields.items() if value}, times.any_text(stamp), DNS)


def _other(line: str) -> Parsed | None:
    """Understand the other lines of Windows DNS that have a time (notes, events, updates)."""
    match = _OTHER.fullmatch(line)
    if match is None:
        return None
    return Parsed({"time": match[1], "thread": match[2], "message": match[3]}, times.any_text(match[1]), DNS)
