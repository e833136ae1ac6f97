"""The contract that every reader keeps; run by the test of each, and by third parties for theirs.

A test of a reader needs one line::

    def test_contract() -> None:
        check_reader(WeblogReader(), Sample(body=b'192.0.2.7 - - [...] "GET / HTTP/1.1" 200 5\\n'))

Each ``check_*`` function stands for one promise of ``kulla.telemetry.reader.Reader`` and can be run alone.
"""

from __future__ import annotations

import io
import itertools
import json
import random
import re
import tracemalloc
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import BinaryIO, cast

import numpy as np

from kulla.model.problem import Problem, Problems
from kulla.telemetry.batch import BATCH_BYTES, BATCH_EVENTS, RECORD_BYTES, Batch
from kulla.telemetry.reader import Origin, Reader

_KIND = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_MIB = 1024 * 1024


@dataclass(frozen=True)
class Sample:
    """A small piece of a format, from which the suite makes all else.

    Attributes:
        body: complete records; for line formats, complete lines with their newline.
        header: what must stand once before them.
        footer: what must stand once after them.
        sniffed: the least ``sniff`` must answer for the whole sample.
        grows: the body may be repeated to make a long file (not so for EVTX and other binary files).
        passes_on: events are handed on unparsed, so that damaged input may give events that are no JSON object.
    """

    body: bytes
    header: bytes = b""
    footer: bytes = b""
    sniffed: int = 50
    grows: bool = True
    passes_on: bool = False

    @property
    def whole(self) -> bytes:
        """The smallest complete file."""
        return self.header + self.body + self.footer


@dataclass
class Reading:
    """All that one run of a reader gave."""

    events: list[bytes] = field(default_factory=list)
    numbers: list[int] = field(default_factory=list)
    times: list[int | None] = field(default_factory=list)
    batches: list[Batch] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    @property
    def objects(self) -> list[dict[str, object]]:
        """The events parsed."""
        return [json.loads(event) for event in self.events]

    def count(self, kind: str) -> int:
        """How often a kind of problem was counted."""
        return sum(problem.count for problem in self.problems if problem.kind == kind)


class Dribble(io.RawIOBase):
    """A stream that cannot seek and returns fewer bytes than asked, as pipes and decompressors do."""

    def __init__(self, data: bytes, seed: int = 1) -> None:
        self._data, self._at, self._random = data, 0, random.Random(seed)

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        size = len(self._data) if size < 0 else size
        step = min(size, self._random.choice((1, 3, 17, 250, 4096, 1 << 20)))
        piece = self._data[self._at : self._at + step]
        self._at += len(piece)
        return piece


class Generated(io.RawIOBase):
    """A long file made piece by piece, so that the stream itself takes no memory; ``given`` counts the bytes read."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces, self._rest, self.given = pieces, memoryview(b""), 0

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        if not self._rest:
            self._rest = memoryview(next(self._pieces, b""))
        size = len(self._rest) if size < 0 else size
        piece, self._rest = self._rest[:size], self._rest[size:]
        self.given += len(piece)
        return bytes(piece)


def read_all(reader: Reader, data: bytes, *, dribble: bool = False, path: str = "sample", modified: int | None = None) -> Reading:
    """Read ``data`` from memory and keep everything."""
    stream = cast("BinaryIO", Dribble(data)) if dribble else io.BytesIO(data)
    problems, reading = Problems(), Reading()
    for batch in reader.read(stream, Origin(path, problems, modified)):
        reading.batches.append(batch)
        reading.events.extend(batch.event(index) for index in range(len(batch)))
        reading.numbers.extend(batch.numbers.tolist())
        reading.times.extend(batch.times.tolist() if batch.times is not None else [None] * len(batch))
    reading.problems = list(problems)
    return reading


def check_reader(reader: Reader, sample: Sample) -> None:
    """Run the whole contract."""
    check_sample(reader, sample)
    check_sniff(reader, sample)
    check_short_reads(reader, sample)
    check_truncation(reader, sample)
    check_damage(reader, sample)
    check_noise(reader, sample)
    if sample.grows:
        check_streaming(reader, sample)
        check_memory(reader, sample)
        check_endless_record(reader, sample)


def check_form(reading: Reading, *, passes_on: bool = False, path: str = "sample") -> None:
    """Batches are well formed: UTF-8, ranges inside the data, bounded sizes, ascending numbers, located problems."""
    last = -1
    for batch in reading.batches:
        assert batch.source.path == path
        assert batch.source.format
        _check_batch(batch)
        assert batch.numbers[0] > last
        last = int(batch.numbers[-1])
    for problem in reading.problems:
        assert problem.path == path
        assert _KIND.fullmatch(problem.kind), problem
        assert problem.message
        assert problem.count > 0
    if not passes_on:
        assert all(isinstance(parsed, dict) for parsed in reading.objects)


def _check_batch(batch: Batch) -> None:
    assert 0 < len(batch) <= BATCH_EVENTS
    batch.data.decode("utf-8")
    columns = [batch.starts, batch.ends, batch.numbers] + ([] if batch.times is None else [batch.times])
    assert all(column.dtype == np.int64 and column.shape == (len(batch),) for column in columns)
    assert batch.starts[0] >= 0
    assert batch.ends[-1] <= len(batch.data)
    assert np.all(batch.starts <= batch.ends)
    assert np.all(batch.ends[:-1] <= batch.starts[1:])
    assert np.all(np.diff(batch.numbers) > 0)
    assert np.all(batch.ends - batch.starts <= RECORD_BYTES)
    assert int(batch.starts[-1]) <= BATCH_BYTES, "a batch may pass BATCH_BYTES only by its last event"


def check_sample(reader: Reader, sample: Sample) -> None:
    """The sample itself is read whole, without a problem, and twice the same."""
    reading = read_all(reader, sample.whole)
    check_form(reading)
    assert reading.events
    assert not reading.problems
    again = read_all(reader, sample.whole)
    assert (again.events, again.numbers, again.times) == (reading.events, reading.numbers, reading.times)


def check_sniff(reader: Reader, sample: Sample) -> None:
    """``sniff`` knows the sample, does not claim noise, and never raises on a part of it."""
    assert sample.sniffed <= reader.sniff(sample.whole[:65536]) <= 100
    for head in (b"", b"\0" * 4096, b"\xff" * 4096, random.Random(5).randbytes(65536), b"\n" * 100, b" " * 100, b"{" * 65536, b"<" * 65536):
        assert 0 <= reader.sniff(head) < 50
    for at in _offsets(len(sample.whole), 100):
        assert 0 <= reader.sniff(sample.whole[:at]) <= 100


def check_short_reads(reader: Reader, sample: Sample) -> None:
    """A stream that gives less than asked, and cannot seek, makes no difference."""
    whole, dribbled = read_all(reader, sample.whole), read_all(reader, sample.whole, dribble=True)
    assert dribbled.events == whole.events
    assert dribbled.numbers == whole.numbers
    assert dribbled.times == whole.times
    assert dribbled.problems == whole.problems


def check_truncation(reader: Reader, sample: Sample) -> None:
    """Cut anywhere, it is read without an exception, and the events before the cut stay as they are."""
    whole = read_all(reader, sample.whole)
    for at in _offsets(len(sample.whole), 400):
        cut = read_all(reader, sample.whole[:at])
        check_form(cut, passes_on=sample.passes_on)
        assert len(cut.events) <= len(whole.events) + 1
        sure = max(len(cut.events) - 2, 0)  # joined and unfinished records may change
        assert cut.events[:sure] == whole.events[:sure]


def check_damage(reader: Reader, sample: Sample) -> None:
    """Flipped bits, inserted, removed and repeated runs never raise."""
    dice = random.Random(7)
    for _ in range(200):
        data = bytearray(sample.whole)
        for _ in range(dice.choice((1, 2, 8))):
            _spoil(data, dice)
        check_form(read_all(reader, bytes(data)), passes_on=sample.passes_on)


def _spoil(data: bytearray, dice: random.Random) -> None:
    at, run = dice.randrange(len(data) + 1), dice.choice((1, 4, 40))
    match dice.randrange(4):
        case 0 if at < len(data):
            data[at] ^= 1 << dice.randrange(8)
        case 1:
            data[at:at] = dice.randbytes(run)
        case 2:
            del data[at : at + run]
        case _:
            data[at:at] = data[at : at + run]


def check_noise(reader: Reader, sample: Sample) -> None:
    """Bytes of no format never raise, and nothing at all gives nothing."""
    empty = read_all(reader, b"")
    assert not empty.events
    assert not empty.problems
    dice = random.Random(11)
    noises = [dice.randbytes(size) for size in (1, 2, 7, 100, 5000, 70_000)]
    hostile = [b"\0" * 9000, b"\xff\xfe", b"\xef\xbb\xbf", b"\n" * 5000, b"\r\n" * 500, b'"' * 5000, b"{" * 5000, b"[" * 5000, b"\\" * 5000]
    for noise in noises + hostile:
        for data in (noise, sample.header + noise, sample.whole + noise, noise + sample.whole):
            check_form(read_all(reader, data), passes_on=sample.passes_on)


def check_streaming(reader: Reader, sample: Sample) -> None:
    """The first batch comes before much has been read."""
    stream = Generated(filter(None, _long(sample, 64 * _MIB)))
    batches = reader.read(cast("BinaryIO", stream), Origin("sample", Problems()))
    assert next(batches, None) is not None
    assert stream.given <= 12 * _MIB


def check_memory(reader: Reader, sample: Sample) -> None:
    """Memory does not grow with the input."""
    short = _peak(reader, lambda: _long(sample, 5 * _MIB))
    long = _peak(reader, lambda: _long(sample, 15 * _MIB))
    assert long <= short * 1.3 + 2 * _MIB, f"{short} bytes for 5 MiB, {long} for 15 MiB"


def check_endless_record(reader: Reader, sample: Sample) -> None:
    """A record without end is not held in memory, whatever becomes of it."""
    filler = b"A" * 65536
    size = 5 * RECORD_BYTES // 2
    open_record = sample.body.rstrip(b"\r\n")
    peak = _peak(reader, lambda: itertools.chain((sample.header, open_record), itertools.repeat(filler, size // len(filler))))
    assert peak <= 5 * RECORD_BYTES + 8 * _MIB, "the record itself, a copy or two, but no more"


def _long(sample: Sample, size: int) -> Iterator[bytes]:
    block = sample.body * max(1, 65536 // len(sample.body))
    return itertools.chain((sample.header,), itertools.repeat(block, size // len(block)), (sample.footer,))


def _peak(reader: Reader, pieces: Callable[[], Iterator[bytes]]) -> int:
    """Return the highest memory in bytes that Python objects (numpy's included) took while reading."""
    stream = cast("BinaryIO", Generated(filter(None, pieces())))
    tracemalloc.start()
    try:
        for batch in reader.read(stream, Origin("sample", Problems())):
            del batch
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def _offsets(size: int, most: int) -> list[int]:
    """Return every offset of a small sample, or ``most`` spread over a larger one."""
    if size <= most:
        return list(range(size + 1))
    return sorted({*range(40), *(size * step // most for step in range(most + 1))})
