"""zip, read from front to back: no seeking, so that it works in a pipe and inside another archive, and when its end is missing.

PKWARE APPNOTE 6.3.10: 4.3.7 local file header, 4.3.9 data descriptor, 4.4.4 general purpose bits, 4.5.3 Zip64. The
central directory at the end is not needed: every member stands behind its own header.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from kulla.model.moment import from_datetime
from kulla.model.problem import Problems
from kulla.telemetry.containers.inflate import Budget, Codec, Inflated, ZstdCodec, bzip2_codec, deflate_codec, xz_codec
from kulla.telemetry.containers.member import Member, member_path
from kulla.telemetry.streams import CHUNK_BYTES, Limited, Peekable, Readable

LOCAL = b"PK\x03\x04"
_DESCRIPTOR = b"PK\x07\x08"
#: Central directory, its Zip64 end, its end, archive extra data: the members are over.
_CLOSING = (b"PK\x01\x02", b"PK\x06\x06", b"PK\x05\x06", b"PK\x06\x08")
#: A data descriptor with signature and 64-bit sizes, and the beginning of what follows it.
_BEHIND = 28
_HEADER = struct.Struct("<4sHHHHHIIIHH")
#: Checksum, compressed size, size.
_DESCRIPTOR32, _DESCRIPTOR64 = struct.Struct("<III"), struct.Struct("<IQQ")
_ENCRYPTED, _STREAMED, _UTF8 = 1, 8, 0x800
_UNKNOWN32 = 0xFFFFFFFF


@dataclass(frozen=True, slots=True)
class _Entry:
    """A local file header. ``size`` is the compressed size, None where only the data descriptor behind the data has it."""

    name: str
    flags: int
    method: int
    crc: int
    size: int | None
    modified: int | None

    @property
    def streamed(self) -> bool:
        return self.size is None


def zip_members(archive: Member, problems: Problems, budget: Budget) -> Iterator[Member]:
    """Yield each file of a zip. What is encrypted, unsupported or damaged is counted; the rest is read."""
    stream, path = archive.stream, archive.path
    while _find_header(stream, path, problems):
        entry = _read_entry(stream)
        if entry is None:
            problems.add(path, "truncated-file", "the archive ends inside the header of a member")
            return
        yield from _read_member(entry, archive, problems, budget)


def _find_header(stream: Peekable, path: str, problems: Problems) -> bool:
    """Stand before the next local header; False at the directory or the end. Foreign bytes between are counted once."""
    magic, lost = stream.peek(4), 0
    while magic not in _CLOSING and magic != LOCAL:
        if len(magic) < len(LOCAL):
            problems.add(path, "truncated-file", "the archive ends early; the members before were read")
            return False
        window = stream.peek(CHUNK_BYTES)
        at = min((found for mark in (LOCAL, *_CLOSING) if (found := window.find(mark)) >= 0), default=max(len(window) - 3, 1))
        stream.take(at)
        magic, lost = stream.peek(4), lost + at
    if lost:
        problems.add(path, "corrupt-archive", f"{lost} bytes between members could not be understood", place="between members")
    return magic == LOCAL


def _read_entry(stream: Peekable) -> _Entry | None:
    fixed = stream.take(_HEADER.size)
    if len(fixed) < _HEADER.size:
        return None
    _, _, flags, method, time, date, crc, size, full, name_length, extra_length = _HEADER.unpack(fixed)
    raw, extra = stream.take(name_length), stream.take(extra_length)
    if len(raw) < name_length or len(extra) < extra_length:
        return None
    known: int | None = _zip64_size(extra, full) if size == _UNKNOWN32 else size
    if flags & _STREAMED and not size:
        known = None
    return _Entry(_name(raw, flags), flags, method, crc, known, _dos_time(date, time))


def _zip64_size(extra: bytes, full: int) -> int:
    """Return the compressed size from the Zip64 field (id 1): original size first where that is unknown too."""
    at = 0
    while at + 4 <= len(extra):
        kind, length = struct.unpack_from("<HH", extra, at)
        skip = 8 if full == _UNKNOWN32 else 0
        if kind == 1 and length >= skip + 8 and at + 4 + skip + 8 <= len(extra):
            return int.from_bytes(extra[at + 4 + skip : at + 12 + skip], "little")
        at += 4 + length
    return _UNKNOWN32


def _name(raw: bytes, flags: int) -> str:
    """Decode a member's name: UTF-8 where the flag says so or it fits, else the format's original code page."""
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("utf-8", "replace") if flags & _UTF8 else raw.decode("cp437")


def _dos_time(date: int, time: int) -> int | None:
    try:
        moment = datetime(1980 + (date >> 9), date >> 5 & 15, date & 31, time >> 11, time >> 5 & 63, (time & 31) * 2, tzinfo=UTC)
    except ValueError:
        return None
    return from_datetime(moment)


def _read_member(entry: _Entry, archive: Member, problems: Problems, budget: Budget) -> Iterator[Member]:
    """Yield the member, if it is a file that can be read, and leave the archive's stream behind its data."""
    path = member_path(archive.path, entry.name, problems)
    source = archive.stream if entry.size is None else Peekable(Limited(archive.stream, entry.size))
    codec = _codec(entry, source, archive.stream, path, problems)
    if codec is None:
        _skip(entry, source, archive.stream)
        return
    inflated = Inflated(codec, path, problems, budget)
    checked = _Checked(inflated)
    if not entry.name.endswith("/"):
        yield Member(path, Peekable(checked), entry.modified)
    checked.drain()
    _close_member(entry, checked, source, archive.stream, path, problems)


def _codec(entry: _Entry, source: Peekable, stream: Peekable, path: str, problems: Problems) -> Codec | None:
    if entry.flags & _ENCRYPTED:
        problems.add(path, "encrypted-member", "encrypted; unpack the archive with its password and read the files")
        return None
    match entry.method:
        case 0:
            return _Stored(source) if entry.size is not None else _StoredStreamed(stream)
        case 8:
            return deflate_codec(source, 64 * 1024 if entry.size is not None else 4096)
        case 12:
            return bzip2_codec(source)
        case 93 if entry.size is not None:
            return ZstdCodec(source)
        case 95:
            return xz_codec(source)
    problems.add(path, "unsupported-compression", f"zip compression method {entry.method} is not supported; unpack the archive first")
    return None


class _Stored:
    """Data as they are, of known size."""

    def __init__(self, source: Readable) -> None:
        self._source = source

    def decode(self, size: int) -> bytes:
        return self._source.read(size)


class _StoredStreamed:
    """Data as they are, of a size that only the descriptor behind them tells; its signature, checksum and size find it."""

    def __init__(self, stream: Peekable) -> None:
        self._stream, self._length, self._crc = stream, 0, 0

    def decode(self, size: int) -> bytes:
        wanted = max(size, 4096) + _BEHIND
        window = self._stream.peek(wanted)
        at = window.find(_DESCRIPTOR)
        if at == 0 and self._at_end():
            return b""
        if len(window) < (_BEHIND if at == 0 else len(_DESCRIPTOR)):
            raise EOFError
        return self._take(min(at or 1, size) if at >= 0 else min(size, len(window) - len(_DESCRIPTOR) + 1))

    def _take(self, size: int) -> bytes:
        piece = self._stream.take(size)
        self._length, self._crc = self._length + len(piece), zlib.crc32(piece, self._crc)
        return piece

    def _at_end(self) -> bool:
        """Return whether a descriptor of exactly these data stands here, and another header behind it."""
        head = self._stream.peek(_BEHIND)[len(_DESCRIPTOR) :]
        forms = [form for form in (_DESCRIPTOR32, _DESCRIPTOR64) if len(head) >= form.size]
        return any(
            form.unpack_from(head) == (self._crc, self._length, self._length) and head[form.size : form.size + 2] in (b"PK", b"")
            for form in forms
        )


class _Checked:
    """Passes decoded data on and computes their checksum."""

    def __init__(self, inflated: Inflated) -> None:
        self.inflated, self.crc = inflated, 0

    def read(self, size: int = -1, /) -> bytes:
        piece = self.inflated.read(size)
        self.crc = zlib.crc32(piece, self.crc)
        return piece

    def drain(self) -> None:
        while self.read(CHUNK_BYTES):
            pass


def _skip(entry: _Entry, source: Peekable, stream: Peekable) -> None:
    """Pass over data that cannot be decoded; without a size, up to the next signature."""
    if entry.size is not None:
        source.drain()
        return
    while window := stream.peek(CHUNK_BYTES):
        marks = [found for mark in (_DESCRIPTOR, LOCAL, *_CLOSING) if (found := window.find(mark)) >= 0]
        stream.take(min(marks) if marks else max(len(window) - 3, 1))
        if marks:
            _read_descriptor(stream, None)
            return


def _close_member(entry: _Entry, checked: _Checked, source: Peekable, stream: Peekable, path: str, problems: Problems) -> None:
    crc: int | None = entry.crc
    if entry.size is not None:
        source.drain()
    if entry.flags & _STREAMED:
        crc = _read_descriptor(stream, checked.inflated.given)
    if checked.inflated.sound and crc is not None and crc != checked.crc:
        problems.add(path, "corrupt-archive", "the checksum of the member does not fit; it was read as it is")


def _read_descriptor(stream: Peekable, given: int | None) -> int | None:
    """Take a data descriptor (4.3.9), with or without signature, of 32 or 64-bit sizes; return its checksum."""
    signed = 4 if stream.peek(4) == _DESCRIPTOR else 0
    for form in (_DESCRIPTOR64, _DESCRIPTOR32):
        head = stream.peek(signed + form.size)
        if len(head) < signed + form.size:
            continue
        crc, _, full = form.unpack_from(head, signed)
        if full == given or (given is None and signed and form is _DESCRIPTOR32):
            stream.take(len(head))
            return int(crc)
    return None
