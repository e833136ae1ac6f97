"""The memory a thread works in: allocated once, never by the kernel."""

from __future__ import annotations

import numpy as np

from kulla.detection.kernel.render import MATCHED
from kulla.detection.kernel.tables import Tables
from kulla.detection.kernel.tokenise import MAX_DEPTH, STACK_COLUMNS, TAPE_COLUMNS
from kulla.detection.kernel.types import Out, Work

#: Values of one event that the kernel handles; an event with more goes the slow way.
TAPE_ROWS = 8_192
#: Rules that may be candidates, and values that may be asked about, for one event.
CANDIDATE_ROWS = 8_192
ASKED_ROWS = 4_096
#: Groups of indicators that one value may touch; with more it is looked at again by hand.
GROUPS = 64
#: First sizes of the outputs of one call.
LINE_BYTES = 4 * 1024 * 1024
FOUND_ROWS = 32_768
FOUND_COLUMNS = 8


def new_work(tables: Tables, longest: int) -> Work:
    """Return scratch for events of at most ``longest`` bytes."""
    leaves = len(tables.programs.leaf_set_range)
    nodes = leaves + int(tables.programs.leaf_sets.max(initial=leaves - 1)) - leaves + 1
    roles = role_count(tables)
    return Work(
        hit=np.zeros(nodes, np.int32),
        hit_token=np.zeros(leaves, np.int32),
        open=np.zeros(leaves, np.int32),
        open_token=np.zeros(leaves, np.int32),
        tried=np.zeros(leaves, np.int64),
        mixed=np.zeros(leaves, np.int32),
        program_seen=np.zeros(max(len(tables.programs.ranges), 1), np.int32),
        candidates=np.zeros(CANDIDATE_ROWS, np.int32),
        asked=np.zeros((ASKED_ROWS, 2), np.int32),
        shown=np.zeros((MATCHED + 1, 3), np.int32),
        counters=np.zeros(8, np.int64),
        scratch=np.zeros(2 * longest + 64, np.uint8),
        other=np.zeros(2 * longest + 64, np.uint8),
        tape=np.zeros((TAPE_ROWS, TAPE_COLUMNS), np.int32),
        members=np.zeros((TAPE_ROWS, 2), np.int32),
        stack=np.zeros((MAX_DEPTH + 1, STACK_COLUMNS), np.int64),
        paths=np.zeros(MAX_DEPTH + 1, np.uint64),
        role_token=np.full(roles, -1, np.int32),
        role_differs=np.zeros(roles, np.uint8),
        tokens=np.full(3, -1, np.int64),
        groups=np.zeros(GROUPS, np.int64),
    )


def role_count(tables: Tables) -> int:
    """Return how many field ids, from 0 on, have a role."""
    roles = tables.roles
    used = [roles.times, roles.hosts, roles.ids, roles.channel, tables.classes.probes.ravel()]
    return int(max((ids.max(initial=-1) for ids in used), default=-1)) + 1


def new_out(tables: Tables, events: int, line_bytes: int = LINE_BYTES, rows: int = FOUND_ROWS) -> Out:
    """Return outputs for a batch of ``events`` events."""
    return Out(
        lines=np.zeros(line_bytes, np.uint8),
        found=np.zeros((rows, FOUND_COLUMNS), np.int32),
        asked=np.zeros((rows, 4), np.int32),
        truths=np.zeros(rows * 16, np.uint8),
        indicators=np.zeros((rows, 6), np.int32),
        times=np.zeros(events, np.int64),
        classes=np.zeros(events, np.int32),
        states=np.zeros(events, np.uint8),
        seen=np.zeros(tables.automata.route.shape, np.uint8),
        totals=np.zeros(8, np.int64),
    )
