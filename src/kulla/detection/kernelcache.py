"""Where the kernel's machine code is kept, and whether it is there; without importing numba."""

from __future__ import annotations

import hashlib
import os
from functools import cache
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


@cache
def cache_folder() -> Path:
    """Return where machine code is kept: a folder for each installation and state of the kernel's sources.

    numba looks only at the file of the function that is called, so a changed callee would go unnoticed; and it
    never uses what another installation compiled.
    """
    digest = hashlib.sha256(f"{_PACKAGE} {os.environ.get('NUMBA_BOUNDSCHECK', '')}".encode())
    for path in sorted((*_PACKAGE.glob("kernel/*.py"), *_PACKAGE.glob("indicators/**/*.py"), _PACKAGE / "observables.py")):
        digest.update(path.read_bytes())
    home = os.environ.get("KULLA_HOME")
    base = Path(home) / "cache" if home else Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "kulla"
    return base / "kernel" / digest.hexdigest()[:20]


def is_compiled() -> bool:
    """Return whether the kernel was compiled on this machine already."""
    folder = os.environ.get("NUMBA_CACHE_DIR")
    return any((Path(folder) if folder else cache_folder()).rglob("scan.scan-*.nbi"))
