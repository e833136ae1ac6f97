"""tar, read from front to back: POSIX.1-2001 (ustar and pax) and GNU's long names and large numbers.

Python's own ``tarfile`` keeps every header in memory and reads a pax header of any size; a hostile archive must not do that.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from kulla.model.problem import Problems
from kulla.telemetry.containers.inflate import Budget
from kulla.telemetry.containers.member import Member, member_path
from kulla.telemetry.streams import Limited, Peekable

_BLOCK = 512
#: Longest extended header or long name that is read (bytes).
_EXTENDED_BYTES = 1024 * 1024
_REGULAR, _LONG_NAME, _PAX = (b"0", b"\0", b"7"), b"L", b"x"
_SPARSE = b"S"
#: Digits of a size that fits 64 bits.
_DIGITS = 18


@dataclass(slots=True)
class _Header:
    kind: bytes
    name: str
    size: int
    modified: int | None


@dataclass(slots=True)
class _Extended:
    """What extended headers said about the next member."""

    values: dict[str, str] = field(default_factory=dict)

    def apply(self, header: _Header) -> _Header:
        header.name = self.values.get("GNU.sparse.name", self.values.get("path", header.name))
        size = self.values.get("size", "")
        if size.isascii() and size.isdigit() and len(size) <= _DIGITS:
            header.size = int(size)
        return header


def is_tar(head: bytes) -> bool:
    """Return whether ``head`` begins with a tar header: its checksum is right."""
    return len(head) >= _BLOCK and head[0] != 0 and _parse(head[:_BLOCK]) is not None


def tar_members(archive: Member, problems: Problems, budget: Budget) -> Iterator[Member]:
    """Yield each regular file of a tar; links and devices have no content, sparse files are counted as unsupported."""
    del budget  # a tar gives no more than it takes
    stream, path = archive.stream, archive.path
    extended = _Extended()
    while (header := _next_header(stream, path, problems)) is not None:
        if header.kind in (_LONG_NAME, _PAX):
            _extend(extended, header, stream)
            continue
        header, extended = extended.apply(header), _Extended()
        body = Limited(stream, header.size)
        if header.kind in _REGULAR and not header.name.endswith("/"):
            yield Member(member_path(path, header.name, problems), Peekable(body), header.modified)
        elif header.kind == _SPARSE:
            shown = member_path(path, header.name, problems)
            problems.add(shown, "unsupported-compression", "a sparse file in the old GNU form; unpack the archive first")
        _finish(body, header, stream, path, problems)


def _next_header(stream: Peekable, path: str, problems: Problems) -> _Header | None:
    """Return the next header, None at the end; blocks that are none are passed over and counted."""
    lost, ended = 0, False
    while block := stream.take(_BLOCK):
        if len(block) < _BLOCK:
            problems.add(path, "truncated-file", "the archive ends inside a header; the members before were read")
            return None
        header = None if block[0] == 0 else _parse(block)
        if header is not None:
            if lost:
                problems.add(path, "corrupt-archive", f"{lost} blocks between members could not be understood", place="between members")
            return header
        ended = ended or not any(block)
        lost += any(block)
    if lost:
        problems.add(path, "corrupt-archive", f"{lost} blocks at the end could not be understood", place="end")
    if not ended:
        problems.add(path, "truncated-file", "the archive has no end; members may be missing", place="end")
    return None


def _parse(block: bytes) -> _Header | None:
    """Return the header in a block, None where its checksum is wrong (POSIX.1, pax, "ustar Interchange Format")."""
    stated = _number(block[148:156])
    if stated is None or stated != sum(block[:148]) + 8 * 32 + sum(block[156:]):
        return None
    size, modified = _number(block[124:136]), _number(block[136:148])
    if size is None or size < 0:
        return None
    name = _text(block[:100])
    if block[257:263] == b"ustar\0" and block[345]:
        name = f"{_text(block[345:500])}/{name}"
    moment = modified * 1_000_000 if modified is not None and 0 <= modified < 2**38 else None
    return _Header(block[156:157], name, size, moment)


def _number(raw: bytes) -> int | None:
    """Return an octal number, or GNU's base-256 form; None for neither."""
    if raw[0] & 0x80:
        return int.from_bytes(bytes((raw[0] & 0x7F, *raw[1:])), "big")
    digits = raw.strip(b" \0").split(b"\0")[0]
    try:
        return int(digits, 8) if digits else 0
    except ValueError:
        return None


def _text(raw: bytes) -> str:
    return raw.split(b"\0")[0].decode("utf-8", "replace")


def _extend(extended: _Extended, header: _Header, stream: Peekable) -> None:
    """Read a pax header ("length key=value\\n" records) or a GNU long name; of a longer one only the beginning."""
    body = Limited(stream, header.size)
    raw = Peekable(body).take(min(header.size, _EXTENDED_BYTES))
    if header.kind == _LONG_NAME:
        extended.values["path"] = _text(raw)
    else:
        extended.values.update(_pax(raw))
    Peekable(Limited(stream, body.left + -header.size % _BLOCK)).drain()


def _pax(raw: bytes) -> Iterator[tuple[str, str]]:
    at = 0
    while at < len(raw):
        length, space, _ = raw[at : at + 20].partition(b" ")
        if not space or not length.isdigit() or not int(length):
            return
        record = raw[at + len(length) + 1 : at + int(length) - 1]
        key, _, value = record.partition(b"=")
        yield key.decode("utf-8", "replace"), value.decode("utf-8", "replace")
        at += int(length)


def _finish(body: Limited, header: _Header, stream: Peekable, path: str, problems: Problems) -> None:
    """Pass over what the reader left and over the padding to the next block."""
    while body.left and body.read(_BLOCK * 512):
        pass
    if body.left:
        problems.add(path, "truncated-file", "the archive ends inside a member; what came before was read")
        return
    stream.take(-header.size % _BLOCK)
