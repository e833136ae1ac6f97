"""The table: golden pages, alignment with wide characters, bounded memory."""

from __future__ import annotations

import io
import re
import textwrap

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kulla.model.detection import Detection
from kulla.reporting.columns import cut, fit, width_of
from kulla.reporting.writer import Look
from kulla.reporting.writers import table
from tests.reporting.samples import detection, hostile, lines, rule, summary

SHADOW, SHELL = rule(1, "Shadow copies removed", "high", "attack.t1490"), rule(2, "Web shell written", "critical", "attack.t1505.003")
FOUND = [
    detection(rule=SHADOW, host="PRINT01", time="2022-07-15T09:14:03.120000Z"),
    detection(rule=SHADOW, host="PRINT01", time="2022-07-15T09:13:00.000000Z"),
    detection(rule=SHADOW, host="FS02", time="2022-07-15T09:20:00.000000Z"),
    detection(rule=SHELL, host="MAIL1", time=None, matched=[{"field": None, "value": "http://c2.example/x"}]),
]


def page(found: list[dict[str, object]], look: Look, block: int = 100) -> str:
    sink = io.BytesIO()
    writer = table.TableWriter(sink, look)
    for start in range(0, len(found), block):
        writer.write(lines(*found[start : start + block]))
    writer.finish(summary())
    return sink.getvalue().decode()


def golden(text: str) -> str:
    return textwrap.dedent(text).lstrip("\n")


def test_in_a_file_rules_come_by_severity() -> None:
    assert page(FOUND, Look(width=110)) == golden(
        """
        CRITICAL  Web shell written                                                                        1 detection
                  11111111-0000-4000-8000-000000000002 · T1505.003
          no time                      ×1  MAIL1            hxxp://c2.example/x

        HIGH      Shadow copies removed                                                                   3 detections
                  11111111-0000-4000-8000-000000000001 · T1490
          2022-07-15 09:13:00Z         ×2  PRINT01          CommandLine: vssadmin.exe delete shadows /all /quiet
          2022-07-15 09:20:00Z         ×1  FS02             CommandLine: vssadmin.exe delete shadows /all /quiet

        """
    )


def test_on_a_terminal_rows_come_as_they_are_found() -> None:
    assert page(FOUND, Look(width=120, live=True)) == golden(
        """
        TIME (UTC)            LEVEL     HOST               RULE                        WHAT MATCHED
        2022-07-15 09:13:00Z  HIGH      PRINT01            Shadow copies removed       CommandLine: vssadmin.exe delete shadows…
        2022-07-15 09:20:00Z  HIGH      FS02               Shadow copies removed       CommandLine: vssadmin.exe delete shadows…
        no time               CRITICAL  MAIL1              Web shell written           hxxp://c2.example/x

        Seen more than once
               ×3  HIGH      Shadow copies removed                                                          2 hosts
        """
    )


def test_a_row_is_written_before_the_scan_ends() -> None:
    sink = io.BytesIO()
    writer = table.TableWriter(sink, Look(live=True))
    writer.write(lines(FOUND[0]))
    assert b"Shadow copies removed" in sink.getvalue()


def test_without_detections_it_says_so() -> None:
    assert page([], Look()) == page([], Look(live=True)) == "No rule matched.\n"


@pytest.mark.parametrize("block", [1, 2, 100])
def test_the_size_of_a_block_changes_nothing_in_a_file(block: int) -> None:
    assert page(FOUND, Look(), block) == page(FOUND, Look())


@pytest.mark.parametrize("width", [60, 79, 80, 110, 200])
@pytest.mark.parametrize("live", [True, False])
def test_no_line_is_wider_than_the_terminal(width: int, *, live: bool) -> None:
    found = [*FOUND, hostile(), detection(rule=rule(9, "远程访问" * 30, "low"), host="مضيف" * 20)]
    assert max(width_of(line) for line in page(found * 2, Look(width, live=live)).splitlines()) <= width


def test_color_is_only_added() -> None:
    plain, colored = (page(FOUND, Look(color=color)) for color in (False, True))
    assert "\x1b[1;97;41mCRITICAL\x1b[0m" in colored
    stripped = re.sub(r"\x1b\[[\d;]*m", "", colored)
    assert [line.rstrip() for line in stripped.splitlines()] == plain.splitlines()


def test_memory_is_bounded_and_what_is_not_shown_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table, "MAX_GROUPS", 3)
    found = [detection(host=f"HOST{number}" * 1000) for number in range(10)]
    text = page(found, Look(width=120))
    assert "further rules and hosts" in text
    assert "7 detections" in text


def test_many_hosts_and_many_rules_are_cut_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table, "MAX_LINES", 2)
    assert "… and 3 hosts more" in page([detection(host=f"H{number}") for number in range(5)], Look())
    repeated = [detection(rule=rule(number, f"Rule {number}", "low")) for number in range(5)] * 2
    assert "… and 3 rules more" in page(repeated, Look(live=True))


def test_what_matched_is_short() -> None:
    found = Detection.from_dict(detection(matched=[{"field": "A", "value": "x" * 5_000}] * 9))
    assert len(table.matched_text(found)) < 4 * 320


@pytest.mark.parametrize(("text", "width"), [("abc", 3), ("远程", 4), ("e\u0301", 1), ("ａ", 2), ("مرحبا", 5), ("🎯", 2), ("", 0)])
def test_width(text: str, width: int) -> None:
    assert width_of(text) == width


@pytest.mark.parametrize(
    ("text", "width", "result"),
    [("abcdef", 4, "abc…"), ("abc", 4, "abc "), ("远程访问", 5, "远程…"), ("远程访问", 4, "远… "), ("abc", 1, "…"), ("abc", 0, "")],
)
def test_fit(text: str, width: int, result: str) -> None:
    assert fit(text, width) == result


@given(st.text(), st.integers(1, 50))
def test_fit_is_exact_and_cut_is_never_wider_nor_long(text: str, width: int) -> None:
    assert width_of(fit(text, width)) == width
    assert width_of(cut(text, width)) <= width
    assert len(cut(text + "\u0301" * 10_000, width)) <= 4 * width + 1
