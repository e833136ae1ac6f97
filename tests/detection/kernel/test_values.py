"""Values in the kernel: folding, numbers, addresses, times and globs are those of the slow, plain code."""

from __future__ import annotations

import json
from ipaddress import IPv4Address

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from numpy.typing import NDArray

from kulla.detection import globs
from kulla.detection.compiled.build import _folding
from kulla.detection.compiled.patterns import question
from kulla.detection.folding import fold, fold_table
from kulla.detection.ir import Op, Predicate
from kulla.detection.kernel.match import glob_holds
from kulla.detection.kernel.tokenise import BOOLEAN, ESCAPED, NUMBER, TEXT
from kulla.detection.kernel.values import NO_TIME, fold_into, ipv4, time_of, whole_number
from kulla.telemetry.envelope import time_of as slow_time_of
from kulla.telemetry.flatten import Kind, Value
from tests.detection import strategies

FOLDING = _folding()
_KINDS = {Kind.TEXT: TEXT, Kind.NUMBER: NUMBER, Kind.BOOLEAN: BOOLEAN}


def encoded(text: str) -> NDArray[np.uint8]:
    """Return UTF-8 as the kernel takes it."""
    return np.frombuffer(text.encode(), np.uint8)


def folded(raw: str, kind: int) -> str:
    """Return what the kernel makes of a value's JSON."""
    data = encoded(raw)
    out = np.zeros(2 * len(data) + 8, np.uint8)
    stop = fold_into(data, 0, len(data), kind, out, FOLDING.pages, FOLDING.folds, FOLDING.lower)
    assert bytes(out[:2]) == bytes(out[stop : stop + 2]) == b"\xff\xff"
    return bytes(out[2:stop]).decode()


#: Every character that JSON can carry without an escape.
def _plain(text: str) -> str:
    return "".join(char for char in text if char >= " " and char not in '"\\')


@given(st.one_of(strategies.texts(), strategies.long_texts(), st.text()))
def test_plain_text_is_folded_alike(text: str):
    assert folded(_plain(text), TEXT) == fold(_plain(text))


@given(st.one_of(strategies.texts(), strategies.long_texts(), st.text()), st.booleans())
def test_escaped_text_is_unescaped_and_folded_alike(text: str, ascii_only: bool):
    raw = json.dumps(text, ensure_ascii=ascii_only)[1:-1]
    assert folded(raw, ESCAPED) == fold(text)


@given(strategies.strings())
def test_every_way_to_write_a_string(written: str):
    text = json.loads(written, strict=False)
    if not any("\ud800" <= char <= "\udfff" for char in text):
        assert folded(written[1:-1], ESCAPED if "\\" in written else TEXT) == fold(text)


def test_every_character_folds_alike():
    for page in range(0, 0x110000, 0x1000):
        chars = "".join(chr(code) for code in range(page, page + 0x1000) if not 0xD800 <= code < 0xE000 and chr(code) not in '"\\')
        assert folded(chars, TEXT) == fold(chars)


def test_no_folding_outgrows_its_room():
    assert all(len(chr(folded).encode()) * 2 <= len(chr(code).encode()) * 3 for code, folded in fold_table().items())


# Times.

_DIGITS = st.text("0123456789", max_size=20)
_ISO = st.builds(
    "{}-{}-{}{}{}:{}:{}{}{}".format,
    st.sampled_from(("1970", "1969", "2022", "0001", "0000", "9999", "2000", "1900", "2024", "20a2", "202")),
    st.sampled_from(("01", "02", "12", "13", "00", "1")),
    st.sampled_from(("01", "28", "29", "30", "31", "32", "00")),
    st.sampled_from(("T", "t", " ", "_", "")),
    st.sampled_from(("00", "23", "24", "09")),
    st.sampled_from(("00", "59", "60")),
    st.sampled_from(("00", "59", "60", "61")),
    st.one_of(st.just(""), st.builds("{}{}".format, st.sampled_from((".", ",", ";")), _DIGITS)),
    st.sampled_from(
        (
            "",
            "Z",
            "z",
            " UTC",
            " utc",
            "+00:00",
            "-00:00",
            "+0200",
            " +02:00",
            "-23:59",
            "+24:00",
            "+02:60",
            "+2",
            "+02",
            "+02:0",
            "Zx",
            " ",
            "é",
        )
    ),
)
_NUMBERS = st.builds(
    "{}{}{}".format,
    st.text("0123456789", min_size=7, max_size=21),
    st.sampled_from(("", ".", ".5", ".123456789", "e3", ".5e3", "x", " 1", ".x", "Z", ".5.5")),
    st.sampled_from(("", "", "\n", "é")),
)


@given(st.one_of(_ISO, _NUMBERS, strategies.texts()), st.sampled_from((Kind.TEXT, Kind.NUMBER, Kind.BOOLEAN)))
@example("1657876443123abc", Kind.TEXT)
@example("9999999999999999999", Kind.NUMBER)
@example("16578764431234.5x", Kind.TEXT)
@example("2016-12-31T23:59:60Z", Kind.TEXT)
def test_times_are_read_alike(text: str, kind: Kind):
    data = encoded(text)
    found = time_of(data, 0, len(data), _KINDS[kind])
    assert int(found) == slow_time_of(Value(text, kind))


@given(_ISO, st.sampled_from((b"", b"0", b"Z", b":00", b"+02:00", b"5")))
def test_a_time_ends_where_its_value_ends(text: str, neighbour: bytes):
    data = np.frombuffer(neighbour + text.encode() + neighbour, np.uint8)
    found = time_of(data, len(neighbour), len(data) - len(neighbour), TEXT)
    assert int(found) == slow_time_of(Value(text, Kind.TEXT))


def test_what_is_no_time():
    assert int(NO_TIME) == slow_time_of(Value("", Kind.TEXT)) == int(time_of(encoded("x"), 0, 0, TEXT))


# Numbers and addresses. The kernel may leave a value open (not good), but never read another number.


@given(st.one_of(st.text("-+0123456789. e", max_size=18), st.integers(-(10**16), 10**16).map(str)))
def test_whole_numbers(text: str):
    data = encoded(text)
    number, good = whole_number(data, 0, len(data))
    plain = text.removeprefix("-")
    expected = plain.isdigit() and len(text) - len(plain) <= 1 and len(plain) <= 15
    assert bool(good) is expected
    if expected:
        assert int(number) == int(text)


_PART = st.one_of(st.integers(0, 300).map(str), st.sampled_from(("", "00", "01", "0", "255", "256", "+1", " 1", "1a", "٣")))


@given(st.one_of(st.lists(_PART, min_size=1, max_size=5).map(".".join), st.text("0123456789.", max_size=17), strategies.texts()))
def test_addresses(text: str):
    data = encoded(text)
    number, good = ipv4(data, 0, len(data))
    try:
        expected = int(IPv4Address(text))
    except ValueError:
        assert not good
        return
    assert good
    assert int(number) == expected


# Globs.


def holds(glob: str, text: str) -> bool:
    """Return what the kernel says of a glob and a value."""
    asked = question(Predicate("a", Op.WILDCARD, glob))
    stored = np.frombuffer(asked.glob or b"\0", np.uint8)
    data = encoded(fold(text))
    return bool(glob_holds(data, 0, len(data), stored, 0, len(asked.glob)))


@given(strategies.globs(), strategies.texts())
def test_globs(glob: str, text: str):
    assert holds(glob, text) is globs.matches(fold(glob), fold(text))


@given(st.text("a*?\\é", max_size=8), st.text("aé\\*?b", max_size=8))
@example("**?*", "é")
@example("*?a", "éa")
@example("\\", "\\")
@example("\\\\*", "\\x")
def test_globs_of_few_letters(glob: str, text: str):
    assert holds(glob, text) is globs.matches(fold(glob), fold(text))


@given(st.data(), strategies.texts())
def test_globs_made_of_the_value(data: st.DataObject, text: str):
    glob = data.draw(strategies._globs_of(text))
    assert holds(glob, text) is globs.matches(fold(glob), fold(text))


@given(strategies.globs(), strategies.texts())
def test_the_text_of_a_glob_is_in_every_value_it_matches(glob: str, text: str):
    if globs.matches(fold(glob), fold(text)):
        framed = b"\xff\xff" + fold(text).encode() + b"\xff\xff"
        assert question(Predicate("a", Op.WILDCARD, glob)).text in framed


@pytest.mark.parametrize("glob", ["*a" * 20 + "b", "?" * 50 + "*" + "a" * 50 + "b"])
def test_no_glob_takes_long(glob: str):
    assert not holds(glob, "a" * 20_000)
