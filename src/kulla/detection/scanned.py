"""What the engine says about one batch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from kulla.model.problem import Problem


@dataclass(frozen=True, slots=True)
class Hit:
    """A rule held for an event: what correlations are made of.

    Attributes:
        rule: index of the rule.
        event: index in the batch.
        time: microseconds UTC or moment.UNKNOWN.
    """

    rule: int
    event: int
    time: int


@dataclass(frozen=True, slots=True)
class Scanned:
    """What became of one batch.

    Attributes:
        lines: detections as JSON lines (kulla.detection/1), by event and rule.
        rule_hits: int64, how often each rule held, silent rules included.
        class_events: int64, events of each class.
        evaluated: events evaluated; the rest were unreadable or outside the time asked for.
        outside: events outside the time asked for.
        first, last: earliest and latest time seen; moment.UNKNOWN where no event had one.
        timeless: events without a readable time.
        hits: of the rules that feed correlations.
        sighted: detections of each indicator, by its number in the set.
        problems: what could not be read.
    """

    lines: bytes
    rule_hits: NDArray[np.int64]
    class_events: NDArray[np.int64]
    evaluated: int
    outside: int
    first: int
    last: int
    timeless: int
    hits: tuple[Hit, ...] = ()
    sighted: Mapping[int, int] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()
