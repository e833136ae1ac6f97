"""The runtime of correlations: hits in any order in, detections in order of time out.

Hits wait in a spool, sorted by time. They are then played one event after the other: each
event gives an item to the groups of the correlations that refer to its rules, a
correlation that fires gives one to those that refer to it. Memory is that of the open windows and is bounded.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from heapq import heappop, heappush
from itertools import chain, groupby
from pathlib import Path

from kulla.detection.correlation.measures import Item
from kulla.detection.correlation.model import Correlated, Correlation, Hit
from kulla.detection.correlation.occurrences import Key, Lens, Occurrence, bounded, needed_fields, occurrence
from kulla.detection.correlation.spool import MEMORY_HITS, Spool
from kulla.detection.correlation.windows import Budget, Complete, Group, Listed, Outcome, Sliding
from kulla.model import moment
from kulla.model.problem import Problems


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of the memory a correlator takes.

    Attributes:
        hits: kept in memory before they go to disk.
        groups: open at the same time, over all correlations.
        events: in all open windows together.
    """

    hits: int = MEMORY_HITS
    groups: int = 50_000
    events: int = 250_000


_MESSAGES = {
    "no-time": "the event has no time, so correlations leave it out",
    "late-hit": "the event is older than what has been correlated already, so correlations leave it out",
    "no-group-value": 'the event has no field "{field}" to group by, so this correlation leaves it out',
    "no-value": 'the event has no field "{field}" to measure, so this correlation leaves it out',
    "not-a-number": 'the field "{field}" is not a number, so this correlation leaves the event out',
    "correlation-groups-full": "too many groups are open at once; the oldest was closed early",
    "correlation-window-full": "too many events are in open windows; the oldest of the group was dropped early",
}


class Correlator:
    """Evaluates correlations over hits.

    Not thread-safe: the caller sees to it that one thread at a time calls.

    Args:
        correlations: as ``resolve`` returns them, inner ones before those that refer to them.
        spool: folder for hits that do not fit in memory; None is the system's temporary folder.
        problems: where everything left out is counted.
        limits: bounds of memory.
        include_silent: also give the detections of correlations that only feed others.

    Attributes:
        needs: rule id -> the fields of its events that hits must carry in ``values``.
    """

    def __init__(
        self,
        correlations: Sequence[Correlation],
        spool: Path | None,
        problems: Problems,
        limits: Limits | None = None,
        *,
        include_silent: bool = False,
    ) -> None:
        self.needs = needed_fields(correlations)
        self._limits = limits or Limits()
        self._problems = problems
        self._spool = Spool(spool, problems, self._limits.hits)
        self._player = _Player(correlations, problems, self._limits)
        self._include_silent = include_silent
        self._done = moment.UNKNOWN

    def feed(self, hits: Iterable[Hit]) -> None:
        """Take hits in any order; those of rules to which no correlation refers are ignored."""
        for hit in hits:
            if hit.rule_id not in self.needs:
                continue
            if hit.time == moment.UNKNOWN:
                self._problems.add(hit.path, "no-time", _MESSAGES["no-time"])
            elif hit.time < self._done:
                self._problems.add(hit.path, "late-hit", _MESSAGES["late-hit"])
            else:
                self._spool.add(bounded(hit))

    def advance(self, until: int) -> Iterator[Correlated]:
        """Correlate everything before the moment ``until``, for use on a live stream.

        Yields detections that are final, and as ``ongoing`` those that began since the last call and
        still hold. Hits from before ``until`` that come later are counted and left out.
        """
        self._done = max(self._done, until)
        yield from self._heard(chain(self._player.play(self._spool.take(until)), self._player.elapse(until), self._player.announce()))

    def finish(self) -> Iterator[Correlated]:
        """Correlate the rest, judge all open windows, and release everything held.

        The detections come in the same order whatever the order of the hits.
        """
        try:
            yield from self._heard(chain(self._player.play(self._spool.take(None)), self._player.elapse(None)))
        finally:
            self.close()

    def _heard(self, found: Iterator[Correlated]) -> Iterator[Correlated]:
        return (one for one in found if self._include_silent or not one.correlation.silent)

    def close(self) -> None:
        """Remove the temporary files; hits not yet correlated are lost."""
        self._spool.close()


_Window = Sliding | Complete
_Timer = tuple[int, int, Key]


class _Player:
    """Plays events in order of time. Each open window has one timer: (its end, the correlation's index, its group)."""

    def __init__(self, correlations: Sequence[Correlation], problems: Problems, limits: Limits) -> None:
        self._problems = problems
        self._limits = limits
        self._budget = Budget(limits.events)
        self._referring: dict[str, list[int]] = {}
        for index, one in enumerate(correlations):
            for rule in dict.fromkeys(one.rules):
                self._referring.setdefault(rule, []).append(index)
        self._nodes = [_Node(one, self._budget, one.id in self._referring) for one in correlations]
        self._timers: list[_Timer] = []
        self._begun: dict[tuple[int, Key], _Window] = {}

    def play(self, hits: Iterator[Hit]) -> Iterator[Correlated]:
        """Correlate hits that come in order of time."""
        for (time, _, _), same in groupby(hits, key=lambda hit: (hit.time, hit.path, hit.number)):
            yield from self.elapse(time)
            yield from self._spread(map(occurrence, same))
            while len(self._timers) > self._limits.groups:
                yield from self._end(heappop(self._timers), early=time)

    def elapse(self, until: int | None) -> Iterator[Correlated]:
        """End the windows that no event from ``until`` on can reach; all windows, if None."""
        while self._timers and (until is None or self._timers[0][0] < until):
            yield from self._end(heappop(self._timers), early=None)

    def announce(self) -> Iterator[Correlated]:
        """Yield the bursts that began since the last call and are not over."""
        begun, self._begun = self._begun, {}
        for window in begun.values():
            found = window.ongoing()
            if found is not None:
                yield found

    def _spread(self, occurrences: Iterable[Occurrence]) -> Iterator[Correlated]:
        """Give the occurrences of one event to all that refer to them, and what these fire to those above."""
        waiting: dict[int, list[Occurrence]] = {}
        queue: list[int] = []
        self._enqueue(occurrences, waiting, queue)
        while queue:
            index = heappop(queue)
            fired: list[Occurrence] = []
            yield from self._step(index, waiting.pop(index), fired)
            self._enqueue(fired, waiting, queue)

    def _enqueue(self, occurrences: Iterable[Occurrence], waiting: dict[int, list[Occurrence]], queue: list[int]) -> None:
        for one in occurrences:
            for index in self._referring.get(one.rule, ()):
                if index not in waiting:
                    waiting[index] = []
                    heappush(queue, index)
                waiting[index].append(one)

    def _step(self, index: int, occurrences: list[Occurrence], fired: list[Occurrence]) -> Iterator[Correlated]:
        """Give one correlation the occurrences of one event; add to ``fired`` what those above it see."""
        node = self._nodes[index]
        items, missing = node.lens.items(occurrences)
        for reason in missing:
            self._problems.add(reason.path, reason.kind, _MESSAGES[reason.kind].format(field=reason.field), place=node.place)
        for key, (group, item, source) in items.items():
            outcome = self._add(index, key, group, item, source)
            fired += node.fires(outcome, item, group, source.values)
            if outcome.detection is not None:
                yield outcome.detection

    def _add(self, index: int, key: Key, group: Group, item: Item, source: Occurrence) -> Outcome:
        node = self._nodes[index]
        window = node.windows.get(key)
        opened = window is None
        if window is None:
            window = node.windows[key] = node.window(group)
        window.values = source.values
        outcome = window.add(item)
        if opened:
            heappush(self._timers, (window.deadline, index, key))
        if outcome.opened is not None:
            self._begun[index, key] = window
        if self._budget.dropped:
            self._full(node, "correlation-window-full", self._budget.dropped)
            self._budget.dropped = 0
        return outcome

    def _end(self, timer: _Timer, early: int | None) -> Iterator[Correlated]:
        """End the window of a timer, unless events since have moved its end.

        Args:
            timer: the window's, taken off the heap.
            early: the present, if the window is to end before its time.
        """
        deadline, index, key = timer
        node = self._nodes[index]
        window = node.windows[key]
        if window.deadline > deadline:
            heappush(self._timers, (window.deadline, index, key))
            return
        if early is not None:
            self._full(node, "correlation-groups-full", 1)
        del node.windows[key]
        outcome = window.close()
        if outcome.detection is not None:
            yield outcome.detection
        yield from self._spread(node.closes(outcome, window, deadline if early is None else early))

    def _full(self, node: _Node, kind: str, count: int) -> None:
        self._problems.add(node.correlation.path, kind, _MESSAGES[kind], place=node.place, count=count)


class _Node:
    """One correlation with its open windows."""

    def __init__(self, correlation: Correlation, budget: Budget, referred: bool) -> None:
        self.correlation = correlation
        self.place = f"correlation {correlation.id}"
        self.lens = Lens(correlation)
        self.windows: dict[Key, _Window] = {}
        self._budget = budget
        self._referred = referred

    def window(self, group: Group) -> _Window:
        """Return a new window of one group."""
        kind = Sliding if self.correlation.sliding else Complete
        return kind(self.correlation, group, self._budget)

    def fires(self, outcome: Outcome, item: Item, group: Group, values: Mapping[str, str | None]) -> Iterator[Occurrence]:
        """Yield what the correlations that refer to this one see of an event."""
        if not outcome.fired or not self._referred:
            return
        seen = outcome.opened or Listed(item.records, item.count, item.last)
        yield self._occurrence(item.time, {**values, **dict(group)}, seen, again=outcome.opened is None)

    def closes(self, outcome: Outcome, window: _Window, now: int) -> Iterator[Occurrence]:
        """Yield what the correlations that refer to this one see of the end of a window."""
        if outcome.opened is not None and self._referred:
            yield self._occurrence(now, {**window.values, **dict(window.group)}, outcome.opened, again=False)

    def _occurrence(self, time: int, values: Mapping[str, str | None], seen: Listed, *, again: bool) -> Occurrence:
        return Occurrence(self.correlation.id, time, values, seen.records, seen.count, seen.last, again)
