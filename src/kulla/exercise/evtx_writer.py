"""Writes Windows event logs (.evtx), so that synthetic evidence has the form in which real evidence comes.

Structure after [MS-EVEN6] 2.2.12 to 2.2.18 (BinXml) and Joachim Metz, "Windows XML Event Log (EVTX) format" (file, chunk, record).
The events are plain BinXml fragments without templates: larger than what Windows writes, read by the same
tools. Checksums, string tables and counters are right.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, BinaryIO

from kulla.model import moment

Json = Mapping[str, Any]

_CHUNK_BYTES, _FIRST_RECORD, _FILE_HEADER_BYTES = 65_536, 512, 4096
_STRINGS, _BUCKETS = 128, 64
_NAMESPACE = "http://schemas.microsoft.com/win/2004/08/events/event"
#: 1601-01-01 to 1970-01-01 in microseconds.
_FILETIME_EPOCH = 11_644_473_600_000_000

# BinXml tokens; 0x40 says that more attributes follow, or that an element has any.
_END, _OPEN, _CLOSE_START, _CLOSE_EMPTY, _CLOSE = 0x00, 0x01, 0x02, 0x03, 0x04
_VALUE, _ATTRIBUTE, _MORE, _FRAGMENT = 0x05, 0x06, 0x40, b"\x0f\x01\x01\x00"
# Value types.
_STRING, _INT64, _BOOL, _FILETIME = 0x01, 0x09, 0x0D, 0x11
_UNSIGNED = ((0x06, "<H"), (0x08, "<I"), (0x0A, "<Q"))


@dataclass(slots=True)
class _Chunk:
    """A chunk being filled; names of elements and attributes stand once in it, at their first use."""

    first: int
    data: bytearray = field(default_factory=lambda: bytearray(_FIRST_RECORD))
    names: dict[str, int] = field(default_factory=dict)
    buckets: list[int] = field(default_factory=lambda: [0] * _BUCKETS)
    records: list[tuple[int, int]] = field(default_factory=list)

    def add(self, event: Json, number: int) -> bool:
        """Append a record; False, and nothing changed, when it does not fit."""
        before = (len(self.data), dict(self.names), list(self.buckets))
        identifier, time = _identity(event, number)
        start = len(self.data)
        self.data += struct.pack("<4sIQQ", b"**\0\0", 0, identifier, time)
        self.data += _FRAGMENT
        root = dict(event["Event"])
        root["#attributes"] = {"xmlns": _NAMESPACE, **root.get("#attributes", {})}
        self._element("Event", root)
        self.data.append(_END)
        self.data += bytes(-(len(self.data) + 4) % 8)
        size = len(self.data) + 4 - start
        self.data += struct.pack("<I", size)
        if len(self.data) > _CHUNK_BYTES:
            del self.data[before[0] :]
            self.names, self.buckets = before[1], before[2]
            return False
        struct.pack_into("<I", self.data, start + 4, size)
        self.records.append((start, identifier))
        return True

    def _element(self, name: str, value: Any) -> None:
        """Append an element: its attributes, then its text or its parts."""
        node = value if isinstance(value, Mapping) else {"#text": value}
        attributes = node.get("#attributes", {})
        self.data.append(_OPEN | (_MORE if attributes else 0))
        size_at = len(self.data)
        self.data += bytes(4)
        self._name(name)
        if attributes:
            self._attributes(attributes)
        parts = [(key, part) for key, part in node.items() if key != "#attributes" and not (key == "#text" and part is None)]
        if parts:
            self.data.append(_CLOSE_START)
            for key, part in parts:
                self._part(name, key, part)
            self.data.append(_CLOSE)
        else:
            self.data.append(_CLOSE_EMPTY)
        struct.pack_into("<I", self.data, size_at, len(self.data) - size_at - 4)

    def _part(self, parent: str, key: str, part: Any) -> None:
        if key == "#text":
            self._value(part)
            return
        for each in part if isinstance(part, list) else [part]:
            if parent == "EventData" and key != "Data":
                self._element("Data", {"#attributes": {"Name": key}, "#text": each})
            else:
                self._element(key, each)

    def _attributes(self, attributes: Json) -> None:
        size_at = len(self.data)
        self.data += bytes(4)
        for left, (name, value) in zip(range(len(attributes) - 1, -1, -1), attributes.items(), strict=True):
            self.data.append(_ATTRIBUTE | (_MORE if left else 0))
            self._name(name)
            self._value(_filetime(value) if name == "SystemTime" else value)
        struct.pack_into("<I", self.data, size_at, len(self.data) - size_at - 4)

    def _name(self, name: str) -> None:
        """Append a reference to a name, and the name itself at its first use: next in its bucket, hash, length, text, zero."""
        known = self.names.get(name)
        self.data += struct.pack("<I", len(self.data) + 4 if known is None else known)
        if known is None:
            hashed = 0
            for unit in struct.unpack(f"<{len(name.encode('utf-16-le')) // 2}H", name.encode("utf-16-le")):
                hashed = (hashed * 65_599 + unit) & 0xFFFFFFFF
            bucket, at = (hashed & 0xFFFF) % _BUCKETS, len(self.data)
            text = name.encode("utf-16-le")
            self.data += struct.pack("<IHH", self.buckets[bucket], hashed & 0xFFFF, len(text) // 2) + text + b"\0\0"
            self.names[name] = self.buckets[bucket] = at

    def _value(self, value: Any) -> None:
        self.data.append(_VALUE)
        if isinstance(value, _Filetime):
            self.data += struct.pack("<BQ", _FILETIME, value)
        elif isinstance(value, bool):
            self.data += struct.pack("<BI", _BOOL, value)
        elif isinstance(value, int):
            kind, form = next(((kind, form) for kind, form in _UNSIGNED if 0 <= value < 256 ** struct.calcsize(form)), (_INT64, "<q"))
            self.data += struct.pack("<B", kind) + struct.pack(form, value)
        else:
            text = str(value).encode("utf-16-le", "replace")
            self.data += struct.pack("<BH", _STRING, len(text) // 2) + text

    def finished(self) -> bytes:
        """Return the whole chunk with header, string table and checksums."""
        (last_at, last_id), free = self.records[-1], len(self.data)
        data = self.data.ljust(_CHUNK_BYTES, b"\0")
        numbers = (self.first, self.first + len(self.records) - 1, self.records[0][1], last_id)
        events = zlib.crc32(data[_FIRST_RECORD:free])
        struct.pack_into("<8sQQQQIIII", data, 0, b"ElfChnk\0", *numbers, 128, last_at, free, events)
        struct.pack_into(f"<{_BUCKETS}I", data, _STRINGS, *self.buckets)
        struct.pack_into("<I", data, 124, zlib.crc32(data[128:_FIRST_RECORD], zlib.crc32(data[:120])))
        return bytes(data)


class _Filetime(int):
    """A time in units of 100 ns since 1601."""


def _filetime(value: Any) -> Any:
    """Return a time as Windows stores it, the value itself where it is none."""
    try:
        return _Filetime((moment.from_text(str(value)) + _FILETIME_EPOCH) * 10)
    except ValueError:
        return value


def _identity(event: Json, number: int) -> tuple[int, int]:
    """Return the record's identifier and time, from the event's own fields where they are there."""
    system = event["Event"].get("System", {})
    identifier = system.get("EventRecordID", number)
    time = _filetime(system.get("TimeCreated", {}).get("#attributes", {}).get("SystemTime"))
    return identifier if isinstance(identifier, int) else number, time if isinstance(time, int) else 0


def write_evtx(stream: BinaryIO, events: Iterable[Json]) -> int:
    """Write events as one log and return how many there were.

    Args:
        stream: seekable; the file header is written last.
        events: nested as the reader gives them, ``{"Event": {"System": {...}, "EventData": {...}}}``: attributes under ``#attributes``,
            an element's text under ``#text``, the fields of EventData by name, unnamed ones as the list ``Data``.

    Raises:
        ValueError: an event does not fit one chunk (65,024 bytes of BinXml).
    """
    stream.write(bytes(_FILE_HEADER_BYTES))
    count = chunks = 0
    chunk = _Chunk(1)
    for number, event in enumerate(events, 1):
        if not chunk.add(event, number):
            if chunk.records:
                stream.write(chunk.finished())
                chunks += 1
            chunk = _Chunk(number)
            if not chunk.add(event, number):
                raise ValueError(f"event {number} is larger than a chunk of an event log")
        count = number
    if chunk.records:
        stream.write(chunk.finished())
        chunks += 1
    stream.seek(0)
    stream.write(_file_header(chunks, count))
    return count


def _file_header(chunks: int, records: int) -> bytes:
    """Return the header: chunk numbers, next record, sizes, version 3.1, chunk count, checksum."""
    fields = struct.pack("<8sQQQIHHHH", b"ElfFile\0", 0, max(chunks - 1, 0), records + 1, 128, 1, 3, _FILE_HEADER_BYTES, chunks)
    fields = fields.ljust(120, b"\0")
    return (fields + struct.pack("<II", 0, zlib.crc32(fields))).ljust(_FILE_HEADER_BYTES, b"\0")
