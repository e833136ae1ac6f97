"""JSON documents that hold many records: arrays, objects one after another, and answers with one long list inside.

``[{...}, {...}]``, ``{...} {...}`` over several lines, ``{"Records": [{...}]}``. The text is never parsed as a whole: records are
found by their brackets, buffer by buffer, and passed on as they are, so a document of any size needs the memory of one buffer.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator
from typing import BinaryIO, ClassVar

import numpy as np
from numpy.typing import NDArray

from kulla.telemetry.batch import BATCH_BYTES, RECORD_BYTES, Batch
from kulla.telemetry.encoding import utf8_head, utf8_stream
from kulla.telemetry.json_kinds import is_event_key, list_ways
from kulla.telemetry.json_records import Records
from kulla.telemetry.json_structure import brackets, whole_escapes
from kulla.telemetry.reader import Origin
from kulla.telemetry.streams import HEAD_BYTES, Readable

# All linear: possessive repetitions.
_BETWEEN = re.compile(rb"[\s,]*+")
_ARRAY = re.compile(rb'\s*+\[\s*+(?:\{\s*+["}]|\]\s*+$)')
_OBJECT = re.compile(rb'\s*+\{\s*+"(?:[^"\\\n]|\\.)*+"\s*+:')
_RECORD_AHEAD = re.compile(rb"\s*+[{\]]")
#: A key, a string, a bracket, or anything else, while walking into a document.
_TOKEN = re.compile(rb'[\s,:]*+(?:"((?:[^"\\]|\\.)*+)"(\s*+:)?+|([{}\[\]])|([^\s"{}\[\],:]++))')
#: Where to go on after text that is no JSON.
_RESTART = re.compile(rb"[{\[\n]")
_BLANK = b" \t\r\n,"


class JsonArrayReader:
    """Reads the records of JSON documents."""

    name: ClassVar[str] = "json"

    def sniff(self, head: bytes) -> int:
        """Return 96 for an array of objects or a document with a known list, 55 for any other object."""
        text = utf8_head(head)
        if _ARRAY.match(text):
            return 96
        if not _OBJECT.match(text):
            return 0
        return 96 if _list_start(text, text.index(b"{")) is not None else 55

    def read(self, stream: BinaryIO, origin: Origin) -> Iterator[Batch]:
        """Yield the records; a document that ends early is the problem ``truncated-file``, its complete records are read."""
        yield from _Reading(utf8_stream(stream), origin, self.name).batches()


class _Reading:
    """One run: a buffer, a position in it, and how deep inside a document's list the position is."""

    def __init__(self, stream: Readable, origin: Origin, name: str) -> None:
        self._stream, self._origin, self._name = stream, origin, name
        self._data, self._at, self._ended = b"", 0, False
        self._records: Records | None = None
        self._number = 0

    def batches(self) -> Iterator[Batch]:
        """Yield the records of one document after another."""
        while self._find_start():
            mark = self._data[self._at : self._at + 1]
            if mark == b"[":
                self._at += 1
                yield from self._list(0)
            elif mark == b"{":
                self._fill(HEAD_BYTES)
                start = _list_start(self._data, self._at)
                if start is None:
                    yield from self._objects()
                else:
                    self._at, closers = start
                    yield from self._list(closers)
            else:
                self._skip_junk()

    def _find_start(self) -> bool:
        """Stand on the next character that is no separator; False at the end."""
        while True:
            self._at = _end_of(_BETWEEN, self._data, self._at)
            if self._at < len(self._data):
                return True
            if not self._more():
                return False

    def _skip_junk(self) -> None:
        found = _RESTART.search(self._data, self._at + 1)
        self._at = found.start() if found else len(self._data)
        self._problem("unreadable-record", "text between records that is no JSON object")

    def _list(self, closers: int) -> Iterator[Batch]:
        """Yield the records of a list up to its end, then pass over what closes the document."""
        complete = yield from self._take(in_list=True)
        if complete and closers:
            complete = self._skip(closers)
        if not complete:
            self._cut("the document ends early; its complete records were read")

    def _objects(self) -> Iterator[Batch]:
        """Yield objects that follow one another without a list around them."""
        complete = yield from self._take(in_list=False)
        if not complete:
            self._cut("the last record is not complete; those before it were read")

    def _cut(self, message: str) -> None:
        self._problem("truncated-file", message)
        self._at = len(self._data)

    def _take(self, *, in_list: bool) -> Generator[Batch, None, bool]:
        """Yield records until the list (or the row of objects) ends; return whether it did, and not the file in its middle."""
        while True:
            starts, ends, stop, pending = self._spans(in_list=in_list)
            yield from self._emit(starts, ends)
            if stop is not None:
                self._between(int(ends[-1]) if len(ends) else self._at, stop)
                self._at = stop + in_list
                return True
            self._at = pending if pending is not None else (int(ends[-1]) if len(ends) else self._at)
            if not self._advance(pending):
                return pending is None and not in_list

    def _advance(self, pending: int | None) -> bool:
        """Make room for what comes next; False at the end of the file."""
        if pending is not None and len(self._data) - pending > RECORD_BYTES:
            self._problem("oversized-record", f"longer than {RECORD_BYTES} bytes")
            self._number += 1
            self._at = pending + 1
            return self._skip(1)
        if pending is None:
            self._at = _end_of(_BETWEEN, self._data, self._at)
            if len(self._data) - self._at > RECORD_BYTES:  # numbers or texts without end; nothing of them is a record
                self._problem("unreadable-record", "an element of a list that is no object")
                self._at = len(self._data)
        return self._more() or self._resume(pending)

    def _resume(self, pending: int | None) -> bool:
        """Go on after a record without an end, where records stand on lines of their own; False where they do not.

        A quotation mark too few or too many swallows everything behind it. The next record is then
        the next line that begins exactly as the damaged one did.
        """
        if pending is None:
            return False
        line = self._data.rfind(b"\n", 0, pending)
        if line < 0 or self._data[line:pending].strip():
            return False
        following = self._data.find(self._data[line : pending + 1], pending)
        if following < 0:
            return False
        self._problem("unreadable-record", "a record without an end; reading went on with the next line that begins like it")
        self._number += 1
        self._data, self._at = self._data[following:], 0
        return True

    def _spans(self, *, in_list: bool) -> tuple[NDArray[np.int64], NDArray[np.int64], int | None, int | None]:
        """Return where records begin and end in the buffer, where the list ends, and where an incomplete record begins."""
        found = brackets(self._data, self._at)
        depth = np.cumsum(found.steps)
        over = np.flatnonzero(depth < 0)
        if not in_list:
            outer = (depth == 1) & (found.steps == 1)
            arrays = np.flatnonzero(outer & (np.frombuffer(self._data, dtype=np.uint8)[found.at] == ord("[")))
            over = np.sort(np.concatenate((over, arrays)))
        count = int(over[0]) if len(over) else len(depth)
        places, depth, steps = found.at[:count], depth[:count], found.steps[:count]
        starts, ends = places[(depth == 1) & (steps == 1)], places[(depth == 0) & (steps == -1)] + 1
        pending = int(starts[-1]) if len(starts) > len(ends) else None
        stop = int(found.at[count]) if len(over) else None
        return starts[: len(ends)], ends, stop, pending

    def _emit(self, starts: NDArray[np.int64], ends: NDArray[np.int64]) -> Iterator[Batch]:
        if not len(starts):
            return
        self._between(self._at, int(starts[0]))
        for end, start in zip(ends[:-1].tolist(), starts[1:].tolist(), strict=True):
            if start - end != 1 or self._data[end : end + 1] != b",":
                self._between(end, start)
        base = starts[0]
        data, starts, ends = self._valid(self._data[base : ends[-1]], starts - base, ends - base)
        if self._records is None:
            sample = zip(starts[:32].tolist(), ends[:32].tolist(), strict=True)
            self._records = Records(self._origin, self._name, [data[a:b] for a, b in sample if b - a <= BATCH_BYTES])
        numbers = np.arange(self._number, self._number + len(starts), dtype=np.int64)
        self._number += len(starts)
        yield from self._records.batches(data, starts, ends, numbers)

    def _between(self, end: int, start: int) -> None:
        """Count what stands between two records and is neither comma nor blank."""
        if self._data[end:start].strip(_BLANK):
            self._problem("unreadable-record", "an element of a list that is no object")

    def _valid(self, data: bytes, starts: NDArray[np.int64], ends: NDArray[np.int64]) -> tuple[bytes, NDArray[np.int64], NDArray[np.int64]]:
        """Return the records as valid UTF-8."""
        if data.isascii():
            return data, starts, ends
        try:
            data.decode("utf-8")
        except UnicodeDecodeError:
            return self._repaired(data, starts, ends)
        return data, starts, ends

    def _repaired(
        self, data: bytes, starts: NDArray[np.int64], ends: NDArray[np.int64]
    ) -> tuple[bytes, NDArray[np.int64], NDArray[np.int64]]:
        records: list[bytes] = []
        for position, (start, end) in enumerate(zip(starts.tolist(), ends.tolist(), strict=True), self._number):
            record = data[start:end]
            try:
                record.decode("utf-8")
            except UnicodeDecodeError as error:
                message = f"bytes replaced: {error.reason}"
                self._origin.problems.add(self._origin.path, "invalid-utf8", message, place=f"record {position}")
                record = record.decode("utf-8", "replace").encode("utf-8")
            records.append(record)
        stops = np.cumsum([len(record) + 1 for record in records], dtype=np.int64) - 1
        return b"\n".join(records), np.concatenate(([0], stops[:-1] + 1)).astype(np.int64), stops

    def _skip(self, depth: int) -> bool:
        """Pass over text until ``depth`` brackets are closed, holding none of it; False when the file ends before."""
        quoted = False
        while True:
            size = whole_escapes(self._data[self._at :])
            found = brackets(self._data[: self._at + size], self._at, quoted=quoted)
            closed = np.flatnonzero(depth + np.cumsum(found.steps) == 0)
            if len(closed):
                self._at = int(found.at[closed[0]]) + 1
                return True
            depth, quoted = depth + int(found.steps.sum()), found.quoted
            self._at += size
            if not self._more():
                return False

    def _fill(self, size: int) -> None:
        while len(self._data) - self._at < size and self._more():
            pass

    def _more(self) -> bool:
        """Forget what was read and read at least BATCH_BYTES (as much again where a record is long); False at the end."""
        if self._ended:
            return False
        pieces = [self._data[self._at :]]
        missing = max(BATCH_BYTES, len(pieces[0]))
        while missing > 0 and not self._ended:
            pieces.append(self._stream.read(missing))
            missing -= len(pieces[-1])
            self._ended = not pieces[-1]
        self._data, self._at = b"".join(pieces), 0
        return not self._ended or any(pieces[1:])

    def _problem(self, kind: str, message: str) -> None:
        self._origin.problems.add(self._origin.path, kind, message, place=f"record {self._number}")


def _end_of(pattern: re.Pattern[bytes], data: bytes, at: int) -> int:
    found = pattern.match(data, at)
    return found.end() if found else at


def _list_start(data: bytes, at: int) -> tuple[int, int] | None:
    """Return where the records begin in a document that starts at ``at``, and how many brackets close it behind them.

    None when no known list comes within HEAD_BYTES, or when the document is itself an event.
    """
    ways, key, stop = set(list_ways()), "", at + HEAD_BYTES
    path: list[str] = []
    while at < min(stop, len(data)):
        token = _TOKEN.match(data, at)
        if token is None:
            return None
        at = token.end()
        if token[2] is not None:
            key = token[1].decode("utf-8", "replace")
            if len(path) == 1 and is_event_key(key):
                return None
        elif token[3] in (b"{", b"["):
            path.append(key)
            if token[3] == b"[" and tuple(path[1:]) in ways and _RECORD_AHEAD.match(data, at):
                return at, len(path) - 1
            key = ""
        elif token[3] is not None:
            if len(path) <= 1:
                return None
            path.pop()
            key = ""
    return None
