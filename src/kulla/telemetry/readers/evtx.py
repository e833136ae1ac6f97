"""Windows event logs (.evtx), chunk by chunk, so that one damaged chunk costs no other.

Format: a file header of 4096 bytes, then chunks of 65,536 bytes, each with a header of 512 bytes (128 of fields, then tables of
string and template offsets) and records of their own ([MS-EVEN6] 2.2; Joachim Metz, "Windows XML Event Log (EVTX) format").
A chunk needs nothing outside itself. It is therefore given to the parser alone, behind a file header of our
own: the file's own header, its chunk count and its checksums need not be right, and memory is bounded by one chunk.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any, BinaryIO, ClassVar, cast

from kulla.model.logsource import LogSource
from kulla.model.text import visible
from kulla.telemetry.batch import RECORD_BYTES, Batch, Source
from kulla.telemetry.lines import Gathering
from kulla.telemetry.reader import Origin
from kulla.telemetry.readers.evtx_chunk import CHUNK_BYTES, CHUNK_MAGIC, FILE_HEADER_BYTES, Chunk, mend, next_chunk
from kulla.telemetry.streams import Peekable

FILE_MAGIC = b"ElfFile\0"
#: Where ``sniff`` looks for a chunk when the file header is damaged (bytes); a disk sector.
_SECTOR = 512


class EvtxReader:
    """Reads Windows event logs; gives each record in the nested JSON form ``{"Event": {"System": ..., "EventData": ...}}``."""

    name: ClassVar[str] = "evtx"

    def sniff(self, head: bytes) -> int:
        """Return how sure it is: the file's signature, or that of a chunk where the file header is damaged."""
        if head.startswith(FILE_MAGIC):
            return 100
        if head.startswith(CHUNK_MAGIC) or head[FILE_HEADER_BYTES:].startswith(CHUNK_MAGIC):
            return 99
        return 60 if any(head.startswith(CHUNK_MAGIC, at) for at in range(0, len(head), _SECTOR)) else 0

    def read(self, stream: BinaryIO, origin: Origin) -> Iterator[Batch]:
        """Yield all readable records; damaged chunks and records are counted with their place."""
        gathering = Gathering(Source(origin.path, self.name, LogSource("windows")))
        number = 0
        for chunk in _chunks(Peekable(stream), origin):
            for event in _records(chunk, origin):
                if event is not None and gathering.add(event, number):
                    yield gathering.take()
                number += 1
        yield from gathering.rest()


def _chunks(stream: Peekable, origin: Origin) -> Iterator[Chunk]:
    """Yield the chunks of a file, mended where that is possible."""
    _skip_header(stream, origin)
    number = 0
    while block := _block(stream):
        chunk = mend(block, number)
        if chunk is None:
            _report(block, number, origin)
        else:
            for kind, message in chunk.damage:
                origin.problems.add(origin.path, kind, message, place=f"chunk {number}")
            yield chunk
        number += 1


def _block(stream: Peekable) -> bytes:
    """Take the next chunk; only a part of it where bytes were lost and the next chunk begins too early."""
    block = stream.take(CHUNK_BYTES)
    early = next_chunk(block)
    if early:
        stream.give_back(block[early:])
        return block[:early]
    return block


def _skip_header(stream: Peekable, origin: Origin) -> None:
    """Pass over the file header; what stands there instead is counted, chunks are still looked for."""
    head = stream.peek(FILE_HEADER_BYTES)
    if head.startswith(CHUNK_MAGIC):
        origin.problems.add(origin.path, "corrupt-header", "the file begins with a chunk; it was read without a file header")
        return
    stream.take(FILE_HEADER_BYTES)
    if not head.startswith(FILE_MAGIC) and head:
        origin.problems.add(origin.path, "corrupt-header", "no event log header; the chunks behind it were looked for and read")
    elif 0 < len(head) < FILE_HEADER_BYTES:
        origin.problems.add(origin.path, "truncated-file", "the file ends inside its header")


def _report(block: bytes, number: int, origin: Origin) -> None:
    """Count a block that is no chunk, unless it was never used."""
    if block.strip(b"\0"):
        origin.problems.add(origin.path, "corrupt-chunk", "no chunk where one must be; its records are lost", place=f"chunk {number}")


def _records(chunk: Chunk, origin: Origin) -> Iterator[bytes | None]:
    """Yield the JSON of each record of a chunk, None for one that cannot be read (counted), in the order of the chunk."""
    parsed = _parse(chunk)
    for position, offset in enumerate(chunk.offsets):
        place = f"chunk {chunk.number}, record {position}, offset {offset}"
        event = _next(parsed)
        if isinstance(event, str):
            origin.problems.add(origin.path, "unreadable-record", visible(event, 300), place=place)
            yield None
        elif event is None:
            left = len(chunk.offsets) - position
            origin.problems.add(origin.path, "unreadable-record", "the rest of the chunk could not be read", place=place, count=left)
            yield from [None] * left
            return
        else:
            yield event if _fits(event, place, origin) else None


def _fits(event: bytes, place: str, origin: Origin) -> bool:
    if len(event) <= RECORD_BYTES:
        return True
    origin.problems.add(origin.path, "oversized-record", f"longer than {RECORD_BYTES} bytes as JSON", place=place)
    return False


def _parse(chunk: Chunk) -> Iterator[dict[str, Any]]:
    """Return the parser's records; an iterator that can go on after an error, unlike a generator."""
    from evtx import PyEvtxParser

    parser = PyEvtxParser(io.BytesIO(chunk.file()), number_of_threads=1)
    return cast("Iterator[dict[str, Any]]", parser.records_json())


def _next(parsed: Iterator[dict[str, Any]]) -> bytes | str | None:
    """Return the next record's JSON, the parser's complaint about it, or None at the end."""
    try:
        record = next(parsed, None)
    except RuntimeError as error:
        return str(error) or "the parser refused it"
    return None if record is None else cast("str", record["data"]).encode("utf-8")
