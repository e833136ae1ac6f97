"""What a scan counts as it goes: events, detections, rules that fired, and what could not be placed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from kulla.detection.byhand import ByHand
from kulla.detection.engine import Engine, Scanned
from kulla.detection.rulebook import RuleBook
from kulla.model import moment
from kulla.model.problem import Problems
from kulla.model.summary import RuleOutcome, SourceSummary
from kulla.telemetry.batch import Batch


@dataclass(slots=True)
class _Source:
    """What one file gave so far."""

    format: str
    events: int = 0
    first: int = moment.UNKNOWN
    last: int = moment.UNKNOWN

    def add(self, scanned: Scanned) -> None:
        self.events += scanned.evaluated + scanned.outside
        if scanned.first != moment.UNKNOWN:
            self.first = scanned.first if self.first == moment.UNKNOWN else min(self.first, scanned.first)
            self.last = max(self.last, scanned.last)


class Tally:
    """Counts of a run.

    Attributes:
        reader: reads an event of a batch again, for correlations.
        bytes, events, detections: so far.
        others: detections that YARA gave and nobody has written yet, as JSON lines.
        levels: detections by level, of indicators that are patterns, of correlations and of YARA.
        correlated: detections by the id of their correlation.

    Args:
        book: the rules of the run.
        engine: what runs them.
    """

    def __init__(self, book: RuleBook, engine: Engine) -> None:
        self._book, self._engine = book, engine
        self.reader = ByHand(book.rules, engine.catalogue)
        self.bytes = self.events = self.detections = 0
        self.others: list[bytes] = []
        self.levels: Counter[str] = Counter()
        self.correlated: Counter[str] = Counter()
        self._sources: dict[str, _Source] = {}
        self._rule_hits = np.zeros(len(book.infos), np.int64)
        self._sighted: Counter[int] = Counter()
        classes = len(book.compiled.classes) if book.compiled else 0
        self._class_events: NDArray[np.int64] = np.zeros(classes, np.int64)
        self._timeless: Counter[str] = Counter()
        self._unknown: Counter[str] = Counter()

    def read(self, count: int) -> None:
        """Count bytes read from a file."""
        self.bytes += count

    def add(self, batch: Batch, scanned: Scanned) -> None:
        """Count what one batch gave."""
        path = batch.source.path
        source = self._sources.setdefault(path, _Source(batch.source.format))
        source.add(scanned)
        self.events += scanned.evaluated + scanned.outside
        self.detections += scanned.lines.count(b"\n")
        self._rule_hits += scanned.rule_hits
        self._sighted.update(scanned.sighted)
        if scanned.timeless:
            self._timeless[path] += scanned.timeless
        if len(self._class_events):
            self._class_events += scanned.class_events
            self._unknown[path] += int(scanned.class_events[-1])

    def add_searched(self, scanned: Scanned, engine: Engine) -> None:
        """Count detections of indicators that are patterns."""
        for number in np.flatnonzero(scanned.rule_hits).tolist():
            self.levels[engine.rules[number].level] += int(scanned.rule_hits[number])
        self.detections += scanned.lines.count(b"\n")

    def report(self, problems: Problems) -> None:
        """Turn what could not be placed in time or by log source into problems."""
        for path, count in self._timeless.items():
            problems.add(path, "no-time", "events without a time that Kulla can read", count=count)
        for path, count in self._unknown.items():
            if count:
                problems.add(path, "unknown-logsource", "events of no known log source: only indicators were looked for", count=count)

    def sources(self) -> tuple[SourceSummary, ...]:
        """Return what each file gave, in the order in which they were read."""
        return tuple(SourceSummary(path, s.format, s.events, s.first, s.last) for path, s in self._sources.items())

    def outcomes(self) -> tuple[RuleOutcome, ...]:
        """Return what became of each rule; muted and silent rules give no detections."""
        from kulla.detection.accounting import outcomes

        hits = {int(n): int(self._rule_hits[n]) for n in np.flatnonzero(self._rule_hits)}
        found = outcomes(self._book, self._engine, hits, self._class_events)
        quiet = {n for n, info in enumerate(self._book.infos) if info.silent} | self._engine.muted
        return tuple(replace(each, detections=0) if n in quiet else each for n, each in enumerate(found))

    def all_levels(self, rules: Sequence[RuleOutcome]) -> dict[str, int]:
        """Return detections by level, those of indicators, correlations and YARA included."""
        counts = Counter(self.levels)
        for rule in rules[: len(self._book.infos)]:
            counts[rule.level] += rule.detections
        index = self._engine.index
        for number, count in self._sighted.items():
            if index:
                counts[index.indicators.indicator(number).level] += count
        return dict(counts)
