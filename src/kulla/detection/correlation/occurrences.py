"""From hits to what a correlation sees of them: its group, its value, one item for each event."""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction

from kulla.detection.correlation.measures import Item
from kulla.detection.correlation.model import MAX_RECORDS, Correlation, Hit, Locator, Number
from kulla.detection.correlation.windows import Group
from kulla.detection.folding import fold

#: Longer values are compared by their beginning and their SHA-256, so that they cannot fill the memory.
MAX_VALUE = 1024

_WHOLE = re.compile(r"[+-]?[0-9]{1,30}")
_DECIMAL = re.compile(r"[+-]?(?:[0-9]{1,30}(?:\.[0-9]{0,30})?|\.[0-9]{1,30})(?:[eE][+-]?[0-9]{1,2})?")
_SEPARATOR = "\x1f"

#: Group-by values in the form in which they are compared.
Key = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Occurrence:
    """A referred rule or correlation holds.

    Attributes:
        rule: its id.
        time: when.
        values: by the field names of the event (an inner correlation adds its group-by values).
        records, count, last: the events behind it, at most MAX_RECORDS of ``count``, and the time of the last.
        again: an inner correlation still holds; types that count have counted it before.
    """

    rule: str
    time: int
    values: Mapping[str, str | None]
    records: tuple[Locator, ...]
    count: int
    last: int
    again: bool = False


def occurrence(hit: Hit) -> Occurrence:
    """Return a hit as the correlations that refer to its rule see it."""
    record = Locator(hit.time, hit.path, hit.number, hit.id, hit.channel, hit.host)
    return Occurrence(hit.rule_id, hit.time, hit.values, (record,), 1, hit.time)


def bounded(hit: Hit) -> Hit:
    """Return the hit with no value longer than MAX_VALUE and a digest."""
    if all(value is None or len(value) <= MAX_VALUE for value in hit.values.values()):
        return hit
    return replace(hit, values={name: value and shortened(value) for name, value in hit.values.items()})


def shortened(value: str) -> str:
    """Return a value of bounded length that differs where the value differs."""
    if len(value) <= MAX_VALUE:
        return value
    digest = hashlib.sha256(fold(value).encode("utf-8", "surrogatepass")).hexdigest()
    return f"{value[:MAX_VALUE]}… sha256 {digest}"


def number(text: str) -> Number | None:
    """Return a decimal number exactly, None for anything else ("0x1f", "1,000", "NaN")."""
    text = text.strip()
    if _WHOLE.fullmatch(text):
        return int(text)
    if not _DECIMAL.fullmatch(text) or math.isinf(float(text)):
        return None
    exact = Fraction(text)
    return exact.numerator if exact.denominator == 1 else exact


@dataclass(frozen=True, slots=True)
class Missing:
    """Why an occurrence takes no part: the kind of problem, the field, the event's file."""

    kind: str
    field: str
    path: str


class Lens:
    """One correlation's view of occurrences."""

    def __init__(self, correlation: Correlation) -> None:
        self._correlation = correlation
        self._group_fields = {rule: self._sources(rule, correlation.group_by) for rule in correlation.rules}
        self._value_fields = {rule: self._sources(rule, correlation.fields) for rule in correlation.rules}
        self._positions = {rule: position for position, rule in reversed(list(enumerate(correlation.rules)))}
        self._counts = not correlation.type.temporal

    def _sources(self, rule: str, names: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(self._correlation.source_field(rule, name) for name in names)

    def items(self, occurrences: Iterable[Occurrence]) -> tuple[dict[Key, tuple[Group, Item, Occurrence]], list[Missing]]:
        """Return the items that occurrences of one moment and event give, one for each group, and what is missing.

        Several rules that hit the same event are one item of a group; its value is that of the first
        rule in the correlation's order that has one.
        """
        found: dict[Key, tuple[Group, Item, Occurrence]] = {}
        missing: list[Missing] = []
        for one in sorted(occurrences, key=lambda one: self._positions[one.rule]):
            if one.again and self._counts:
                continue
            seen = self._item(one)
            if isinstance(seen, Missing):
                missing.append(seen)
                continue
            group, item = seen
            key = tuple(fold(value) for _, value in group)
            before = found.get(key)
            found[key] = (before[0], _joined(before[1], item), before[2]) if before else (group, item, one)
        return found, missing

    def _item(self, one: Occurrence) -> tuple[Group, Item] | Missing:
        group: list[tuple[str, str]] = []
        for name, source in zip(self._correlation.group_by, self._group_fields[one.rule], strict=True):
            text = one.values.get(source)
            if text is None:
                return Missing("no-group-value", source, one.records[0].path)
            group.append((name, text))
        value = self._value(one)
        if isinstance(value, Missing):
            return value
        return tuple(group), Item(one.time, (one.rule,), value, one.records, one.count, one.last)

    def _value(self, one: Occurrence) -> Number | str | Missing:
        texts = []
        for source in self._value_fields[one.rule]:
            text = one.values.get(source)
            if text is None:
                return Missing("no-value", source, one.records[0].path)
            texts.append(text)
        if not self._correlation.type.numeric:
            return _SEPARATOR.join(fold(text) for text in texts)
        value = number(texts[0])
        return Missing("not-a-number", self._value_fields[one.rule][0], one.records[0].path) if value is None else value


def _joined(one: Item, other: Item) -> Item:
    """Return two items of the same event and group as one."""
    records = {record.place: record for record in (*one.records, *other.records)}
    count = one.count + other.count - (len(one.records) + len(other.records) - len(records))
    rules = tuple(dict.fromkeys((*one.rules, *other.rules)))
    ordered = tuple(sorted(records.values(), key=lambda record: record.place))[:MAX_RECORDS]
    return replace(one, rules=rules, records=ordered, count=count, last=max(one.last, other.last))


def needed_fields(correlations: Iterable[Correlation]) -> dict[str, tuple[str, ...]]:
    """Return, for each referred rule, the fields that correlations ask of its events, sorted.

    Args:
        correlations: resolved, inner ones before those that refer to them.
    """
    asked: dict[str, set[str]] = {}
    given = list(correlations)
    for one in reversed(given):
        passed_on = asked.get(one.id, set()) - set(one.group_by)
        for rule in one.rules:
            own = {one.source_field(rule, name) for name in (*one.group_by, *one.fields)}
            asked.setdefault(rule, set()).update(own | passed_on)
    inner = {one.id for one in given}
    return {rule: tuple(sorted(fields)) for rule, fields in sorted(asked.items()) if rule not in inner}
