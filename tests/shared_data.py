"""Third-party data beside the checkout; never part of the repository."""

from __future__ import annotations

from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2] / "shared" / "data"


def shared_data(name: str) -> Path:
    """Return the path of ``../shared/data/NAME``, or skip the test that asked where it is absent."""
    path = ROOT / name
    if not path.exists():
        pytest.skip(f"third-party data not present: ../shared/data/{name}")
    return path
