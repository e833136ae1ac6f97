"""One event through the compiled tokeniser, in the words of its slow twin."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kulla.detection.compiled.build import _names, _ways
from kulla.detection.kernel.tables import Names, Ways
from kulla.detection.kernel.tokenise import (
    CONTAINER,
    END,
    FIELD,
    KIND,
    MAX_DEPTH,
    NULL,
    READ,
    STACK_COLUMNS,
    START,
    TAPE_COLUMNS,
    tokenise,
)
from kulla.detection.openleaves import value_of
from kulla.telemetry.flatten import Kind, Value

#: Rows of tape and members in tests that are not about their size.
ROWS = 4096
SEED = 0x9E3779B97F4A7C15


@dataclass(frozen=True, slots=True)
class Reading:
    """What the tokeniser made of one event: (field or None, value) for each row of the tape, and the members' bytes."""

    outcome: int
    values: list[tuple[str | None, Value]]
    members: list[bytes]
    stopped: int


def names_of(fields: list[str]) -> Names:
    """Return the table that numbers ``fields`` (name_key form)."""
    return _names({name: number for number, name in enumerate(fields)}, SEED)


def ways() -> Ways:
    """Return the table of transparent wrappers."""
    return _ways(SEED)


def read(event: bytes, fields: list[str], *, before: bytes = b"", after: bytes = b"", rows: int = ROWS) -> Reading:
    """Tokenise one event that stands between other bytes."""
    whole = before + event + after
    data: NDArray[np.uint8] = np.frombuffer(whole or b"", np.uint8)
    tape, members = np.full((rows, TAPE_COLUMNS), -7, np.int32), np.full((rows, 2), -7, np.int32)
    stack, paths = np.full((MAX_DEPTH + 1, STACK_COLUMNS), -7, np.int64), np.zeros(MAX_DEPTH + 1, np.uint64)
    outcome, count, member_count, stopped = tokenise(
        data, len(before), len(before) + len(event), names_of(fields), ways(), tape, members, stack, paths
    )
    if outcome != READ:
        return Reading(outcome, [], [], stopped - len(before))
    found = [(fields[row[FIELD]] if row[FIELD] >= 0 else None, _value(whole, row)) for row in tape[:count].tolist()]
    return Reading(outcome, found, [whole[start:end] for start, end in members[:member_count].tolist()], stopped - len(before))


def _value(data: bytes, row: list[int]) -> Value:
    if row[KIND] == CONTAINER:
        return Value("", Kind.CONTAINER)
    if row[KIND] == NULL:
        return Value("", Kind.NULL)
    return value_of(data[row[START] : row[END]], row[KIND])
