"""The contract of a writer: one output format, one class, two methods.

An implementation is registered in ``writers/__init__.py`` and must pass ``tests/reporting/test_writers.py``.
The smallest complete example is ``writers/jsonl.py``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Protocol

from kulla.model.detection import Detection
from kulla.model.problem import Problems
from kulla.model.summary import ScanSummary


class ByteSink(Protocol):
    """Takes the bytes of an output: an open file, standard output, a buffer in a test."""

    def write(self, data: bytes, /) -> object:
        """Take all of ``data``."""


class Writer(Protocol):
    """Writes the detections of one scan in one format.

    Memory stays bounded whatever the number of detections. ``finish`` is called exactly once, after
    the last ``write``; only then is the output complete.
    """

    def write(self, lines: bytes) -> None:
        """Take a block of complete lines of JSON Lines, one ``kulla.detection/1`` each."""

    def finish(self, summary: ScanSummary) -> None:
        """Write what comes after the last detection."""


@dataclass(frozen=True, slots=True)
class Look:
    """How an output for people is to look, and where a writer counts what it could not show.

    Attributes:
        width: columns of the terminal.
        color: ANSI colours.
        live: show detections as they come, for a person who watches.
        problems: of the scan.
        now: the moment a report bears, microseconds UTC; None for the present.
    """

    width: int = 120
    color: bool = False
    live: bool = False
    problems: Problems = field(default_factory=Problems)
    now: int | None = None


def detections(lines: bytes, problems: Problems) -> Iterator[Detection]:
    """Parse a block of JSON Lines; what cannot be parsed is counted as ``unreadable-detection``."""
    for line in lines.split(b"\n"):
        if not line.strip():
            continue
        try:
            yield Detection.from_json(line)
        except ValueError as error:
            problems.add("", "unreadable-detection", f"a detection cannot be shown in this format: {error}")
