"""Zeek's tab-separated logs."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kulla.model import moment
from kulla.telemetry.readers.zeek import ZeekReader, moment_of, number, unescape
from tests.shared_data import shared_data
from tests.telemetry.golden_pairs import check_golden, inputs
from tests.telemetry.reader_contract import Sample, check_form, check_reader, read_all

HEADER = (
    b"#separator \\x09\n#set_separator\t,\n#empty_field\t(empty)\n#unset_field\t-\n#path\tdns\n"
    b"#fields\tts\tuid\tid.orig_h\tquery\tanswers\n#types\ttime\tstring\taddr\tstring\tvector[string]\n"
)
ROW = b"1657876443.120001\tCkUlla1\t192.0.2.7\tportal.example\t203.0.113.9,-\n"


def test_contract() -> None:
    check_reader(ZeekReader(), Sample(header=HEADER, body=ROW * 2 + ROW.replace(b"portal", b"p" * 4000)))


@pytest.mark.parametrize("source", inputs("zeek"), ids=lambda path: path.name)
def test_golden(source: Path) -> None:
    check_golden(ZeekReader(), source)


def test_lines_without_directives_are_counted() -> None:
    reading = read_all(ZeekReader(), ROW * 2)
    assert not reading.events
    assert reading.count("unreadable-record") == 2


@given(st.lists(st.text(st.characters(codec="utf-8")), min_size=1, max_size=5))
def test_what_zeek_escapes_comes_back(queries: list[str]) -> None:
    rows = "".join(f"1657876443.120001\tC1\t192.0.2.7\t{_escaped(query)}\t-\n" for query in queries)
    reading = read_all(ZeekReader(), HEADER + rows.encode())
    assert not reading.problems
    assert [event["query"] for event in reading.objects] == queries
    assert reading.times == [1657876443120001] * len(queries)


def _escaped(text: str) -> str:
    """Write a string as Zeek's ASCII writer does: separators, control and non-ASCII bytes and backslashes escaped, never an empty one."""
    plain = "".join("\\\\" if byte == 0x5C else chr(byte) if 0x20 <= byte < 0x7F else f"\\x{byte:02x}" for byte in text.encode("utf-8"))
    if plain in ("-", "(empty)"):
        return f"\\x{ord(plain[0]):02x}{plain[1:]}"
    return plain


@given(st.binary(max_size=400))
def test_any_rows_are_read_or_counted(noise: bytes) -> None:
    check_form(read_all(ZeekReader(), HEADER + noise))
    check_form(read_all(ZeekReader(), b"#separator " + noise))
    check_form(read_all(ZeekReader(), b"#fields\t" + noise))


@pytest.mark.parametrize(
    ("text", "value"),
    [("0", 0), ("-7", -7), ("007", 7), ("0.000870", 0.00087), ("1e3", 1000.0), ("18446744073709551615", "18446744073709551615")]
    + [(text, text) for text in ("", "nan", "inf", "1_000", "0x10", "²", "٣", "1e999", " 1", "1.")],
)
def test_numbers(text: str, value: float | str) -> None:
    assert number(text) == value


def test_bytes_that_are_no_utf8_stay_escaped() -> None:
    assert unescape("a\\xff\\xc3\\xa9\\\\x41\\q") == "a\\xffé\\x41\\q"


def test_a_time_out_of_range_is_unknown() -> None:
    assert moment_of(1e300) == moment_of("x") == moment_of(None) == moment.UNKNOWN


@pytest.mark.parametrize(("log", "count"), [("dns", 53615), ("modbus", 268)])
def test_real_logs_are_read_whole(log: str, count: int) -> None:
    data = gzip.decompress(shared_data(f"zeek/{log}.log.gz").read_bytes())
    reading = read_all(ZeekReader(), data)
    assert len(reading.events) == count
    assert not reading.problems
    assert moment.UNKNOWN not in reading.times


def test_both_forms_of_a_real_log_give_the_same_events() -> None:
    tabbed = read_all(ZeekReader(), gzip.decompress(shared_data("zeek/modbus.log.gz").read_bytes())).objects
    lines = gzip.decompress(shared_data("zeek/modbus.json.gz").read_bytes()).splitlines()
    asjson = [{key: value for key, value in json.loads(line).items() if value is not None} for line in lines]
    for event in [*tabbed, *asjson]:
        del event["ts"]  # the JSON form writes ISO 8601
        event.pop("_write_ts", None)
    assert tabbed == asjson
