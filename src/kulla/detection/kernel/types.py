"""What the kernel's functions take and give, for readers and the type checker: numba compiles for the types of each call.

Rows, places, lengths, bytes and code points are all ``Int``: compiled, a whole number has the width of the array it
came from or 64 bits, and which one is no part of what a function means.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from kulla.detection.kernel.tables import I32, I64, U8, U64

Int = int | np.int32 | np.int64
#: What comes of a comparison of such numbers.
Truth = bool | np.bool_


class Work(NamedTuple):
    """Scratch of one thread. A stamp equal to the event's serial number means "in this event"."""

    hit: I32
    hit_token: I32
    open: I32
    open_token: I32
    tried: I64
    mixed: I32
    program_seen: I32
    candidates: I32
    asked: I32
    shown: I32
    counters: I64
    scratch: U8
    other: U8
    tape: I32
    members: I32
    stack: I64
    paths: U64
    role_token: I32
    role_differs: U8
    tokens: I64
    groups: I64


class Out(NamedTuple):
    """What a call gives back.

    ``found`` rows are (event, rule, program, start, end, state, first asked, last asked); the states are in ``scan.py``.
    ``asked`` rows are (leaf, start, end, kind) of the batch's bytes; ``truths`` holds the verdicts of open programs' literals.
    ``indicators`` rows are (event, start, end, kind, field, group; -1 where there were too many groups). ``totals`` counts found,
    line bytes, asked, truths, indicators.
    """

    lines: U8
    found: I32
    asked: I32
    truths: U8
    indicators: I32
    times: I64
    classes: I32
    states: U8
    seen: U8
    totals: I64
