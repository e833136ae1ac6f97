"""A batch: many events of one source as JSON bytes, the only form in which events travel inside Kulla.

Readers produce batches, the engine consumes them. Each event is one JSON object in
UTF-8; the field names are those of the source. What a reader knows beyond the
object (a time that it parsed, a host named once in a file's header) stands in
columns beside it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from kulla.model.logsource import LogSource

#: Bytes of events that a reader gathers before it yields; bounds the memory of everything after it.
BATCH_BYTES = 2 * 1024 * 1024
#: Events of a batch at the most, whatever their size.
BATCH_EVENTS = 16_384
#: A longer record is not read as an event; it becomes the problem "oversized-record".
RECORD_BYTES = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Source:
    """Where a batch came from.

    Attributes:
        path: as given or found; a member of an archive is ``archive.zip!member``.
        format: the reader's name (``evtx``, ``zeek``, ...).
        logsource: what every event is unless the event itself tells more (its channel, its Zeek path, its program).
        host: the host for events that name none.
    """

    path: str
    format: str
    logsource: LogSource = field(default_factory=LogSource)
    host: str | None = None


@dataclass(frozen=True, slots=True)
class Batch:
    """Events of one source.

    Attributes:
        source: where they came from.
        data: the JSON objects, valid UTF-8 (a reader replaces what is not by U+FFFD and counts it).
        starts, ends: int64, byte range of each event in ``data``.
        numbers: int64, zero-based position of each event in its file.
        times: int64 microseconds UTC, or ``moment.UNKNOWN`` where the engine is to take the time from the event's
            own fields; None when that holds for all.
    """

    source: Source
    data: bytes
    starts: NDArray[np.int64]
    ends: NDArray[np.int64]
    numbers: NDArray[np.int64]
    times: NDArray[np.int64] | None = None

    def __len__(self) -> int:
        return len(self.starts)

    def event(self, index: int) -> bytes:
        """Return the JSON of one event."""
        return self.data[self.starts[index] : self.ends[index]]


def batch_of(
    source: Source, events: Sequence[bytes], first: int = 0, times: Sequence[int] | None = None, numbers: Sequence[int] | None = None
) -> Batch:
    """Join separate JSON objects (no newline inside is required) into a batch.

    Args:
        source: where they came from.
        events: one JSON object each.
        first: position of the first event in its file, used unless ``numbers`` is given.
        times: microseconds UTC for each event, ``moment.UNKNOWN`` where not known.
        numbers: position of each event in its file.
    """
    sizes = np.fromiter((len(event) + 1 for event in events), dtype=np.int64, count=len(events))
    stops = np.cumsum(sizes)
    positions = np.arange(first, first + len(events), dtype=np.int64) if numbers is None else np.asarray(numbers, dtype=np.int64)
    return Batch(
        source=source,
        data=b"\n".join(events) + b"\n",
        starts=stops - sizes,
        ends=stops - 1,
        numbers=positions,
        times=None if times is None else np.asarray(times, dtype=np.int64),
    )
