"""JSON: one array of detections, written as they come."""

from __future__ import annotations

from kulla.model.summary import ScanSummary
from kulla.reporting.writer import ByteSink, Look


class ArrayWriter:
    """One JSON array, one ``kulla.detection/1`` object a line."""

    def __init__(self, sink: ByteSink, look: Look) -> None:
        del look
        self._sink = sink
        self._before = b"[\n"

    def write(self, lines: bytes) -> None:
        """Add the block's objects."""
        objects = [line for line in lines.split(b"\n") if line.strip()]
        if objects:
            self._sink.write(self._before + b",\n".join(objects))
            self._before = b",\n"

    def finish(self, summary: ScanSummary) -> None:
        """Close the array."""
        self._sink.write(b"[]\n" if self._before == b"[\n" else b"\n]\n")
