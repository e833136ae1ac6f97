"""JSON Lines: lines found, never parsed; encodings, line ends, blank, long and damaged lines."""

from __future__ import annotations

import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kulla.model.logsource import LogSource
from kulla.model.problem import Problems
from kulla.telemetry.batch import RECORD_BYTES
from kulla.telemetry.reader import Origin
from kulla.telemetry.readers.jsonl import JsonlReader
from tests.shared_data import shared_data
from tests.telemetry.reader_contract import Sample, check_form, check_reader, read_all

EVENT = b'{"EventID":1,"Channel":"Security","CommandLine":"cmd.exe /c \\"whoami\\"","Text":"p\xc3\xabrsh\xc3\xabndetje"}\n'


def test_contract() -> None:
    check_reader(JsonlReader(), Sample(body=EVENT + b'{"EventID":2,"Channel":"System"}\n', sniffed=95, passes_on=True))


def test_lines_are_passed_on_byte_for_byte() -> None:
    reading = read_all(JsonlReader(), b'{"a": 1}\r\n\n  \t\n {"b":2} \nnot json\n{"c":3}')
    assert reading.events == [b'{"a": 1}', b' {"b":2} ', b"not json", b'{"c":3}']
    assert reading.numbers == [0, 1, 2, 3]
    assert not reading.problems


@pytest.mark.parametrize(
    "encoded",
    [
        b"\xef\xbb\xbf" + EVENT,
        b"\xff\xfe" + EVENT.decode().encode("utf-16-le"),
        b"\xfe\xff" + EVENT.decode().encode("utf-16-be"),
        EVENT.decode().encode("utf-16-le"),
        EVENT.decode().encode("utf-16-be"),
    ],
)
def test_other_encodings_become_utf8(encoded: bytes) -> None:
    assert JsonlReader().sniff(encoded) == 95
    for dribble in (False, True):
        assert read_all(JsonlReader(), encoded, dribble=dribble).events == [EVENT.rstrip()]


def test_invalid_utf8_is_replaced_and_counted_by_line() -> None:
    reading = read_all(JsonlReader(), b'{"a":1}\n\n{"b":"\xff\xfe"}\n{"c":"\xc3\xab"}\n{"d":"\xe2\x82"}\n')
    assert [json.loads(event) for event in reading.events] == [{"a": 1}, {"b": "��"}, {"c": "ë"}, {"d": "�"}]
    assert [(problem.kind, problem.place) for problem in reading.problems] == [("invalid-utf8", "line 3"), ("invalid-utf8", "line 5")]


def test_a_line_that_is_too_long_is_left_out_and_counted() -> None:
    long = b'{"x":"' + b"y" * RECORD_BYTES + b'"}\n'
    reading = read_all(JsonlReader(), b'{"a":1}\n' + long + b'{"b":2}\n' + long + long + b'{"c":3}')
    assert reading.events == [b'{"a":1}', b'{"b":2}', b'{"c":3}']
    assert reading.numbers == [0, 2, 5]
    assert [(problem.kind, problem.place) for problem in reading.problems] == [
        ("oversized-record", "line 2"), ("oversized-record", "line 4"), ("oversized-record", "line 5"),
    ]  # fmt: skip


def test_a_line_that_grows_too_long_by_repair_is_left_out() -> None:
    line = b'{"x":"' + b"\xff" * (RECORD_BYTES // 2) + b'"}\n'
    reading = read_all(JsonlReader(), b'{"a":1}\n' + line + b'{"b":2}\n')
    check_form(reading, passes_on=True)
    assert reading.events == [b'{"a":1}', b'{"b":2}']
    assert reading.count("oversized-record") == 1


def test_many_records_fill_batches_within_their_bounds() -> None:
    data = b"".join(b'{"n":%d}\n' % number for number in range(300_000))
    reading = read_all(JsonlReader(), data)
    check_form(reading)
    assert reading.numbers == list(range(300_000))
    assert reading.events[123_456] == b'{"n":123456}'


def test_the_log_source_comes_from_the_first_records() -> None:
    batch = next(JsonlReader().read(io.BytesIO(EVENT), Origin("x", Problems())))
    assert (batch.source.format, batch.source.logsource) == ("windows-json", LogSource("windows"))


@pytest.mark.parametrize(
    "head",
    [
        b'{\n  "a": 1\n}\n',
        b'{"Records":[{"a":1}]}\n',
        b"[1,2]\n",
        b'Jul 15 09:14:03 host app: {"a":1}\n',
        b'{"a":1,\n"b":2}\n',
        b"{}{}\nx\n",
    ],
)
def test_other_forms_are_left_to_other_readers(head: bytes) -> None:
    assert JsonlReader().sniff(head) < 50


@given(
    st.lists(st.dictionaries(st.text(max_size=5), st.text(max_size=20), max_size=4), max_size=30), st.sampled_from(["\n", "\r\n", "\n\n"])
)
def test_what_is_written_is_read(objects: list[dict[str, str]], end: str) -> None:
    lines = [json.dumps(each, ensure_ascii=False).encode("utf-8", "replace").decode() for each in objects]
    reading = read_all(JsonlReader(), "".join(line + end for line in lines).encode())
    assert [event.decode() for event in reading.events] == lines


@given(st.binary(max_size=400))
def test_any_bytes(data: bytes) -> None:
    check_form(read_all(JsonlReader(), b'{"a":1}\n' + data), passes_on=True)


def test_real_events_are_all_found() -> None:
    import zstandard

    path = shared_data("otrf/windows-host.jsonl.zst")
    with path.open("rb") as file:
        stream = zstandard.ZstdDecompressor().stream_reader(file)
        batches = list(JsonlReader().read(io.BufferedReader(stream), Origin(str(path), problems := Problems())))
    assert sum(map(len, batches)) == 59_951
    assert not len(problems)
    assert {batch.source.format for batch in batches} == {"windows-json"}
