"""Classes of bytes in free text, for the compiled scanner: the character sets of ``kulla.detection.observables``."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

ATOM = 1  # part of a word
SIX = 2  # part of an IPv6 address
STOP = 4  # ends a URL
LOCAL = 8  # part of the name before the @ of a mail address

_DIGITS = b"0123456789"
_LETTERS = b"abcdefghijklmnopqrstuvwxyz"
_MEMBERS: tuple[tuple[int, bytes], ...] = (
    (ATOM, _DIGITS + _LETTERS + b"._-" + bytes(range(0x80, 0x100))),
    (SIX, _DIGITS + b"abcdef:."),
    (STOP, bytes(range(0x21)) + b"\x7f\"'<>`|^{}\\();"),
    (LOCAL, _DIGITS + _LETTERS + b"._+-"),
)


def byte_classes() -> NDArray[np.uint8]:
    """Return the classes of each byte, 256 of them."""
    classes = np.zeros(256, dtype=np.uint8)
    for bit, members in _MEMBERS:
        classes[list(members)] |= bit
    return classes
