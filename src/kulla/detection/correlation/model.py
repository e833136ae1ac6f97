"""Values of correlation: the rule as parsed, the hit that goes in, the detection that comes out.

Names follow the Sigma Correlation Rules Specification 2.1.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from fractions import Fraction
from typing import Any

from kulla.detection.correlation.expression import Expression, negates
from kulla.model import moment
from kulla.model.detection import SCHEMA, RuleRef
from kulla.model.logsource import LogSource

#: A measured value; whole numbers and fractions are exact.
Number = Fraction | int

#: Records that one detection lists; further ones are only counted.
MAX_RECORDS = 100

_SURROGATE = re.compile("[\ud800-\udfff]")


class CorrelationType(StrEnum):
    """The attribute ``type`` of a correlation."""

    EVENT_COUNT = "event_count"
    VALUE_COUNT = "value_count"
    TEMPORAL = "temporal"
    TEMPORAL_ORDERED = "temporal_ordered"
    VALUE_SUM = "value_sum"
    VALUE_AVG = "value_avg"
    VALUE_PERCENTILE = "value_percentile"
    VALUE_MEDIAN = "value_median"

    @property
    def temporal(self) -> bool:
        """Whether it asks which rules have hit, not how many events or which values."""
        return self in (CorrelationType.TEMPORAL, CorrelationType.TEMPORAL_ORDERED)

    @property
    def numeric(self) -> bool:
        """Whether the values must be numbers."""
        return self.value.startswith("value_") and self is not CorrelationType.VALUE_COUNT


class Comparison(StrEnum):
    """How a measured value is compared."""

    GT = "gt"
    GTE = "gte"
    LT = "lt"
    LTE = "lte"
    EQ = "eq"
    NEQ = "neq"

    def holds(self, left: Number, right: Number) -> bool:
        """Return whether ``left`` compares to ``right`` as asked."""
        match self:
            case Comparison.GT:
                return left > right
            case Comparison.GTE:
                return left >= right
            case Comparison.LT:
                return left < right
            case Comparison.LTE:
                return left <= right
            case Comparison.EQ:
                return left == right
            case Comparison.NEQ:
                return left != right


@dataclass(frozen=True, slots=True)
class Threshold:
    """A condition on a measured value; each of ``bounds`` must hold ("gt: 100, lte: 200" is a range)."""

    bounds: tuple[tuple[Comparison, Number], ...]

    def holds(self, value: Number) -> bool:
        """Return whether ``value`` satisfies every bound."""
        return all(comparison.holds(value, bound) for comparison, bound in self.bounds)

    @property
    def only_lower(self) -> bool:
        """Whether only "more than" is asked, so that a window that still fills can be judged."""
        return all(comparison in (Comparison.GT, Comparison.GTE) for comparison, _ in self.bounds)


@dataclass(frozen=True, slots=True)
class Correlation:
    """One correlation rule.

    Attributes:
        rules: what it refers to: ids or names as written; after ``resolve`` ids only.
        group_by: fields (or aliases) whose values must be the same; empty means one group for all.
        aliases: alias -> rule reference -> the field of that rule's events.
        timespan: microseconds; two events at this distance still share a window.
        condition: a threshold, or an expression over the rules (temporal types only).
        fields: what ``condition.field`` names; one, or several whose combination counts (value_count).
        percentile: 0 to 100, for value_percentile.
        generate: the referred rules give detections of their own too.
        silent: only feeds other correlations.
    """

    id: str
    title: str
    type: CorrelationType
    rules: tuple[str, ...]
    timespan: int
    condition: Threshold | Expression
    group_by: tuple[str, ...] = ()
    aliases: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    fields: tuple[str, ...] = ()
    percentile: Number | None = None
    generate: bool = False
    silent: bool = False
    level: str = "informational"
    status: str = "unsupported"
    tags: tuple[str, ...] = ()
    name: str | None = None
    path: str = ""
    line: int = 0
    description: str = ""
    falsepositives: tuple[str, ...] = ()
    references: tuple[str, ...] = ()
    author: str = ""

    @property
    def sliding(self) -> bool:
        """Whether each window that ends at an event is judged, or only complete windows.

        A window that still fills would always satisfy an upper bound or a "not", so those are
        judged when their window is complete.
        """
        if isinstance(self.condition, Threshold):
            return self.condition.only_lower
        return not negates(self.condition)

    @property
    def measure(self) -> str:
        """What is measured, for people: ``event_count``, ``value_percentile 95 of Bytes``."""
        share = "" if self.percentile is None else f" {float(self.percentile):g}"
        fields = f" of {', '.join(self.fields)}" if self.fields else ""
        return f"{self.type.value}{share}{fields}"

    def source_field(self, rule: str, name: str) -> str:
        """Return the field that ``name``, a group-by or condition field, means in the events of ``rule``."""
        return self.aliases.get(name, {}).get(rule, name)


@dataclass(frozen=True, slots=True)
class Hit:
    """One rule matched one event.

    Attributes:
        rule_id: the rule's id.
        time: microseconds UTC, or ``moment.UNKNOWN``.
        path, number, id, channel: where the event stands, as ``record`` of kulla.detection/1.
        host: the event's host.
        values: by the rule's own field names, those that ``Correlator.needs`` asks for.
    """

    rule_id: str
    time: int
    path: str
    number: int
    id: str | None = None
    channel: str | None = None
    host: str | None = None
    values: Mapping[str, str | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Locator:
    """Where one event stands, and when it was (microseconds UTC)."""

    time: int
    path: str
    number: int
    id: str | None = None
    channel: str | None = None
    host: str | None = None

    @property
    def place(self) -> tuple[int, str, int]:
        """What tells two events apart, and the order in which they stand."""
        return self.time, self.path, self.number

    def to_dict(self) -> dict[str, Any]:
        """Return the form of ``record`` in kulla.detection/1, with the event's time."""
        time = moment.to_text(self.time)
        return {"path": self.path, "number": self.number, "id": self.id, "channel": self.channel, "time": time}


@dataclass(frozen=True, slots=True)
class Correlated:
    """One detection by a correlation.

    Attributes:
        correlation: the rule.
        first, last: times of its first and last event, microseconds UTC.
        group: the group-by fields with their values, in the rule's order.
        records: its first events in order, at most MAX_RECORDS.
        count: how many events it has in all.
        rules: ids of the referred rules that took part, in the rule's order.
        value: the measured value that went furthest beyond the condition; None for an expression.
        ongoing: the condition still holds; a later detection of the same rule, group and first time replaces this one.
    """

    correlation: Correlation
    first: int
    last: int
    group: tuple[tuple[str, str], ...]
    records: tuple[Locator, ...]
    count: int
    rules: tuple[str, ...]
    value: Number | None
    ongoing: bool = False

    @property
    def host(self) -> str | None:
        """The host, if all listed records have the same one."""
        hosts = {record.host for record in self.records}
        return next(iter(hosts)) if len(hosts) == 1 else None

    @property
    def matched(self) -> list[dict[str, str]]:
        """The group's values and the measured value, as ``matched`` of kulla.detection/1."""
        found = [{"field": name, "value": value} for name, value in self.group]
        if self.value is not None:
            found.append({"field": self.correlation.measure, "value": number_text(self.value)})
        return found

    def to_dict(self) -> dict[str, Any]:
        """Return one object of kulla.detection/1, with the first event's time, the number of records and the rules beside."""
        rule = self.correlation
        return {
            "schema": SCHEMA,
            "time": moment.to_text(self.last),
            "rule": RuleRef(rule.id, rule.title, rule.level, rule.status, rule.tags, "correlation").to_dict(),
            "host": self.host,
            "logsource": LogSource().to_dict(),
            "records": [record.to_dict() for record in self.records],
            "matched": self.matched,
            "first": moment.to_text(self.first),
            "record_count": self.count,
            "rules": list(self.rules),
        }

    def to_json(self) -> bytes:
        """Return one line of JSON Lines, without the newline; unpaired surrogates become U+FFFD."""
        text = json.dumps(self.to_dict(), ensure_ascii=False, separators=(",", ":"))
        return _SURROGATE.sub("\ufffd", text).encode()


def number_text(value: Number) -> str:
    """Return a whole number exactly and any other with up to 15 digits."""
    exact = Fraction(value)
    return str(exact.numerator) if exact.denominator == 1 else f"{float(exact):.15g}"
