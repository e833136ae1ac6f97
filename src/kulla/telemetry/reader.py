"""The contract of a reader: one file format, one class, two methods.

An implementation lives in ``readers/``, is registered in ``readers/__init__.py`` and must pass
``tests/telemetry/reader_contract.py``. The smallest complete example is ``readers/weblog.py``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, ClassVar, Protocol

from kulla.model.problem import Problems
from kulla.telemetry.batch import Batch


@dataclass(frozen=True, slots=True)
class Origin:
    """What a reader is told about the bytes it reads.

    Attributes:
        path: for ``Source.path`` and for problems.
        problems: where everything unreadable is counted.
        modified: the file's time of last change, microseconds UTC, for formats that leave out the year; None if unknown.
    """

    path: str
    problems: Problems
    modified: int | None = None


class Reader(Protocol):
    """Reads one format.

    ``sniff`` answers from the first bytes (at most 64 KiB, decompressed) how sure it is:
    0 no, 1-49 could be, 50-99 likely, 100 certain. It never raises.

    ``read`` yields batches and holds no more than one batch, one record and a fixed
    amount of state in memory. It never raises for bad content: each unreadable record is a
    Problem with its place, and reading goes on with the next. The stream need not be
    seekable; ``stream.read(n)`` may return fewer bytes than asked.
    """

    name: ClassVar[str]

    def sniff(self, head: bytes) -> int:
        """Return how sure this reader is that ``head`` begins a file of its format, 0 to 100."""
        ...

    def read(self, stream: BinaryIO, origin: Origin) -> Iterator[Batch]:
        """Yield the file's events in batches."""
        ...
