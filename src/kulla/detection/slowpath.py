"""A batch without compiled code: each event by hand. Exact and slow; the kernel's fallback and oracle."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import numpy as np

from kulla.detection.byhand import ByHand
from kulla.detection.scanned import Hit, Scanned
from kulla.model import moment
from kulla.model.problem import Problem
from kulla.telemetry.batch import Batch


@dataclass(slots=True)
class SlowPath:
    """Scans batches event by event; the arguments are those of ``FastPath``.

    Attributes:
        class_events, class_fields: events, and fields that occurred, by name of the event class.
    """

    by_hand: ByHand
    feeding: frozenset[int]
    window: tuple[int, int]
    class_events: Counter[str] = field(default_factory=Counter)
    class_fields: dict[str, set[str]] = field(default_factory=dict)

    def scan(self, batch: Batch) -> Scanned:
        """Scan one batch."""
        tally = _Tally(self, batch)
        for index in range(len(batch)):
            tally.add(index)
        return tally.result()


@dataclass(slots=True)
class _Tally:
    path: SlowPath
    batch: Batch
    lines: list[bytes] = field(default_factory=list)
    rule_hits: dict[int, int] = field(default_factory=dict)
    hits: list[Hit] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    times: list[int] = field(default_factory=list)
    evaluated: int = 0
    outside: int = 0
    timeless: int = 0
    sighted: Counter[int] = field(default_factory=Counter)

    def add(self, index: int) -> None:
        """Scan one event."""
        try:
            event = self.path.by_hand.read(self.batch, index)
        except ValueError as error:
            self.problems.append(unreadable(self.batch, index, str(error)))
            return
        time = event.envelope.time
        if time != moment.UNKNOWN:
            self.times.append(time)
            if not self.path.window[0] <= time <= self.path.window[1]:
                self.outside += 1
                return
        self.timeless += time == moment.UNKNOWN
        self.evaluated += 1
        for verdict in self.path.by_hand.verdicts(event):
            self.lines.append(verdict.line)
            self.rule_hits[verdict.rule] = self.rule_hits.get(verdict.rule, 0) + 1
            if verdict.rule in self.path.feeding:
                self.hits.append(Hit(verdict.rule, index, time))
        for sighted in self.path.by_hand.sighted(event):
            self.lines.append(sighted.line)
            self.sighted[sighted.indicator] += 1
        name = event.event_class.name
        self.path.class_events[name] += 1
        self.path.class_fields.setdefault(name, set()).update(event.fields.values)

    def result(self) -> Scanned:
        """Return what became of the batch."""
        rule_hits = np.zeros(len(self.path.by_hand.rules), np.int64)
        for rule, count in self.rule_hits.items():
            rule_hits[rule] = count
        return Scanned(
            lines=b"".join(self.lines),
            rule_hits=rule_hits,
            class_events=np.zeros(0, np.int64),
            evaluated=self.evaluated,
            outside=self.outside,
            first=min(self.times, default=moment.UNKNOWN),
            last=max(self.times, default=moment.UNKNOWN),
            timeless=self.timeless,
            hits=tuple(self.hits),
            sighted=self.sighted,
            problems=tuple(self.problems),
        )


def unreadable(batch: Batch, index: int, why: str) -> Problem:
    """Return the problem of a record that is not an event."""
    return Problem(batch.source.path, f"record {int(batch.numbers[index])}", "unreadable-record", f"not a JSON event: {why[:120]}")
