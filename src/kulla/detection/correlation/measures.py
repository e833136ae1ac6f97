"""What is measured in a window, kept up to date as events come and go.

A measure never looks back at the window: each event costs a constant, a logarithm, or
(temporal_ordered) the square of the number of rules.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import Counter
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Protocol

from kulla.detection.correlation.expression import Expression, clauses, true
from kulla.detection.correlation.model import Correlation, CorrelationType, Locator, Number, Threshold

#: Earlier than any event: no chain of rules has begun.
_NEVER = -(2**64)


@dataclass(frozen=True, slots=True)
class Item:
    """One event of one group, as a window sees it.

    Attributes:
        time: when it counts; for an inner correlation with complete windows, the end of its window.
        rules: the references that hit, without repetition, in the rule's order.
        value: for the types on values: a number, or the folded text (of several fields joined).
        records, count: the events that stand behind it in order, at most MAX_RECORDS of ``count``.
        last: time of the last of those.
    """

    time: int
    rules: tuple[str, ...]
    value: Number | str
    records: tuple[Locator, ...]
    count: int
    last: int


class Measure(Protocol):
    """The state of one window.

    Events come in order. ``start`` is where the window begins; events before it have been removed.
    """

    @property
    def held(self) -> int:
        """Values held in memory, beyond the window's own list of events."""

    def add(self, item: Item) -> None:
        """Let an event in."""

    def remove(self, item: Item) -> None:
        """Let the oldest event out."""

    def value(self, start: int) -> Number | None:
        """Return what is measured, for a window from ``start`` on; None where there is nothing to measure."""

    def holds(self, start: int) -> bool:
        """Return whether the condition is true for a window from ``start`` on."""


def measure_for(correlation: Correlation) -> Measure:
    """Return an empty measure for one window of ``correlation``."""
    if isinstance(correlation.condition, Threshold):
        return _Measured(_tally(correlation), correlation.condition)
    if correlation.type is CorrelationType.TEMPORAL_ORDERED:
        return _OrderedWords(correlation, correlation.condition)
    return _Words(correlation.condition)


class _Tally(Protocol):
    @property
    def held(self) -> int: ...

    def add(self, item: Item) -> None: ...

    def remove(self, item: Item) -> None: ...

    def value(self, start: int) -> Number | None: ...


def _tally(correlation: Correlation) -> _Tally:
    match correlation.type:
        case CorrelationType.EVENT_COUNT:
            return _Count()
        case CorrelationType.VALUE_COUNT:
            return _Distinct()
        case CorrelationType.TEMPORAL:
            return _Presence()
        case CorrelationType.TEMPORAL_ORDERED:
            return _Longest(correlation.rules)
        case CorrelationType.VALUE_SUM:
            return _Sum()
        case CorrelationType.VALUE_AVG:
            return _Average()
        case CorrelationType.VALUE_PERCENTILE | CorrelationType.VALUE_MEDIAN:
            return _Percentile(50 if correlation.percentile is None else correlation.percentile)


class _Measured:
    """A tally compared with a threshold."""

    def __init__(self, tally: _Tally, threshold: Threshold) -> None:
        self._tally = tally
        self._threshold = threshold
        self.add = tally.add
        self.remove = tally.remove
        self.value = tally.value

    @property
    def held(self) -> int:
        return self._tally.held

    def holds(self, start: int) -> bool:
        value = self.value(start)
        return value is not None and self._threshold.holds(value)


class _Count:
    """Events."""

    held = 0

    def __init__(self) -> None:
        self._count = 0

    def add(self, item: Item) -> None:
        self._count += 1

    def remove(self, item: Item) -> None:
        self._count -= 1

    def value(self, start: int) -> int:
        return self._count


class _Distinct:
    """Different values."""

    def __init__(self) -> None:
        self._values: Counter[Number | str] = Counter()

    @property
    def held(self) -> int:
        return len(self._values)

    def add(self, item: Item) -> None:
        self._values[item.value] += 1

    def remove(self, item: Item) -> None:
        _discount(self._values, item.value)

    def value(self, start: int) -> int:
        return len(self._values)


class _Presence:
    """Different rules that have hit."""

    held = 0

    def __init__(self) -> None:
        self.seen: Counter[str] = Counter()

    def add(self, item: Item) -> None:
        self.seen.update(item.rules)

    def remove(self, item: Item) -> None:
        for rule in item.rules:
            _discount(self.seen, rule)

    def value(self, start: int) -> int:
        return len(self.seen)


class _Sum:
    """Sum of the values; exact, so that what comes in and goes out leaves no residue."""

    held = 0

    def __init__(self) -> None:
        self._count = 0
        self._sum: Number = 0

    def add(self, item: Item) -> None:
        self._count += 1
        self._sum += _number(item)

    def remove(self, item: Item) -> None:
        self._count -= 1
        self._sum -= _number(item)

    def value(self, start: int) -> Number | None:
        return self._sum if self._count else None


class _Average(_Sum):
    """Arithmetic mean of the values."""

    def value(self, start: int) -> Number | None:
        return Fraction(self._sum) / self._count if self._count else None


class _Percentile:
    """Percentile with linear interpolation between neighbours, as SQL's percentile_cont."""

    def __init__(self, percentile: Number) -> None:
        self._share = Fraction(percentile) / 100
        self._values: list[Number] = []

    @property
    def held(self) -> int:
        return len(self._values)

    def add(self, item: Item) -> None:
        insort(self._values, _number(item))

    def remove(self, item: Item) -> None:
        del self._values[bisect_left(self._values, _number(item))]

    def value(self, start: int) -> Number | None:
        if not self._values:
            return None
        place = self._share * (len(self._values) - 1)
        below = place.numerator // place.denominator
        low, high = self._values[below], self._values[min(below + 1, len(self._values) - 1)]
        return low + (high - low) * (place - below)


class _Longest:
    """The most rules whose hits follow each other in the rule's order.

    ``_starts[m][k]`` is the latest moment at which a chain of m + 1 hits that ends with the
    rule at position k has begun; a chain lies in the window if it began in it.
    """

    held = 0

    def __init__(self, rules: tuple[str, ...]) -> None:
        self._rules = rules
        self._starts = [[_NEVER] * len(rules) for _ in rules]

    def add(self, item: Item) -> None:
        # From the last position to the first: an event does not follow itself.
        for position in reversed(range(len(self._rules))):
            if self._rules[position] in item.rules:
                self._extend(position, item.time)

    def _extend(self, position: int, time: int) -> None:
        self._starts[0][position] = time
        for length in range(1, position + 1):
            begun = max(self._starts[length - 1][:position])
            self._starts[length][position] = max(self._starts[length][position], begun)

    def remove(self, item: Item) -> None:
        """Nothing to do: chains that began too early are not counted."""

    def value(self, start: int) -> int:
        return sum(max(starts) >= start for starts in self._starts)


class _Words:
    """A condition in words over the rules that have hit."""

    held = 0

    def __init__(self, expression: Expression) -> None:
        self._expression = expression
        self._presence = _Presence()
        self.add = self._presence.add
        self.remove = self._presence.remove

    def value(self, start: int) -> None:
        """Nothing is measured."""

    def holds(self, start: int) -> bool:
        return true(self._expression, self._presence.seen)


class _OrderedWords:
    """A condition in words whose positive rules must hit in the rule's order, for one way of its being true."""

    held = 0

    def __init__(self, correlation: Correlation, expression: Expression) -> None:
        self._presence = _Presence()
        self._ways = [
            (_Chain(tuple(rule for rule in correlation.rules if rule in wanted)), unwanted) for wanted, unwanted in clauses(expression)
        ]
        self.remove = self._presence.remove

    def add(self, item: Item) -> None:
        self._presence.add(item)
        for chain, _ in self._ways:
            chain.add(item)

    def value(self, start: int) -> None:
        """Nothing is measured."""

    def holds(self, start: int) -> bool:
        return any(chain.begun >= start and not any(rule in self._presence.seen for rule in unwanted) for chain, unwanted in self._ways)


class _Chain:
    """All of some rules, one after the other."""

    def __init__(self, rules: tuple[str, ...]) -> None:
        self._rules = rules
        self._starts = [_NEVER] * len(rules)

    def add(self, item: Item) -> None:
        for position in reversed(range(len(self._rules))):
            if self._rules[position] in item.rules:
                begun = self._starts[position - 1] if position else item.time
                self._starts[position] = max(self._starts[position], begun)

    @property
    def begun(self) -> int:
        """The latest moment at which a whole chain began; an empty chain is always whole."""
        return self._starts[-1] if self._starts else -_NEVER


def _discount(counter: Counter[Any], key: Any) -> None:
    counter[key] -= 1
    if not counter[key]:
        del counter[key]


def _number(item: Item) -> Number:
    if isinstance(item.value, str):
        raise TypeError("a number is measured, not a text")
    return item.value
