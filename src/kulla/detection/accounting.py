"""What became of every rule in a run: evaluated, log source absent, field never seen, unsupported or invalid.

A rule counts as "field never seen" only if, with the fields that did occur in events of its log
source, it could not have been true: a missing field inside ``not`` or beside an ``or`` does
not keep a rule from firing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from kulla.detection.compiled.build import Compiled
from kulla.detection.engine import Engine
from kulla.detection.eventclass import EventClass
from kulla.detection.fastpath import FastPath
from kulla.detection.ir import And, Node, Not, Op, Or, Predicate, Rule, predicates
from kulla.detection.logsources import reachable
from kulla.detection.rulebook import RuleBook, RuleInfo
from kulla.detection.slowpath import SlowPath
from kulla.model.logsource import LogSource
from kulla.model.summary import RuleOutcome

EVALUATED, NO_SOURCE, NO_FIELD = "evaluated", "logsource_absent", "field_absent"
#: Missing fields named in a reason.
_NAMED = 5


@dataclass(slots=True)
class Seen:
    """What a run's events were.

    Attributes:
        events: how many of each event class, by name.
        fields: name_keys of the fields that occurred in each class.
    """

    events: dict[str, int] = field(default_factory=dict)
    fields: dict[str, set[str]] = field(default_factory=dict)


def outcomes(book: RuleBook, engine: Engine, hits: Mapping[int, int], class_events: NDArray[np.int64]) -> list[RuleOutcome]:
    """Return one outcome for each rule, then those of the rejected rules.

    Args:
        book: the rules of the run.
        engine: after the run.
        hits: detections of each rule by index.
        class_events: events of each class number, summed over the batches (empty after a slow run).
    """
    seen, possible = _observed(engine, class_events)
    classes = {each.name: each for each in engine.catalogue.classes_for(book.sources)}
    present = [each for name, each in classes.items() if seen.events.get(name)]
    sources = {source: _presence(source, present) for source in {info.logsource for info in book.infos}}
    judged = _Judge(book, seen, present, possible)
    found = [judged.outcome(index, info, hits.get(index, 0), sources[info.logsource]) for index, info in enumerate(book.infos)]
    return [*found, *(RuleOutcome(r.id, r.path, r.line, r.title, "informational", r.state, r.reason) for r in book.rejected)]


def _presence(source: LogSource, present: Iterable[EventClass]) -> bool:
    return any(each.covered_by(source) for each in present)


@dataclass(slots=True)
class _Judge:
    book: RuleBook
    seen: Seen
    present: list[EventClass]
    possible: NDArray[np.uint8] | None

    def outcome(self, index: int, info: RuleInfo, hits: int, present: bool) -> RuleOutcome:
        state, reason = EVALUATED, ""
        if not present:
            state, reason = NO_SOURCE, _absent(info.logsource)
        elif not hits and not self._possible(index):
            missing = self._missing(self.book.rules[index])
            if missing:
                state, reason = NO_FIELD, f"never seen in this log source: {', '.join(missing)}"
        return RuleOutcome(info.id, info.path, info.line, info.title, info.level, state, reason, hits)

    def _possible(self, index: int) -> bool:
        if self.possible is not None:
            return bool(self.possible[index])
        rule = self.book.rules[index]
        return any(could_be_true(rule.tree, each, self.seen.fields.get(each.name, set())) for each in self._classes(rule))

    def _classes(self, rule: Rule) -> list[EventClass]:
        return [each for each in self.present if each.covered_by(rule.logsource)]

    def _missing(self, rule: Rule) -> list[str]:
        """Return the rule's fields that occurred in none of its classes, as the rule writes them."""
        classes = self._classes(rule)
        asked = dict.fromkeys(p.field for p in predicates(rule.tree) if p.field is not None)
        gone = [name for name in asked if not any(_answered(name, each, self.seen.fields.get(each.name, set())) for each in classes)]
        return [*gone[:_NAMED], *([f"{len(gone) - _NAMED} more"] if len(gone) > _NAMED else [])]


def _absent(source: LogSource) -> str:
    named = "/".join(part or "*" for part in (source.product, source.category, source.service))
    return f"no events of log source {named} in this data" if reachable(source) else f"log source {named} is not known to Kulla"


def _answered(field_name: str, event_class: EventClass, fields: set[str]) -> bool:
    return any(name in fields for name in event_class.answers(field_name))


def could_be_true(tree: Node, event_class: EventClass, fields: set[str]) -> bool:
    """Return whether a tree can be true for some event of a class that has only the given fields (name_keys)."""
    return _could(tree, event_class, fields, wanted=True)


def _could(tree: Node, event_class: EventClass, fields: set[str], *, wanted: bool) -> bool:
    match tree:
        case Predicate():
            if (tree.op is Op.NULL) is wanted:
                return True
            return tree.field is None or _answered(tree.field, event_class, fields)
        case Not(part):
            return _could(part, event_class, fields, wanted=not wanted)
        case And(parts) | Or(parts):
            every = isinstance(tree, And) is wanted
            return (all if every else any)(_could(part, event_class, fields, wanted=wanted) for part in parts)


def _observed(engine: Engine, class_events: NDArray[np.int64]) -> tuple[Seen, NDArray[np.uint8] | None]:
    """Return what was seen, and for a compiled run which rules could have been true."""
    seen = Seen()
    slow = [path for path in engine.paths if isinstance(path, SlowPath)]
    for path in slow:
        for name, count in path.class_events.items():
            seen.events[name] = seen.events.get(name, 0) + count
            seen.fields.setdefault(name, set()).update(path.class_fields[name])
    if engine.compiled is None:
        return seen, None
    rooms = [path.room.out.seen for path in engine.paths if isinstance(path, FastPath)]
    if not rooms:
        return seen, np.ones(len(engine.rules), np.uint8)
    return _observed_fast(engine, np.bitwise_or.reduce(rooms), class_events, seen)


def _observed_fast(
    engine: Engine, occurred: NDArray[np.uint8], class_events: NDArray[np.int64], seen: Seen
) -> tuple[Seen, NDArray[np.uint8]]:
    from kulla.detection.kernel.evaluate import could_hold

    compiled = engine.compiled
    if compiled is None:
        raise ValueError("not compiled")
    for number in np.flatnonzero(class_events).tolist():
        name = compiled.classes[number]
        seen.events[name] = seen.events.get(name, 0) + int(class_events[number])
        seen.fields.setdefault(name, set()).update(compiled.fields[place] for place in np.flatnonzero(occurred[number]).tolist())
    possible = np.zeros(max(len(engine.rules), 1), np.uint8)
    classes = {each.name: each for each in engine.catalogue.classes_for(compiled.bases)}
    programs = compiled.tables.programs
    for name, fields in seen.fields.items():
        nodes = _possible_nodes(compiled, classes[name], fields)
        start, end = programs.member_range[compiled.class_number(name)]
        could_hold(programs, programs.members[start:end], nodes, possible)
    return seen, possible


def _possible_nodes(compiled: Compiled, event_class: EventClass, fields: set[str]) -> NDArray[np.uint8]:
    """Return for each leaf and set whether a value of the given fields can hit it."""
    answered = np.array([name is None or _answered(name, event_class, fields) for name in compiled.asked_fields], np.uint8)
    leaves = answered[compiled.leaf_fields]
    programs = compiled.tables.programs
    sizes = programs.leaf_set_range[:, 1] - programs.leaf_set_range[:, 0]
    count = int(programs.leaf_sets.max(initial=0)) + 1
    nodes = np.zeros(max(count, len(leaves)), np.uint8)
    nodes[: len(leaves)] = leaves
    nodes[programs.leaf_sets[: sizes.sum()][np.repeat(leaves, sizes) == 1]] = 1
    return nodes
