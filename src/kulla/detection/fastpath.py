"""A batch through the kernel, and what the kernel leaves to be finished."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson
from numpy.typing import NDArray

from kulla.detection.byhand import ByHand, Event, Sighted
from kulla.detection.indicators.matcher import Match, confirm, match_value
from kulla.detection.kernel import scan as kernel
from kulla.detection.kernel.match import SERIAL
from kulla.detection.kernel.render import SILENT
from kulla.detection.kernel.tokenise import READ, SLOW, UNREADABLE
from kulla.detection.kernel.types import Out, Work
from kulla.detection.kernel.workspace import FOUND_ROWS, LINE_BYTES, new_out, new_work
from kulla.detection.openleaves import Answers, value_of
from kulla.detection.scanned import Hit, Scanned
from kulla.detection.slowpath import unreadable
from kulla.model import moment
from kulla.model.problem import Problem
from kulla.telemetry.batch import Batch

if TYPE_CHECKING:
    from kulla.detection.compiled.build import Compiled

#: Outputs grow up to these; an event that needs more is finished by hand.
_MOST_LINE_BYTES = 256 * 1024 * 1024
_MOST_ROWS = 4 * 1024 * 1024
#: Events after which the stamps of the workspace, 32 bits wide, begin anew.
_MOST_EVENTS = 1 << 30
_NO_MODES = np.zeros(0, np.int32)
_NO_TABLE = np.zeros(1, np.uint64)


@dataclass(slots=True)
class Room:
    """One thread's workspace; grows with the largest batch seen."""

    compiled: Compiled
    work: Work
    out: Out
    longest: int
    events: int
    line_bytes: int = LINE_BYTES
    rows: int = FOUND_ROWS

    @classmethod
    def of(cls, compiled: Compiled) -> Room:
        """Return a workspace for ordinary batches."""
        return cls(compiled, new_work(compiled.tables, 65_536), new_out(compiled.tables, 1), 65_536, 1)

    def fit(self, batch: Batch) -> None:
        """Make room for a batch and forget the last one."""
        longest = int((batch.ends - batch.starts).max(initial=0))
        if longest > self.longest or int(self.work.counters[SERIAL]) > _MOST_EVENTS:
            self.longest = max(self.longest, 2 * longest)
            self.work = new_work(self.compiled.tables, self.longest)
        if len(batch) > self.events:
            self.events = 2 * len(batch)
            self._renew()
        self.out.totals[:] = 0

    def grow(self) -> bool:
        """Make the outputs larger; return False if they are at their limit."""
        if self.line_bytes >= _MOST_LINE_BYTES or self.rows >= _MOST_ROWS:
            return False
        self.line_bytes, self.rows = 4 * self.line_bytes, 4 * self.rows
        self._renew()
        return True

    def _renew(self) -> None:
        old = self.out
        self.out = new_out(self.compiled.tables, self.events, self.line_bytes, self.rows)._replace(seen=old.seen)
        count = len(old.times)
        self.out.times[:count], self.out.classes[:count], self.out.states[:count] = old.times, old.classes, old.states


@dataclass(slots=True)
class FastPath:
    """Scans the batches of one thread.

    Args:
        compiled: the tables.
        by_hand: for what the kernel leaves.
        feeding: indices of rules whose hits are wanted.
        window: (since, until) in microseconds UTC, both included.
    """

    compiled: Compiled
    by_hand: ByHand
    feeding: frozenset[int]
    window: tuple[int, int]
    room: Room = field(init=False)
    answers: Answers = field(init=False)
    modes: NDArray[np.int32] = field(init=False)
    numbers: dict[str, int] = field(init=False)

    def __post_init__(self) -> None:
        self.compiled = _muted(self.compiled, self.by_hand.muted)
        self.room = Room.of(self.compiled)
        self.answers = Answers(self.compiled, self.by_hand)
        self.numbers = {name: number for number, name in enumerate(self.compiled.fields)}
        index = self.by_hand.index
        known = index.field_modes if index else {}
        self.modes = np.array([known.get(name, 0) for name in self.compiled.fields], np.int32) if index else _NO_MODES

    def scan(self, batch: Batch) -> Scanned:
        """Scan one batch."""
        self.room.fit(batch)
        return _Pass(self, batch).run()


def _muted(compiled: Compiled, muted: frozenset[int]) -> Compiled:
    """Return the compiled form in which the rules of these indices are silent."""
    if not muted:
        return compiled
    rules = compiled.tables.texts.rules.copy()
    rules[sorted(muted), SILENT] = 1
    texts = compiled.tables.texts._replace(rules=rules)
    return replace(compiled, tables=compiled.tables._replace(texts=texts))


@dataclass(slots=True)
class _Pass:
    """One batch on its way through."""

    path: FastPath
    batch: Batch
    lines: list[bytes] = field(default_factory=list)
    rule_hits: NDArray[np.int64] = field(init=False)
    hits: list[Hit] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    events: dict[int, Event] = field(default_factory=dict)
    sighted: Counter[int] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.rule_hits = np.zeros(len(self.path.by_hand.rules), np.int64)

    def run(self) -> Scanned:
        arguments = self._arguments()
        first, count = 0, len(self.batch)
        while first < count:
            room = self.path.room
            call: tuple[Any, ...] = (*arguments[:5], first, *arguments[5:], room.work, room.out)
            stopped = int(kernel.scan(*call))
            self._drain(first, stopped)
            if stopped == first and not room.grow():
                self._by_hand(first)
                room.out.states[first] = READ
                stopped += 1
            first = stopped
            room.out.totals[:] = 0
        return self._result()

    def _arguments(self) -> tuple[object, ...]:
        batch, compiled = self.batch, self.path.compiled
        times = np.full(len(batch), moment.UNKNOWN, np.int64) if batch.times is None else batch.times
        source = np.frombuffer(orjson.dumps(batch.source.path) + b',"number":', np.uint8)
        host = np.frombuffer(orjson.dumps(batch.source.host), np.uint8)
        base = compiled.base_number(batch.source.logsource)
        data = np.frombuffer(batch.data, np.uint8)
        index = self.path.by_hand.index
        indicators = (self.path.modes, index.table if index else _NO_TABLE)
        columns = (data, batch.starts, batch.ends, times, batch.numbers)
        return (*columns, base, *self.path.window, source, host, *indicators, compiled.tables)

    def _drain(self, first: int, stopped: int) -> None:
        """Take over what the kernel found for events ``first`` to ``stopped``."""
        out = self.path.room.out
        found = out.found[: out.totals[kernel.FOUND]]
        slow = np.flatnonzero((out.states[first:stopped] == SLOW) | (out.states[first:stopped] == UNREADABLE)) + first
        plain = not len(slow) and not out.totals[kernel.INDICATORS]
        if plain and (not len(found) or not found[:, kernel.STATE].any()):
            self.lines.append(out.lines[: out.totals[kernel.LINE]].tobytes())
            self._count(found)
        else:
            self._drain_slowly(out, found, slow)

    def _count(self, found: NDArray[np.int32]) -> None:
        self.rule_hits += np.bincount(found[:, kernel.RULE], minlength=len(self.rule_hits))
        if self.path.feeding:
            for event, rule in found[:, : kernel.RULE + 1].tolist():
                self._feed(rule, event)

    def _feed(self, rule: int, event: int) -> None:
        if rule in self.path.feeding:
            self.hits.append(Hit(rule, event, int(self.path.room.out.times[event])))

    def _drain_slowly(self, out: Out, found: NDArray[np.int32], slow: NDArray[np.int64]) -> None:
        """Go through what was found event by event: finish what is unfinished, put slow events and indicators in their places."""
        of_event: dict[int, list[list[int]]] = {index: [] for index in slow.tolist()}
        sighted: dict[int, list[list[int]]] = {}
        for row in out.indicators[: out.totals[kernel.INDICATORS]].tolist():
            sighted.setdefault(row[0], []).append(row)
            of_event.setdefault(row[0], [])
        for row in found.tolist():
            of_event.setdefault(row[kernel.EVENT], []).append(row)
        unread = frozenset(slow.tolist())
        for index in sorted(of_event):
            if index in unread:
                self._by_hand(index)
                continue
            for row in of_event[index]:
                self._finish(out, row)
            if index in sighted:
                self._sight(index, sighted[index])

    def _sight(self, index: int, rows: list[list[int]]) -> None:
        """Confirm the indicators that the kernel proposes for one event, value by value."""
        by_value: dict[tuple[int, int, int, int], list[int]] = {}
        for _, start, end, kind, name, group in rows:
            by_value.setdefault((start, end, kind, name), []).append(group)
        matches = [match for value, groups in by_value.items() for match in self._confirm(value, groups)]
        if matches:
            self._take_sightings(self.path.by_hand.sightings(self._event(index), matches))

    def _confirm(self, value: tuple[int, int, int, int], groups: list[int]) -> list[Match]:
        start, end, kind, name = value
        index = self.path.by_hand.index
        if index is None:
            return []
        text, mode, named = value_of(self.batch.data[start:end], kind).text, int(self.path.modes[name]), self.path.compiled.fields[name]
        return match_value(index, text, mode, named) if -1 in groups else confirm(index, groups, text, mode, named)

    def _take_sightings(self, sightings: list[Sighted]) -> None:
        for sighted in sightings:
            self.lines.append(sighted.line)
            self.sighted[sighted.indicator] += 1

    def _finish(self, out: Out, row: list[int]) -> None:
        """Deal with one row of ``found``."""
        event, rule, state = row[kernel.EVENT], row[kernel.RULE], row[kernel.STATE]
        if state == kernel.UNDECIDED and not self.path.answers.decide(self.batch, out, row):
            return
        if state == kernel.WRITTEN:
            self.lines.append(out.lines[row[kernel.FIRST_BYTE] : row[kernel.LAST_BYTE]].tobytes())
        elif state != kernel.QUIET:
            self.lines.append(self.path.by_hand.line(rule, self._event(event)))
        self.rule_hits[rule] += 1
        self._feed(rule, event)

    def _event(self, index: int) -> Event:
        if index not in self.events:
            self.events.clear()
            self.events[index] = self.path.by_hand.read(self.batch, index)
        return self.events[index]

    def _by_hand(self, index: int) -> None:
        """Scan one event without the kernel."""
        out = self.path.room.out
        try:
            event = self._event(index)
        except ValueError as error:
            out.states[index] = UNREADABLE
            self.problems.append(unreadable(self.batch, index, str(error)))
            return
        since, until = self.path.window
        out.times[index] = event.envelope.time
        outside = event.envelope.time != moment.UNKNOWN and not since <= event.envelope.time <= until
        out.states[index] = kernel.OUTSIDE if outside else READ
        out.classes[index] = self.path.compiled.class_number(event.event_class.name)
        if outside:
            return
        out.seen[out.classes[index], [self.path.numbers[name] for name in event.fields.values if name in self.path.numbers]] = 1
        for verdict in self.path.by_hand.verdicts(event):
            self.lines.append(verdict.line)
            self.rule_hits[verdict.rule] += 1
            self._feed(verdict.rule, index)
        self._take_sightings(self.path.by_hand.sighted(event))

    def _result(self) -> Scanned:
        out, count = self.path.room.out, len(self.batch)
        states, times = out.states[:count], out.times[:count]
        read, outside = states == READ, states == kernel.OUTSIDE
        known = times[(read | outside) & (times != moment.UNKNOWN)]
        return Scanned(
            lines=b"".join(self.lines),
            rule_hits=self.rule_hits,
            class_events=np.bincount(out.classes[:count][read], minlength=len(self.path.compiled.classes)),
            evaluated=int(read.sum()),
            outside=int(outside.sum()),
            first=int(known.min()) if len(known) else moment.UNKNOWN,
            last=int(known.max()) if len(known) else moment.UNKNOWN,
            timeless=int((read & (times == moment.UNKNOWN)).sum()),
            hits=tuple(self.hits),
            sighted=self.sighted,
            problems=tuple(self.problems),
        )
