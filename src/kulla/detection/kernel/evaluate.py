"""Candidate programs to verdicts, in Kleene's logic: a leaf is true, false or open."""

from __future__ import annotations

import numpy as np

from kulla.detection.kernel.jit import inlined, kernel
from kulla.detection.kernel.match import CANDIDATES, SERIAL
from kulla.detection.kernel.settle import settle
from kulla.detection.kernel.tables import I32, U8, Folding, Programs, Settling
from kulla.detection.kernel.types import Int, Work

# Verdicts.
FALSE, TRUE, OPEN = 0, 1, 2


@inlined
def truth(data: U8, work: Work, literal: Int, settling: Settling, folding: Folding) -> Int:
    """Return FALSE, TRUE or OPEN for a literal of the jump code."""
    node = literal >> 1
    serial = work.counters[SERIAL]
    if node < work.open.shape[0] and work.open[node] == serial and work.hit[node] != serial:
        settle(data, work, node, settling, folding)
        if work.open[node] == serial:
            return OPEN
    if work.hit[node] == serial:
        return FALSE if literal & 1 else TRUE
    return TRUE if literal & 1 else FALSE


@inlined
def _run(data: U8, work: Work, programs: Programs, program: Int, hopeful: Int, settling: Settling, folding: Folding) -> tuple[bool, bool]:
    """Run a program taking every open literal as ``hopeful``; return (holds, whether an open one was met)."""
    start = programs.ranges[program, 0]
    code = programs.code
    place, met = np.int64(0), False
    while place >= 0:
        verdict = truth(data, work, code[start + place, 0], settling, folding)
        if verdict == OPEN:
            met = True
            verdict = hopeful
        place = np.int64(code[start + place, 1] if verdict == TRUE else code[start + place, 2])
    return place == -1, met


@inlined
def evaluate(data: U8, work: Work, programs: Programs, program: Int, settling: Settling, folding: Folding) -> Int:
    """Return FALSE, TRUE or OPEN for a program."""
    holds, met = _run(data, work, programs, program, TRUE, settling, folding)
    if not holds:
        return FALSE
    if not met:
        return TRUE
    holds, met = _run(data, work, programs, program, FALSE, settling, folding)
    return TRUE if holds else OPEN


@inlined
def sort_candidates(work: Work, programs: Programs) -> None:
    """Put the candidates into the order of their rules, so that detections come in one order always."""
    for right in range(1, work.counters[CANDIDATES]):
        program = work.candidates[right]
        rule = programs.ranges[program, 2]
        left = right - 1
        while left >= 0 and programs.ranges[work.candidates[left], 2] > rule:
            work.candidates[left + 1] = work.candidates[left]
            left -= 1
        work.candidates[left + 1] = program


@kernel
def could_hold(programs: Programs, numbers: I32, possible: U8, out: U8) -> None:
    """Mark in ``out[rule]`` the rules of which some program could be true if only ``possible`` leaves and sets can be hit.

    Args:
        numbers: int32, the programs to look at.
        possible: uint8, one for each leaf and set.
    """
    for number in numbers:
        start = programs.ranges[number, 0]
        place = np.int64(0)
        while place >= 0:
            literal = programs.code[start + place, 0]
            true = (literal & 1) == 1 or possible[literal >> 1] == 1
            place = np.int64(programs.code[start + place, 1] if true else programs.code[start + place, 2])
        if place == -1:
            out[programs.ranges[number, 2]] = 1
