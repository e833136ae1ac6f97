"""CSV for spreadsheets: one detection a row, flat columns, no value that a spreadsheet would run.

RFC 4180 with a header, UTF-8 without a byte order mark, lines ended by LF. Every value goes through
``kulla.model.text.visible``, so a row is always one line. A value that a spreadsheet would take for a formula
gets an apostrophe in front (OWASP, "CSV Injection"). Machines that need the bytes as they are read ``-f jsonl``.
"""

from __future__ import annotations

import csv
import io
import json
import re
import unicodedata

from kulla.model.detection import Detection, Matched
from kulla.model.summary import ScanSummary
from kulla.model.text import visible
from kulla.reporting.writer import ByteSink, Look, detections

COLUMNS = (
    "time",
    "level",
    "rule_title",
    "rule_id",
    "rule_kind",
    "rule_status",
    "tags",
    "host",
    "product",
    "category",
    "service",
    "path",
    "record_number",
    "record_id",
    "channel",
    "records",
    "matched",
    "observables",
    "event",
)

#: First characters that start a formula in some spreadsheet, the full-width forms of East Asian versions included.
_FORMULA = re.compile(r"\s*[=+\-@\uff1d\uff0b\uff0d\uff20]|[\t\r]")
_ASCII = re.compile(r"[\x20-\x7e]*")
_INVISIBLE = {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}


class CsvWriter:
    """One detection a row, columns as in COLUMNS; the event is compact JSON in the last one."""

    def __init__(self, sink: ByteSink, look: Look) -> None:
        self._sink = sink
        self._problems = look.problems
        self._rows([COLUMNS])

    def write(self, lines: bytes) -> None:
        """Add one row a detection."""
        self._rows([row(detection) for detection in detections(lines, self._problems)])

    def finish(self, summary: ScanSummary) -> None:
        """Nothing comes after the last row."""

    def _rows(self, rows: list[tuple[str, ...]]) -> None:
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows(rows)
        self._sink.write(text.getvalue().encode("utf-8", "replace"))


def row(detection: Detection) -> tuple[str, ...]:
    """Return the cells of one detection, in the order of COLUMNS."""
    rule, record, source = detection.rule, detection.record, detection.logsource
    cells = (
        detection.time,
        rule.level,
        rule.title,
        rule.id,
        rule.kind,
        rule.status,
        " ".join(rule.tags),
        detection.host,
        source.product,
        source.category,
        source.service,
        record.path if record else None,
        str(record.number) if record and record.number is not None else None,
        record.id if record else None,
        record.channel if record else None,
        str(len(detection.records)),
        " | ".join(_pair(matched) for matched in detection.matched),
        " ".join(f"{m.observable.type}:{m.observable.value}" for m in detection.matched if m.observable),
    )
    return (*(safe_cell(cell or "") for cell in cells), visible_json(detection.event))


def _pair(matched: Matched) -> str:
    return f"{matched.field}: {matched.value}" if matched.field else matched.value


def safe_cell(text: str) -> str:
    """Return ``text`` on one line and harmless to a spreadsheet."""
    return ("'" if _FORMULA.match(text) else "") + visible(text)


def visible_json(value: object) -> str:
    r"""Return compact JSON, still JSON, with every invisible character as ``\uXXXX``; empty for None."""
    if value is None:
        return ""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return text if _ASCII.fullmatch(text) else "".join(map(_json_char, text))


def _json_char(char: str) -> str:
    return json.dumps(char)[1:-1] if unicodedata.category(char) in _INVISIBLE else char
