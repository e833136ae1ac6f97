"""From candidates to matches: the exact answer, the slow way, and the detection's form."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from kulla.detection.indicators.index import IndicatorIndex
from kulla.detection.indicators.indicator_set import Indicator
from kulla.detection.observables import Mode, observables_in
from kulla.model import moment
from kulla.model.observable import Observable
from kulla.telemetry.flatten import Fields, Kind

#: Tag of a detection whose event is later than its indicator's ``valid_until``.
EXPIRED = "kulla.indicator.expired"
#: Tag of a detection whose event is earlier than its indicator's ``valid_from``.
EARLY = "kulla.indicator.not-yet-valid"


@dataclass(frozen=True, slots=True)
class Match:
    """One indicator seen in one value.

    Attributes:
        indicator: its number in the set.
        field: ``name_key`` of the field; "" where the caller knows it.
        observable: what was seen (the value's own: an address in a network, a name below a domain).
        value: the field's value as the event has it.
    """

    indicator: int
    field: str
    observable: Observable
    value: str

    def to_matched(self, field: str | None = None) -> dict[str, Any]:
        """Return the form of ``matched`` in kulla.detection/1, under the field's name in the event where it is given."""
        return {"field": field or self.field, "value": self.value, "observable": self.observable.to_dict()}


def confirm(index: IndicatorIndex, groups: Iterable[int], text: str, mode: int, field: str = "") -> list[Match]:
    """Return the matches of candidate groups in one value; empty when the kernel was too generous.

    Args:
        index: the index that the kernel was given.
        groups: numbers that ``probe_value`` wrote for this value. Where it had no room for all, call ``match_value``.
        text: the value as the event has it.
        mode: the mode with which it was probed.
        field: for ``Match.field``.
    """
    wanted = {term for group in groups for term in index.terms_of(group)}
    return [match for term, match in _in_value(index, text, mode, field) if term in wanted]


def match_value(index: IndicatorIndex, text: str, mode: int, field: str = "") -> list[Match]:
    """Return all matches in one value without the kernel."""
    return [match for _, match in _in_value(index, text, mode, field)]


def _in_value(index: IndicatorIndex, text: str, mode: int, field: str) -> list[tuple[int, Match]]:
    found: dict[tuple[int, Observable], tuple[int, Match]] = {}
    for observable in observables_in(text, Mode(mode)):
        for term in index.terms_for(observable):
            owner = int(index.indicators.owners[term])
            found.setdefault((owner, observable), (term, Match(owner, field, observable, text)))
    return list(found.values())


def match_slow(index: IndicatorIndex, fields: Fields) -> list[Match]:
    """Return all matches in an event without the kernel: the oracle, and the way where numba is missing."""
    found = []
    for field, values in fields.values.items():
        mode = index.field_modes.get(field)
        for value in values if mode else ():
            if mode and value.kind in (Kind.TEXT, Kind.NUMBER):
                found += match_value(index, value.text, mode, field)
    return found


def indicator_rule(indicator: Indicator, time: int = moment.UNKNOWN) -> dict[str, Any]:
    """Return the form of ``rule`` in kulla.detection/1.

    An indicator matches outside of its validity too: an old address in an old log is what an investigation looks
    for. The title and a tag say so.

    Args:
        indicator: the one that matched.
        time: the event's, microseconds UTC.
    """
    title, tags = indicator.title, list(indicator.tags)
    if moment.UNKNOWN not in (time, indicator.valid_until) and time >= indicator.valid_until:
        title, tags = f"{title} (expired {_day(indicator.valid_until)})", [*tags, EXPIRED]
    if moment.UNKNOWN not in (time, indicator.valid_from) and time < indicator.valid_from:
        title, tags = f"{title} (valid from {_day(indicator.valid_from)})", [*tags, EARLY]
    return {"id": indicator.id, "title": title, "level": indicator.level, "status": "stable", "tags": tags, "kind": "indicator"}


def _day(time: int) -> str:
    return (moment.to_text(time) or "")[:10]
