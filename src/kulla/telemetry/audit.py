"""Records of the Linux audit system, and their joining into events.

Formats: https://github.com/linux-audit/audit-documentation/wiki (record types, field dictionary, "Audit Event Enrichment").
One event is several lines with the same serial number; the lines of different events are interleaved.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address
from typing import Any

from kulla.model import moment
from kulla.telemetry import times
from kulla.telemetry.syscalls import syscall_name

Fields = dict[str, Any]

#: Events that wait for more records at a time, and the characters that they may have together. Audit events are complete
#: within a few lines; several hosts in one file make it more.
WAITING_EVENTS = 256
WAITING_CHARACTERS = 4 * 1024 * 1024
#: Serials of finished events that are remembered, to notice a record that comes too late.
REMEMBERED = 4096

# Linear: all classes exclude the character that follows them, or are bounded; a name is tried only where a word begins.
_HEAD = re.compile(r"(?:node=(\S{1,255}) )?type=([A-Z0-9_\[\]]{1,64}) (?:msg=)?audit\(([\d./: -]{5,40}):(\d{1,20})\) ?: ?")
_PAIR = re.compile(r"(?<![\w-])([A-Za-z_][\w-]*(?:\[\d{1,5}\])?)=(\"[^\"]*\"|'[^']*'|\S*)")
_AVC = re.compile(r"avc: +(denied|granted) +\{ ?([^}]{0,500}?) ?\}")
_CHUNK = re.compile(r"(a\d{1,5})\[(\d{1,5})\]")
_ARGUMENT = re.compile(r"a(\d{1,5})")
_HEX = re.compile(r"(?:[0-9A-F]{2})+")
_QUOTE = "'"

#: Fields whose unquoted value is text as hexadecimal digits (auparse's "escaped" types).
_ESCAPED = frozenset(
    {
        "proctitle",
        "name",
        "exe",
        "comm",
        "cmd",
        "cwd",
        "path",
        "file",
        "dir",
        "watch",
        "key",
        "acct",
        "data",
        "grp",
        "new_group",
        "vm",
        "sw",
    }
)
#: Of these, the ones in which a zero byte ends each argument.
_ARGUMENT_VECTORS = frozenset({"proctitle", "data"})
#: Values that say "none": https://github.com/linux-audit/audit-documentation/wiki (unset). A bare brace opens an enriched address.
_UNSET = frozenset({"?", "(null)", "(none)", "{"})
#: Numbers of record types that the kernel writes into the system log, by include/uapi/linux/audit.h.
_TYPES = {
    "1300": "SYSCALL", "1302": "PATH", "1305": "CONFIG_CHANGE", "1306": "SOCKADDR", "1307": "CWD", "1309": "EXECVE", "1320": "EOE",
    "1325": "NETFILTER_CFG", "1326": "SECCOMP", "1327": "PROCTITLE", "1400": "AVC", "1334": "BPF", "1100": "USER_AUTH", "1101": "USER_ACCT",
    "1103": "CRED_ACQ", "1104": "CRED_DISP", "1105": "USER_START", "1106": "USER_END", "1112": "USER_LOGIN", "1114": "ADD_USER",
    "1123": "USER_CMD", "1130": "SERVICE_START", "1131": "SERVICE_STOP", "1700": "ANOM_PROMISCUOUS", "1701": "ANOM_ABEND",
}  # fmt: skip
_AF_INET = 2
_AF_INET6 = 10


@dataclass(frozen=True, slots=True)
class Record:
    """One line of an audit log."""

    node: str
    type: str
    stamp: str
    serial: str
    fields: list[tuple[str, str]]
    size: int

    @property
    def key(self) -> tuple[str, str, str]:
        """What the records of one event share."""
        return self.node, self.stamp, self.serial


def parse(text: str, node: str = "") -> Record | None:
    """Understand one record, from ``type=`` or ``node=`` on; None when it is none.

    Args:
        text: one line.
        node: the host where the record itself names none.
    """
    match = _HEAD.match(text)
    if match is None:
        return None
    kind = _TYPES.get(match[2], match[2])
    return Record(match[1] or node, kind, match[3], match[4], _fields(kind, text[match.end() :]), len(text))


def _fields(kind: str, body: str) -> list[tuple[str, str]]:
    """Return the record's fields in their order; enriched ones stand after the control character 0x1d."""
    raw, _, enriched = body.partition("\x1d")
    start = raw.find("msg='")  # records of programs have their fields inside quotes
    if start >= 0:
        raw = f"{raw[:start]} {raw[start + 5 :].rstrip().removesuffix(_QUOTE)}"
    if kind == "PROCTITLE" and raw.startswith("proctitle=") and not _HEX.fullmatch(raw[10:].split(" ", 1)[0]):
        return [("proctitle", raw[10:].strip().strip('"'))]  # ausearch -i writes it with its blanks
    plain = f"{raw} {enriched}"
    pairs = [(name, _value(kind, name, value)) for name, value in _PAIR.findall(plain)]
    found = [(name, value) for name, value in pairs if value and value not in _UNSET]
    avc = _AVC.search(plain)
    if avc:
        return [("seresult", avc[1]), ("seperms", avc[2]), *found]
    return found or ([("message", plain.strip())] if plain.strip() else [])


def _value(kind: str, name: str, value: str) -> str:
    if value.startswith(("'", '"')):
        return value.strip(value[0])
    if (name in _ESCAPED or (kind == "EXECVE" and name[0] == "a")) and _HEX.fullmatch(value) and not _is_count(kind, name):
        return decoded(value) if name not in _ARGUMENT_VECTORS else decoded(value).replace("\0", " ").strip()
    return value


def _is_count(kind: str, name: str) -> bool:
    return kind == "EXECVE" and (name == "argc" or name.endswith("_len"))


def decoded(digits: str) -> str:
    """Return the text that hexadecimal digits stand for; bytes that are no UTF-8 become U+FFFD."""
    return bytes.fromhex(digits).decode("utf-8", "replace")


def moment_of(stamp: str) -> int:
    """Return microseconds of ``1658130000.123``, or of ausearch's ``07/15/2022 09:14:03.123``."""
    seconds, _, fraction = stamp.partition(".")
    if seconds.isdigit() and len(seconds) <= 11 and fraction.isdigit():  # noqa: PLR2004 - seconds up to the year 5138
        return int(seconds) * 1_000_000 + int(f"{fraction:0<6}"[:6])
    return times.any_text(stamp) if "/" in stamp else moment.UNKNOWN


def event(records: list[Record]) -> Fields:
    """Return one event from its records, in their order.

    A key of several records has a list of values. EXECVE's arguments ``a0``... win over the registers of SYSCALL,
    which become ``syscall_a0``...; several keys
    of rules are several values; fields that rules of other categories ask are added (see ``_derive``).
    """
    types = list(dict.fromkeys(record.type for record in records))
    first = records[0]
    fields: Fields = {"type": types if len(types) > 1 else types[0], "timestamp": first.stamp, "serial": first.serial}
    if first.node:
        fields["node"] = fields["Computer"] = first.node
    executes = "EXECVE" in types
    for record in records:
        for name, value in record.fields:
            for one in value.split("\x01") if name == "key" else (value,):
                _put(fields, _renamed(record.type, name, executes=executes), one)
    _join_arguments(fields)
    _derive(fields, records, executes=executes)
    return fields


def _renamed(kind: str, name: str, *, executes: bool) -> str:
    if executes and kind == "SYSCALL" and name in ("a0", "a1", "a2", "a3"):
        return f"syscall_{name}"
    if name == "hostname":
        return "remote_hostname"  # where a user came from; ``hostname`` is the name of the host that tells it
    return f"audit_{name}" if name in ("type", "timestamp", "serial", "node", "Computer") else name


def _put(fields: Fields, name: str, value: str) -> None:
    if name not in fields:
        fields[name] = value
    elif isinstance(fields[name], list):
        fields[name].append(value)
    else:
        fields[name] = [fields[name], value]


def _join_arguments(fields: Fields) -> None:
    """Put arguments that were too long for a record together (``a1[0]``, ``a1[1]``, ...)."""
    parts: dict[str, list[tuple[int, str]]] = {}
    for name in list(fields):
        match = _CHUNK.fullmatch(name)
        if match:
            parts.setdefault(match[1], []).append((int(match[2]), str(fields.pop(name))))
    for name, pieces in parts.items():
        fields[name] = "".join(piece for _, piece in sorted(pieces))


def _derive(fields: Fields, records: list[Record], *, executes: bool) -> None:
    """Add the name of the system call, and the fields of the categories process_creation, file_event and network_connection."""
    if "SYSCALL" not in fields and isinstance(fields.get("syscall"), str):
        name = syscall_name(str(fields.get("arch", "")), fields["syscall"])
        if name:
            fields["SYSCALL"] = name
    if executes:
        fields["CommandLine"] = " ".join(_arguments(fields))
        _copy(fields, {"cwd": "CurrentDirectory", "pid": "ProcessId", "ppid": "ParentProcessId"})
        _copy(fields, {"UID": "User"} if "UID" in fields else {"uid": "User"})
    for record in records:
        own = dict(record.fields)
        if record.type == "PATH" and own.get("nametype", own.get("objtype")) == "CREATE":
            _put(fields, "TargetFilename", _absolute(own.get("name", ""), fields.get("cwd")))
        if record.type == "SOCKADDR":
            _put_address(fields, own.get("saddr", ""))
    if executes or "TargetFilename" in fields or "DestinationIp" in fields:
        _copy(fields, {"exe": "Image"})


def _arguments(fields: Fields) -> list[str]:
    numbered = [(int(match[1]), str(value)) for name, value in fields.items() if (match := _ARGUMENT.fullmatch(name))]
    return [value for _, value in sorted(numbered)]


def _copy(fields: Fields, names: dict[str, str]) -> None:
    for old, new in names.items():
        if old in fields:
            fields[new] = fields[old]


def _absolute(name: str, cwd: object) -> str:
    return name if name.startswith("/") or not isinstance(cwd, str) else f"{cwd.rstrip('/')}/{name}"


def _put_address(fields: Fields, saddr: str) -> None:
    """Decode a socket address: family in the host's order (little endian), port and address in the network's."""
    if not _HEX.fullmatch(saddr):
        return
    data = bytes.fromhex(saddr)
    family = int.from_bytes(data[:2], "little")
    address: IPv4Address | IPv6Address
    if family == _AF_INET and len(data) >= 8:  # noqa: PLR2004 - family, port, IPv4 address
        address = IPv4Address(data[4:8])
    elif family == _AF_INET6 and len(data) >= 24:  # noqa: PLR2004 - family, port, flow, IPv6 address
        address = IPv6Address(data[8:24])
    else:
        return
    _put(fields, "DestinationIp", str(address))
    _put(fields, "DestinationPort", str(int.from_bytes(data[2:4], "big")))
    if fields.get("SYSCALL") == "connect":
        fields["Initiated"] = "true"


@dataclass(slots=True)
class Waiting:
    """An event in the window: records that may become more, or fields that are complete."""

    number: int
    time: int
    position: int
    records: list[Record] = field(default_factory=list)
    fields: Fields = field(default_factory=dict)
    size: int = 0

    def finished(self) -> Fields:
        """Return the event."""
        return event(self.records) if self.records else self.fields


@dataclass(slots=True)
class Window:
    """Events in the order of their first record, held until their other records are surely past.

    Nothing is lost when a record comes later than that: it becomes an event of its own, and ``late`` counts it.
    """

    late: int = 0
    _waiting: dict[object, Waiting] = field(default_factory=dict)
    _done: dict[object, None] = field(default_factory=dict)
    _size: int = 0

    def add_record(self, number: int, position: int, record: Record) -> Iterator[Waiting]:
        """Take a record; yield the events that need wait no longer."""
        waiting = self._waiting.get(record.key)
        if waiting is None:
            if record.key in self._done:
                self.late += 1
            waiting = self._waiting[record.key] = Waiting(number, moment_of(record.stamp), position)
        waiting.records.append(record)
        waiting.size += record.size
        self._size += record.size
        yield from self._overflow()

    def add_event(self, number: int, position: int, time: int, fields: Fields, size: int) -> Iterator[Waiting]:
        """Take a complete event of another kind, which keeps its place among the others."""
        whole = Waiting(number, time, position, fields=fields, size=size)
        if not self._waiting:
            yield whole
            return
        self._waiting[number] = whole
        self._size += size
        yield from self._overflow()

    def rest(self) -> Iterator[Waiting]:
        """Yield all that still waits."""
        while self._waiting:
            yield self._first()

    def _overflow(self) -> Iterator[Waiting]:
        while len(self._waiting) > WAITING_EVENTS or (self._waiting and self._size > WAITING_CHARACTERS):
            yield self._first()

    def _first(self) -> Waiting:
        key = next(iter(self._waiting))
        waiting = self._waiting.pop(key)
        self._size -= waiting.size
        if waiting.records:
            self._done[key] = None
            if len(self._done) > REMEMBERED:
                del self._done[next(iter(self._done))]
        return waiting
