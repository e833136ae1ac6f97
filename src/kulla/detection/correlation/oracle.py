"""The slow, plain evaluator of correlations, straight from the definitions in docs/reference/correlations.md.

Everything is in lists, each window is looked through anew, orders of rules are found by trying all:
the runtime must agree with it. It holds all hits in memory and is for tests and for explaining.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain, combinations
from typing import Any

from kulla.detection.correlation.expression import All, AnyOf, Expression, Seen, Unless
from kulla.detection.correlation.model import Correlated, Correlation, CorrelationType, Hit, Locator, Number, Threshold
from kulla.detection.correlation.occurrences import number
from kulla.detection.folding import fold

#: Where something happens: events by (time, 0, path, number), ends of windows after them by (time, 1, index, group).
_Position = tuple[int, int, Any, Any]


@dataclass(frozen=True, slots=True)
class _Happening:
    """A rule hit, or a correlation fired."""

    rule: str
    position: _Position
    values: dict[str, str | None]
    records: frozenset[Locator]
    again: bool = False


@dataclass(frozen=True, slots=True)
class _Entry:
    """One event of one group."""

    position: _Position
    group: tuple[tuple[str, str], ...]
    rules: frozenset[str]
    value: Any
    values: dict[str, str | None]
    records: frozenset[Locator]

    @property
    def time(self) -> int:
        return self.position[0]


def correlate(correlations: Sequence[Correlation], hits: Iterable[Hit]) -> list[Correlated]:
    """Return all detections, in the order of ``place``; hits must have a time and correlations be resolved."""
    known = list({(seen.position, seen.rule): seen for seen in map(_happening, hits)}.values())
    found: list[Correlated] = []
    for index, one in enumerate(correlations):
        for entries in _groups(one, known).values():
            judged = _sliding(one, entries) if one.sliding else _complete(one, index, entries)
            for result in judged:
                if isinstance(result, Correlated):
                    found.append(result)
                else:
                    known.append(result)
    return sorted(found, key=place)


def place(found: Correlated) -> tuple[Any, ...]:
    """Return what orders detections."""
    folded = tuple(fold(value) for _, value in found.group)
    return found.last, found.correlation.id, folded, found.first, tuple(record.place for record in found.records)


def _happening(hit: Hit) -> _Happening:
    record = Locator(hit.time, hit.path, hit.number, hit.id, hit.channel, hit.host)
    return _Happening(hit.rule_id, (hit.time, 0, hit.path, hit.number), dict(hit.values), frozenset((record,)))


def _groups(one: Correlation, known: list[_Happening]) -> dict[tuple[str, ...], list[_Entry]]:
    """Return the events of each group in order."""
    entries: dict[tuple[tuple[str, ...], _Position], _Entry] = {}
    for happening in sorted(known, key=lambda seen: (seen.position, one.rules.index(seen.rule) if seen.rule in one.rules else -1)):
        entry = _entry(one, happening)
        if entry is None:
            continue
        key = (tuple(fold(value) for _, value in entry.group), entry.position)
        entries[key] = _merged(entries[key], entry) if key in entries else entry
    groups: dict[tuple[str, ...], list[_Entry]] = {}
    for (group, _), entry in sorted(entries.items(), key=lambda pair: pair[0][1]):
        groups.setdefault(group, []).append(entry)
    return groups


def _entry(one: Correlation, happening: _Happening) -> _Entry | None:
    if happening.rule not in one.rules or (happening.again and not one.type.temporal):
        return None
    group = [(name, happening.values.get(one.source_field(happening.rule, name))) for name in one.group_by]
    texts = [happening.values.get(one.source_field(happening.rule, name)) for name in one.fields]
    if any(value is None for _, value in group) or None in texts:
        return None
    value: Any = number(str(texts[0])) if one.type.numeric else tuple(fold(str(text)) for text in texts)
    if value is None:
        return None
    named = tuple((name, str(text)) for name, text in group)
    return _Entry(happening.position, named, frozenset((happening.rule,)), value, happening.values, happening.records)


def _merged(first: _Entry, second: _Entry) -> _Entry:
    rules, records = first.rules | second.rules, first.records | second.records
    return _Entry(first.position, first.group, rules, first.value, first.values, records)


def _sliding(one: Correlation, entries: list[_Entry]) -> Iterator[Correlated | _Happening]:
    burst: list[list[_Entry]] = []
    group = entries[0].group
    for index, entry in enumerate(entries):
        alone = index > 0 and entry.time - entries[index - 1].time > one.timespan
        window = [earlier for earlier in entries[: index + 1] if earlier.time >= entry.time - one.timespan]
        holds = _holds(one, window)
        if burst and (alone or not holds):
            yield _detection(one, group, burst)
            burst = []
        group = entry.group if alone else group
        if holds:
            seen = entry.records if burst else frozenset(chain.from_iterable(earlier.records for earlier in window))
            yield _Happening(one.id, entry.position, {**entry.values, **dict(entry.group)}, seen, again=bool(burst))
            burst.append(window)
    if burst:
        yield _detection(one, group, burst)


def _complete(one: Correlation, index: int, entries: list[_Entry]) -> Iterator[Correlated | _Happening]:
    rest = entries
    while rest:
        end = rest[0].time + one.timespan
        window = [entry for entry in rest if entry.time <= end]
        rest = rest[len(window) :]
        if _holds(one, window):
            found = _detection(one, window[0].group, [window])
            yield found
            position = (end, 1, index, tuple(fold(value) for _, value in found.group))
            yield _Happening(one.id, position, {**window[-1].values, **dict(found.group)}, frozenset(found.records))


def _detection(one: Correlation, group: tuple[tuple[str, str], ...], windows: list[list[_Entry]]) -> Correlated:
    entries = list(chain.from_iterable(windows))
    records = sorted(frozenset(chain.from_iterable(entry.records for entry in entries)), key=lambda record: record.place)
    values = [value for window in windows if (value := _measured(one, window)) is not None]
    return Correlated(
        correlation=one,
        first=records[0].time,
        last=records[-1].time,
        group=group,
        records=tuple(records),
        count=len(records),
        rules=tuple(rule for rule in dict.fromkeys(one.rules) if any(rule in entry.rules for entry in entries)),
        value=max(values) if values else None,
    )


def _holds(one: Correlation, window: list[_Entry]) -> bool:
    if isinstance(one.condition, Threshold):
        value = _measured(one, window)
        return value is not None and one.condition.holds(value)
    present = frozenset(chain.from_iterable(entry.rules for entry in window))
    if one.type is CorrelationType.TEMPORAL:
        return _true(one.condition, present, present)
    return any(
        _true(one.condition, frozenset(some), present) and _in_order(_steps(one, some), window) for some in _subsets(sorted(present))
    )


def _steps(one: Correlation, some: Iterable[str]) -> list[str]:
    return [rule for rule in one.rules if rule in set(some)]


def _subsets(things: list[str]) -> Iterator[tuple[str, ...]]:
    return chain.from_iterable(combinations(things, size) for size in range(len(things) + 1))


def _true(expression: Expression, seen: frozenset[str], present: frozenset[str]) -> bool:
    """Return whether it holds: rules under "not" are looked up in ``present``, the others in ``seen``."""
    match expression:
        case Seen(rule):
            return rule in seen
        case Unless(part):
            return not _true(part, present, seen)
        case All(parts):
            return all(_true(part, seen, present) for part in parts)
        case AnyOf(parts):
            return any(_true(part, seen, present) for part in parts)


def _measured(one: Correlation, window: list[_Entry]) -> Number | None:
    if not isinstance(one.condition, Threshold):
        return None
    if one.type.numeric:
        return _calculated(one, sorted(entry.value for entry in window))
    match one.type:
        case CorrelationType.VALUE_COUNT:
            return len({entry.value for entry in window})
        case CorrelationType.TEMPORAL:
            return len(set(chain.from_iterable(entry.rules for entry in window)))
        case CorrelationType.TEMPORAL_ORDERED:
            return _longest(one.rules, window)
        case _:
            return len(window)


def _calculated(one: Correlation, values: list[Number]) -> Number:
    match one.type:
        case CorrelationType.VALUE_SUM:
            return sum(values)
        case CorrelationType.VALUE_AVG:
            return Fraction(sum(values)) / len(values)
        case CorrelationType.VALUE_MEDIAN:
            return (values[(len(values) - 1) // 2] + values[len(values) // 2]) * Fraction(1, 2)
        case _:
            return _percentile(values, Fraction(one.percentile or 0))


def _percentile(values: list[Number], percentile: Fraction) -> Number:
    """Return the value at ``percentile`` of the way through the line that joins the sorted values."""
    reach = percentile * (len(values) - 1)
    for step in range(len(values) - 1):
        if 100 * step <= reach <= 100 * (step + 1):
            share = reach / 100 - step
            return values[step] * (1 - share) + values[step + 1] * share
    return values[-1]


def _longest(rules: tuple[str, ...], window: list[_Entry]) -> int:
    sizes = range(len(rules), 0, -1)
    return next((size for size in sizes if any(_in_order(list(some), window) for some in combinations(rules, size))), 0)


def _in_order(steps: list[str], window: list[_Entry]) -> bool:
    """Return whether each step has an event of its own after that of the step before."""
    rest = iter(window)
    return all(any(step in entry.rules for entry in rest) for step in steps)
