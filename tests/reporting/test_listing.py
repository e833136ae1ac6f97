"""Lists in every format."""

from __future__ import annotations

import csv
import io
import json

import pytest

from kulla.reporting.columns import width_of
from kulla.reporting.listing import Column, write_rows

COLUMNS = (Column("level", "LEVEL", 6), Column("title", "TITLE"), Column("tags", "TAGS", 10))
ROWS = [
    {"level": "high", "title": "One", "tags": ["a", "b"], "line": 3, "none": None},
    {"level": "informational", "title": "=cmd()\x1b]0;\u202e", "tags": [], "line": 4, "none": None},
]


def written(form: str, rows: list[dict[str, object]] | None = None, width: int = 60) -> bytes:
    buffer = io.BytesIO()
    given = ROWS if rows is None else rows
    assert write_rows(buffer, form, COLUMNS, iter(given), width) == len(given)
    return buffer.getvalue()


def test_json_lines():
    assert [json.loads(line) for line in written("jsonl").splitlines()] == ROWS


def test_json():
    assert json.loads(written("json")) == ROWS
    assert json.loads(written("json", [])) == []


def test_unpaired_surrogates_are_replaced():
    odd = [{"level": "\udcff", "title": ["x\ud800"], "tags": {"\udcff": "y"}}]
    assert json.loads(written("jsonl", odd)) == {"level": "?", "title": ["x?"], "tags": {"?": "y"}}
    for form in ("csv", "table"):
        written(form, odd).decode()


def test_csv_is_harmless_to_spreadsheets():
    rows = list(csv.reader(io.StringIO(written("csv").decode())))
    assert rows[0] == ["level", "title", "tags", "line", "none"]
    assert rows[1] == ["high", "One", "a b", "3", ""]
    assert rows[2][1] == "'=cmd()\\u{1b}]0;\\u{202e}"
    assert written("csv", []) == b""


def test_a_table_fits_its_width():
    lines = written("table").decode().splitlines()
    assert lines[0] == "LEVEL   TITLE                    TAGS"
    assert lines[1] == "high    One                      a b"
    assert lines[2].startswith("infor…  =cmd()\\u{1b}]0;\\u{202e}")


@pytest.mark.parametrize("width", [20, 40, 80, 200])
def test_a_long_title_is_cut(width: int):
    line = written("table", [{"level": "high", "title": "t" * 500, "tags": []}], width).decode().splitlines()[1]
    assert width_of(line) <= max(width, 40)
    assert "…" in line
