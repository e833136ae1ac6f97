"""Charts as inline SVG: drawn in numbers, coloured by the style sheet, explained in words for those who do not see them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from kulla.model import moment
from kulla.model.level import LEVELS
from kulla.reporting.html.element import Html, el, join
from kulla.reporting.words import counted, number

#: Minutes of one bar: the smallest that gives at most MAX_BARS.
_STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720, 1440, 2880, 10_080, 20_160, 43_200, 129_600, 262_800, 525_600, 2_628_000, 5_256_000)
MAX_BARS = 60
_HOUR, _DAY = 60, 1440

#: The drawing, in its own units; the page scales it.
_WIDTH, _HEIGHT, _LEFT, _TOP, _BOTTOM = 1000, 230, 56, 10, 34
_PLOT = _HEIGHT - _TOP - _BOTTOM
#: A single detection beside thousands stays visible.
_LEAST = 3.0
_LABELS = 6


@dataclass(frozen=True, slots=True)
class Axis:
    """Bars of equal width in time: minute of the first, minutes of each, how many."""

    start: int
    step: int
    bars: int

    def label(self, bar: int) -> str:
        """Return when a bar begins, as exactly as its width asks."""
        text = moment.to_text((self.start + bar * self.step) * 60_000_000) or ""
        return f"{text[:10]} {text[11:16]}" if self.step < _DAY else text[:10]


def axis_of(first: int, last: int) -> Axis:
    """Return the axis that holds the minutes ``first`` to ``last``."""
    step = next((step for step in _STEPS if last // step - first // step < MAX_BARS), _STEPS[-1])
    start = first // step * step
    return Axis(start, step, (last - start) // step + 1)


def step_words(step: int) -> str:
    """Return the width of a bar in words."""
    if step >= _DAY:
        return counted(step // _DAY, "day", "days")
    return counted(step // _HOUR, "hour", "hours") if step >= _HOUR else counted(step, "minute", "minutes")


def timeline(axis: Axis, counts: Mapping[tuple[int, str], int]) -> Html:
    """Return detections over time, a bar a bucket, stacked by severity with the most severe at the bottom."""
    totals = [sum(counts.get((bar, level), 0) for level in LEVELS) for bar in range(axis.bars)]
    top = _ceiling(max(totals, default=0))
    bars = [_bar(axis, bar, counts, top) for bar in range(axis.bars) if totals[bar]]
    peak = max(range(axis.bars), key=lambda bar: totals[bar])
    told = f"Detections over time, one bar for {step_words(axis.step)}. Most, {number(totals[peak])}, from {axis.label(peak)} UTC on."
    return el(
        "svg",
        el("title", told),
        _grid(top),
        bars,
        _times(axis),
        viewBox=f"0 0 {_WIDTH} {_HEIGHT}",
        class_="timeline",
        role="img",
        aria_label=told,
        direction="ltr",
    )


def _ceiling(value: int) -> int:
    """Return the smallest 1, 2 or 5 times a power of ten that is at least ``value`` and divides by the grid lines."""
    scale = 1
    while True:
        for step in (1, 2, 4, 5, 8):
            if step * scale >= value:
                return step * scale
        scale *= 10


def _grid(top: int) -> Html:
    lines = [top * part // 4 for part in range(5)] if top % 4 == 0 else [0, top // 2, top] if top % 2 == 0 else [0, top]
    return join(
        [
            el("line", x1=_LEFT, x2=_WIDTH, y1=_y(value, top), y2=_y(value, top), class_="grid" if value else "axis"),
            el("text", number(value), x=_LEFT - 8, y=_y(value, top) + 4, text_anchor="end"),
        ]
        for value in lines
    )


def _y(value: float, top: int) -> float:
    return _TOP + _PLOT * (1 - value / top)


def _bar(axis: Axis, bar: int, counts: Mapping[tuple[int, str], int], top: int) -> Html:
    room = (_WIDTH - _LEFT) / axis.bars
    width = min(max(room * 0.82, 1.0), 60.0)
    across = _LEFT + room * bar + (room - width) / 2
    bottom, parts, words = _y(0, top), [], []
    for level in reversed(LEVELS):
        count = counts.get((bar, level), 0)
        if count:
            tall = max(_PLOT * count / top, _LEAST)
            bottom -= tall
            parts.append(el("rect", x=across, y=bottom, width=width, height=tall, class_=f"fill-{level}"))
            words.append(f"{number(count)} {level}")
    return el("g", el("title", f"{axis.label(bar)} UTC: {', '.join(words)}"), parts)


def _times(axis: Axis) -> Html:
    room = (_WIDTH - _LEFT) / axis.bars
    every = max(-(-axis.bars // _LABELS), 1)
    marks = []
    for bar in range(0, axis.bars, every):
        across = _LEFT + room * bar + room / 2
        first = bar == 0 and across < _LEFT + 60
        last = across > _WIDTH - 60
        marks.append(el("line", x1=across, x2=across, y1=_y(0, 1), y2=_y(0, 1) + 5, class_="axis"))
        place = (_LEFT, "start") if first else (_WIDTH, "end") if last else (across, "middle")
        marks.append(el("text", axis.label(bar), x=place[0], y=_HEIGHT - 10, text_anchor=place[1]))
    return join(marks)


def stacked(parts: Sequence[tuple[str, int]], total: int, told: str, width: int = 200) -> Html:
    """Return one horizontal bar of ``(class, count)`` parts over ``total``; ``told`` says the same in words."""
    place, drawn = 0.0, []
    for name, count in parts:
        if count and total:
            long = max(width * count / total, 1.5)
            drawn.append(el("rect", x=place, y=0, width=min(long, width - place), height=10, class_=f"fill-{name}"))
            place = min(place + long, float(width))
    return _strip(drawn, told, width)


def extent(first: float, last: float, told: str, width: int = 200) -> Html:
    """Return a bar from ``first`` to ``last``, shares of the whole axis between 0 and 1."""
    start = min(max(first, 0.0), 1.0) * (width - 2)
    long = max((min(max(last, 0.0), 1.0)) * width - start, 2.0)
    ground = el("rect", x=0, y=4, width=width, height=2, class_="ground")
    return _strip([ground, el("rect", x=start, y=0, width=long, height=10, class_="fill-extent", rx=2)], told, width)


def _strip(drawn: list[Html], told: str, width: int) -> Html:
    return el(
        "svg",
        el("title", told),
        drawn,
        viewBox=f"0 0 {width} 10",
        preserveAspectRatio="none",
        class_="strip",
        role="img",
        aria_label=told,
        direction="ltr",
    )
