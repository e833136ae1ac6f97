"""CSV exports."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kulla.model import moment
from kulla.model.logsource import LogSource
from kulla.telemetry import batch
from kulla.telemetry.delimited import DELIMITERS
from kulla.telemetry.readers.csvlog import CsvReader
from tests.telemetry.golden_pairs import check_golden, inputs
from tests.telemetry.reader_contract import Sample, check_form, check_reader, read_all


@pytest.mark.parametrize("source", inputs("csv"), ids=lambda path: path.name)
def test_golden(source: Path) -> None:
    check_golden(CsvReader(), source)


HEADER = b"Time,User,Note\n"
LINE = b'2022-07-15T09:14:03Z,anna,"two\nlines, ""quoted"""\n'


def test_contract() -> None:
    check_reader(CsvReader(), Sample(header=HEADER, body=LINE * 2 + LINE.replace(b"lines", b"l" * 4000)))


@given(
    delimiter=st.sampled_from(DELIMITERS),
    rows=st.lists(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\r")), min_size=3, max_size=3), max_size=5),
)
def test_what_the_csv_module_writes_comes_back(delimiter: str, rows: list[list[str]]) -> None:
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=delimiter, lineterminator="\r\n", quoting=csv.QUOTE_ALL)
    writer.writerows([["Alpha", "Beta", "Gamma"], *rows])
    reading = read_all(CsvReader(), text.getvalue().encode())
    expected = [{name: cell for name, cell in zip(("Alpha", "Beta", "Gamma"), row, strict=True) if cell} for row in rows]
    assert reading.objects == expected
    assert not reading.problems


def test_a_cell_longer_than_a_mebibyte() -> None:
    cell = "x," * 800_000
    reading = read_all(CsvReader(), HEADER + f'2022-07-15T09:14:03Z,anna,"{cell}"\n'.encode())
    assert [event["Note"] for event in reading.objects] == [cell]


@given(st.text('ab",\n', max_size=60))
def test_quotes_anywhere_lose_no_line(text: str) -> None:
    reading = read_all(CsvReader(), HEADER + text.encode())
    check_form(reading)
    letters = sum(char in "ab" for event in reading.events for char in event.decode())
    assert letters - _letters_of_names(reading.objects) == sum(char in "ab" for char in text)


def _letters_of_names(events: list[dict[str, object]]) -> int:
    return sum(sum(char in "ab" for char in name) for event in events for name in event)


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_counted(noise: bytes) -> None:
    for data in (HEADER + noise, noise, HEADER + b'x,y,"' + noise):
        check_form(read_all(CsvReader(), data))


def test_an_open_quote_is_given_up_at_the_size_of_a_record(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch, "RECORD_BYTES", 1000)
    lines = b'1,"open,x\n' + b"2,b,c\n" * 400
    reading = read_all(CsvReader(), HEADER + lines)
    assert len(reading.events) == 401
    assert reading.count("unclosed-quote") == 1


def test_exchange_admin_audit_log() -> None:
    data = (
        '"ObjectModified","CmdletName","CmdletParameters","Caller","RunDate"\r\n'
        '"x","New-MailboxExportRequest","-Mailbox ""anna"" -FilePath ""\\\\srv\\c$\\a.aspx""","evil","7/15/2022 9:14:03 AM"\r\n'
    )
    reading = read_all(CsvReader(), data.encode())
    assert reading.objects[0]["Message"] == 'New-MailboxExportRequest -Mailbox "anna" -FilePath "\\\\srv\\c$\\a.aspx"'
    assert reading.batches[0].source.logsource == LogSource(product="windows", service="msexchange-management")
    assert reading.times == [moment.from_text("2022-07-15T09:14:03Z")]


@pytest.mark.parametrize(
    "head",
    [
        b"Dear all,\nplease read, and answer\n",
        b'{"a": 1, "b": 2}\n',
        b"<a>, <b>\n",
        b"type=SYSCALL msg=audit(1.0:1): a, b\n",
    ],
)
def test_prose_and_other_formats_are_not_claimed(head: bytes) -> None:
    assert CsvReader().sniff(head * 3) < 50


def test_hostile_quotes_take_linear_time() -> None:
    for piece in ('"', '""', '",', '","', '"x', ',"'):
        read_all(CsvReader(), b"A,B,C\n" + piece.encode() * 300_000)
        read_all(CsvReader(), b"A,B,C\n" + (piece + "\n").encode() * 20_000)
