"""The same batch through the compiled engine and through the slow one; everything they say must be equal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from kulla.detection.compiled.build import build
from kulla.detection.engine import ALWAYS, Engine
from kulla.detection.eventclass import EventClass, Probe
from kulla.detection.indicators.index import IndicatorIndex
from kulla.detection.ir import Op, Predicate, Rule
from kulla.detection.logsources import UNKNOWN, Catalogue, builtin
from kulla.detection.observables import observable_fields
from kulla.detection.scanned import Scanned
from kulla.model.logsource import LogSource
from kulla.telemetry.batch import Batch, Source, batch_of
from kulla.telemetry.flatten import Number, Object, parse

SEED = 0x5DEECE66D1CE4E5B


def small_catalogue(classes: Sequence[EventClass], probes: Sequence[Probe]) -> Catalogue:
    """Return a log-source table of these classes alone."""
    made = Catalogue()
    made.classes, made.probes = (*classes, UNKNOWN), tuple(probes)
    return made


@dataclass(frozen=True, slots=True)
class Setting:
    """All but rules and events that decides what an engine says."""

    catalogue: Catalogue = field(default_factory=builtin)
    logsource: LogSource = LogSource()
    host: str | None = None
    index: IndicatorIndex | None = None
    muted: frozenset[int] = frozenset()
    feeding: frozenset[int] = frozenset()
    window: tuple[int, int] = ALWAYS

    def engines(self, rules: Sequence[Rule]) -> tuple[Engine, Engine]:
        """Return the compiled engine and the slow one."""
        sources = tuple(dict.fromkeys((self.logsource, *(rule.logsource for rule in rules), LogSource())))
        fields = observable_fields() if self.index else ()
        compiled = build(rules, self.catalogue.classes_for(sources), self.catalogue.probes, sources, fields, seed=SEED)
        rest = (self.catalogue, self.index, self.muted, self.feeding, self.window)
        return Engine(rules, compiled, *rest), Engine(rules, None, *rest)

    def batch(self, events: Sequence[bytes], times: Sequence[int] | None = None) -> Batch:
        """Return the events as a batch of this setting's source."""
        return batch_of(Source("some/path", "jsonl", self.logsource, self.host), events, first=7, times=times)


def lines_of(scanned: Scanned) -> list[Any]:
    """Return the detections, repeated keys kept and numbers apart from texts."""
    return [_strict(parse(line)) for line in scanned.lines.splitlines()]


def _strict(value: Any) -> Any:
    if isinstance(value, Object):
        return ("object", [(_strict(key), _strict(item)) for key, item in value])
    if isinstance(value, list):
        return ("array", [_strict(item) for item in value])
    return ("number", str(value)) if isinstance(value, Number) else value


def compare(fast: Scanned, slow: Scanned) -> None:
    """Assert that two results say the same."""
    assert lines_of(fast) == lines_of(slow)
    assert fast.rule_hits.tolist() == slow.rule_hits.tolist()
    names = ("evaluated", "outside", "first", "last", "timeless", "hits", "sighted", "problems")
    assert {name: getattr(fast, name) for name in names} == {name: getattr(slow, name) for name in names}


def check(rules: Sequence[Rule], events: Sequence[bytes], setting: Setting | None = None, times: Sequence[int] | None = None) -> Scanned:
    """Scan both ways, compare, and return what was found."""
    used = setting or Setting()
    fast, slow = used.engines(rules)
    batch = used.batch(events, times)
    found = slow.scan(batch)
    compare(fast.scan(batch), found)
    return found


def renumbered(rules: Sequence[Rule]) -> list[Rule]:
    """Return the rules with ids and titles of their own."""
    return [replace(rule, id=f"{number:08d}-0000-4000-8000-000000000000", title=f"rule {number}") for number, rule in enumerate(rules)]


def asks(name: str | None, op: Op, text: str = "", *, cased: bool = False, flags: str = "") -> Predicate:
    """Return a predicate."""
    return Predicate(name, op, text, cased, flags)
