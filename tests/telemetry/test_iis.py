"""IIS and other W3C logs."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kulla.telemetry.readers.iis import IisReader
from tests.telemetry.golden_pairs import check_golden, inputs
from tests.telemetry.reader_contract import Sample, check_form, check_reader, read_all


@pytest.mark.parametrize("source", inputs("iis"), ids=lambda path: path.name)
def test_golden(source: Path) -> None:
    check_golden(IisReader(), source)


HEADER = b"#Software: Microsoft Internet Information Services 10.0\n#Fields: date time c-ip cs-method cs-uri-stem cs-uri-query sc-status\n"
LINE = b"2022-07-15 09:14:03 192.0.2.7 GET /owa/ a=1 200\n"


def test_contract() -> None:
    check_reader(IisReader(), Sample(header=HEADER, body=LINE * 2 + LINE.replace(b"a=1", b"a" * 4000)))


def test_zeros_of_a_log_in_use_are_no_record() -> None:
    data = HEADER + LINE + b"\0" * 5000
    reading = read_all(IisReader(), data)
    assert len(reading.events) == 1
    assert not reading.problems
    assert IisReader().sniff(data) >= 50


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_counted(noise: bytes) -> None:
    for data in (HEADER + noise, b"#Fields: " + noise, HEADER + b'2022-07-15 09:14:03 "' + noise):
        check_form(read_all(IisReader(), data))


@given(st.lists(st.text("abc/?&=%+\"'é", min_size=1).filter(lambda text: text != "-"), min_size=3, max_size=3))
def test_cells_come_back(cells: list[str]) -> None:
    stem, query, agent = (cell.replace('"', "") or "x" for cell in cells)
    data = f"#Fields: date time cs-uri-stem cs-uri-query cs(User-Agent)\n2022-07-15 09:14:03 {stem} {query} {agent}\n"
    (event,) = read_all(IisReader(), data.encode()).objects
    assert event["cs-uri-query"] == [query, f"{stem}?{query}"]
    assert event["cs-user-agent"] == ([agent, agent.replace("+", " ")] if "+" in agent else agent)
