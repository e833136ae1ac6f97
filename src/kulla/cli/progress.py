"""Progress on stderr: one line that is redrawn on a terminal, a plain line now and then where there is none and ``-v`` is given."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock
from types import TracebackType
from typing import Self, TextIO

from kulla.reporting.columns import cut
from kulla.reporting.words import counted, duration, number, size

#: Seconds between two drawings on a terminal, and between two plain lines.
REDRAW, PLAIN = 0.2, 30.0
#: Seconds before rates and the time left mean anything.
_SETTLED = 1.0
_BAR = 20


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a scan is.

    Attributes:
        done, total: bytes as they lie on disk; total is None where it is not known (stdin).
        events, detections: so far.
        seconds: since the start.
    """

    done: int = 0
    total: int | None = None
    events: int = 0
    detections: int = 0
    seconds: float = 0.0


def progress_text(progress: Progress, width: int = 120) -> str:
    """Return one line of at most ``width`` columns; what does not fit is left out, the least useful first."""
    parts = [part for part in (*_amount(progress), *_rates(progress)) if part]
    bar = _bar(progress) if progress.total else ""
    for line in (f"{bar} {', '.join(parts)}".strip(), *(", ".join(parts[:count]) for count in range(len(parts), 0, -1))):
        if len(line) <= width:
            return line
    return cut(parts[0], width)


def _amount(progress: Progress) -> tuple[str, ...]:
    """Return percent, detections, time left and bytes, the most useful first."""
    found = counted(progress.detections, "detection", "detections")
    if not progress.total:
        return found, f"{size(progress.done)} read"
    return f"{_share(progress):4.0%}", found, _left(progress), f"{size(progress.done)} of {size(progress.total)}"


def _share(progress: Progress) -> float:
    return min(progress.done / progress.total, 1.0) if progress.total else 0.0


def _left(progress: Progress) -> str:
    if progress.seconds < _SETTLED or not progress.done or progress.total is None:
        return ""
    rest = max(progress.total - progress.done, 0)
    return f"{duration(rest * progress.seconds / progress.done)} left"


def _rates(progress: Progress) -> tuple[str, ...]:
    if progress.seconds < _SETTLED:
        return ()
    return f"{size(progress.done / progress.seconds)}/s", f"{number(round(progress.events / progress.seconds))} events/s"


def _bar(progress: Progress) -> str:
    filled = round(_share(progress) * _BAR)
    return f"[{'#' * filled}{'.' * (_BAR - filled)}]"


class ProgressLine:
    """Shows progress while the block runs; safe to be updated from several threads.

    Args:
        stream: stderr.
        total: bytes to read, None if not known.
        shown: False for ``--no-progress`` and ``-q``.
        verbose: plain lines where ``stream`` is no terminal.
        clock: seconds, for tests.
    """

    def __init__(
        self, stream: TextIO, total: int | None, *, shown: bool = True, verbose: bool = False, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._stream = stream
        self._total = total
        self._clock = clock
        self._started = clock()
        self._terminal = stream.isatty() and os.environ.get("TERM") != "dumb"
        self._pause = REDRAW if self._terminal else PLAIN
        self._shown = shown and (self._terminal or verbose)
        self._due = self._started + (0.0 if self._terminal else PLAIN)
        self._drawn = False
        self._lock = Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.clear()
        self._shown = False

    def update(self, done: int, events: int, detections: int) -> None:
        """Take the totals so far; draw if it is time."""
        if not self._shown:
            return
        with self._lock:
            now = self._clock()
            if now >= self._due:
                self._due = now + self._pause
                self._draw(Progress(done, self._total, events, detections, now - self._started))

    def clear(self) -> None:
        """Take the line away, so that results can be written on the same terminal; the next update draws it again."""
        with self._lock:
            if self._drawn:
                self._stream.write("\r\x1b[K")
                self._stream.flush()
                self._drawn = False

    def _draw(self, progress: Progress) -> None:
        if self._terminal:
            width = shutil.get_terminal_size().columns - 1
            self._stream.write(f"\r\x1b[K{progress_text(progress, width)}")
            self._drawn = True
        else:
            self._stream.write(f"{progress_text(progress)}\n")
        self._stream.flush()
