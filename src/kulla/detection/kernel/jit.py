"""The one way in which kernel functions are compiled."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, TypeVar

import numba

from kulla.detection.kernelcache import cache_folder

if not os.environ.get("NUMBA_CACHE_DIR"):
    numba.config.CACHE_DIR = str(cache_folder())  # type: ignore[attr-defined]

F = TypeVar("F", bound=Callable[..., Any])

#: No interpreter lock, machine code kept on disk, division by zero as in C (there is none to divide by).
_OPTIONS: dict[str, Any] = {"nogil": True, "cache": True, "error_model": "numpy", "_nrt": False}


def kernel(function: F) -> F:
    """Compile an entry point or a large step."""
    return numba.njit(**_OPTIONS)(function)


def inlined(function: F) -> F:
    """Compile a small step that always becomes part of its caller."""
    return numba.njit(forceinline=True, **_OPTIONS)(function)
