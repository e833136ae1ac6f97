"""Windows of one group: sliding ones, judged at each event, and complete ones, judged when they are over.

Sliding: at each event the window holds the group's events of the last timespan, this one
included. Events at which the condition holds and that are at most a timespan apart form a
*burst*; one burst is one detection, of all events in its windows.

Complete: the first event opens a window of one timespan; when it is over it is judged once,
and the next event opens the next.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass

from kulla.detection.correlation.measures import Item, Measure, measure_for
from kulla.detection.correlation.model import MAX_RECORDS, Correlated, Correlation, Locator, Number

#: The group-by fields with their values, in the rule's order.
Group = tuple[tuple[str, str], ...]


@dataclass(slots=True)
class Budget:
    """Events and values that all windows together may hold in memory.

    Attributes:
        most: the bound.
        held: how many there are.
        dropped: how many had to leave before their time since this was last looked at.
    """

    most: int
    held: int = 0
    dropped: int = 0

    @property
    def full(self) -> bool:
        """Whether nothing more fits."""
        return self.held >= self.most


@dataclass(frozen=True, slots=True)
class Listed:
    """Events behind a correlation that fired: at most MAX_RECORDS of ``count``, and the time of the last."""

    records: tuple[Locator, ...]
    count: int
    last: int


class Evidence:
    """The events behind one detection: the first ones as records, all by number."""

    def __init__(self) -> None:
        self.records: list[Locator] = []
        self.count = 0
        self.first = 0
        self.last = 0
        self.rules: set[str] = set()
        self._places: set[tuple[int, str, int]] = set()

    def add(self, item: Item) -> None:
        """Count the events of ``item``, those already listed only once."""
        first = item.records[0].time
        self.first = min(self.first, first) if self.count else first
        self.last = max(self.last, item.last) if self.count else item.last
        new = [record for record in item.records if record.place not in self._places]
        self.count += item.count - (len(item.records) - len(new))
        self.rules.update(item.rules)
        listed = new[: MAX_RECORDS - len(self.records)]
        self.records += listed
        self._places.update(record.place for record in listed)

    def listed(self) -> Listed:
        """Return the events so far."""
        return Listed(tuple(sorted(self.records, key=lambda record: record.place)), self.count, self.last)

    def detection(self, correlation: Correlation, group: Group, value: Number | None, *, ongoing: bool = False) -> Correlated:
        """Return the detection of these events."""
        return Correlated(
            correlation=correlation,
            first=self.first,
            last=self.last,
            group=group,
            records=self.listed().records,
            count=self.count,
            rules=tuple(rule for rule in dict.fromkeys(correlation.rules) if rule in self.rules),
            value=value,
            ongoing=ongoing,
        )


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an event, or the end of a window, did to a group.

    Attributes:
        fired: the condition holds now.
        opened: and did not before: these events made it hold.
        detection: a detection that is now final.
    """

    fired: bool = False
    opened: Listed | None = None
    detection: Correlated | None = None


class Sliding:
    """The last timespan of one group.

    Attributes:
        group: as its first event spelled it.
        values: of its last event, for correlations that refer to this one.
        deadline: its end, unless a further event comes; an event at this very moment is still in it.
    """

    def __init__(self, correlation: Correlation, group: Group, budget: Budget) -> None:
        self.group = group
        self.values: Mapping[str, str | None] = {}
        self.deadline = 0
        self._correlation = correlation
        self._budget = budget
        self._items: deque[Item] = deque()
        self._measure: Measure = measure_for(correlation)
        self._burst: Evidence | None = None
        self._value: Number | None = None

    def add(self, item: Item) -> Outcome:
        """Let one event in; the events before it that are too old go out."""
        start = item.time - self._correlation.timespan
        while self._items and self._items[0].time < start:
            self._drop()
        if self._budget.full and self._items:
            self._drop()
            self._budget.dropped += 1
        self._items.append(item)
        self._budget.held += 1
        self._measure.add(item)
        self.deadline = item.time + self._correlation.timespan
        return self._judge(item, start)

    def close(self) -> Outcome:
        """End the window: no further event can be in it."""
        self._budget.held -= len(self._items)
        self._items.clear()
        return Outcome(detection=self._finished())

    def ongoing(self) -> Correlated | None:
        """Return the burst so far, None where there is none."""
        if self._burst is None:
            return None
        return self._burst.detection(self._correlation, self.group, self._value, ongoing=True)

    def _drop(self) -> None:
        self._measure.remove(self._items.popleft())
        self._budget.held -= 1

    def _judge(self, item: Item, start: int) -> Outcome:
        if not self._measure.holds(start):
            return Outcome(detection=self._finished())
        value = self._measure.value(start)
        if self._burst is not None:
            self._burst.add(item)
            # Sliding windows ask only for "more than": the greatest value is the one to report.
            self._value = value if self._value is None or value is None else max(self._value, value)
            return Outcome(fired=True)
        self._burst, self._value = Evidence(), value
        for earlier in self._items:
            self._burst.add(earlier)
        return Outcome(fired=True, opened=self._burst.listed())

    def _finished(self) -> Correlated | None:
        burst, self._burst = self._burst, None
        return burst.detection(self._correlation, self.group, self._value) if burst else None


class Complete:
    """One window of one group, from its first event on; the attributes are those of ``Sliding``."""

    def __init__(self, correlation: Correlation, group: Group, budget: Budget) -> None:
        self.group = group
        self.values: Mapping[str, str | None] = {}
        self.deadline = 0
        self._correlation = correlation
        self._budget = budget
        self._measure: Measure = measure_for(correlation)
        self._evidence = Evidence()
        self._start: int | None = None

    def add(self, item: Item) -> Outcome:
        """Let one event in."""
        if self._start is None:
            self._start = item.time
            self.deadline = item.time + self._correlation.timespan
        held = self._measure.held
        if self._budget.full and held:
            self._budget.dropped += 1
            return Outcome()
        self._measure.add(item)
        self._budget.held += self._measure.held - held
        self._evidence.add(item)
        return Outcome()

    def close(self) -> Outcome:
        """Judge the window."""
        self._budget.held -= self._measure.held
        start = self._start or 0
        if not self._measure.holds(start):
            return Outcome()
        found = self._evidence.detection(self._correlation, self.group, self._measure.value(start))
        return Outcome(fired=True, opened=self._evidence.listed(), detection=found)

    def ongoing(self) -> None:
        """Return None: a window that is not over is not judged."""
