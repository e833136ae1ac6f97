"""What stands where in the index's one array of 64-bit numbers, and the constants beside it.

One array, because compiled code copies and counts references of every array that it hands on.

====================  ==========================================================
SEED                  seed of all keys
PRESENT               a bit for each number of a type that occurs
WORD_MASK, SLOT_MASK  words of the bitmap less one, slots less one; both powers of two
SLOTS                 where the slots begin
COUNT4, COUNT6        how many prefix lengths of IPv4 and IPv6 occur
LENGTHS4, LENGTHS6    the prefix lengths, 32 and 128 for single addresses
BITMAP                where the bitmap begins; two bits of one word are set for each key
====================  ==========================================================

A slot is (key, group); a key of 0 is an empty slot.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from kulla.model.observable import REGISTRY_ROOTS

SEED, PRESENT, WORD_MASK, SLOT_MASK, SLOTS, COUNT4, COUNT6 = range(7)
LENGTHS4 = 8
LENGTHS6 = LENGTHS4 + 33
BITMAP = 192


def root_spellings() -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Return (all spellings, rows) of the roots of the registry.

    A row tells of one spelling where it starts and ends, then of its short form, then of ``hkcu\\``.
    """
    data = bytearray()

    def placed(text: str) -> tuple[int, int]:
        start = len(data)
        data.extend(text.encode())
        return start, len(data)

    own_hive = placed("hkcu\\")
    rows = [(*placed(spelling), *placed(short), *own_hive) for spelling, short in (*REGISTRY_ROOTS, ("hku\\", "hku\\"))]
    return np.frombuffer(bytes(data), dtype=np.uint8), np.array(rows, dtype=np.int64)
