"""Windows event logs (.evtx), chunk by chunk, so that one damaged chunk costs no other.

Format: a file header of 4096 bytes, then chunks of 65,536 bytes, each with a header of 512 bytes (128 of fields, then tables of
string and template offsets) and records of their own ([MS-EVEN6] 2.2; Joachim Metz, "Windows XML Event Log (EVTX) format").
A chunk needs nothing outside itself. It is therefore given to the parser alone, behind a file header of our
own: the file's own header, its chunk count and its checksums need not be right, and memory is bounded by one chunk.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import BinaryIO, ClassVar, cast

import numpy as np

from kulla.model.logsource import LogSource
from kulla.model.text import visible
from kulla.telemetry.batch import BATCH_BYTES, BATCH_EVENTS, RECORD_BYTES, Batch, Source
from kulla.telemetry.json_records import sliced
from kulla.telemetry.reader import Origin
from kulla.telemetry.readers.evtx_chunk import (
    CHUNK_BYTES,
    CHUNK_MAGIC,
    FILE_HEADER_BYTES,
    Chunk,
    log_of,
    mend,
    next_chunk,
    record_count,
)
from kulla.telemetry.streams import Peekable

FILE_MAGIC = b"ElfFile\0"
#: Where ``sniff`` looks for a chunk when the file header is damaged (bytes); a disk sector.
_SECTOR = 512
#: When a batch is given: so early that another whole chunk would seldom have had to be split.
_FULL_BYTES, _FULL_EVENTS = BATCH_BYTES * 7 // 8, BATCH_EVENTS * 7 // 8


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
        """Yield all readable records; damaged chunks and records are counted with their place.

        The parser does not escape the names of elements. A name that damage filled with quotation marks gives an
        event that is no JSON; like such a line of a JSON file it is passed on, and counted by who evaluates it.
        """
        gathering = _Gathering(Source(origin.path, self.name, LogSource("windows")), origin)
        for number, block in enumerate(_blocks(Peekable(stream), origin)):
            texts = _sound_records(block)
            if texts is None:
                gathering.add_mended(block, number)
            else:
                gathering.add(texts, range(gathering.next, gathering.next + len(texts)))
                gathering.next += len(texts)
            if gathering.full:
                yield from gathering.take()
        yield from gathering.take()


@dataclass(slots=True)
class _Gathering:
    """The records of several chunks on their way into a batch; ``next`` is the position of the next record in the file."""

    source: Source
    origin: Origin
    next: int = 0
    _parts: list[bytes] = field(default_factory=list)
    _sizes: list[int] = field(default_factory=list)
    _numbers: list[int] = field(default_factory=list)
    _bytes: int = 0

    @property
    def full(self) -> bool:
        return self._bytes >= _FULL_BYTES or len(self._sizes) >= _FULL_EVENTS

    def add(self, texts: list[str], numbers: Sequence[int]) -> None:
        """Keep records; all of a chunk at once, because per record Python is slower than the parser."""
        joined = "\n".join(texts)
        if joined.isascii() and len(joined) <= RECORD_BYTES:
            part, sizes = joined.encode("ascii"), list(map(len, texts))
        else:
            events = [text.encode("utf-8") for text in texts]
            kept = [index for index, event in enumerate(events) if self._fits(event, numbers[index])]
            events, numbers = [events[index] for index in kept], [numbers[index] for index in kept]
            part, sizes = b"\n".join(events), list(map(len, events))
        if sizes:
            self._parts.append(part)
            self._sizes.extend(sizes)
            self._numbers.extend(numbers)
            self._bytes += len(part)

    def add_mended(self, block: bytes, number: int) -> None:
        """Keep what can be read of a chunk that is not sound, and count the rest."""
        problems, path = self.origin.problems, self.origin.path
        chunk = mend(block)
        if chunk is None:
            if block.strip(b"\0"):
                message = "no chunk where one must be; its records are lost"
                problems.add(path, "corrupt-chunk", message, place=f"chunk {number}")
            return
        for kind, message in chunk.damage:
            problems.add(path, kind, message, place=f"chunk {number}")
        read = _records(chunk, number, self.origin)
        found = [(text, position) for position, text in enumerate(read, self.next) if text is not None]
        self.next += len(chunk.offsets)
        self.add([text for text, _ in found], [position for _, position in found])

    def _fits(self, event: bytes, number: int) -> bool:
        if len(event) <= RECORD_BYTES:
            return True
        message = f"longer than {RECORD_BYTES} bytes as JSON"
        self.origin.problems.add(self.origin.path, "oversized-record", message, place=f"record {number}")
        return False

    def take(self) -> Iterator[Batch]:
        """Yield what was gathered, as one batch unless it is too much for one, and begin anew."""
        if self._sizes:
            sizes = np.array(self._sizes, dtype=np.int64)
            ends = np.cumsum(sizes + 1) - 1
            numbers = np.array(self._numbers, dtype=np.int64)
            yield from sliced(self.source, b"\n".join(self._parts), ends - sizes, ends, numbers)
        self._parts, self._sizes, self._numbers, self._bytes = [], [], [], 0


def _blocks(stream: Peekable, origin: Origin) -> Iterator[bytes]:
    """Yield the file chunk by chunk; only a part of one where bytes were lost and the next chunk begins too early."""
    _skip_header(stream, origin)
    while block := stream.take(CHUNK_BYTES):
        follows = stream.peek(len(CHUNK_MAGIC))
        if follows.strip(b"\0") and follows != CHUNK_MAGIC and (early := next_chunk(block)):
            stream.give_back(block[early:])
            block = block[:early]
        yield block


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


def _sound_records(block: bytes) -> list[str] | None:
    """Return the JSON of each record of a chunk in which everything is as its header says; None where anything is not."""
    count = record_count(block)
    if count is None:
        return None
    texts: list[str] = []
    try:
        texts.extend(record["data"] for record in _parse(log_of(block)))
    except RuntimeError:
        return None
    return texts if len(texts) == count else None


def _records(chunk: Chunk, number: int, origin: Origin) -> Iterator[str | None]:
    """Yield the JSON of each record of a mended chunk, None for one that cannot be read (counted), in the order of the chunk."""
    parsed = _parse(log_of(bytes(chunk.data)))
    for position, offset in enumerate(chunk.offsets):
        place = f"chunk {number}, record {position}, offset {offset}"
        try:
            record = next(parsed, None)
        except RuntimeError as error:
            origin.problems.add(origin.path, "unreadable-record", visible(str(error), 300) or "refused by the parser", place=place)
            yield None
            continue
        if record is None:
            left = len(chunk.offsets) - position
            origin.problems.add(origin.path, "unreadable-record", "the rest of the chunk could not be read", place=place, count=left)
            return
        yield record["data"]


def _parse(log: bytes) -> Iterator[dict[str, str]]:
    """Return the parser's records; unlike a generator, the iterator goes on after an error."""
    from evtx import PyEvtxParser

    return cast("Iterator[dict[str, str]]", PyEvtxParser(io.BytesIO(log), number_of_threads=1).records_json())
