"""Keys of the index: a seeded 64-bit number for each observable, in plain Python and for whole columns.

``kulla.detection.indicators.kernel`` computes the same numbers in compiled code. A text's key runs over its bytes, so that
the key of ``dir\\name`` passes the key of ``dir``; a domain's runs from its end, so that
it passes its parents. The seed is drawn for each index: whoever writes logs or
indicators cannot choose values that collide.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from kulla.model.observable import ObservableType

MASK = (1 << 64) - 1
#: Odd multiplier with well mixed bits (the golden ratio's).
STEP = 0x9E3779B97F4A7C15
#: Multipliers of MurmurHash3's 64-bit finaliser.
FINISH_A = 0xFF51AFD7ED558CCD
FINISH_B = 0xC4CEB9FE1A85EC53

#: Types by number, as the index keeps them.
TYPES: tuple[ObservableType, ...] = tuple(ObservableType)
NUMBERS: dict[ObservableType, int] = {kind: number for number, kind in enumerate(TYPES)}
#: The number under which domains that also stand for their subdomains are kept.
TREE = len(TYPES)


def tag(number: int) -> int:
    """Return what keeps the keys of one type apart from those of the others."""
    return ((number + 1) * FINISH_B) & MASK


def finish(state: int) -> int:
    """Return the key for a state; never 0, which marks an empty place."""
    state ^= state >> 33
    state = (state * FINISH_A) & MASK
    state ^= state >> 33
    state = (state * FINISH_B) & MASK
    return (state ^ (state >> 33)) or 1


def text_key(seed: int, number: int, text: bytes) -> int:
    """Return the key of a text; ``text`` is given reversed for domains."""
    state = seed
    for byte in text:
        state = ((state ^ byte) * STEP) & MASK
    return finish(state ^ tag(number))


def address_key(seed: int, number: int, high: int, low: int, length: int) -> int:
    """Return the key of a network: two halves of 64 bits (an IPv4 address is all in ``low``) and the prefix length."""
    state = ((seed ^ tag(number) ^ length) * STEP) & MASK
    state = finish(state ^ high)
    return finish(((state ^ low) * STEP) & MASK)


def finish_all(state: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Return ``finish`` of each."""
    shift = np.uint64(33)
    state = (state ^ (state >> shift)) * np.uint64(FINISH_A)
    state = (state ^ (state >> shift)) * np.uint64(FINISH_B)
    state ^= state >> shift
    state[state == 0] = 1
    return state


def text_keys(
    seed: int, numbers: NDArray[np.uint8], data: NDArray[np.uint8], starts: NDArray[np.int64], ends: NDArray[np.int64], *, backward: bool
) -> NDArray[np.uint64]:
    """Return ``text_key`` of many texts in ``data``; one pass for each byte of the longest.

    Args:
        seed: the index's seed.
        numbers: the type of each text.
        data: all texts.
        starts, ends: where each stands.
        backward: read each from its end.
    """
    order = np.argsort(starts - ends, kind="stable")
    heads = (ends - 1 if backward else starts)[order]
    sizes = (ends - starts)[order]
    state = np.full(len(order), seed, dtype=np.uint64)
    step = -1 if backward else 1
    for position in range(int(sizes[0]) if len(sizes) else 0):
        alive = int(np.searchsorted(-sizes, -position, side="left"))
        state[:alive] = (state[:alive] ^ data[heads[:alive] + step * position]) * np.uint64(STEP)
    tags = np.array([tag(number) for number in range(TREE + 1)], dtype=np.uint64)
    keys = np.empty_like(state)
    keys[order] = finish_all(state ^ tags[numbers[order]])
    return keys


def address_keys(
    seed: int, number: int, high: NDArray[np.uint64], low: NDArray[np.uint64], length: NDArray[np.uint64]
) -> NDArray[np.uint64]:
    """Return ``address_key`` of many networks of one type."""
    state = (length ^ np.uint64(seed ^ tag(number))) * np.uint64(STEP)
    state = finish_all(state ^ high)
    return finish_all((state ^ low) * np.uint64(STEP))
