"""JSON Lines: one object a line. Nothing is parsed here; lines are found in slabs of BATCH_BYTES and passed on as they are."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO, ClassVar

import numpy as np
from numpy.typing import NDArray

from kulla.telemetry.batch import BATCH_BYTES, RECORD_BYTES, Batch
from kulla.telemetry.encoding import utf8_head, utf8_stream
from kulla.telemetry.json_kinds import list_inside
from kulla.telemetry.json_records import Records, parse
from kulla.telemetry.lines import line_place
from kulla.telemetry.reader import Origin
from kulla.telemetry.streams import HEAD_BYTES, Readable

_NEWLINE, _RETURN, _SPACE = 10, 13, 32
#: Lines that ``sniff`` looks at.
_HEAD_LINES = 20


class JsonlReader:
    """Reads one JSON object a line; blank lines are passed over and not numbered."""

    name: ClassVar[str] = "jsonl"

    def sniff(self, head: bytes) -> int:
        """Return 95 where nearly all first lines are objects, 70 where most are; a document of many records is for ``json``."""
        lines = _whole_lines(utf8_head(head), cut=len(head) >= HEAD_BYTES)
        objects = [line for line in lines if line.startswith(b"{") and line.endswith(b"}")]
        first = next(filter(None, map(parse, objects)), None)
        if first is None or list_inside(first):
            return 0
        if len(objects) * 10 >= len(lines) * 9:
            return 95
        return 70 if len(objects) * 2 > len(lines) else 0

    def read(self, stream: BinaryIO, origin: Origin) -> Iterator[Batch]:
        """Yield the lines; one that is no JSON is passed on too, and counted by who evaluates it."""
        records: Records | None = None
        lines = first = 0
        for slab in _slabs(utf8_stream(stream)):
            if slab is None:
                origin.problems.add(origin.path, "oversized-record", f"longer than {RECORD_BYTES} bytes", place=line_place(lines))
                lines, first = lines + 1, first + 1
                continue
            data = _valid(slab, lines, origin)
            starts, ends, found = _split(data)
            lines += found
            if not len(starts):
                continue
            records = records or Records(origin, self.name, _sample(data, starts, ends))
            yield from records.batches(data, starts, ends, np.arange(first, first + len(starts), dtype=np.int64))
            first += len(starts)


def _whole_lines(head: bytes, *, cut: bool) -> list[bytes]:
    """Return the first lines that are not blank, without the last where the head was cut there."""
    lines = head[: head.rfind(b"\n") + 1 if cut else None].split(b"\n", _HEAD_LINES)
    return [line.strip() for line in lines[:_HEAD_LINES] if line.strip()]


def _sample(data: bytes, starts: NDArray[np.int64], ends: NDArray[np.int64]) -> list[bytes]:
    """Return the first records, not many and not long."""
    return [data[start:end] for start, end in zip(starts[:32].tolist(), ends[:32].tolist(), strict=True) if end - start <= BATCH_BYTES]


def _slabs(stream: Readable) -> Iterator[bytes | None]:
    """Yield runs of whole lines; None for a line that is too long, of which nothing is kept."""
    rest, skipping, ended = b"", False, False
    while not ended:
        data, ended = _fill(stream, rest)
        if skipping:
            at = data.find(b"\n") + 1
            rest = b"" if not at else data[at:]
            skipping = not at
            continue
        cut = len(data) if ended else data.rfind(b"\n") + 1
        rest = data[cut:]
        if cut:
            yield from _bounded(data[:cut] if rest else data)
        if len(rest) > RECORD_BYTES:
            rest, skipping = b"", True
            yield None
    if rest and not skipping:
        yield from _bounded(rest)


def _fill(stream: Readable, rest: bytes) -> tuple[bytes, bool]:
    """Return ``rest`` and at least BATCH_BYTES more (as many again where it is long), and whether the stream ended."""
    pieces, missing = [rest], max(BATCH_BYTES, len(rest))
    while missing > 0:
        piece = stream.read(missing)
        if not piece:
            return b"".join(pieces), True
        pieces.append(piece)
        missing -= len(piece)
    return b"".join(pieces), False


def _bounded(data: bytes) -> Iterator[bytes | None]:
    """Yield the slab whole, or line by line where one may be too long."""
    if len(data) <= RECORD_BYTES:
        yield data
        return
    for line in data.removesuffix(b"\n").split(b"\n"):
        yield line if len(line) <= RECORD_BYTES else None


def _valid(slab: bytes, lines: int, origin: Origin) -> bytes:
    """Return the slab as valid UTF-8; lines in which something had to be replaced are counted."""
    if slab.isascii():
        return slab
    try:
        slab.decode("utf-8")
    except UnicodeDecodeError:
        for position, line in enumerate(slab.split(b"\n"), lines):
            try:
                line.decode("utf-8")
            except UnicodeDecodeError as error:
                origin.problems.add(origin.path, "invalid-utf8", f"bytes replaced: {error.reason}", place=line_place(position))
        return slab.decode("utf-8", "replace").encode("utf-8")
    return slab


def _split(data: bytes) -> tuple[NDArray[np.int64], NDArray[np.int64], int]:
    """Return where the lines that are not blank begin and end, without line ends, and how many lines there are in all."""
    text = np.frombuffer(data, dtype=np.uint8)
    stops = np.flatnonzero(text == _NEWLINE).astype(np.int64, copy=False)
    if data[-1] != _NEWLINE:
        stops = np.append(stops, len(data))
    starts = np.empty_like(stops)
    starts[0] = 0
    starts[1:] = stops[:-1] + 1
    ends = stops - ((stops > starts) & (text[stops - 1] == _RETURN))
    keep = ends > starts
    for index in np.flatnonzero(keep & (text[np.minimum(starts, len(data) - 1)] <= _SPACE)).tolist():
        keep[index] = not data[starts[index] : ends[index]].isspace()
    if not keep.all():
        return starts[keep], ends[keep], len(stops)
    return starts, ends, len(stops)
