"""Tables for leaves that are settled late: automata of regular expressions, comparisons of two fields."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from kulla.detection.compiled.automata import rows
from kulla.detection.compiled.dfa import Automaton, automaton
from kulla.detection.ir import Op, Predicate
from kulla.detection.kernel.settle import OUTSIDE
from kulla.detection.kernel.tables import Settling

_COMPARISONS = frozenset({Op.FIELD_EQUALS, Op.FIELD_CONTAINS, Op.FIELD_STARTSWITH, Op.FIELD_ENDSWITH})


def other_field(predicate: Predicate) -> str | None:
    """Return the field that a predicate compares its own with, None if it compares with a text."""
    return predicate.text if predicate.op in _COMPARISONS else None


def settling(leaves: Sequence[Predicate]) -> Settling:
    """Return the tables for all leaves."""
    made: list[Automaton] = []
    ways = [_way(predicate, made) for predicate in leaves]
    heads: list[tuple[int, ...]] = []
    following: list[int] = []
    classes, verdicts = bytearray(), bytearray()
    for each in made:
        heads.append((len(classes), len(following), len(verdicts), each.columns))
        classes += each.classes
        following += each.following
        verdicts += each.verdicts
    return Settling(
        np.array(ways, np.int32),
        rows(heads, 4, np.int32),
        np.frombuffer(classes or bytearray(1), np.uint8),
        np.array(following or [0], np.uint16),
        np.frombuffer(verdicts or bytearray(1), np.uint8),
    )


def _way(predicate: Predicate, made: list[Automaton]) -> int:
    if predicate.op in _COMPARISONS and not predicate.cased:
        return -int(predicate.op)
    found = automaton(predicate.text, predicate.flags) if predicate.op is Op.REGEX else None
    if found is None:
        return OUTSIDE
    made.append(found)
    return len(made)
