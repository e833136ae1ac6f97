"""The report in HTML: complete, readable without anything else, and harmless whatever the evidence holds."""

from __future__ import annotations

import io
import re
import sqlite3
import unicodedata
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kulla.model.detection import Detection
from kulla.model.moment import from_text
from kulla.model.problem import Problem
from kulla.model.summary import RuleOutcome, ScanSummary, SourceSummary
from kulla.reporting.html import charts, evidence, found, spool
from kulla.reporting.html.element import Html, el, text
from kulla.reporting.html.writer import POLICY, HtmlWriter, style
from kulla.reporting.sink import OutputError
from kulla.reporting.writer import Look
from tests.reporting.page import Page
from tests.reporting.samples import HOSTILE, detection, hostile, lines, rule, summary

NOW = from_text("2022-07-16T08:00:00Z")
FEW = [
    detection(),
    detection(time="2022-07-15T09:40:00.000000Z", host="FS02"),
    detection(rule=rule(2, "Web shell written", "critical", "attack.persistence", "attack.t1505.003"), host="MAIL1"),
    detection(rule=rule(3, "Ping", "low", "attack.discovery"), time=None, host=None),
]


def written(found: list[dict[str, Any]], told: ScanSummary | None = None, block: int = 100) -> str:
    sink = io.BytesIO()
    writer = HtmlWriter(sink, Look(now=NOW))
    for start in range(0, len(found), block):
        writer.write(lines(*found[start : start + block]))
    writer.finish(told or summary(Problem("a.evtx", "record 17", "unreadable-record", "bad checksum")))
    return sink.getvalue().decode()


def check(page: str) -> Page:
    """Assert what holds for every page, whatever stands in it."""
    parsed = Page(page)
    names = {tag for tag, _ in parsed.tags}
    assert not names & {"script", "iframe", "object", "embed", "img", "form", "input", "link", "base", "audio", "video", "image", "use"}
    for tag, attributes in parsed.tags:
        assert not [name for name in attributes if name.startswith("on") or name in {"src", "style", "srcset", "action", "xlink:href"}]
        assert "href" not in attributes or (tag == "a" and (attributes["href"] or "").startswith("#"))
    places = [attributes["id"] for _, attributes in parsed.tags if "id" in attributes]
    assert len(places) == len(set(places))
    assert {(link["href"] or "")[1:] for link in parsed.all("a")} <= set(places)
    assert all(unicodedata.category(char) not in ("Cc", "Cf", "Cs") for char in page if char != "\n")
    assert not re.search(r"(https?|ftp)://", page, re.IGNORECASE)
    return parsed


def test_the_page_says_what_was_scanned_and_found() -> None:
    page = check(written(FEW))
    for words in (
        "4 detections by 3 rules on 3 hosts.",
        "3 of them are critical or high.",
        "2 files, 3.5 MB",
        "2022-07-15 08:00:00Z",
        "2022-07-16 08:00:00Z",
        "Web shell written",
        "T1505.003",
        "rules/a.yml line 1",
        "evidence/sysmon.evtx",
        "vssadmin.exe delete shadows /all /quiet",
        "The input was not read completely",
        "bad checksum",
        "log source not in this data",
        "modifier 'frobnicate'",
        "Strange modifier",
        "host not named",
        "1 detection has no time",
        "Not marked (TLP)",
    ):
        assert words in page.text, words


def test_every_section_is_there_in_order_and_in_the_contents() -> None:
    page = check(written(FEW))
    order = ["short", "severity", "tactics", "timeline", "hosts", "detections", "coverage", "problems", "rules"]
    assert [attributes["id"] for tag, attributes in page.tags if tag == "h2"] == order
    assert [link["href"] for link in page.all("a")][: len(order)] == [f"#{name}" for name in order]


def test_a_scan_without_anything_is_a_page_too() -> None:
    page = check(written([], ScanSummary()))
    assert "No rule matched." in page.text
    assert "no proof of absence" in page.text


def test_rules_come_by_severity_and_matched_values_are_marked() -> None:
    page = written(FEW)
    parsed = check(page)
    heads = re.findall(r'<h3><span dir="auto">(.*?)</span></h3>', page)
    assert heads == ["Web shell written", "Shadow copies removed", "Ping"]
    assert '<td class="value hit"><bdi dir="ltr">vssadmin.exe delete shadows /all /quiet</bdi></td>' in page
    assert '<td class="value"><bdi dir="ltr">C:\\Windows\\System32\\vssadmin.exe</bdi></td>' in page
    assert [attributes["class"] for attributes in parsed.all("details") if (attributes.get("class") or "").startswith("rule")] == [
        "rule edge-critical",
        "rule edge-high",
        "rule edge-low",
    ]


def test_nothing_is_loaded_and_nothing_runs() -> None:
    page = check(written([*FEW, hostile()]))
    policies = [meta["content"] for meta in page.all("meta") if meta.get("http-equiv") == "Content-Security-Policy"]
    assert policies == [POLICY]
    assert "default-src 'none'" in POLICY
    assert "script" not in POLICY
    assert not re.search(r"url\(|@import|expression", style())


def test_hostile_text_is_shown_and_does_nothing() -> None:
    bad = Problem(HOSTILE, HOSTILE, HOSTILE, HOSTILE)
    rules = (RuleOutcome(HOSTILE, HOSTILE, 1, HOSTILE, "high", "unsupported", HOSTILE), RuleOutcome(HOSTILE, HOSTILE, detections=1))
    told = ScanSummary(sources=(SourceSummary(HOSTILE, HOSTILE, 1, 0, 1, (HOSTILE,)),), problems=(bad,), rules=rules)
    page = written([hostile()], told)
    check(page)
    assert "<script>" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;\\u{1b}[2J\\u{202e}gpj.exe" in page
    assert "hxxp://evil.example/a?b=1" in page


ANYTHING = st.text(st.characters(), max_size=30) | st.sampled_from(
    [HOSTILE, "</style>", "-->", "'\"><a href=http://x>", "]]>", "<!--", "&lt;"]
)


@given(*[ANYTHING] * 8)
def test_any_text_anywhere_leaves_the_page_whole(a: str, b: str, c: str, d: str, e: str, f: str, g: str, h: str) -> None:
    one = detection(
        rule={"id": a, "title": b, "level": c, "status": d, "tags": [e, f"attack.{f}"], "kind": g},
        host=h,
        time=a if len(a) > 10 else "2022-07-15T09:14:03.120000Z",
        logsource={"product": b, "category": c, "service": None},
        record={"path": d, "number": 1, "id": e, "channel": f},
        matched=[{"field": g, "value": h}, {"field": None, "value": a}],
        event={a: b, g: h, "x": {c: [d, {e: f}]}},
    )
    told = ScanSummary(
        sources=(SourceSummary(a, b, 1, 0, 10**15, (c,)), SourceSummary(d, e, 1)),
        problems=(Problem(a, b, c, d),),
        rules=(RuleOutcome(a, e, 3, f, g, "unsupported", h), RuleOutcome(b, c, 0, d, e, "field_absent", f)),
    )
    sink = io.BytesIO()
    writer = HtmlWriter(sink, Look(now=NOW))
    writer.write(orjson.dumps(Detection.from_dict(one).to_dict(), default=str) if _encodable(one) else b"")
    writer.finish(told)
    check(sink.getvalue().decode())


def _encodable(value: Any) -> bool:
    try:
        orjson.dumps(value)
    except (orjson.JSONEncodeError, UnicodeEncodeError):
        return False
    return True


def test_the_size_and_order_of_blocks_change_only_which_events_are_shown() -> None:
    assert written(FEW, block=1) == written(FEW, block=2) == written(FEW, block=100)
    numbers = [rule(number, f"Rule {number}", "low") for number in range(5)]
    many = [detection(rule=numbers[index % 5], host=f"H{index % 3}", time=f"2022-07-15T09:{index:02}:00.000000Z") for index in range(60)]
    assert figures(written(many)) == figures(written(many[::-1], block=7))


def figures(page: str) -> tuple[list[str], list[str]]:
    """Return the hosts' table and the chart of a page."""
    return re.findall(r'<table class="hosts">.*?</table>', page), re.findall(r'<svg [^>]*class="timeline".*?</svg>', page)


def test_counts_are_complete_where_only_some_events_are_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(found, "MAX_SHOWN", 6)
    page = check(written([detection(event={"n": number}) for number in range(250)]))
    assert "250 detections" in page.text
    assert len([one for one in page.all("details") if one.get("class") == "event"]) == 6
    assert "… and 244 detections more, not shown here." in page.text


def test_many_rules_are_cut_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(found, "MAX_RULES", 3)
    page = check(written([detection(rule=rule(number, f"Rule {number}", "low")) for number in range(10)]))
    assert "… and 7 rules more, not shown here." in page.text


def test_the_spool_keeps_few_events_however_many_come(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spool, "PER_RULE", 10)
    monkeypatch.setattr(spool, "TOGETHER", 12)
    kept = spool.Spool()
    for number in range(5):
        kept.add([Detection.from_dict(detection(rule=rule(number, "x", "low")))] * 50)
    assert kept.total() == 250
    assert [len(kept.shown(number, 999)) for number in range(1, 6)] == [10, 3, 3, 3, 3]
    kept.close()


def test_a_full_disk_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = spool.Spool()
    kept._db.execute("PRAGMA max_page_count = 10")
    with pytest.raises(OutputError, match="full"):
        kept.add([Detection.from_dict(detection(host=f"H{number}" * 50)) for number in range(3000)])
    kept.close()
    with pytest.raises(sqlite3.ProgrammingError):
        kept.total()


@pytest.mark.parametrize(
    "event", [{"a": "x" * 10**6}, {f"f{n}": "y" * 1000 for n in range(2000)}, {"a" * 10**6: 1}, {"l": list(range(5000))}, {}]
)
def test_an_event_of_any_size_is_shown_in_bounded_size(event: dict[str, Any]) -> None:
    shown = evidence.shown_of(Detection.from_dict(detection(event=event, matched=[{"field": "F1999", "value": "z" * 10**6}] * 100)))
    assert len(shown.to_json()) < 100_000
    assert len(shown.fields) + shown.hidden == len(list(evidence.flat(event)))
    assert [tuple(row) for row in evidence.Shown.from_json(shown.to_json()).fields] == shown.fields


def test_matched_fields_are_kept_when_an_event_is_cut() -> None:
    event = {f"f{n}": "y" * 1000 for n in range(2000)} | {"Inner": {"Command Line": "evil"}}
    shown = evidence.shown_of(Detection.from_dict(detection(event=event, matched=[{"field": "CommandLine", "value": "evil"}])))
    assert ("Inner.Command Line", "evil", True) in shown.fields
    assert shown.hidden > 1900


def test_tables_have_captions_and_charts_have_words() -> None:
    page = check(written(FEW))
    assert len(page.all("caption")) == len(page.all("table")) > 5
    assert all(head.get("scope") in ("col", "row") for head in page.all("th"))
    assert all(drawn.get("aria-label") or drawn.get("aria-hidden") for drawn in page.all("svg"))
    assert page.all("html") == [{"lang": "en", "dir": "ltr"}]


def test_severity_is_always_a_word_too() -> None:
    page = check(written(FEW))
    chips = [place for place, (tag, attributes) in enumerate(page.tags) if tag == "span" and "chip" in (attributes.get("class") or "")]
    assert len(chips) == 5 + 3
    assert page.text.count("critical") >= 3


def test_the_style_is_logical() -> None:
    """Right-to-left readers need logical properties: no left, right, top or bottom."""
    names = re.findall(r"[{;]\s*([a-z-]+)\s*:", style())
    assert names
    assert not [name for name in names if re.search(r"(^|-)(left|right|top|bottom)(-|$)", name) or name in {"width", "height", "float"}]
    assert not re.search(r"text-align: (left|right)", style())


def luminance(color: str) -> float:
    """WCAG 2.2, "relative luminance"."""
    digits = color.lstrip("#")
    digits = "".join(digit * 2 for digit in digits) if len(digits) == 3 else digits
    parts = [int(digits[start : start + 2], 16) / 255 for start in (0, 2, 4)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


TEXT_ON = [
    ("ink", "paper"),
    ("ink", "page"),
    ("quiet", "paper"),
    ("quiet", "page"),
    ("quiet", "wash"),
    ("accent", "paper"),
    ("head-ink", "head"),
]
TEXT_ON += [("mark-ink", "mark"), *(("chip-ink", level) for level in ("critical", "high", "medium", "low", "informational"))]
DRAWN = ["bar-critical", "bar-high", "bar-medium", "bar-low", "bar-informational", "evaluated", "logsource_absent", "field_absent"]
DRAWN += ["unsupported", "invalid", "accent"]


@pytest.mark.parametrize("theme", [0, 1, 2], ids=["light", "dark", "print"])
def test_contrast_reaches_wcag_aa(theme: int) -> None:
    themes = [dict(re.findall(r"--([a-z_-]+): (#[0-9a-f]+)", block)) for block in re.findall(r":root \{(.*?)\}", style(), re.DOTALL)]
    assert len(themes) == 3
    colors = themes[0] | themes[theme]
    weak = {pair: contrast(colors[pair[0]], colors[pair[1]]) for pair in TEXT_ON if contrast(colors[pair[0]], colors[pair[1]]) < 4.5}
    weak |= {(name, "paper"): contrast(colors[name], colors["paper"]) for name in DRAWN if contrast(colors[name], colors["paper"]) < 3.0}
    assert weak == {}


@given(st.integers(-(10**7), 7 * 10**7), st.integers(0, 7 * 10**7))
def test_the_axis_holds_any_span(first: int, length: int) -> None:
    axis = charts.axis_of(first, first + length)
    assert 1 <= axis.bars <= charts.MAX_BARS
    assert axis.start <= first
    assert first + length < axis.start + axis.bars * axis.step


@pytest.mark.parametrize(("step", "words"), [(1, "1 minute"), (30, "30 minutes"), (60, "1 hour"), (1440, "1 day"), (20_160, "14 days")])
def test_the_width_of_a_bar_in_words(step: int, words: str) -> None:
    assert charts.step_words(step) == words


def test_the_chart_stacks_and_labels() -> None:
    axis = charts.Axis(from_text("2022-07-15T09:00:00Z") // 60_000_000, 60, 3)
    drawn = charts.timeline(axis, {(0, "high"): 3, (0, "low"): 1, (2, "critical"): 4000})
    parsed = Page(drawn)
    assert "2022-07-15 09:00 UTC: 3 high, 1 low" in parsed.text
    assert "2022-07-15 11:00 UTC: 4,000 critical" in parsed.text
    bars = [bar for bar in parsed.all("rect") if (bar["class"] or "").startswith("fill-")]
    assert [bar["class"] for bar in bars] == ["fill-high", "fill-low", "fill-critical"]
    assert all(float(bar["height"] or 0) >= 3 for bar in bars)


def test_a_clock_that_was_never_set_does_not_stretch_the_chart() -> None:
    page = written([detection(), detection(time="1601-01-01T00:00:00.000000Z"), detection(time="9999-12-31T23:59:59.000000Z")])
    check(page)
    assert "one bar for 1 minute" in page
    assert "2 detections have no time, or one before 1990 or after 2100" in page


def test_elements_escape_and_refuse() -> None:
    assert el("p", "<b>", Html("<i></i>"), None, ["x", [el("br")]], class_="a'b") == '<p class="a&#x27;b">&lt;b&gt;<i></i>x<br></p>'
    assert text("\u202e") == "\\u{202e}"
    for name, value in (("onclick", "x"), ("href", "http://x"), ("src", "x"), ("style", "x")):
        with pytest.raises(ValueError, match="no place"):
            el("a", **{name: value})


def test_a_correlation_lists_its_records() -> None:
    one = detection(
        rule=rule(4, "Many logons", "medium", kind="correlation"), records=[{"path": f"{n}.evtx", "number": n} for n in range(30)]
    )
    del one["event"], one["record"]
    page = check(written([one]))
    assert "19.evtx, record 19" in page.text
    assert "… and 10 records more" in page.text
