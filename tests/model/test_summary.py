"""The summary's documented form, its counts and the exit codes."""

from __future__ import annotations

import pytest

from kulla.model.moment import UNKNOWN, from_text
from kulla.model.problem import Problem
from kulla.model.summary import RuleOutcome, ScanSummary, SourceSummary

FIRST, LAST = from_text("2022-07-15T09:00:00Z"), from_text("2022-07-15T10:00:00Z")
SOURCE = SourceSummary("a.evtx", "evtx", 10, FIRST, LAST, ("PRINT01",))
FIRED = RuleOutcome("r1", "rules/a.yml", 1, "Shadow copies", "high", detections=2)
ABSENT = RuleOutcome("r2", "rules/b.yml", 1, "Other", "low", "logsource_absent", "no linux events")
BAD = Problem("a.evtx", "record 17", "unreadable-record", "bad checksum")


def test_the_documented_form() -> None:
    plain = ScanSummary(1, 2048, 10, 2, 0.51234, (SOURCE,), (BAD,), (FIRED, ABSENT)).to_dict()
    assert list(plain) == ["schema", "files", "bytes", "events", "detections", "seconds", "levels", "sources", "problems", "rules"]
    assert plain["schema"] == "kulla.scan-summary/1"
    assert plain["seconds"] == 0.512
    assert plain["sources"][0]["first"] == "2022-07-15T09:00:00.000000Z"
    assert plain["problems"] == [
        {"path": "a.evtx", "place": "record 17", "kind": "unreadable-record", "message": "bad checksum", "count": 1}
    ]
    rules = plain["rules"]
    assert (rules["loaded"], rules["evaluated"], rules["logsource_absent"], rules["field_absent"], rules["unsupported"]) == (2, 1, 1, 0, 0)
    assert rules["details"][1]["reason"] == "no linux events"


def test_a_source_without_times_says_null() -> None:
    plain = SourceSummary("a", "jsonl", 0).to_dict()
    assert plain["first"] is None
    assert plain["last"] is None
    assert "hosts" not in plain


def test_the_span_ignores_sources_without_times() -> None:
    assert ScanSummary(sources=(SourceSummary("b", "csv", 1), SOURCE)).span == (FIRST, LAST)
    assert ScanSummary(sources=(SourceSummary("b", "csv", 1),)).span == (UNKNOWN, UNKNOWN)


def test_levels_come_from_the_engine_or_from_the_rules() -> None:
    assert ScanSummary(rules=(FIRED,)).by_level == {"critical": 0, "high": 2, "medium": 0, "low": 0, "informational": 0}
    assert ScanSummary(rules=(FIRED,), levels={"low": 5}).by_level["low"] == 5


@pytest.mark.parametrize(
    ("problems", "fail_on", "code"),
    [
        ((), None, 0),
        ((BAD,), None, 3),
        ((), "high", 1),
        ((), "critical", 0),
        ((), "informational", 1),
        ((BAD,), "high", 1),
        ((BAD,), "critical", 3),
        ((Problem("rules/x.yml", "line 3", "invalid-rule", "no condition"),), None, 0),
    ],
)
def test_exit_codes(problems: tuple[Problem, ...], fail_on: str | None, code: int) -> None:
    assert ScanSummary(problems=problems, rules=(FIRED, ABSENT)).exit_code(fail_on) == code
