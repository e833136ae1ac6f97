"""Every format takes the same blocks; none is hurt by what a log holds."""

from __future__ import annotations

import csv
import io
import json
import unicodedata
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kulla.model.detection import Detection
from kulla.model.errors import UsageError
from kulla.model.problem import Problems
from kulla.reporting.writer import Look
from kulla.reporting.writers import WRITERS, make_writer
from kulla.reporting.writers.flat import COLUMNS, row, safe_cell, visible_json
from tests.reporting.samples import HOSTILE, detection, hostile, lines, rule, summary

ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


def written(name: str, *blocks: bytes, look: Look | None = None) -> bytes:
    sink = io.BytesIO()
    writer = make_writer(name, sink, look or Look(now=0))
    for block in blocks:
        writer.write(block)
    writer.finish(summary())
    return sink.getvalue()


def has_no_controls(text: str) -> bool:
    return all(unicodedata.category(char) not in ("Cc", "Cf", "Cs") for char in text if char != "\n")


def test_an_unknown_format_names_the_known_ones() -> None:
    with pytest.raises(UsageError, match="jsonl"):
        make_writer("xml", io.BytesIO())


@pytest.mark.parametrize("name", WRITERS)
def test_every_format_takes_nothing_and_anything(name: str) -> None:
    assert written(name, b"") == written(name)
    assert written(name, lines(detection(), hostile()), lines(detection()))


@pytest.mark.parametrize("name", ["csv", "table", "html"])
def test_a_line_that_is_no_detection_is_counted(name: str) -> None:
    problems = Problems()
    written(name, b'{"broken\n' + lines(detection()) + b"[]\n", look=Look(problems=problems))
    assert problems.total == 2
    assert {problem.kind for problem in problems} == {"unreadable-detection"}


def test_jsonl_passes_the_bytes_on() -> None:
    block = lines(detection(), hostile())
    assert written("jsonl", block, block) == block + block
    assert written("jsonl", block[:-1], block) == block + block


@pytest.mark.parametrize("blocks", [[], [0], [1], [2], [1, 0, 3], [5, 5]])
def test_json_is_one_array(blocks: list[int]) -> None:
    parsed = orjson.loads(written("json", *(lines(*[hostile()] * count) for count in blocks)))
    assert parsed == [hostile()] * sum(blocks)


def test_csv_has_one_flat_row_a_detection() -> None:
    found = list(csv.DictReader(io.StringIO(written("csv", lines(detection(), detection())).decode())))
    assert tuple(found[0]) == COLUMNS
    assert found[0] == found[1]
    assert found[0] == {
        "time": "2022-07-15T09:14:03.120000Z",
        "level": "high",
        "rule_title": "Shadow copies removed",
        "rule_id": "11111111-0000-4000-8000-000000000001",
        "rule_kind": "sigma",
        "rule_status": "test",
        "tags": "attack.impact attack.t1490",
        "host": "PRINT01",
        "product": "windows",
        "category": "process_creation",
        "service": "",
        "path": "evidence/sysmon.evtx",
        "record_number": "3",
        "record_id": "5567",
        "channel": "Microsoft-Windows-Sysmon/Operational",
        "records": "1",
        "matched": "CommandLine: vssadmin.exe delete shadows /all /quiet",
        "observables": "",
        "event": json.dumps(detection()["event"], separators=(",", ":")),
    }


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\uff1d", "  =", "\n="])
def test_csv_runs_no_formula(start: str) -> None:
    assert safe_cell(f"{start}1+1").startswith("'")


@given(st.text())
def test_csv_cells_are_one_harmless_line(text: str) -> None:
    cell = safe_cell(text)
    assert not cell or cell[0] not in "=+-@\t\r\uff1d"
    assert "\n" not in cell
    assert has_no_controls(cell)


@given(ANY_JSON)
def test_csv_events_stay_json_and_visible(value: Any) -> None:
    text = visible_json(value)
    assert has_no_controls(text)
    assert (json.loads(text) if text else None) == value


@given(st.dictionaries(st.text(), ANY_JSON))
def test_csv_survives_any_event(event: dict[str, Any]) -> None:
    sink = io.StringIO()
    csv.writer(sink, lineterminator="\n").writerow(row(Detection.from_dict(detection(event=event))))
    (cells,) = csv.reader(io.StringIO(sink.getvalue()))
    assert json.loads(dict(zip(COLUMNS, cells, strict=True))["event"]) == event


def test_csv_of_an_indicator_names_the_observable() -> None:
    found = detection(matched=[{"field": "DestinationIp", "value": "192.0.2.7", "observable": {"type": "ipv4-addr", "value": "192.0.2.7"}}])
    parsed = next(csv.DictReader(io.StringIO(written("csv", lines(found)).decode())))
    assert parsed["observables"] == "ipv4-addr:192.0.2.7"


def test_csv_of_a_correlation_counts_its_records() -> None:
    found = detection(
        rule=rule(2, "Many logons", "medium", kind="correlation"), records=[{"path": "a", "number": 1}, {"path": "b", "number": 2}]
    )
    del found["event"], found["record"]
    parsed = next(csv.DictReader(io.StringIO(written("csv", lines(found)).decode())))
    assert (parsed["records"], parsed["path"], parsed["event"]) == ("2", "a", "")


@pytest.mark.parametrize("live", [True, False])
@pytest.mark.parametrize("color", [True, False])
@pytest.mark.parametrize("width", [40, 80, 160])
def test_a_table_shows_hostile_text_harmless(width: int, color: bool, live: bool) -> None:
    text = written("table", lines(hostile(), hostile()), look=Look(width, color, live)).decode()
    assert has_no_controls(text.replace("\x1b[", "") if color else text)
    assert "\x1b[2J" not in text
    assert HOSTILE not in text
