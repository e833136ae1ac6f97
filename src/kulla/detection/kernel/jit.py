"""The one way in which kernel functions are compiled."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import numba

_PACKAGE = Path(__file__).resolve().parents[1]


def _cache_folder() -> Path:
    """Return where machine code is kept: a folder for each state of the kernel's sources.

    numba looks only at the file of the function that is called, so a changed callee would go unnoticed.
    """
    digest = hashlib.sha256(os.environ.get("NUMBA_BOUNDSCHECK", "").encode())
    for path in sorted((*_PACKAGE.glob("kernel/*.py"), *_PACKAGE.glob("indicators/**/*.py"), _PACKAGE / "observables.py")):
        digest.update(path.read_bytes())
    home = os.environ.get("KULLA_HOME")
    base = Path(home) / "cache" if home else Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "kulla"
    return base / "kernel" / digest.hexdigest()[:20]


if not os.environ.get("NUMBA_CACHE_DIR"):
    numba.config.CACHE_DIR = str(_cache_folder())

F = TypeVar("F", bound=Callable[..., Any])

#: No interpreter lock, machine code kept on disk, division by zero as in C (there is none to divide by).
_OPTIONS: dict[str, Any] = {"nogil": True, "cache": True, "error_model": "numpy", "_nrt": False}


def kernel(function: F) -> F:
    """Compile an entry point or a large step."""
    return numba.njit(**_OPTIONS)(function)  # type: ignore[no-any-return]


def inlined(function: F) -> F:
    """Compile a small step that always becomes part of its caller."""
    return numba.njit(forceinline=True, **_OPTIONS)(function)  # type: ignore[no-any-return]
