"""Exchange logs."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kulla.telemetry.readers.exchange import ExchangeReader
from tests.telemetry.golden_pairs import check_golden, inputs
from tests.telemetry.reader_contract import Sample, check_form, check_reader, read_all


@pytest.mark.parametrize("source", inputs("exchange"), ids=lambda path: path.name)
def test_golden(source: Path) -> None:
    check_golden(ExchangeReader(), source)


HEADER = b"#Software: Microsoft Exchange Server\n#Log-type: Message Tracking Log\n#Fields: date-time,client-ip,event-id,message-subject\n"
LINE = b'2022-07-15T09:14:03.120Z,192.0.2.7,RECEIVE,"Urgent, read"\n'


def test_contract() -> None:
    check_reader(ExchangeReader(), Sample(header=HEADER, body=LINE * 2 + LINE.replace(b"Urgent", b"u" * 4000)))


def test_rows_before_any_names_are_counted() -> None:
    reading = read_all(ExchangeReader(), LINE * 2)
    assert not reading.events
    assert reading.count("unreadable-record") == 2


@given(st.text(st.characters(codec="utf-8", exclude_characters="\r\n")))
def test_subjects_come_back(subject: str) -> None:
    quoted = '"' + subject.replace('"', '""') + '"'
    (event,) = read_all(ExchangeReader(), HEADER + f"2022-07-15T09:14:03.120Z,,SEND,{quoted}\n".encode()).objects
    assert event.get("message-subject", "") == subject


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_counted(noise: bytes) -> None:
    for data in (HEADER + noise, b"#Fields: date-time," + noise, HEADER + b'2022-07-15T09:14:03.120Z,"' + noise):
        check_form(read_all(ExchangeReader(), data))
