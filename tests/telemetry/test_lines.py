"""What all line readers share: lines out of bytes, and batches out of events."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import BinaryIO, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kulla.model.logsource import LogSource
from kulla.model.problem import Problems
from kulla.telemetry import batch
from kulla.telemetry.batch import Source
from kulla.telemetry.lines import Gathering, Parsed, fits, head_lines, likelihood, read_lines, slabs
from kulla.telemetry.reader import Origin
from tests.telemetry.reader_contract import Dribble, Generated


def _lines(data: bytes, *, dribble: bool = False) -> tuple[list[str], Problems]:
    problems = Problems()
    stream = cast("BinaryIO", Dribble(data)) if dribble else io.BytesIO(data)
    return [line for slab in slabs(stream, Origin("f", problems)) for line in slab.lines], problems


@given(
    st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\n\r\0"), max_size=50), max_size=30), st.sampled_from(["\n", "\r\n"])
)
def test_lines_come_back(lines: list[str], end: str) -> None:
    text = "".join(line + end for line in [*lines, "last"])
    for dribble in (False, True):
        found, problems = _lines(text.encode(), dribble=dribble)
        assert found == [*(lines and [lines[0].lstrip("\ufeff"), *lines[1:]]), "last"]
        assert not len(problems)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
def test_encodings(encoding: str) -> None:
    text = "first line\r\nÜbung \u05e9\u05dc\u05d5\u05dd \U0001f512\r\nthird"
    assert _lines(text.encode(encoding), dribble=True)[0] == ["first line", "Übung \u05e9\u05dc\u05d5\u05dd \U0001f512", "third"]


def test_what_is_no_utf8_is_replaced_and_counted_by_line() -> None:
    found, problems = _lines(b"good\nb\xffd \xc3\x28\ngood\n\xe2\x82\n")
    assert found == ["good", "b\ufffdd \ufffd(", "good", "\ufffd"]
    assert [(problem.kind, problem.place, problem.count) for problem in problems] == [
        ("invalid-utf8", "line 2", 1),
        ("invalid-utf8", "line 4", 1),
    ]


def test_separators_of_other_kinds_do_not_end_a_line() -> None:
    assert _lines("a\x0bb\x0cc\x1cd\x85e\u2028f\rg\n".encode())[0] == ["a\x0bb\x0cc\x1cd\x85e\u2028f\rg"]


@pytest.mark.parametrize("dribble", [False, True])
def test_a_line_that_is_too_long_is_left_out_and_counted(monkeypatch: pytest.MonkeyPatch, *, dribble: bool) -> None:
    monkeypatch.setattr(batch, "RECORD_BYTES", 100)
    found, problems = _lines(b"a\n" + b"x" * 100 + b"\n" + b"y" * 101 + b"\nb\n" + b"z" * 5000, dribble=dribble)
    assert [line for line in found if line] == ["a", "x" * 100, "b"]
    assert [(problem.kind, problem.place) for problem in problems] == [("oversized-record", "line 3"), ("oversized-record", "line 5")]


def test_a_line_without_end_takes_no_more_memory_than_a_record() -> None:
    stream = Generated(iter([b"a\n", *[b"x" * 65536] * 300, b"\nb\n"]))
    problems = Problems()
    assert [slab.lines for slab in slabs(cast("BinaryIO", stream), Origin("f", problems)) if any(slab.lines)] == [["a"], ["b"]]
    assert problems.total == 1


def test_positions_and_numbers_agree_across_what_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch, "RECORD_BYTES", 50)
    source = LogSource(product="linux")
    data = b"one\n\n" + b"x" * 60 + b"\nbad\ntwo\n"
    problems = Problems()
    read = read_lines(
        io.BytesIO(data), Origin("f", problems), "test", lambda line: None if line == "bad" else Parsed({"line": line}, 7, source)
    )
    found = [(int(b.numbers[index]), b.event(index)) for b in read for index in range(len(b))]
    assert found == [(0, b'{"line":"one"}'), (3, b'{"line":"two"}')]
    assert {(problem.kind, problem.place) for problem in problems} == {("oversized-record", "line 3"), ("unreadable-record", "line 4")}


def test_batches_end_at_their_size_and_at_another_source(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch, "BATCH_EVENTS", 3)

    def parse(line: str) -> Parsed:
        return Parsed({"n": line}, 0, LogSource(product="a" if int(line) < 5 else "b"))

    batches = list(read_lines(io.BytesIO(b"".join(b"%d\n" % n for n in range(8))), Origin("f", Problems()), "test", parse))
    assert [(b.source.logsource.product, b.numbers.tolist()) for b in batches] == [("a", [0, 1, 2]), ("a", [3, 4]), ("b", [5, 6, 7])]


def test_an_event_too_long_as_json_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch, "RECORD_BYTES", 10)
    problems = Problems()
    assert fits(b"x" * 10, 0, Origin("f", problems))
    assert not fits(b"x" * 11, 0, Origin("f", problems))
    assert [problem.kind for problem in problems] == ["oversized-record"]


def test_an_empty_gathering_gives_no_batch() -> None:
    gathering = Gathering(Source("f", "test"))
    assert not list(gathering.rest())
    gathering.add(b"{}", 0)
    assert [len(each) for each in gathering.rest()] == [1]
    assert not list(gathering.rest())


def _heads() -> Iterator[tuple[bytes, list[str]]]:
    yield b"", []
    yield b"one\n\ntwo\r\ncut", ["one", "two"]
    yield b"only", ["only"]
    yield b"\0binary\n", []
    yield b"log\n" + b"\0" * 500, ["log"]
    yield "\ufeffmarked\n".encode("utf-16-le"), ["marked"]


@pytest.mark.parametrize(("head", "expected"), list(_heads()))
def test_heads(head: bytes, expected: list[str]) -> None:
    assert head_lines(head) == expected


@pytest.mark.parametrize(
    ("lines", "expected"), [([], 0), (["n"], 0), (["y"], 95), (["y"] * 9 + ["n"], 95), (["y"] * 6 + ["n"] * 4, 70), (["y", "n"], 0)]
)
def test_likelihood(lines: list[str], expected: int) -> None:
    assert likelihood(lines, lambda line: line == "y") == expected
