"""JSON Lines: the engine's own bytes, untouched."""

from __future__ import annotations

from kulla.model.summary import ScanSummary
from kulla.reporting.writer import ByteSink, Look


class JsonlWriter:
    """One ``kulla.detection/1`` object a line."""

    def __init__(self, sink: ByteSink, look: Look) -> None:
        del look
        self._sink = sink

    def write(self, lines: bytes) -> None:
        """Pass the block on."""
        if lines:
            self._sink.write(lines if lines.endswith(b"\n") else lines + b"\n")

    def finish(self, summary: ScanSummary) -> None:
        """Nothing comes after the last line; the summary has its own file."""
