"""System logs."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kulla.model import moment
from kulla.telemetry import syslog
from kulla.telemetry.readers.syslog import MESSAGE_LINES, SyslogReader
from tests.telemetry.golden_pairs import MODIFIED, check_golden, inputs
from tests.telemetry.reader_contract import Sample, check_form, check_reader, read_all

LINE = b"<38>Jul 15 09:14:03 web01 sshd[4711]: Failed password for root from 198.51.100.7\n\tand more of it\n"
CALENDAR = syslog.Calendar.until(MODIFIED)


def test_contract() -> None:
    check_reader(SyslogReader(), Sample(body=LINE * 2 + LINE.replace(b"more", b"m" * 4000)))


@pytest.mark.parametrize("source", inputs("syslog"), ids=lambda path: path.name)
def test_golden(source: Path) -> None:
    check_golden(SyslogReader(), source)


@pytest.mark.parametrize(
    ("month", "day", "expected"),
    [
        ("Mar", "1", "2024-03-01"),
        ("Mar", "2", "2024-03-02"),
        ("Mar", "3", "2023-03-03"),
        ("Dec", "31", "2023-12-31"),
        ("Jan", "1", "2024-01-01"),
        ("Feb", "29", "2024-02-29"),
    ],
)
def test_the_year_is_the_latest_possible(month: str, day: str, expected: str) -> None:
    assert moment.to_text(CALENDAR.day(month, day)) == f"{expected}T00:00:00.000000Z"


def test_a_leap_day_goes_back_to_a_leap_year() -> None:
    calendar = syslog.Calendar.until(moment.from_text("2103-07-01T00:00:00Z"))
    assert moment.to_text(calendar.day("Feb", "29")) == "2096-02-29T00:00:00.000000Z"
    assert calendar.day("Feb", "30") == moment.UNKNOWN


@given(
    program=st.text("abcXYZ-_/.", min_size=1, max_size=20),
    message=st.text(st.characters(codec="utf-8", exclude_characters="\r\n\0")),
    pid=st.integers(1, 99999),
)
def test_what_a_daemon_writes_comes_back(program: str, message: str, pid: int) -> None:
    reading = read_all(SyslogReader(), f"Jul 15 09:14:03 web01 {program}[{pid}]: {message}\n".encode(), modified=MODIFIED)
    (event,) = reading.objects
    assert (event["hostname"], event["program"], event["pid"], event["message"]) == ("web01", program, str(pid), message)
    assert reading.times == [moment.from_text("2023-07-15T09:14:03Z")]


@given(
    st.dictionaries(st.text("abc", min_size=1, max_size=8), st.text(st.characters(codec="utf-8", exclude_characters="\r\n\0")), max_size=4)
)
def test_structured_data_comes_back(params: dict[str, str]) -> None:
    escaped = {name: value.replace("\\", "\\\\").replace('"', '\\"').replace("]", "\\]") for name, value in params.items()}
    element = "".join(f' {name}="{value}"' for name, value in escaped.items())
    line = syslog.parse(f"<13>1 2022-07-15T09:14:03Z web01 app 7 ID [x@1{element}] text", CALENDAR)
    assert line is not None
    assert line.message == "text"
    assert {name: value for name, value in line.fields.items() if name.startswith("sd.")} == {f"sd.x@1.{k}": v for k, v in params.items()}


def test_pairs_never_replace_the_header() -> None:
    line = syslog.parse("Jul 15 09:14:03 web01 app: hostname=evil program=evil timestamp=0 user=anna", CALENDAR)
    assert line is not None
    event = syslog.event(line, line.message)
    assert (event["hostname"], event["program"], event["user"]) == ("web01", "app", "anna")


def test_pairs_are_bounded() -> None:
    line = syslog.parse("Jul 15 09:14:03 web01 app: " + " ".join(f"k{index}=v" for index in range(10_000)), CALENDAR)
    assert line is not None
    assert len(syslog.event(line, line.message)) <= syslog.MOST_PAIRS + 5


def test_a_message_goes_on_for_a_bounded_number_of_lines() -> None:
    reading = read_all(SyslogReader(), b"Jul 15 09:14:03 web01 app: first\n" + b"\tmore\n" * (MESSAGE_LINES + 10), modified=MODIFIED)
    assert [str(event["message"]).count("more") for event in reading.objects] == [MESSAGE_LINES, 10]
    assert reading.count("no-header") == 1


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_counted(noise: bytes) -> None:
    heads = (b"", b"<13>", b"<13>1 2022-07-15T09:14:03Z h a p m [x", b"Jul 15 09:14:03 h sudo: ", b"2022-07-15T", b"date=2022-07-15 time=")
    for head in heads:
        check_form(read_all(SyslogReader(), head + noise, modified=MODIFIED))


def test_hostile_lines_take_linear_time() -> None:
    for piece in ("a=", '"', "[", "a", " ; ", "=", '[a b="', "%A-1-", "devid=", "<13>", ": ", "\\"):
        for head in ("", "<13>", "<13>1 - - - - - ", "Jul 15 09:14:03 h ", "Jul 15 09:14:03 h sudo: ", "2022-07-15T09:14:03Z "):
            line = syslog.parse(head + piece * 50_000, CALENDAR)
            if line:
                syslog.event(line, line.message)
