"""Access and error logs."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kulla.model import moment
from kulla.telemetry.readers.weblog import ACCESS, WeblogReader, parse
from kulla.telemetry.times import MONTHS
from tests.shared_data import shared_data
from tests.telemetry.golden_pairs import check_golden, inputs
from tests.telemetry.reader_contract import Sample, check_form, check_reader, read_all

LINE = b'192.0.2.7 - ann [15/Jul/2022:09:14:03 +0200] "GET /s?q=1 HTTP/1.1" 200 5 "https://a.example/" "Mozilla/5.0 (X11)"\n'


def test_contract() -> None:
    check_reader(WeblogReader(), Sample(body=LINE * 2 + LINE.replace(b"X11", b"X" * 4000)))


@pytest.mark.parametrize("source", inputs("weblog"), ids=lambda path: path.name)
def test_golden(source: Path) -> None:
    check_golden(WeblogReader(), source)


def test_query_is_given_alone_and_with_its_path() -> None:
    parsed = parse(LINE.decode())
    assert parsed is not None
    assert parsed.fields["cs-uri-query"] == ["q=1", "/s?q=1"]


@given(
    agent=st.text(st.characters(codec="utf-8", exclude_characters='"\\\n\r'), min_size=1),
    target=st.text("/abc?&=%20", min_size=1),
    seconds=st.integers(0, 4_000_000_000),
)
def test_what_a_server_writes_comes_back(agent: str, target: str, seconds: int) -> None:
    when = moment.to_text(seconds * 1_000_000) or ""
    month = list(MONTHS)[int(when[5:7]) - 1]
    stamp = f"{when[8:10]}/{month}/{when[:4]}:{when[11:19]} +0000"
    parsed = parse(f'192.0.2.7 - - [{stamp}] "GET /{target} HTTP/1.1" 200 5 "-" "{agent}"')
    assert parsed is not None
    assert parsed.time == seconds * 1_000_000
    assert parsed.fields["cs-uri"] == "/" + target
    assert parsed.fields.get("cs-user-agent", "-") == agent
    assert parsed.logsource == ACCESS


@given(st.one_of(st.text(), st.from_regex(r'[^\n]* \[[^\n]*\] "[^\n]*" \d{3} [^\n]*', fullmatch=True)))
def test_any_line_is_read_or_counted(line: str) -> None:
    reading = read_all(WeblogReader(), line.encode("utf-8", "replace"))
    check_form(reading)
    blank = sum(not part.strip() for part in line.split("\n"))
    assert len(reading.events) + reading.count("unreadable-record") == line.count("\n") + 1 - blank


def test_hostile_lines_take_linear_time() -> None:
    for piece in ('"', "\\", "[", "] ", '" 200 5 ', ", client: ", "\\x41", " "):
        line = "192.0.2.7 - - [15/Jul/2022:09:14:03 +0200] " + piece * 200_000
        parse(line)
        parse('192.0.2.7 - - [15/Jul/2022:09:14:03 +0200] "' + piece * 200_000 + '" 200 5')
        parse(piece * 200_000)
        parse("2022/07/15 09:14:03 [error] 1#1: " + piece * 200_000)


@pytest.mark.parametrize(("scanner", "count"), [("acunetix", 6539), ("netsparker", 7314), ("w3af", 3996)])
def test_real_scanner_logs_are_read_whole(scanner: str, count: int) -> None:
    data = gzip.decompress(shared_data(f"webserver/apache-{scanner}.log.gz").read_bytes())
    reading = read_all(WeblogReader(), data)
    assert len(reading.events) == count
    assert not reading.problems
    assert all(event["c-ip"] and event["sc-status"] for event in reading.objects)
    assert moment.UNKNOWN not in reading.times
