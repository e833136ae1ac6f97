"""The slow, plain way through one event: the kernel's oracle, its fallback, and the finisher of what it leaves open."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import orjson

from kulla.detection.compiled.texts import opening, rule_json
from kulla.detection.eventclass import EventClass
from kulla.detection.indicators.index import IndicatorIndex
from kulla.detection.indicators.matcher import Match, indicator_rule, match_slow
from kulla.detection.ir import Predicate, Rule
from kulla.detection.logsources import Catalogue, builtin, classify
from kulla.detection.oracle import evaluate, matched
from kulla.model import moment
from kulla.telemetry.batch import Batch, Source
from kulla.telemetry.envelope import Envelope, envelope
from kulla.telemetry.fields import name_key
from kulla.telemetry.flatten import Fields, flatten
from kulla.telemetry.unwrap import unwrap

Aliases = Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Event:
    """One event, read slowly: its JSON, fields, envelope (the batch's time and host put in) and class."""

    text: bytes
    number: int
    source: Source
    fields: Fields
    envelope: Envelope
    event_class: EventClass

    def value(self, name: str, aliases: Aliases) -> str | None:
        """Return the first value of the field that a rule calls ``name``, None where it has none."""
        names = (name, *aliases.get(name_key(name), ()))
        return next((text for text in map(self.fields.text, names) if text is not None), None)


@dataclass(frozen=True, slots=True)
class Verdict:
    """A rule that holds for an event, and its finished line; a silent rule has none."""

    rule: int
    line: bytes


@dataclass(frozen=True, slots=True)
class Sighted:
    """An indicator (by its number in the set) seen in an event, and the finished line."""

    indicator: int
    line: bytes


@dataclass(slots=True)
class ByHand:
    """Evaluates rules and indicators on single events without compiled code.

    Args:
        rules: in the order in which detections are given.
        catalogue: the log-source table.
        index: of the indicators; None without.
        muted: indices of rules that give no detection of their own, beside the silent ones.
        on_timeout: told of each value for which a regular expression ran out of time.
    """

    rules: Sequence[Rule]
    catalogue: Catalogue = field(default_factory=builtin)
    index: IndicatorIndex | None = None
    muted: frozenset[int] = frozenset()
    on_timeout: Callable[[Predicate], None] | None = None
    _wanted: dict[str, tuple[int, ...]] = field(default_factory=dict)
    _aliases: dict[str, Aliases] = field(default_factory=dict)

    def read(self, batch: Batch, index: int) -> Event:
        """Read one event of a batch.

        Raises:
            ValueError: it is not one JSON object, or nested too deeply.
        """
        text = batch.event(index)
        fields = flatten(text)
        found = envelope(fields)
        given = moment.UNKNOWN if batch.times is None else int(batch.times[index])
        host = found.host if found.host is not None else batch.source.host
        whole = Envelope(found.time if given == moment.UNKNOWN else given, host, found.record_id, found.channel)
        event_class = classify(fields, batch.source.logsource, self.catalogue)
        return Event(text, int(batch.numbers[index]), batch.source, fields, whole, event_class)

    def verdicts(self, event: Event) -> list[Verdict]:
        """Return the rules that hold for an event, in order."""
        aliases = self.aliases(event.event_class)
        holding = [n for n in self.wanted(event.event_class) if evaluate(self.rules[n].tree, event.fields, aliases, self.on_timeout)]
        return [Verdict(number, self.line(number, event)) for number in holding]

    def wanted(self, event_class: EventClass) -> tuple[int, ...]:
        """Return the rules that apply to a class."""
        if event_class.name not in self._wanted:
            applying = (n for n, rule in enumerate(self.rules) if event_class.covered_by(rule.logsource))
            self._wanted[event_class.name] = tuple(applying)
        return self._wanted[event_class.name]

    def aliases(self, event_class: EventClass) -> Aliases:
        """Return rule's field -> the event's further fields, both as name_key."""
        if event_class.name not in self._aliases:
            names = {name_key(rule_field) for rule_field, _ in event_class.aliases}
            self._aliases[event_class.name] = {name: event_class.answers(name)[1:] for name in names}
        return self._aliases[event_class.name]

    def line(self, number: int, event: Event) -> bytes:
        """Return the JSON line of a detection, empty for a silent rule."""
        rule = self.rules[number]
        if rule.silent or number in self.muted:
            return b""
        pairs = matched(rule.tree, event.fields, self.aliases(event.event_class))
        shown = [{"field": name, "value": value} for name, value in pairs]
        return detection_line(event, rule_json(rule), rule.logsource.to_dict(), shown)

    def sighted(self, event: Event) -> list[Sighted]:
        """Return the indicators seen in an event."""
        return self.sightings(event, match_slow(self.index, event.fields)) if self.index else []

    def sightings(self, event: Event, matches: Sequence[Match]) -> list[Sighted]:
        """Return one detection for each indicator in ``matches``, in the order of the set."""
        if self.index is None:
            return []
        by_indicator: dict[int, dict[str, object]] = {}
        for match in sorted(matches, key=lambda m: (m.indicator, m.field, m.value)):
            shown = match.to_matched()
            by_indicator.setdefault(match.indicator, {})[repr(shown)] = shown
        source = event.event_class.sources[0].to_dict()
        return [Sighted(n, detection_line(event, self._rule(n, event), source, list(shown.values()))) for n, shown in by_indicator.items()]

    def _rule(self, indicator: int, event: Event) -> bytes:
        found = self.index.indicators.indicator(indicator) if self.index else None
        return orjson.dumps(indicator_rule(found, event.envelope.time)) if found else b"null"


def detection_line(event: Event, rule: bytes, logsource: object, shown: Sequence[object]) -> bytes:
    """Return a kulla.detection/1 line made of ready parts."""
    around = event.envelope
    record = {"path": event.source.path, "number": event.number, "id": around.record_id, "channel": around.channel}
    pieces = (
        opening(),
        orjson.dumps(moment.to_text(around.time)),
        b',"rule":' + rule,
        b',"host":' + orjson.dumps(around.host),
        b',"logsource":' + orjson.dumps(logsource),
        b',"record":' + orjson.dumps(record),
        b',"matched":' + orjson.dumps(shown),
        b',"event":' + unwrap(event.text),
        b"}\n",
    )
    return b"".join(pieces)
