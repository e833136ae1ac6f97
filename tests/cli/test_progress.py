"""Progress: what the line says, when it is drawn, and that it leaves nothing behind."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kulla.cli.progress import Progress, ProgressLine, progress_text

HALF = Progress(done=500_000_000, total=2_000_000_000, events=600_000, detections=37, seconds=10.0)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Clock:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize(
    ("width", "text"),
    [
        (120, "[#####...............]  25%, 37 detections, 30 s left, 500.0 MB of 2.0 GB, 50.0 MB/s, 60,000 events/s"),
        (100, " 25%, 37 detections, 30 s left, 500.0 MB of 2.0 GB, 50.0 MB/s, 60,000 events/s"),
        (60, " 25%, 37 detections, 30 s left, 500.0 MB of 2.0 GB"),
        (20, " 25%, 37 detections"),
        (4, " 25%"),
        (3, " 2…"),
    ],
)
def test_the_line_fits_and_keeps_what_matters_most(width: int, text: str) -> None:
    assert progress_text(HALF, width) == text


def test_without_a_total_there_is_no_percentage() -> None:
    line = progress_text(Progress(done=5_000_000, events=10, detections=1, seconds=5.0))
    assert line == "1 detection, 5.0 MB read, 1.0 MB/s, 2 events/s"


def test_no_rate_is_claimed_in_the_first_second() -> None:
    assert progress_text(Progress(1, 100, 1, 0, 0.5)) == "[....................]   1%, 0 detections, 1 B of 100 B"


@given(st.integers(0, 2**60), st.none() | st.integers(0, 2**60), st.integers(0, 2**60), st.floats(0, 1e9), st.integers(1, 200))
def test_any_progress_fits(done: int, total: int | None, events: int, seconds: float, width: int) -> None:
    assert 0 < len(progress_text(Progress(done, total, events, events, seconds), width)) <= width


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    return Clock()


def test_a_terminal_is_redrawn_at_most_five_times_a_second(clock: Clock) -> None:
    stream = Terminal()
    with ProgressLine(stream, 1000, clock=clock) as line:
        for step in range(100):
            line.update(step * 10, step, 0)
            clock.now += 0.01
    drawn = stream.getvalue().split("\r\x1b[K")
    assert len(drawn) - 2 == 5
    assert "400 B of 1.0 kB" in drawn[3]


def test_the_line_is_cleared_at_the_end_and_on_demand(clock: Clock) -> None:
    stream = Terminal()
    with ProgressLine(stream, 1000, clock=clock) as line:
        line.update(10, 1, 0)
        line.clear()
        assert stream.getvalue().endswith("\r\x1b[K")
        line.clear()
        clock.now += 1
        line.update(20, 2, 0)
    assert stream.getvalue().endswith("\r\x1b[K")
    assert stream.getvalue().count("\r\x1b[K") == 4
    line.update(30, 3, 0)
    assert stream.getvalue().count("\r\x1b[K") == 4


def test_without_a_terminal_there_is_silence(clock: Clock) -> None:
    stream = io.StringIO()
    with ProgressLine(stream, 1000, clock=clock) as line:
        clock.now += 1000
        line.update(10, 1, 0)
    assert not stream.getvalue()


def test_without_a_terminal_and_verbose_there_is_a_line_every_half_minute(clock: Clock) -> None:
    stream = io.StringIO()
    with ProgressLine(stream, 1000, verbose=True, clock=clock) as line:
        for second in range(100):
            line.update(second, second, 0)
            clock.now += 1
    assert [text.split(",")[0] for text in stream.getvalue().splitlines()] == [
        "[#...................]   3%",
        "[#...................]   6%",
        "[##..................]   9%",
    ]


@pytest.mark.parametrize("shown", [False, True])
def test_no_progress_and_dumb_terminals(clock: Clock, monkeypatch: pytest.MonkeyPatch, *, shown: bool) -> None:
    if shown:
        monkeypatch.setenv("TERM", "dumb")
    stream = Terminal()
    with ProgressLine(stream, 1000, shown=shown, clock=clock) as line:
        line.update(10, 1, 0)
    assert not stream.getvalue()
