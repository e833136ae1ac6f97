"""Golden pairs: an input file of our own writing beside what a reader must make of it.

``golden/FORMAT/NAME.log`` is the input; ``golden/FORMAT/NAME.log.jsonl`` has one line an event
(number, time, logsource, event) and, last, one line with the problems. After a deliberate change run

    KULLA_WRITE_GOLDEN=1 pytest tests/telemetry

and read the difference before committing it.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from kulla.model import moment
from kulla.telemetry.reader import Reader
from tests.telemetry.reader_contract import Reading, check_form, read_all

ROOT = Path(__file__).parent / "golden"
#: Time of last change told to the reader: 2024-03-01T00:00:00Z.
MODIFIED = moment.from_text("2024-03-01T00:00:00Z")


def inputs(name: str) -> list[Path]:
    """Return the inputs of one format."""
    return sorted(path for path in (ROOT / name).iterdir() if path.suffix != ".jsonl")


def check_golden(reader: Reader, source: Path) -> None:
    """Read one input and compare everything that came of it."""
    reading = read_all(reader, source.read_bytes(), modified=MODIFIED)
    check_form(reading)
    found = _rows(reading)
    target = source.with_name(source.name + ".jsonl")
    if os.environ.get("KULLA_WRITE_GOLDEN"):
        target.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in found), encoding="utf-8")
        pytest.skip(f"wrote {target.name}")
    expected = [json.loads(line) for line in target.read_text(encoding="utf-8").splitlines()]
    assert found == expected
    assert reader.sniff(source.read_bytes()[:65536]) >= 50


def _rows(reading: Reading) -> list[dict[str, Any]]:
    logsources = [batch.source.logsource.to_dict() for batch in reading.batches for _ in range(len(batch))]
    rows: list[dict[str, Any]] = []
    for number, time, logsource, event in zip(reading.numbers, reading.times, logsources, reading.objects, strict=True):
        when = moment.to_text(moment.UNKNOWN if time is None else time)
        rows.append({"number": number, "time": when, "logsource": {k: v for k, v in logsource.items() if v}, "event": event})
    rows.append({"problems": [problem.to_dict() for problem in reading.problems]})
    return rows
