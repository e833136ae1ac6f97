"""Answers the questions that the kernel leaves open: regular expressions, case-sensitive text, odd numbers and addresses."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import orjson

from kulla.detection.byhand import ByHand
from kulla.detection.compiled.programs import HOLDS
from kulla.detection.ir import Op, Predicate
from kulla.detection.kernel import evaluate
from kulla.detection.kernel import scan as kernel
from kulla.detection.kernel.tokenise import BOOLEAN, ESCAPED, NUMBER
from kulla.detection.kernel.types import Out
from kulla.detection.predicates import holds, holds_in
from kulla.telemetry.batch import Batch
from kulla.telemetry.flatten import Kind, Value

if TYPE_CHECKING:
    from kulla.detection.compiled.build import Compiled

#: Answers remembered: the same command line is asked about again and again.
_REMEMBERED = 65_536
#: Longer values are not remembered.
_LONGEST = 4_096
_NEED_EVENT = frozenset({Op.FIELD_EQUALS, Op.FIELD_CONTAINS, Op.FIELD_STARTSWITH, Op.FIELD_ENDSWITH})


@dataclass(slots=True)
class Answers:
    """Decides programs that the kernel left undecided; one for each thread.

    Args:
        compiled: the tables.
        by_hand: reads an event where a question needs more of it than the values asked about.
    """

    compiled: Compiled
    by_hand: ByHand
    _known: dict[tuple[int, bytes], bool] = field(default_factory=dict)

    def decide(self, batch: Batch, out: Out, row: list[int]) -> bool:
        """Return whether an UNDECIDED row of ``found`` holds."""
        truths = out.truths[row[kernel.FIRST_BYTE] : row[kernel.LAST_BYTE]].tolist()
        asked = out.asked[row[kernel.FIRST_ASKED] : row[kernel.LAST_ASKED]].tolist()
        programs = self.compiled.tables.programs
        code = programs.code[programs.ranges[row[kernel.PROGRAM], 0] : programs.ranges[row[kernel.PROGRAM], 1]].tolist()
        place = 0
        while place >= 0:
            literal, yes, no = code[place]
            truth = truths[place]
            if truth == evaluate.OPEN:
                truth = self._leaf(literal >> 1, batch, row[kernel.EVENT], asked) ^ (literal & 1)
            place = yes if truth else no
        return place == HOLDS

    def _leaf(self, leaf: int, batch: Batch, event: int, asked: list[list[int]]) -> bool:
        predicate = self.compiled.leaves[leaf]
        if predicate.op in _NEED_EVENT:
            whole = self.by_hand.read(batch, event)
            return holds_in(predicate, whole.fields, self.by_hand.aliases(whole.event_class), self.by_hand.on_timeout)
        return any(self._value(leaf, predicate, batch.data[start:end], kind) for found, start, end, kind in asked if found == leaf)

    def _value(self, leaf: int, predicate: Predicate, raw: bytes, kind: int) -> bool:
        key = (leaf, raw)
        known = self._known.get(key)
        if known is None:
            known = holds(predicate, value_of(raw, kind), self.by_hand.on_timeout)
            if len(raw) <= _LONGEST:
                if len(self._known) >= _REMEMBERED:
                    self._known.clear()
                self._known[key] = known
        return known


def value_of(raw: bytes, kind: int) -> Value:
    """Return a value of the tape as ``flatten`` would give it."""
    if kind == NUMBER:
        return Value(raw.decode(), Kind.NUMBER)
    if kind == BOOLEAN:
        return Value(raw.decode(), Kind.BOOLEAN)
    return Value(orjson.loads(b'"' + raw + b'"') if kind == ESCAPED else raw.decode(), Kind.TEXT)
