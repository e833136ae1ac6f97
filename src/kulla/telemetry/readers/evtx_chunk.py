"""One chunk of an event log: its records found by their own headers, damage between them bridged.

Offsets are those of Joachim Metz, "Windows XML Event Log (EVTX) format", "Chunk" and "Event record". The parser walks
from record to record by their sizes and ends at the first that makes no sense, or where the chunk's
header says that the free space begins. Both can be wrong: the header of the chunk being written is flushed
late, and one flipped bit in a size would cost all records behind it. So the walk is done here first, and
what the parser is given has no gaps: bytes that are no record are dressed as one, which the parser then refuses alone.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass, field
from functools import cache

CHUNK_MAGIC = b"ElfChnk\0"
RECORD_MAGIC = b"**\0\0"
CHUNK_BYTES = 65_536
FILE_HEADER_BYTES = 4096
#: Where the records of a chunk begin.
FIRST_RECORD = 512
#: Signature, size, identifier, time written; a record ends with a copy of its size.
_RECORD = struct.Struct("<4sIQQ")
_SMALLEST = _RECORD.size + 4
#: The year 9999 as a FILETIME (100 ns since 1601).
_LATEST = 2_650_467_743_999_999_999
_LAST_IDENTIFIER, _FREE_SPACE = 32, 48
#: The tables of string and template offsets. They only speed up what the records say themselves, and a string table
#: that runs in a circle makes the parser run in it for ever, so the parser is given none.
_TABLES = slice(128, FIRST_RECORD)
#: No record has this identifier; the parser would otherwise stop at the one that the header calls the last.
_NEVER = 2**64 - 1


@dataclass(slots=True)
class Chunk:
    """A chunk that the parser can walk through.

    Attributes:
        data: CHUNK_BYTES.
        offsets: where each record begins, in order.
        damage: (problem kind, message) of what was found wrong.
    """

    data: bytearray
    offsets: list[int] = field(default_factory=list)
    damage: list[tuple[str, str]] = field(default_factory=list)


def log_of(block: bytes) -> bytes:
    """Return an event log of one chunk alone, without its tables."""
    return b"".join((_file_header(), block[: _TABLES.start], bytes(FIRST_RECORD - _TABLES.start), block[FIRST_RECORD:]))


def record_count(block: bytes) -> int | None:
    """Return how many records the header of a chunk counts; None where the header cannot be trusted.

    Records behind the end that it states mean that it was written before them, or that the chunk was used before.
    """
    if len(block) != CHUNK_BYTES or not block.startswith(CHUNK_MAGIC):
        return None
    (free,) = struct.unpack_from("<I", block, _FREE_SPACE)
    if not FIRST_RECORD < free <= CHUNK_BYTES or block.startswith(RECORD_MAGIC, free):
        return None
    return _count_in_header(block) or None


def next_chunk(block: bytes) -> int:
    """Return where, behind its first byte, another chunk with records begins in ``block``; 0 where none does."""
    at = block.find(CHUNK_MAGIC, 1)
    while at > 0 and not (_header_size(block, at) == _TABLES.start and block.startswith(RECORD_MAGIC, at + FIRST_RECORD)):
        if at + FIRST_RECORD + len(RECORD_MAGIC) > len(block):
            break  # too near the end to be checked: the signature has to do
        at = block.find(CHUNK_MAGIC, at + 1)
    return max(at, 0)


def _header_size(block: bytes, at: int) -> int:
    return int.from_bytes(block[at + 40 : at + 44], "little")


def mend(block: bytes) -> Chunk | None:
    """Return the chunk in ``block`` (CHUNK_BYTES, fewer at the end of a file) in walkable form, None where there is none."""
    chunk = Chunk(bytearray(block.ljust(CHUNK_BYTES, b"\0")))
    if not block.startswith(CHUNK_MAGIC):
        if _size_at(chunk.data, FIRST_RECORD) is None:
            return None
        _new_header(chunk)
    end = _walk(chunk, min(_free_space(chunk.data), len(block)))
    if len(block) < CHUNK_BYTES:
        lost = max(_count_in_header(block) - len(chunk.offsets), 0)
        chunk.damage.append(("truncated-file", f"the chunk is cut off; about {lost} of its records are missing"))
    for offset in chunk.offsets:  # a time that is none would end the parser's walk; the event has a time of its own
        if _RECORD.unpack_from(chunk.data, offset)[3] > _LATEST:
            struct.pack_into("<Q", chunk.data, offset + 16, 0)
    struct.pack_into("<I", chunk.data, _FREE_SPACE, end)
    struct.pack_into("<Q", chunk.data, _LAST_IDENTIFIER, _NEVER)
    return chunk


def _new_header(chunk: Chunk) -> None:
    """Write a header over one whose signature is damaged; the records behind it may be sound."""
    chunk.data[:FIRST_RECORD] = struct.pack("<8sQQQQIII", CHUNK_MAGIC, 1, 1, 1, 1, 128, FIRST_RECORD, 0).ljust(FIRST_RECORD, b"\0")
    chunk.damage.append(("corrupt-chunk", "the header of the chunk is damaged; its records were read without it"))


def _free_space(data: bytearray) -> int:
    """Return where the header says that the records end; the end of the chunk where it says nothing possible."""
    (free,) = struct.unpack_from("<I", data, _FREE_SPACE)
    return free if FIRST_RECORD <= free <= CHUNK_BYTES else CHUNK_BYTES


def _count_in_header(block: bytes) -> int:
    first, last = struct.unpack_from("<QQ", block.ljust(24, b"\0"), 8)
    return last - first + 1 if 0 <= last - first < CHUNK_BYTES // _SMALLEST else 0


def _walk(chunk: Chunk, free: int) -> int:
    """Find the records up to ``free``, and those that follow it with consecutive identifiers; return where they end.

    Older records may stand behind the end (a log that was cleared, or a chunk used again); their identifiers do not follow on.
    """
    data, at, last = chunk.data, FIRST_RECORD, None
    while at + _SMALLEST <= CHUNK_BYTES:
        size = _size_at(data, at)
        if size is None:
            step = _bridge(data, at, free, chunk.offsets)
            if not step:
                break
            at += step
            continue
        identifier = _RECORD.unpack_from(data, at)[2]
        if at >= free and (last is None or identifier != last + 1):
            break
        chunk.offsets.append(at)
        at, last = at + size, identifier
    return at


def _size_at(data: bytearray, at: int) -> int | None:
    """Return the size of the record that begins at ``at``, None where there is none: both copies of the size must agree."""
    if at + _SMALLEST > CHUNK_BYTES:
        return None
    magic, size, _, _ = _RECORD.unpack_from(data, at)
    if magic != RECORD_MAGIC or size < _SMALLEST or at + size > CHUNK_BYTES:
        return None
    return int(size) if data[at + size - 4 : at + size] == data[at + 4 : at + 8] else None


def _bridge(data: bytearray, at: int, free: int, offsets: list[int]) -> int:
    """Dress the bytes from ``at`` to the next sound record (or ``free``) as one record; return their number, 0 at the end."""
    stop = data.find(RECORD_MAGIC, at + 1, free)
    while stop >= 0 and _size_at(data, stop) is None:
        stop = data.find(RECORD_MAGIC, stop + 1, free)
    end = stop if stop >= 0 else _declared_end(data, at, free)
    if end <= at:
        return 0
    if end - at < _SMALLEST:  # too short for a record: it becomes the tail of the one before
        if stop < 0 or not offsets:
            return 0
        struct.pack_into("<I", data, offsets[-1] + 4, end - offsets[-1])
        return end - at
    struct.pack_into("<4sI", data, at, RECORD_MAGIC, end - at)
    offsets.append(at)
    return end - at


def _declared_end(data: bytearray, at: int, free: int) -> int:
    """Return where the last record before ``free`` ends whose beginning is damaged; ``at`` where nothing vouches for one.

    It must end with its size there: a record that is only cut off would be read as one with empty fields.
    """
    end = min(free, CHUNK_BYTES)
    (size,) = struct.unpack_from("<I", data, end - 4)
    return end if size == end - at else at


@cache
def _file_header() -> bytes:
    """Return the header of a file of one chunk: chunk numbers, next record, sizes, version 3.1, and its checksum."""
    fields = struct.pack("<8sQQQIHHHH", b"ElfFile\0", 0, 0, 1, 128, 1, 3, FILE_HEADER_BYTES, 1).ljust(120, b"\0")
    return (fields + struct.pack("<II", 0, zlib.crc32(fields))).ljust(FILE_HEADER_BYTES, b"\0")
