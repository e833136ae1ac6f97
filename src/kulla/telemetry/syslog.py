"""One line of a system log: its header, and what its message says about itself.

RFC 5424; RFC 3164 with and without priority and year; the ISO time stamps of rsyslog and syslog-ng; the forms of Cisco and Fortinet.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from kulla.model import moment
from kulla.telemetry import times
from kulla.telemetry.dns_messages import PROGRAMS
from kulla.telemetry.times import MONTHS

Fields = dict[str, Any]

#: RFC 5424, tables 1 and 2, by the names of syslog.conf.
FACILITIES = (
    "kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv", "ftp", "ntp", "audit", "alert", "clock",
    "local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7",
)  # fmt: skip
SEVERITIES = ("emerg", "alert", "crit", "err", "warning", "notice", "info", "debug")
#: Pairs that are taken from a message, and characters of it that are searched for them.
MOST_PAIRS = 128
PAIR_CHARACTERS = 64 * 1024

_DAY = 86_400 * 1_000_000
_HIGHEST_PRI = 191
#: What syslogd itself writes, without host and tag.
_HOSTLESS = ("last message repeated ", "message repeated ", "-- MARK --")

# Linear: each part has fixed or bounded places, or a class that excludes what follows it.
_PRI = re.compile(r"<(\d{1,3})>")
_RFC5424 = re.compile(r"1 (-|\d{4}-\S{6,40}) (\S{1,255}) (\S{1,48}) (\S{1,128}) (\S{1,32}) ")
_BSD = re.compile(
    r"(?:\d{1,10}: )?[*.]?(\w{3}) {1,2}(\d{1,2}) (?:(\d{4}) )?(\d\d):(\d\d):(\d\d)(?:[.,](\d{1,9}))?"  # time, perhaps with its year
    r"(?: (\d{4})(?= ))?(?: [A-Z]{3,4}(?=:))?(: | )"  # year or zone after it
)
_ISO = re.compile(r"(\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d{1,9})?(?:Z|[+-]\d\d:?\d\d)?) ")
_CISCO_SEQUENCE = re.compile(r"\d{1,10}: (?:(\S{1,255}): )?")
_TAG = re.compile(r"([^\s\[\]:<>\"'=,]{1,128})(?:\[([^\]\s]{1,64})\])?: ?")
_HOST = re.compile(r"([^\s:=\"<>]{1,255}|[0-9A-Fa-f:]{2,45})(?: : | |$)")
_CISCO = re.compile(r"%([A-Z][A-Z0-9_-]{1,60})-([0-7])-([A-Z0-9_]{1,80}): ?")
_SD_ID = re.compile(r'\[([^\s="\]]{1,32})')
_SD_PARAM = re.compile(r' ([^\s="\]]{1,32})="([^"\\]*(?:\\.[^"\\]*)*)"')
_PAIR = re.compile(r"(?<![\w.-])([A-Za-z_][\w.-]{0,63})=(\"[^\"]*\"|'[^']*'|[^\s,;]*)")
_SUDO = re.compile(r" *([^ ;:]{1,255}) : (.*)", re.DOTALL)
_FORTINET = re.compile(r"(?:logver=\d{1,10} )?(?:timestamp=\d{1,20} )?date=(\d{4}-\d\d-\d\d) time=(\d\d:\d\d:\d\d)\b")
_SD_ESCAPE = re.compile(r'\\(["\\\]])')


@dataclass(frozen=True, slots=True)
class Line:
    """One line that has a header.

    Attributes:
        fields: of the header and the structured data, without the message.
        message: what follows them.
        time: microseconds UTC; times without a zone are taken as UTC.
    """

    fields: Fields
    message: str
    time: int


@dataclass(slots=True)
class Calendar:
    """Gives days without a year the latest year in which they are not after the file's last change.

    So December in a file that was last written in January belongs to the year before.
    """

    latest: int
    _days: dict[tuple[str, str], int] = field(default_factory=dict)

    @classmethod
    def until(cls, modified: int | None) -> Calendar:
        """Return the calendar of a file; where its last change is not known, until now. One day is allowed for time zones."""
        return cls((moment.from_datetime(datetime.now(UTC)) if modified is None else modified) + _DAY)

    def day(self, month: str, day: str) -> int:
        """Return midnight of ``Jul``, ``15`` in microseconds UTC, UNKNOWN where there is no such day."""
        key = month, day
        if key not in self._days:
            if len(self._days) > 1000:  # noqa: PLR2004 - more than there are days: someone writes nonsense
                self._days.clear()
            self._days[key] = self._find(MONTHS.get(month, 0), int(day))
        return self._days[key]

    def _find(self, month: int, day: int) -> int:
        text = moment.to_text(self.latest)
        newest = int(text[:4]) if text else 1970
        found = (_midnight(year, month, day) for year in range(newest, newest - 9, -1))  # 29 February may be eight years back
        return next((value for value in found if value != moment.UNKNOWN and value <= self.latest), moment.UNKNOWN)


def _midnight(year: int, month: int, day: int) -> int:
    try:
        return moment.from_datetime(datetime(year, month, day, tzinfo=UTC))
    except ValueError:
        return moment.UNKNOWN


def parse(line: str, calendar: Calendar) -> Line | None:
    """Understand the header of one line; None when it has none."""
    fields: Fields = {}
    priority = _PRI.match(line)
    rest = line
    if priority and int(priority[1]) <= _HIGHEST_PRI:
        code = int(priority[1])
        fields = {"pri": priority[1], "facility": FACILITIES[code // 8], "severity": SEVERITIES[code % 8]}
        rest = line[priority.end() :]
    if priority:
        modern = _RFC5424.match(rest)
        if modern:
            return _modern(fields, modern, rest[modern.end() :])
    classic = _classic(fields, rest, calendar)
    if classic is None:
        return _bare(fields, rest)
    own = _own_time(classic.message)
    return classic if own == moment.UNKNOWN else replace(classic, time=own)


def _modern(fields: Fields, header: re.Match[str], rest: str) -> Line:
    """RFC 5424, section 6."""
    stamp, host, program, pid, identifier = header.groups()
    named = {"timestamp": stamp, "hostname": host, "program": program, "pid": pid, "msgid": identifier}
    fields |= {name: value for name, value in named.items() if value != "-"}
    message = _structured(fields, rest)
    return Line(fields, message.removeprefix("\ufeff"), times.iso(stamp) if stamp != "-" else moment.UNKNOWN)


def _structured(fields: Fields, text: str) -> str:
    """Take the structured data and return the message; broken structured data is left in the message."""
    if text.startswith("- ") or text == "-":
        return text[2:]
    at = 0
    while (element := _SD_ID.match(text, at)) is not None:
        at, found = element.end(), {}
        while (param := _SD_PARAM.match(text, at)) is not None:
            found[f"sd.{element[1]}.{param[1]}"] = _SD_ESCAPE.sub(r"\1", param[2])
            at = param.end()
        if text[at : at + 1] != "]":
            return text
        fields.update(found)
        at += 1
    return text[at:].removeprefix(" ")


def _classic(fields: Fields, rest: str, calendar: Calendar) -> Line | None:
    """RFC 3164, section 4.1, and the same with an ISO time."""
    host = ""
    iso = _ISO.match(rest)
    if iso:
        stamp, time, end = iso[1], times.iso(iso[1].replace(",", ".")), iso.end()
    else:
        sequence = _CISCO_SEQUENCE.match(rest)
        if sequence and sequence[1]:
            host, rest = sequence[1], rest[sequence.end() :]
        bsd = _BSD.match(rest)
        if bsd is None or bsd[1] not in MONTHS:
            return None
        stamp, time, end = bsd[0].strip(": "), _bsd_time(bsd, calendar), bsd.end()
        if bsd[9] == ": ":  # Cisco writes no host after the time, or has written it before
            return _tagged(fields | {"timestamp": stamp} | ({"hostname": host} if host else {}), rest[end:], time)
    found = _hosted(fields | {"timestamp": stamp}, rest[end:], time)
    plain = iso and stamp[10] == " " and not fields and "program" not in found.fields
    return None if plain else found  # so begin the logs of many programs, which have a level where a host would be


def _bsd_time(match: re.Match[str], calendar: Calendar) -> int:
    month, day, before, hour, minute, second, fraction, after, _ = match.groups()
    year = before or after
    midnight = _midnight(int(year), MONTHS[month], int(day)) if year else calendar.day(month, day)
    if midnight == moment.UNKNOWN:
        return midnight
    clock = int(hour) * 3600 + int(minute) * 60 + int(second)
    return midnight + clock * 1_000_000 + int(f"{fraction or '':0<6}"[:6])


def _hosted(fields: Fields, rest: str, time: int) -> Line:
    """Take the host, unless the first word is already the tag (logs of one host may leave it out)."""
    tag = _TAG.match(rest)
    hostless = (tag and tag[0].endswith(" ")) or rest.startswith(_HOSTLESS)
    host = None if hostless else _HOST.match(rest)
    if host:
        fields["hostname"] = host[1]
        rest = rest[host.end() :]
    return _tagged(fields, rest, time)


def _tagged(fields: Fields, rest: str, time: int) -> Line:
    tag = _TAG.match(rest)
    if tag and not tag[1].startswith("%") and not tag[1].isdigit():
        fields["program"] = tag[1]
        if tag[2]:
            fields["pid"] = tag[2]
        rest = rest[tag.end() :]
    return Line(fields, rest, time)


def _bare(fields: Fields, rest: str) -> Line | None:
    """A priority, or nothing, and then a body that needs no header: Fortinet's pairs, Cisco's ``%FACILITY-SEVERITY-MNEMONIC``."""
    if fields or _FORTINET.match(rest):
        return Line(fields, rest, _own_time(rest))
    return None


def _own_time(body: str) -> int:
    """Return the time that a Fortinet body tells in the device's own zone, UNKNOWN where it is another body."""
    match = _FORTINET.match(body)
    return times.iso(f"{match[1]}T{match[2]}") if match else moment.UNKNOWN


def event(line: Line, message: str) -> Fields:
    """Return the event: the header's fields, the message, and the pairs that the message has (they never replace a header's field)."""
    fields = dict(line.fields)
    mnemonic = _CISCO.search(message[:400]) or None
    if mnemonic:
        fields |= {"cisco_facility": mnemonic[1], "cisco_severity": mnemonic[2], "mnemonic": mnemonic[3]}
    understands = PROGRAMS.get(fields.get("program", ""))
    fields |= (understands(message) or {}) if understands else {}
    for name, value in _pairs(line, message):
        fields.setdefault(name, value)
    if "devname" in fields:
        fields.setdefault("hostname", fields["devname"])
    fields["message"] = message
    return fields


def _pairs(line: Line, message: str) -> list[tuple[str, str]]:
    if "=" not in message:
        return []
    text = message[:PAIR_CHARACTERS]
    if line.fields.get("program") == "sudo":
        return _sudo_pairs(text)
    found = [(match[1], match[2].strip("\"'")) for match, _ in zip(_PAIR.finditer(text), range(MOST_PAIRS), strict=False)]
    return [(name, value) for name, value in found if value]


def _sudo_pairs(text: str) -> list[tuple[str, str]]:
    """``anna : TTY=pts/0 ; PWD=/home/anna ; USER=root ; COMMAND=/bin/sh -c 'a ; b'``: the command takes the rest."""
    match = _SUDO.fullmatch(text)
    if match is None:
        return []
    head, mark, command = match[2].partition("COMMAND=")
    parts = (part.partition("=") for part in head.split(" ; "))
    pairs = [(name.strip(), value.strip(" ;")) for name, equals, value in parts if equals and name.strip().isidentifier()]
    return [("sudo_user", match[1]), *pairs, *([("COMMAND", command)] if mark else [])]
