"""Detections and summaries of our own writing, for the tests of the reports."""

from __future__ import annotations

from typing import Any

import orjson

from kulla.model.moment import from_text
from kulla.model.problem import Problem
from kulla.model.summary import RuleOutcome, ScanSummary, SourceSummary

#: What a log could hold to hurt its reader: markup, terminal escapes, direction overrides, formulas, control characters.
HOSTILE = "<script>alert(1)</script>\x1b[2J\u202egpj.exe\x00\r\n=cmd|'/c calc'!A1 http://evil.example/a?b=1 \u0635\u0648\u062a"


def detection(**changes: Any) -> dict[str, Any]:
    """Return a detection in its documented form; ``changes`` replace top-level keys."""
    plain: dict[str, Any] = {
        "schema": "kulla.detection/1",
        "time": "2022-07-15T09:14:03.120000Z",
        "rule": {
            "id": "11111111-0000-4000-8000-000000000001",
            "title": "Shadow copies removed",
            "level": "high",
            "status": "test",
            "tags": ["attack.impact", "attack.t1490"],
            "kind": "sigma",
        },
        "host": "PRINT01",
        "logsource": {"product": "windows", "category": "process_creation", "service": None},
        "record": {"path": "evidence/sysmon.evtx", "number": 3, "id": "5567", "channel": "Microsoft-Windows-Sysmon/Operational"},
        "matched": [{"field": "CommandLine", "value": "vssadmin.exe delete shadows /all /quiet"}],
        "event": {"EventID": 1, "Image": r"C:\Windows\System32\vssadmin.exe", "CommandLine": "vssadmin.exe delete shadows /all /quiet"},
    }
    return plain | changes


def rule(number: int, title: str, level: str, *tags: str, kind: str = "sigma") -> dict[str, Any]:
    """Return the ``rule`` object of a detection."""
    identity = f"11111111-0000-4000-8000-{number:012}"
    return {"id": identity, "title": title, "level": level, "status": "test", "tags": list(tags), "kind": kind}


def hostile() -> dict[str, Any]:
    """Return a detection in which every text a log or a rule controls is hostile."""
    return detection(
        rule=rule(7, HOSTILE, "critical", "attack.execution", HOSTILE),
        host=HOSTILE,
        record={"path": HOSTILE, "number": 0, "id": HOSTILE, "channel": HOSTILE},
        matched=[{"field": HOSTILE, "value": HOSTILE, "observable": {"type": "url", "value": HOSTILE}}],
        event={HOSTILE: HOSTILE, "nested": {"list": [HOSTILE, {"x": HOSTILE}]}},
    )


def lines(*found: dict[str, Any]) -> bytes:
    """Return detections as the engine hands them over: a block of complete lines."""
    return b"".join(orjson.dumps(one) + b"\n" for one in found)


def summary(*problems: Problem) -> ScanSummary:
    """Return the summary of a small scan."""
    first, last = from_text("2022-07-15T08:00:00Z"), from_text("2022-07-15T10:00:00Z")
    return ScanSummary(
        files=2,
        bytes=3_500_000,
        events=12_345,
        detections=3,
        seconds=1.75,
        sources=(
            SourceSummary("evidence/sysmon.evtx", "evtx", 12_000, first, last, ("PRINT01",)),
            SourceSummary("evidence/access.log", "weblog", 345),
        ),
        problems=problems,
        rules=(
            RuleOutcome("11111111-0000-4000-8000-000000000001", "rules/a.yml", 1, "Shadow copies removed", "high", detections=3),
            RuleOutcome("r2", "rules/b.yml", 1, "Cron changed", "low", "logsource_absent", "no linux events in this data"),
            RuleOutcome("r3", "rules/c.yml", 4, "Odd field", "medium", "field_absent", "field QueryName never seen"),
            RuleOutcome("r4", "rules/d.yml", 9, "Strange modifier", "medium", "unsupported", "modifier 'frobnicate'"),
        ),
    )
