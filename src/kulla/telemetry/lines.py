"""Text logs as slabs of lines, and events as batches: what every line-based reader shares.

Memory is bounded by one chunk, one record (RECORD_BYTES) and one batch, whatever the file holds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, BinaryIO, NamedTuple

import orjson

from kulla.model import moment
from kulla.model.logsource import LogSource
from kulla.model.text import visible
from kulla.telemetry import batch
from kulla.telemetry.batch import Batch, Source, batch_of
from kulla.telemetry.encoding import utf8_head, utf8_stream
from kulla.telemetry.reader import Origin

#: Bytes asked of the stream at a time; a slab holds the whole lines of about that many bytes.
CHUNK_BYTES = 512 * 1024
#: Lines that ``head_lines`` looks at, and characters of each; enough to know a format, little enough to be quick.
HEAD_LINES = 64
HEAD_LINE_CHARACTERS = 8192
#: Characters of an unreadable line that its problem quotes.
QUOTED_CHARACTERS = 120


@dataclass(frozen=True, slots=True)
class Slab:
    """Consecutive lines of a file, without their line ends.

    Attributes:
        first: zero-based position in the file of the first line.
        lines: valid text; what was no UTF-8 is U+FFFD.
        oversized: lines before ``first`` that were longer than RECORD_BYTES and are left out (already a problem).
    """

    first: int
    lines: list[str]
    oversized: int = 0


def slabs(stream: BinaryIO, origin: Origin) -> Iterator[Slab]:
    """Yield all lines of a text file; line ends are LF or CRLF, the encoding is UTF-8 or, by its byte order mark, UTF-16.

    Lines longer than RECORD_BYTES become the problem ``oversized-record``, bytes that are no
    UTF-8 become U+FFFD and the problem ``invalid-utf8`` (one count a line).
    """
    first = oversized = 0
    for data in _whole_lines(stream):
        if data is None:
            origin.problems.add(origin.path, "oversized-record", f"longer than {batch.RECORD_BYTES} bytes", place=line_place(first))
            first += 1
            oversized += 1
            continue
        lines = _decoded(data, first, origin).split("\n")
        yield Slab(first, lines, oversized)
        first += len(lines)
        oversized = 0
    if oversized:
        yield Slab(first, [], oversized)


def _whole_lines(stream: BinaryIO) -> Iterator[bytes | None]:
    """Yield runs of whole lines without the last line end; None stands for one line that is too long."""
    pending = bytearray()
    skipping = False
    source = utf8_stream(stream)
    while piece := source.read(CHUNK_BYTES):
        chunk = piece
        if skipping:
            start = chunk.find(b"\n") + 1
            if not start:
                continue
            skipping, chunk = False, chunk[start:]
        cut = chunk.rfind(b"\n")
        if cut < 0:
            pending += chunk
            if len(pending) > batch.RECORD_BYTES:
                pending.clear()
                skipping = True
                yield None
            continue
        yield from _bounded(bytes(pending) + chunk[:cut])
        pending = bytearray(chunk[cut + 1 :])
    if pending:
        yield from _bounded(bytes(pending))


def _bounded(data: bytes) -> Iterator[bytes | None]:
    """Yield whole lines as one run, or one by one where a line may be too long."""
    if len(data) <= batch.RECORD_BYTES:
        yield data
        return
    for line in data.split(b"\n"):
        yield line if len(line) <= batch.RECORD_BYTES else None


def _decoded(data: bytes, first: int, origin: Origin) -> str:
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        text = _repaired(data, first, origin)
    if "\r" in text:
        text = text.replace("\r\n", "\n").removesuffix("\r")
    return text


def _repaired(data: bytes, first: int, origin: Origin) -> str:
    """Replace what is no UTF-8 and count the lines in which that happened."""
    for position, line in enumerate(data.split(b"\n"), first):
        try:
            line.decode("utf-8")
        except UnicodeDecodeError as error:
            origin.problems.add(origin.path, "invalid-utf8", f"bytes replaced: {error.reason}", place=line_place(position))
    return data.decode("utf-8", "replace")


def line_place(position: int) -> str:
    """Return the place of a zero-based line as an editor counts it ("line 1" is the first)."""
    return f"line {position + 1}"


def unreadable(origin: Origin, position: int, line: str, why: str) -> None:
    """Count one line that the reader cannot understand, quoting its beginning."""
    message = f"{why}: {visible(line, QUOTED_CHARACTERS)}"
    origin.problems.add(origin.path, "unreadable-record", message, place=line_place(position))


def fits(event: bytes, position: int, origin: Origin) -> bool:
    """Return whether an event is not too long as JSON (escapes lengthen it); count it where it is."""
    if len(event) <= batch.RECORD_BYTES:
        return True
    origin.problems.add(origin.path, "oversized-record", f"longer than {batch.RECORD_BYTES} bytes as JSON", place=line_place(position))
    return False


def head_lines(head: bytes) -> list[str]:
    """Return the first non-blank lines of a file for ``sniff``; empty when the head is no text.

    The last line is left out when the head seems cut there.
    """
    plain = utf8_head(head).rstrip(b"\0")  # a log in use may end in zeros that its writer allocated in advance
    if b"\0" in plain[:4096]:
        return []
    text = plain.decode("utf-8", "replace")
    whole, _, rest = text.rpartition("\n")
    lines = (whole or rest).split("\n", HEAD_LINES)[:HEAD_LINES]
    return [line[:HEAD_LINE_CHARACTERS].rstrip("\r") for line in lines if line.strip()]


def likelihood(lines: list[str], is_one: Callable[[str], bool]) -> int:
    """Return the answer of ``sniff`` from how many of the first lines are of the format: 95 nearly all, 70 most, else 0."""
    known = sum(map(is_one, lines))
    if known * 10 >= len(lines) * 9 and known:
        return 95
    return 70 if known * 2 > len(lines) else 0


class Parsed(NamedTuple):
    """What a line says.

    Attributes:
        fields: the event's fields, to become JSON.
        time: microseconds UTC, ``moment.UNKNOWN`` where not known.
        logsource: what the event is.
    """

    fields: dict[str, Any]
    time: int
    logsource: LogSource


def read_lines(stream: BinaryIO, origin: Origin, name: str, parse: Callable[[str], Parsed | None]) -> Iterator[Batch]:
    """Read a file in which each line is one event.

    Args:
        stream, origin: as in ``Reader.read``.
        name: the reader's name.
        parse: understands one line, not blank; None where it cannot.
    """
    number = 0
    gathering = Gathering(Source(origin.path, name))
    for slab in slabs(stream, origin):
        number += slab.oversized
        for position, line in enumerate(slab.lines, slab.first):
            if not line or line.isspace():
                continue
            parsed = parse(line)
            if parsed is None:
                unreadable(origin, position, line, f"no {name} line")
            else:
                if parsed.logsource != gathering.source.logsource:
                    yield from gathering.rest()
                    gathering.source = Source(origin.path, name, parsed.logsource)
                event = orjson.dumps(parsed.fields)
                if fits(event, position, origin) and gathering.add(event, number, parsed.time):
                    yield gathering.take()
            number += 1
    yield from gathering.rest()


@dataclass(slots=True)
class Gathering:
    """Events on their way into batches of at most BATCH_EVENTS, each full at BATCH_BYTES."""

    source: Source
    _events: list[bytes] = field(default_factory=list)
    _times: list[int] = field(default_factory=list)
    _numbers: list[int] = field(default_factory=list)
    _bytes: int = 0

    def add(self, event: bytes, number: int, time: int = moment.UNKNOWN) -> bool:
        """Keep one event and return whether the batch is full (then call ``take``).

        Args:
            event: one JSON object.
            number: its zero-based position in the file.
            time: microseconds UTC, ``moment.UNKNOWN`` where not known.
        """
        self._events.append(event)
        self._times.append(time)
        self._numbers.append(number)
        self._bytes += len(event) + 1
        return self._bytes >= batch.BATCH_BYTES or len(self._events) >= batch.BATCH_EVENTS

    def take(self) -> Batch:
        """Return the batch and begin an empty one."""
        full = batch_of(self.source, self._events, times=self._times, numbers=self._numbers)
        self._events, self._times, self._numbers, self._bytes = [], [], [], 0
        return full

    def rest(self) -> Iterator[Batch]:
        """Yield the batch unless it is empty."""
        if self._events:
            yield self.take()
