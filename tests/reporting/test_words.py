"""Numbers, sizes, times and tactics in the words of the reports."""

from __future__ import annotations

import pytest

from kulla.model.moment import UNKNOWN, from_text
from kulla.reporting import words


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (3_500_000, "3.5 MB"), (2e11, "200.0 GB"), (5e15, "5000.0 TB")],
)
def test_size(value: float, text: str) -> None:
    assert words.size(value) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(-1, "0.0 s"), (0.44, "0.4 s"), (42.3, "42 s"), (200, "3 min 20 s"), (59.6, "1 min 00 s"), (7500, "2 h 05 min")]
)
def test_duration(seconds: float, text: str) -> None:
    assert words.duration(seconds) == text


def test_tactics_and_techniques_come_from_tags() -> None:
    tags = ("attack.initial_access", "attack.T1190", "attack.impact", "attack.impact", "attack.t1003.001", "attack.g0016", "cve.2021-1")
    assert words.tactics_of(tags) == ["initial-access", "impact"]
    assert words.techniques_of(tags) == ["T1190", "T1003.001"]


def test_clock() -> None:
    assert words.clock_of(from_text("2022-07-15T09:14:03.12Z")) == "2022-07-15 09:14:03Z"
    assert words.clock_of(UNKNOWN) == words.clock(None) == "no time"


def test_counted() -> None:
    assert [words.counted(value, "file", "files") for value in (0, 1, 1234)] == ["0 files", "1 file", "1,234 files"]


def test_a_level_sigma_does_not_know_counts_as_informational() -> None:
    assert words.known_level("apocalyptic") == "informational"
