"""JSON documents of many records: arrays, objects one after another, lists inside; damage, truncation, memory."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kulla.telemetry.batch import RECORD_BYTES
from kulla.telemetry.json_structure import brackets, whole_escapes
from kulla.telemetry.readers.json_array import JsonArrayReader
from tests.telemetry.reader_contract import Reading, Sample, check_form, check_reader, read_all

FIRST = {"EventID": 1, "Channel": "Security", "Path": 'C:\\dir\\"x"\\', "Nested": [{"a": [1, {"b": "]}"}]}], "Text": "përshëndetje"}
SECOND: dict[str, Any] = {"EventID": 2, "Empty": {}, "List": []}
RECORDS = [FIRST, SECOND, {"EventID": 3, "Quote": '\\"{['}]


def text(value: object, indent: int | None = None) -> bytes:
    return json.dumps(value, ensure_ascii=False, indent=indent).encode()


def read(data: bytes) -> Reading:
    reading = read_all(JsonArrayReader(), data)
    check_form(reading, passes_on=True)
    return reading


@pytest.mark.parametrize(
    ("header", "body", "footer"),
    [
        (b"[", text(FIRST) + b",\n" + text(SECOND) + b",", text(SECOND) + b"]"),
        (b'{"took": 3, "hits": {"total": {"value": 9}, "hits": [', text(FIRST) + b", ", text(SECOND) + b'], "more": [{"x": "]"}]}}'),
        (b"", text(FIRST, 2) + b"\n" + text(SECOND, 2) + b"\n", b""),
    ],
    ids=["array", "list inside", "one after another"],
)
def test_contract(header: bytes, body: bytes, footer: bytes) -> None:
    check_reader(JsonArrayReader(), Sample(body=body, header=header, footer=footer, passes_on=True))


@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize(
    "form",
    [
        text,
        lambda records, indent: b"\n".join(text(record, indent) for record in records),
        lambda records, indent: b"".join(text(record, indent) for record in records),
        lambda records, indent: b",\r\n".join(text(record, indent) for record in records) + b",",
        lambda records, indent: text({"Records": records}, indent),
        lambda records, indent: text({"@odata.context": "https://graph", "value": records, "@odata.nextLink": "https://graph"}, indent),
        lambda records, indent: text({"took": 1, "hits": {"total": {"value": 3}, "hits": records}, "aggs": {"x": [{"y": []}]}}, indent),
        lambda records, indent: text({"Events": {"Event": records}}, indent),
        lambda records, indent: text({"Records": records[:1]}, indent) + b"\n" + text({"Records": records[1:]}, indent),
        lambda records, indent: text(records[:2], indent) + text(records[2:], indent),
        lambda records, indent: text(records[:2], indent) + b"\n" + text(records[2], indent),
        lambda records, indent: b"\xef\xbb\xbf \n" + text(records, indent),
        lambda records, indent: b"\xff\xfe" + text(records, indent).decode().encode("utf-16-le"),
    ],
)
def test_forms_of_the_same_records(form: Any, indent: int | None) -> None:
    data = form(RECORDS, indent)
    assert JsonArrayReader().sniff(data) >= 55
    reading = read(data)
    assert reading.objects == RECORDS
    assert reading.numbers == [0, 1, 2]
    assert not reading.problems


def test_an_event_with_a_list_of_its_own_stays_whole() -> None:
    event = {"kind": "admin#reports#activity", "id": {"time": "2022-07-15T09:14:03Z"}, "events": [{"name": "LOGIN"}, {"name": "LOGOUT"}]}
    assert read(text(event, 2)).objects == [event]
    assert read(text(event) + text(event)).objects == [event, event]


def test_an_empty_list_is_no_problem() -> None:
    for data in (b"[]", b'{"Records": []}', b"[ \n ]\n"):
        reading = read(data)
        assert not reading.events
        assert not reading.problems


@pytest.mark.parametrize("data", [b'[{"a":1},{"b":2},{"c":', b'[{"a":1},{"b":2}', b'{"Records":[{"a":1},{"b":2}', b'{"a":1}{"b":2}{"c":"}'])
def test_a_document_that_ends_early_gives_its_complete_records(data: bytes) -> None:
    reading = read(data)
    assert reading.objects == [{"a": 1}, {"b": 2}]
    assert [(problem.kind, problem.place) for problem in reading.problems] == [("truncated-file", "record 2")]


def test_elements_that_are_no_objects_are_counted() -> None:
    reading = read(b'[{"a":1}, 7, {"b":2}, "x,y", null, {"c":3}, true]')
    assert reading.objects == [{"a": 1}, {"b": 2}, {"c": 3}]
    assert reading.count("unreadable-record") == 3


def test_text_between_objects_is_counted() -> None:
    reading = read(b'{"a":1} # comment\n{"b":2}\nend of export\n[{"c":3}]')
    assert reading.objects == [{"a": 1}, {"b": 2}, {"c": 3}]
    assert reading.count("unreadable-record") >= 2


def test_a_lost_quotation_mark_costs_one_record_where_records_have_their_own_lines() -> None:
    records = [{"n": number, "text": "some text"} for number in range(9)]
    data = text(records, 2).replace(b'"n": 4,\n    "text": "some text"', b'"n": 4,\n    "text": "some text')
    reading = read(data)
    assert [each["n"] for each in reading.objects] == [0, 1, 2, 3, 5, 6, 7, 8]
    assert reading.count("unreadable-record") == 1


def test_a_record_that_is_too_long_is_left_out() -> None:
    long = b'{"x":"' + b'y\\"{' * (RECORD_BYTES // 4) + b'"}'
    for data in (b'[{"a":1},' + long + b',{"b":2}]', b'{"a":1}' + long + b'{"b":2}'):
        reading = read(data)
        assert reading.objects == [{"a": 1}, {"b": 2}]
        assert reading.numbers == [0, 2]
        assert [(problem.kind, problem.place) for problem in reading.problems] == [("oversized-record", "record 1")]


def test_numbers_without_end_are_not_held() -> None:
    reading = read(b'[{"a":1},' + b"123456," * (3 * RECORD_BYTES // 7) + b'{"b":2}]')
    assert reading.objects == [{"a": 1}, {"b": 2}]
    assert reading.count("unreadable-record") >= 1


def test_invalid_utf8_is_repaired_in_its_record_only() -> None:
    reading = read(b'[{"a":"\xff"},{"b":"\xc3\xab"}]')
    assert reading.objects == [{"a": "�"}, {"b": "ë"}]
    assert [(problem.kind, problem.place) for problem in reading.problems] == [("invalid-utf8", "record 0")]


@pytest.mark.parametrize(
    "head", [b"[2022-07-15 09:14:03] x", b"[client 192.0.2.1] y", b"{x}", b"<a>", b"[1, 2]", b"[[1]]", b'"x"', b"{'a': 1}"]
)
def test_other_text_is_not_claimed(head: bytes) -> None:
    assert JsonArrayReader().sniff(head) == 0


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(alphabet=st.sampled_from('"\\{}[],:aë \n')),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=12,
)


@given(st.lists(st.dictionaries(st.sampled_from("abc"), JSON, max_size=3), max_size=8), st.sampled_from([None, 1]))
def test_any_array_gives_its_objects(records: list[dict[str, Any]], indent: int | None) -> None:
    assert read(text(records, indent)).objects == records


@given(st.binary(max_size=300))
def test_any_bytes(data: bytes) -> None:
    read(data)
    read(b'[{"a":1},' + data)


def slow_brackets(data: bytes) -> tuple[list[int], bool]:
    places, quoted, escaped = [], False, False
    for at, byte in enumerate(data):
        char = chr(byte)
        if char == '"' and not escaped:
            quoted = not quoted
        elif char in "{}[]" and not quoted:
            places.append(at)
        escaped = char == "\\" and not escaped
    return places, quoted


@given(st.text(alphabet='"\\{}[]a', max_size=60).map(str.encode))
def test_brackets_agree_with_a_plain_loop(data: bytes) -> None:
    found = brackets(data, 0)
    assert (found.at.tolist(), found.quoted) == slow_brackets(data)


@given(st.text(alphabet='"\\{}[]a', max_size=60).map(str.encode), st.integers(0, 60))
def test_brackets_in_two_parts_are_those_of_the_whole(data: bytes, cut: int) -> None:
    size = whole_escapes(data[:cut])
    first = brackets(data[:size], 0)
    second = brackets(data, size, quoted=first.quoted)
    assert (first.at.tolist() + second.at.tolist(), second.quoted) == slow_brackets(data)
