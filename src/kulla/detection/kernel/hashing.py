"""Seeded 64-bit hashing of names and values, the same number in compiled code and in Python.

A name's hash runs over its bytes, so that the hash of ``a.b`` continues the hash of ``a``. The seed is drawn
for each compiled rule set and never shown: whoever writes log content cannot choose
names that collide.
"""

from __future__ import annotations

import numpy as np

from kulla.detection.kernel.jit import inlined

_MASK = (1 << 64) - 1
#: Odd multipliers with well mixed bits (the golden ratio's and splitmix64's).
STEP = np.uint64(0x9E3779B97F4A7C15)
FINISH = np.uint64(0xBF58476D1CE4E5B9)
_HALF = np.uint64(32)
_KEEP = np.uint64(29)


@inlined
def step(state: np.uint64, byte: np.uint8) -> np.uint64:
    """Return the hash after one more byte."""
    mixed = (state ^ np.uint64(byte)) * STEP
    return mixed ^ (mixed >> _HALF)


@inlined
def slot(state: np.uint64, mask: np.int64) -> np.int64:
    """Return where to look first in an open-addressing table of ``mask + 1`` places."""
    return np.int64(((state ^ (state >> _KEEP)) * FINISH) >> _HALF) & mask


def hash_bytes(seed: int, text: bytes) -> int:
    """Return the hash of ``text``; ``step`` repeated, in Python."""
    state = seed
    for byte in text:
        state = ((state ^ byte) * int(STEP)) & _MASK
        state ^= state >> 32
    return state


def slot_of(state: int, mask: int) -> int:
    """Return ``slot`` in Python."""
    return ((((state ^ (state >> 29)) * int(FINISH)) & _MASK) >> 32) & mask


def make_table(entries: dict[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Return (keys, values) of an open-addressing table at most half full; a key of 0 is an empty place."""
    size = 8
    while size < 2 * len(entries) + 2:
        size *= 2
    keys, values = np.zeros(size, dtype=np.uint64), np.full(size, -1, dtype=np.int32)
    for key, value in sorted(entries.items()):
        place = slot_of(key, size - 1)
        while keys[place]:
            place = (place + 1) & (size - 1)
        keys[place], values[place] = key or 1, value
    return keys, values


@inlined
def look_up(keys: np.ndarray, values: np.ndarray, state: np.uint64) -> np.int64:
    """Return the value kept for a hash, -1 where there is none."""
    mask = keys.shape[0] - 1
    place = slot(state, mask)
    while keys[place] != np.uint64(0):
        if keys[place] == state:
            return np.int64(values[place])
        place = (place + 1) & mask
    return np.int64(-1)
