"""Squid's access log."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kulla.telemetry.readers.squid import SquidReader, parse
from kulla.telemetry.webfields import proxy_fields
from tests.telemetry.golden_pairs import check_golden, inputs
from tests.telemetry.reader_contract import Sample, check_form, check_reader, read_all

LINE = b"1657876443.120    235 192.0.2.7 TCP_MISS/200 4711 GET http://update.example/a?b=c anna HIER_DIRECT/198.51.100.7 text/html\n"


def test_contract() -> None:
    check_reader(SquidReader(), Sample(body=LINE * 2 + LINE.replace(b"b=c", b"b" * 4000)))


@pytest.mark.parametrize("source", inputs("squid"), ids=lambda path: path.name)
def test_golden(source: Path) -> None:
    check_golden(SquidReader(), source)


@given(st.text("abc/:?[]@.%=&", min_size=1, max_size=60))
def test_any_address_is_kept(url: str) -> None:
    assert proxy_fields(url)["c-uri"] == url
    parsed = parse(f"1657876443.120 1 192.0.2.7 TCP_MISS/200 1 GET {url} - NONE/- -")
    assert parsed is not None
    assert parsed.fields["c-uri"] == url


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_counted(noise: bytes) -> None:
    check_form(read_all(SquidReader(), noise))
    check_form(read_all(SquidReader(), LINE[:60] + noise))
