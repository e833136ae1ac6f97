"""Leaves that matching leaves open, settled when a rule depends on them: regular expressions and comparisons of two fields."""

from __future__ import annotations

import numpy as np

from kulla.detection.kernel.jit import inlined, kernel
from kulla.detection.kernel.match import ASKED, SERIAL
from kulla.detection.kernel.tables import U8, Folding, Settling
from kulla.detection.kernel.tokenise import END, ESCAPED, KIND, START
from kulla.detection.kernel.types import Int, Work
from kulla.detection.kernel.values import fold_into, unescape_into

#: ``Settling.ways`` of a leaf that is decided outside the kernel.
OUTSIDE = 0
# Columns of Settling.heads.
CLASSES, ROWS, VERDICTS, COLUMNS = 0, 1, 2, 3
_FOUND = 0
# Op numbers of comparisons with another field, negated in Settling.ways.
_EQUALS, _CONTAINS, _STARTSWITH = 13, 14, 15
#: Values of two fields are compared here while few are asked about, and sought in each other while they are short: no event takes long.
_FEW_ASKED = 64
_LONG = 4096


@inlined
def _accepts(buffer: U8, start: Int, end: Int, settling: Settling, automaton: Int) -> bool:
    """Run an automaton over bytes: state 0 is "found", state 1 the beginning."""
    classes, rows = settling.heads[automaton, CLASSES], settling.heads[automaton, ROWS]
    columns = settling.heads[automaton, COLUMNS]
    state = np.int64(1)
    for place in range(start, end):
        state = np.int64(settling.following[rows + state * columns + settling.classes[classes + buffer[place]]])
        if state == _FOUND:
            return True
    return settling.verdicts[settling.heads[automaton, VERDICTS] + state] != 0


@inlined
def _searches(data: U8, work: Work, token: Int, settling: Settling, automaton: Int) -> bool:
    """Return whether a regular expression matches in a value, unescaped and not folded."""
    start, end = work.tape[token, START], work.tape[token, END]
    if work.tape[token, KIND] != ESCAPED:
        return _accepts(data, start, end, settling, automaton)
    stop = unescape_into(data, start, end, work.other)
    return _accepts(work.other, 0, stop, settling, automaton)


@inlined
def _same(left: U8, left_at: Int, right: U8, right_at: Int, length: Int) -> bool:
    for offset in range(length):
        if left[left_at + offset] != right[right_at + offset]:
            return False
    return True


@inlined
def _relates(way: Int, left: U8, left_end: Int, right: U8, right_end: Int) -> bool:
    """Compare two folded values that begin at 2: does the left one equal, contain, begin or end with the right one?"""
    long, short = left_end - 2, right_end - 2
    if short > long or (way == _EQUALS and short != long):
        return False
    if way == _EQUALS or way == _STARTSWITH:
        return _same(left, 2, right, 2, short)
    if way == _CONTAINS:
        for place in range(2, left_end - short + 1):
            if _same(left, place, right, 2, short):
                return True
        return False
    return _same(left, left_end - short, right, 2, short)


@inlined
def _compares(data: U8, work: Work, token: Int, leaf: Int, way: Int, folding: Folding) -> bool:
    """Return whether a value relates to some value of the other field."""
    tape = work.tape
    stop = fold_into(
        data, tape[token, START], tape[token, END], tape[token, KIND], work.scratch, folding.pages, folding.folds, folding.lower
    )
    for place in range(work.counters[ASKED]):
        if work.asked[place, 0] != -leaf - 1:
            continue
        other = work.asked[place, 1]
        end = fold_into(
            data, tape[other, START], tape[other, END], tape[other, KIND], work.other, folding.pages, folding.folds, folding.lower
        )
        if _relates(way, work.scratch, stop, work.other, end):
            return True
    return False


@inlined
def _light(work: Work, way: Int) -> bool:
    """Return whether two fields of the event can be compared in little time; otherwise it is done outside."""
    if work.counters[ASKED] > _FEW_ASKED:
        return False
    if way != _CONTAINS:
        return True
    for place in range(work.counters[ASKED]):
        token = work.asked[place, 1]
        if work.tape[token, END] - work.tape[token, START] > _LONG:
            return False
    return True


@kernel
def settle(data: U8, work: Work, leaf: Int, settling: Settling, folding: Folding) -> None:
    """Decide an open leaf: mark it hit, or no longer open. Leaves of the way OUTSIDE and heavy comparisons stay open."""
    way = np.int64(settling.ways[leaf])
    if way == OUTSIDE or (way < 0 and not _light(work, -way)):
        return
    work.open[leaf] = 0
    for place in range(work.counters[ASKED]):
        if work.asked[place, 0] != leaf:
            continue
        token = work.asked[place, 1]
        holds = _searches(data, work, token, settling, way - 1) if way > 0 else _compares(data, work, token, leaf, -way, folding)
        if holds:
            work.hit[leaf] = work.counters[SERIAL]
            work.hit_token[leaf] = token
            return
