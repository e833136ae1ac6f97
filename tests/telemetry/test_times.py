"""Times as text logs write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kulla.model import moment
from kulla.telemetry import times

NOON = "2022-07-15T12:00:00.000000Z"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2022-07-15T12:00:00Z", NOON),
        ("2022-07-15 14:00:00+02:00", NOON),
        ("7/15/2022 12:00:00 PM", NOON),
        ("7/15/2022 12:00", NOON),
        ("15/7/2022 12:00:00", NOON),
        ("15.07.2022 12:00:00", NOON),
        ("15.07.2022, 12:00:00", NOON),
        ("2022/07/15 12:00:00,000", NOON),
        ("1657886400", NOON),
        ("1657886400.000000", NOON),
        ("1657886400000", NOON),
        ("1657886400000000", NOON),
        ("1657886400000000000", NOON),
        ("7/15/2022 12:30:00 AM", "2022-07-15T00:30:00.000000Z"),
        ("2022-07-15 12:00:00.1234567", "2022-07-15T12:00:00.123456Z"),
        ("", None),
        ("soon", None),
        ("12", None),
        ("20220715", None),
        ("31.02.2022 12:00:00", None),
        ("0/0/0 25:00", None),
        ("99999999999999999999", None),
    ],
)
def test_any_text(text: str, expected: str | None) -> None:
    assert moment.to_text(times.any_text(text)) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("15/Jul/2022:14:00:00 +0200", NOON),
        ("15/Jul/2022:12:00:00", NOON),
        ("15/Foo/2022:12:00:00 +0000", None),
        ("x", None),
        ("/Jul/", None),
    ],
)
def test_clf(text: str, expected: str | None) -> None:
    assert moment.to_text(times.clf(text)) == expected


@given(st.text())
def test_any_text_never_raises(text: str) -> None:
    assert isinstance(times.any_text(text), int)
    assert isinstance(times.clf(text), int)
    assert isinstance(times.iso(text), int)


@given(st.from_regex(r"[0-9./: T,-]{5,30}( [AP]M)?", fullmatch=True))
def test_what_looks_like_a_time_never_raises(text: str) -> None:
    assert isinstance(times.any_text(text), int)
    assert isinstance(times.clf(text.replace(".", "/Jul/")), int)


@given(st.integers(1_000_000_000, 4_102_444_800), st.integers(0, 999_999))
def test_iso_and_epoch_agree(seconds: int, micros: int) -> None:
    value = seconds * 1_000_000 + micros
    text = moment.to_text(value)
    assert text is not None
    assert times.any_text(text) == times.any_text(f"{seconds}.{micros:06}") == times.any_text(str(value)) == value
