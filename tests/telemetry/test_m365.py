"""The CSV form of the Microsoft 365 audit log."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kulla.telemetry.readers.m365 import M365CsvReader
from tests.telemetry.golden_pairs import check_golden, inputs
from tests.telemetry.reader_contract import Sample, check_form, check_reader, read_all


@pytest.mark.parametrize("source", inputs("m365csv"), ids=lambda path: path.name)
def test_golden(source: Path) -> None:
    check_golden(M365CsvReader(), source)


HEADER = b"CreationDate,UserIds,Operations,AuditData\n"
LINE = b'2022-07-15T09:14:03Z,anna@example.org,UserLoggedIn,"{""Operation"":""UserLoggedIn"",""Workload"":""AzureActiveDirectory""}"\n'


def test_contract() -> None:
    check_reader(M365CsvReader(), Sample(header=HEADER, body=LINE * 2 + LINE.replace(b"AzureActiveDirectory", b"A" * 4000)))


@pytest.mark.parametrize("audit", ["[]", "7", "null", "", "{", "[" * 2000, '"{""a"":' + "[" * 300 + "]" * 300 + '}"'])
def test_a_row_without_an_object_is_kept_and_counted(audit: str) -> None:
    reading = read_all(M365CsvReader(), HEADER + f"2022-07-15T09:14:03Z,anna,Op,{audit}\n".encode())
    assert [event["Operations"] for event in reading.objects] == ["Op"]
    assert reading.count("unreadable-record") == 1


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_counted(noise: bytes) -> None:
    for data in (HEADER + noise, noise, HEADER + b'x,y,z,"{""a"":' + noise):
        check_form(read_all(M365CsvReader(), data))
