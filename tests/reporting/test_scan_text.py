"""The page of text after a scan."""

from __future__ import annotations

import textwrap
from dataclasses import replace

import pytest

from kulla.model.problem import Problem
from kulla.model.summary import RuleOutcome, ScanSummary
from kulla.reporting.scan_text import problem_lines, rules_line, summary_text
from tests.reporting.samples import HOSTILE, summary

BAD = [Problem("a.evtx", f"record {number}", "unreadable-record", "bad checksum", 2) for number in range(5)]


def golden(text: str) -> str:
    return textwrap.dedent(text).lstrip("\n")


def test_the_page() -> None:
    assert summary_text(summary(*BAD, Problem("b.zip", "", "archive-bomb", "grows 1,000 times"))) == golden(
        """
        Read        2 files, 3.5 MB, 12,345 events in 1.8 s (7,054 a second)
        Time        2022-07-15 08:00:00Z to 2022-07-15 10:00:00Z
        Detections  3: 3 high
        Top rules   HIGH      3  Shadow copies removed
        Rules       4 rules: 1 evaluated, 1 log source not in this data, 1 field never seen, 1 unsupported
        Problems    11; the input was not read completely
                    archive-bomb ×1
                      b.zip: grows 1,000 times
                    unreadable-record ×10
                      a.evtx, record 0: bad checksum
                      a.evtx, record 1: bad checksum
                      a.evtx, record 2: bad checksum
                      … and 2 places more
        Next        A page to read and to hand on: the same command with -f html -o report.html.
                    Every problem and every rule with its reason: --summary FILE.
        """
    )


def test_nothing_read_says_what_to_do() -> None:
    assert summary_text(ScanSummary()) == golden(
        """
        Read        0 files, 0 B, 0 events in 0.0 s
        Detections  0
        Rules       0 rules
        Next        No event was read: check the paths; --format-in NAME reads a file whose format is not recognised.
        """
    )


@pytest.mark.parametrize(
    ("state", "told"),
    [("logsource_absent", "No rule fits these logs"), ("evaluated", "no proof of absence"), ("invalid", "--summary FILE")],
)
def test_what_to_do_next(state: str, told: str) -> None:
    assert told in summary_text(ScanSummary(events=1, rules=(RuleOutcome("r", state=state),)))


def test_only_complete_input_is_called_complete() -> None:
    assert "the input was read completely" in summary_text(summary(Problem("r.yml", "line 2", "invalid-rule", "no condition")))


def test_the_worst_rules_come_first_and_the_rest_is_counted() -> None:
    rules = tuple(RuleOutcome(f"r{n}", title=f"Rule {n}", level="critical" if n == 7 else "low", detections=n) for n in range(1, 15))
    page = summary_text(replace(summary(), rules=rules))
    assert "Top rules   CRITICAL   7  Rule 7\n            LOW       14  Rule 14\n" in page
    assert "… and 4 rules more" in page


def test_the_accounting_line_is_as_documented() -> None:
    states = {"evaluated": 1412, "logsource_absent": 2100, "field_absent": 230, "unsupported": 12}
    rules = tuple(RuleOutcome(f"{state}{n}", state=state) for state, count in states.items() for n in range(count))
    line = "3,754 rules: 1,412 evaluated, 2,100 log source not in this data, 230 field never seen, 12 unsupported"
    assert rules_line(ScanSummary(rules=rules)) == line


def test_many_kinds_are_counted() -> None:
    lines = problem_lines(Problem("p", "", f"kind-{number:02}", "m") for number in range(25))
    assert lines[-1] == "… and 5 kinds more"


def test_hostile_names_are_shown_harmless() -> None:
    bad = Problem(HOSTILE, HOSTILE, HOSTILE, HOSTILE)
    page = summary_text(ScanSummary(problems=(bad,), rules=(RuleOutcome("r", title=HOSTILE, level="high", detections=1),)))
    assert all(char.isprintable() for char in page if char != "\n")
    assert "http://" not in page
