"""Compiled: the ends of a value, the keys of texts, and the way from a key to its group."""

from __future__ import annotations

import numpy as np

from kulla.detection.indicators.layout import BITMAP, SEED, SLOT_MASK, SLOTS, WORD_MASK
from kulla.detection.indicators.probing.constants import (
    APOSTROPHE,
    CR,
    FINISH_A,
    FINISH_B,
    LF,
    NONE,
    ONE,
    QUOTE,
    SHIFT,
    SIX_BITS,
    SPACE,
    STEP,
    TAB,
    TAGS,
    Bytes,
    Hits,
    Int,
    Table,
)
from kulla.detection.kernel.jit import inlined, kernel
from kulla.model.observable import MAX_BYTES


@inlined
def is_edge(byte: Int) -> bool:
    """Return whether a byte is a blank or a quotation mark."""
    return byte == SPACE or byte == TAB or byte == CR or byte == LF or byte == QUOTE or byte == APOSTROPHE


@inlined
def trimmed(buffer: Bytes, start: Int, end: Int) -> tuple[Int, Int]:
    """Return (start, end) without blanks and quotation marks."""
    while start < end and is_edge(buffer[start]):
        start += 1
    while end > start and is_edge(buffer[end - 1]):
        end -= 1
    return start, end


@inlined
def finish(state: np.uint64) -> np.uint64:
    """Return the key for a state; ``hashing.finish``."""
    state ^= state >> SHIFT
    state *= FINISH_A
    state ^= state >> SHIFT
    state *= FINISH_B
    state ^= state >> SHIFT
    return state if state != NONE else ONE


@kernel
def look_up(key: np.uint64, table: Table, out: Hits, first: Int, count: Int) -> Int:
    """Add the group of ``key``, once for each value; ``count`` runs on beyond the end of ``out``."""
    mask, slots = np.int64(table[SLOT_MASK]), np.int64(table[SLOTS])
    place = np.int64(key >> np.uint64(8)) & mask
    while table[slots + 2 * place] != NONE:
        if table[slots + 2 * place] == key:
            group = np.int64(table[slots + 2 * place + 1])
            for seen in range(first, min(count, out.shape[0])):
                if out[seen] == group:
                    return count
            if count < out.shape[0]:
                out[count] = group
            return count + 1
        place = (place + 1) & mask
    return count


@inlined
def probe(key: np.uint64, table: Table, out: Hits, first: Int, count: Int) -> Int:
    """Ask the bitmap, which fits the second-level cache, and only then the table."""
    word = table[BITMAP + np.int64((key >> np.uint64(40)) & table[WORD_MASK])]
    wanted = (ONE << (key & SIX_BITS)) | (ONE << ((key >> np.uint64(6)) & SIX_BITS))
    if (word & wanted) != wanted:
        return count
    return look_up(key, table, out, first, count)


@inlined
def probe_state(state: np.uint64, number: Int, table: Table, out: Hits, first: Int, count: Int) -> Int:
    """Ask for a text of one type whose bytes led to ``state``."""
    return probe(finish(state ^ TAGS[number]), table, out, first, count)


@inlined
def hashed(state: np.uint64, buffer: Bytes, start: Int, end: Int) -> np.uint64:
    """Return the state after some more bytes."""
    for place in range(start, end):
        state = (state ^ np.uint64(buffer[place])) * STEP
    return state


@inlined
def probe_text(buffer: Bytes, start: Int, end: Int, number: Int, table: Table, out: Hits, first: Int, count: Int) -> Int:
    """Ask for a whole text of one type."""
    if end - start > MAX_BYTES:
        return count
    return probe_state(hashed(table[SEED], buffer, start, end), number, table, out, first, count)
