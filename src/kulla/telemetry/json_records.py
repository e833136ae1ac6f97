"""JSON records on their way from a file to batches: as they are where their fields can be used, rewritten where not.

Both JSON readers (lines and documents) find where records begin and end; what becomes of them is decided here, once for a
file, from its first records (and again where later ones hold their data as text).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from kulla.telemetry.batch import BATCH_BYTES, BATCH_EVENTS, RECORD_BYTES, Batch, Source
from kulla.telemetry.json_kinds import recognise
from kulla.telemetry.json_rewrite import has_data_as_text, rewrite, rewriting
from kulla.telemetry.lines import Gathering
from kulla.telemetry.reader import Origin

Positions = NDArray[np.int64]
#: Records from which the kind of a file is decided.
_SAMPLE = 32


class Records:
    """Takes the records of one file and gives batches.

    Args:
        origin: the file.
        plain: its format where nothing more is known.
        sample: its first records, as they stand.
    """

    def __init__(self, origin: Origin, plain: str, sample: list[bytes]) -> None:
        parsed = list(filter(None, map(parse, sample[:_SAMPLE])))
        kind = recognise(parsed)
        self._origin = origin
        self.source = Source(origin.path, kind.format if kind else plain, *((kind.logsource,) if kind else ()))
        self._rewrite: Callable[[dict[str, Any]], dict[str, Any]] | None = rewriting(parsed)

    def batches(self, data: bytes, starts: Positions, ends: Positions, numbers: Positions) -> Iterator[Batch]:
        """Yield batches of the records that stand in ``data`` (valid UTF-8) from ``starts`` to ``ends``."""
        fits = ends - starts <= RECORD_BYTES
        if not fits.all():  # a line just short enough may have grown when its encoding was repaired
            self._too_long(numbers[~fits])
            starts, ends, numbers = starts[fits], ends[fits], numbers[fits]
        change = self._rewrite or (rewrite if has_data_as_text(data) else None)
        if change is None:
            yield from sliced(self.source, data, starts, ends, numbers)
        else:
            yield from self._rewritten(data, starts, ends, numbers, change)

    def _rewritten(
        self, data: bytes, starts: Positions, ends: Positions, numbers: Positions, change: Callable[[dict[str, Any]], dict[str, Any]]
    ) -> Iterator[Batch]:
        gathering = Gathering(self.source)
        for start, end, number in zip(starts.tolist(), ends.tolist(), numbers.tolist(), strict=True):
            record = data[start:end]
            parsed = parse(record)
            event = record if parsed is None else orjson.dumps(change(parsed))
            if len(event) > RECORD_BYTES:
                self._too_long([number])
            elif gathering.add(event, number):
                yield gathering.take()
        yield from gathering.rest()

    def _too_long(self, numbers: Iterable[int]) -> None:
        for number in numbers:
            message = f"longer than {RECORD_BYTES} bytes as an event"
            self._origin.problems.add(self._origin.path, "oversized-record", message, place=f"record {number}")


def parse(record: bytes) -> dict[str, Any] | None:
    """Return the object in ``record``; None for what is none, which is passed on as it is and counted by who evaluates it."""
    try:
        parsed = orjson.loads(record)
    except ValueError:
        return None
    return parsed if isinstance(parsed, dict) else None


def sliced(source: Source, data: bytes, starts: Positions, ends: Positions, numbers: Positions) -> Iterator[Batch]:
    """Yield batches of the records in ``data``, without copying them except where there are more than fit one batch."""
    at = 0
    while at < len(starts):
        stop = int(np.searchsorted(starts, starts[at] + BATCH_BYTES, side="right"))
        stop = min(stop, at + BATCH_EVENTS, len(starts))
        if at == 0 and stop == len(starts) and starts[-1] <= BATCH_BYTES:
            yield Batch(source, data, starts, ends, numbers)
        else:
            base = starts[at]
            part = data[base : ends[stop - 1]]
            yield Batch(source, part, starts[at:stop] - base, ends[at:stop] - base, numbers[at:stop])
        at = stop
