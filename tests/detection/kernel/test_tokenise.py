"""The compiled tokeniser reads every event as ``telemetry.flatten`` and ``telemetry.unwrap`` do, or leaves it to them."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from kulla.detection.kernel.tokenise import READ, SLOW, UNREADABLE
from kulla.telemetry.fields import TRANSPARENT, name_key
from kulla.telemetry.flatten import MAX_DEPTH, Kind, _walk, flatten, parse
from kulla.telemetry.unwrap import unwrap
from tests.detection.kernel.hostile import KEYS, PIECES, damaged, deep, odd_events, wrapped_events
from tests.detection.kernel.reading import Reading, read
from tests.detection.strategies import events, long_texts

#: What only the slow path reads: escapes (a lone surrogate, an escaped key), raw control characters, an empty key.
_NEEDS_SLOW = re.compile(rb'\\|[\x00-\x1f]|""')
#: What may stand behind an event in its batch; none of it may be read as a part of the event.
_NEIGHBOURS = (b"", b"\n", b'"', b"}", b"0", b"e5", b"]}", b"00000000", b'\\u0041"}')


def fields_of(event: bytes) -> list[str]:
    """Return all field names of an event, none if it cannot be read."""
    try:
        return list(flatten(event).values)
    except ValueError:
        return []


def check(event: bytes) -> Reading:
    """Compare the tokeniser with its slow twins on one event."""
    try:
        expected = [(name_key(name), value) for name, value in _walk(parse(event), (), "", 1)]
    except ValueError:
        found = read(event, [])
        assert found.outcome in (UNREADABLE, SLOW)
        return found
    fields = list(dict.fromkeys(name for name, _ in expected))
    found = read(event, fields)
    assert found.outcome in (READ, SLOW)
    if found.outcome == SLOW:
        assert _NEEDS_SLOW.search(event)
        return found
    # A path without a name has no field: the tape holds its values for keywords only.
    assert [(name or "", value) for name, value in found.values] == expected
    assert parse(b"{" + b",".join(found.members) + b"}") == parse(unwrap(event))
    return found


@given(st.one_of(events(), odd_events(), wrapped_events()))
@example(b'{"Event": {"#text": 5, "System": {"#text": [1, {"#text": 2}]}}}')
@example(b'{"UserData": [{"X": {"a": 1}}, [{"Y": [{"b": 2}]}], 3]}')
@example(b'{"a": {"#text": {"#text": {"b": 1}}}, "a": [[], [[1]], {}]}')
@example(b'{" ": {"x": 1}, "a": {" ": 2}}')
def test_sound_events_are_read_alike(event: bytes):
    check(event)


@given(damaged(st.one_of(events(), odd_events(), wrapped_events())))
def test_damaged_events_are_read_alike(event: bytes):
    check(event)


@given(st.one_of(odd_events(), damaged(odd_events())), st.sampled_from(_NEIGHBOURS))
def test_what_stands_around_an_event_changes_nothing(event: bytes, neighbour: bytes):
    fields = fields_of(event)
    assert read(event, fields, before=neighbour, after=neighbour) == read(event, fields)


@given(odd_events())
def test_an_event_cut_anywhere_is_unreadable(event: bytes):
    for end in range(len(event)):
        cut = event[:end].decode("utf-8", "replace").encode()
        assert check(cut).outcome in (UNREADABLE, SLOW)


@pytest.mark.parametrize("piece", PIECES)
def test_any_piece_at_any_place(piece: bytes):
    event = b'{"a": [1, -2.5e+3, {"b": "x\\n"}], "c": {"#text": null}, "Event": {"System": {"d": true}}}'
    for place in range(len(event) + 1):
        changed = event[:place] + piece + event[place:]
        check(changed)


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("other", ["#text", "", "x y", "Event"])
def test_any_key_under_any_key(key: str, other: str):
    check(f'{{"{key}": {{"{other}": {{"{key}": 1}}, "{key}": [2]}}, "{other}": 3}}'.encode())


@pytest.mark.parametrize("way", TRANSPARENT)
def test_a_wrapper_leaves_no_trace(way: tuple[str, ...]):
    event = '{"Image": "x"}'
    for key in reversed(way):
        event = f'{{"{key.replace("*", "Any Name")}": {event}}}'
    assert [name for name, _ in check(event.encode()).values] == ["image"]


@pytest.mark.parametrize("lists", [True, False])
def test_depth_has_a_limit(lists: bool):
    for depth in range(MAX_DEPTH - 4, MAX_DEPTH + 6):
        expected = READ if depth <= MAX_DEPTH else UNREADABLE
        assert check(deep(depth, lists=lists)).outcome == expected
        assert check(deep(depth, lists=lists)[:-3]).outcome == UNREADABLE


@pytest.mark.parametrize(
    "event",
    [
        b"",
        b" ",
        b"1",
        b'"a"',
        b"[]",
        b'[{"a":1}]',
        b"null",
        b"{}{}",
        b"{} x",
        b"{}\x00",
        b"{",
        b'{"',
        b'{"a',
        b'{"a"',
        b'{"a":',
        b'{"a":1',
        b"}",
    ],
)
def test_what_is_no_object_is_unreadable(event: bytes):
    assert check(event).outcome == UNREADABLE


@pytest.mark.parametrize("number", ["0", "-0", "1e5", "1E-5", "0.0", "-1.25e+10", "9" * 5000, "1." + "0" * 5000])
def test_numbers(number: str):
    assert [value.text for _, value in check(f'{{"a":{number}}}'.encode()).values] == [number]


@pytest.mark.parametrize(
    "number", ["-", "01", "-01", "1.", ".5", "1e", "1e+", "+1", "0x1", "1_0", "--1", "1.e5", "Infinity", "NaN", "-Infinity"]
)
def test_no_numbers(number: str):
    for text in (f'{{"a":{number}}}', f'{{"a":{number}', f'{{"a":[{number},1]}}'):
        assert check(text.encode()).outcome == UNREADABLE


@given(long_texts())
def test_long_values(text: str):
    event = json.dumps({"a": text, "b": [text]}, ensure_ascii=False).encode("utf-8", "replace")
    check(event)


def test_a_value_of_a_mebibyte():
    value = "İx\\n" * (1 << 18)
    found = check(f'{{"a":"{value}","b":1}}'.encode())
    assert found.outcome == READ
    assert len(found.values[0][1].text) == 3 << 18


@pytest.mark.parametrize(
    "escape", ["\\n", "\\/", '\\"', "\\\\", "\\b\\f\\r\\t", "\\u0000", "\\u00e9", "\\uD83c\\uDff0", "\\uFFFF", "\\ue000"]
)
def test_escapes_in_values_are_read_at_once(escape: str):
    assert check(f'{{"a":"{escape}"}}'.encode()).outcome == READ
    assert check(f'{{"{escape}":1}}'.encode()).outcome == SLOW


@pytest.mark.parametrize(
    "alone", ["\\ud800", "\\udc00", "\\udfff", "\\ud800x", "\\ud800\\n", "\\ud800\\u0041", "\\ud800\\ud800\\udc00", "\\uDBFF\\uE000"]
)
def test_lone_surrogates_are_left_to_the_slow_path(alone: str):
    assert check(f'{{"a":"{alone}"}}'.encode()).outcome == SLOW


def test_more_values_than_rows_are_left_to_the_slow_path():
    event = b'{"a":[' + b",".join([b"1"] * 9) + b"]}"
    assert read(event, ["a"], rows=10).outcome == READ
    assert read(event, ["a"], rows=9).outcome == SLOW
    many = b"{" + b",".join(b'"a":1' for _ in range(10)) + b"}"
    assert read(many, ["a"], rows=10).outcome == READ
    assert read(many, ["a"], rows=9).outcome == SLOW


def test_containers_have_no_value_of_their_own():
    found = check(b'{"a": {"b": 1}, "c": [], "Event": {"d": []}}')
    assert [name for name, _ in found.values] == ["a", "a.b", "c", "d"]
    assert [value.kind for _, value in found.values] == [Kind.CONTAINER, Kind.NUMBER, Kind.CONTAINER, Kind.CONTAINER]
