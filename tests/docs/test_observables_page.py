"""The reference page of observables names what the code declares."""

from __future__ import annotations

from pathlib import Path

import pytest

from kulla.detection.indicators import broad
from kulla.detection.observables import TABLE, Mode
from kulla.model.observable import MAX_BYTES, ObservableType

PAGES = Path(__file__).parents[2] / "docs" / "reference"


@pytest.mark.parametrize("mode", TABLE, ids=str)
def test_every_declared_field_is_listed_in_one_row(mode: Mode):
    row = ", ".join(f"`{name}`" for name in TABLE[mode])
    assert f"| {row} |\n" in (PAGES / "observables.md").read_text()


@pytest.mark.parametrize("kind", ObservableType)
def test_every_type_is_described(kind: ObservableType):
    name = kind.value.removeprefix("file:hashes.") if kind.value.startswith("file:hashes.SHA") else kind.value
    assert f"`{name}`" in (PAGES / "observables.md").read_text()


def test_limits_are_those_of_the_code():
    page = (PAGES / "indicators.md").read_text()
    assert f"/{broad.SHORTEST_IPV4} (IPv4) or /{broad.SHORTEST_IPV6} (IPv6)" in page
    assert f"{MAX_BYTES:,} bytes" in page
