"""The top of the report: what was scanned, the findings in short, severities, tactics, the time line and the hosts."""

from __future__ import annotations

from collections.abc import Iterator

from kulla.model import moment
from kulla.model.level import LEVELS, rank
from kulla.model.summary import ScanSummary
from kulla.reporting.html import charts
from kulla.reporting.html.element import Html, el, figure_cell, free, machine, moment_of, more, table
from kulla.reporting.html.spool import HostRow, Spool
from kulla.reporting.words import TACTICS, clock, clock_of, counted, duration, number, size, tactics_of

#: Hosts in the table.
MAX_HOSTS = 50
#: Minutes since 1970 between which the time line is drawn: 1990 to 2100; a clock that was never set does not stretch it.
_EARLIEST, _LATEST = 10_519_200, 68_374_080
#: Tactics shown only where something was found: the older name of two others, and those of industrial systems.
_ONLY_IF_FOUND = {"defense-evasion", "evasion", "inhibit-response-function", "impair-process-control"}


def chip(level: str) -> Html:
    """Return the severity as a coloured word."""
    return el("span", level, class_=f"chip {level}")


def header(summary: ScanSummary, written: int, version: str) -> Html:
    """Return the head of the page: what was scanned, when, by what."""
    first, last = summary.span
    facts: list[tuple[str, Html]] = [
        ("Read", el("span", f"{counted(summary.files, 'file', 'files')}, {size(summary.bytes)}")),
        ("Events", el("span", number(summary.events))),
        ("From", moment_of(clock_of(first), moment.to_text(first))),
        ("To", moment_of(clock_of(last), moment.to_text(last))),
        ("Scan took", el("span", duration(summary.seconds))),
        ("Report written", moment_of(clock_of(written), moment.to_text(written))),
        ("Kulla", machine(version)),
    ]
    return el(
        "header",
        el(
            "div",
            el("div", _tower(), el("div", el("p", "Kulla", class_="brand"), el("h1", "Scan report")), class_="title"),
            el("p", "Not marked (TLP). It holds evidence as it was found: mark it before it is passed on.", class_="marking"),
            facts_list(facts),
            class_="inner",
        ),
    )


def facts_list(facts: list[tuple[str, Html]]) -> Html:
    """Return short facts side by side."""
    return el("dl", [el("div", el("dt", name), el("dd", value)) for name, value in facts], class_="facts")


def _tower() -> Html:
    """Return the sign of the project: a stone tower-house with narrow windows."""
    walls = "M8 46V14l4-4V6h6v4h12V6h6v4l4 4v32z"
    windows = "M15 19h4v6h-4z M29 19h4v6h-4z M22 16h4v6h-4z M20 46V36a4 4 0 0 1 8 0v10z"
    return el(
        "svg",
        el("path", d=walls, class_="walls"),
        el("path", d=windows, class_="windows"),
        viewBox="0 0 48 48",
        class_="tower",
        aria_hidden="true",
    )


def in_short(summary: ScanSummary, spool: Spool) -> Html:
    """Return the findings in a few sentences, for the reader who stops here."""
    return el(
        "section", el("h2", "In short", id="short"), el("ul", [el("li", line) for line in _sentences(summary, spool)]), class_="short"
    )


def _sentences(summary: ScanSummary, spool: Spool) -> Iterator[Html]:
    total, hosts = spool.total(), spool.host_count()
    severe = sum(spool.levels()[level][0] for level in ("critical", "high"))
    if total:
        rules, named = counted(spool.rule_count(), "rule", "rules"), counted(hosts, "host", "hosts")
        grave = f" {number(severe)} of them are critical or high." if severe else " None of them is critical or high."
        yield el("span", el("strong", f"{counted(total, 'detection', 'detections')} by {rules} on {named}."), grave)
        yield el("span", "The most severe: ", _worst(spool), ".")
    else:
        yield el("span", el("strong", "No rule matched."), " That is no proof of absence: see which rules could not look.")
    states = summary.by_state
    if summary.rules:
        words = f"{number(states['evaluated'])} of {counted(len(summary.rules), 'rule', 'rules')} found the logs and fields they ask for."
        yield el("span", words)
    if summary.incomplete:
        yield el("span", el("strong", "The input was not read completely"), ": see the problems.")
    else:
        yield el("span", "Everything that was given was read.")


def _worst(spool: Spool) -> list[Html | str]:
    """Return the first rules of the list below, each leading to its place there."""
    rows = spool.rules(3)
    links = [el("a", free(row.title), href=f"#rule-{row.number}") for row in rows]
    return [part for index, link in enumerate(links) for part in ([", ", link] if index else [link])]


def severities(spool: Spool) -> Html:
    """Return detections and rules by severity."""
    levels = spool.levels()
    cards = [
        el(
            "div",
            el("span", number(count), class_="count"),
            chip(level),
            el("span", counted(rules, "rule", "rules"), class_="note"),
            class_=f"card edge-{level}" if count else "card none",
        )
        for level, (count, rules) in levels.items()
    ]
    told = ", ".join(f"{number(count)} {level}" for level, (count, _) in levels.items())
    bar = charts.stacked([(level, count) for level, (count, _) in levels.items()], spool.total(), told, width=1000)
    return el("section", el("h2", "Severity", id="severity"), el("div", cards, class_="cards"), bar if spool.total() else None)


def tactics(spool: Spool) -> Html:
    """Return the ATT&CK tactics in the order of an intrusion, with how much was found of each."""
    counts = dict.fromkeys(TACTICS, 0)
    rules = dict.fromkeys(TACTICS, 0)
    worst: dict[str, str] = {}
    for tags, level, count in spool.tags():
        for tactic in tactics_of(tags):
            counts[tactic] += count
            rules[tactic] += 1
            worst[tactic] = max(level, worst.get(tactic, LEVELS[0]), key=rank)
    tiles = [
        _tile(tactic, counts[tactic], rules[tactic], worst.get(tactic))
        for tactic in TACTICS
        if counts[tactic] or tactic not in _ONLY_IF_FOUND
    ]
    note = "From the rules' own tags, in the order in which an intrusion usually goes; one detection may count for several tactics."
    return el("section", el("h2", "Tactics (MITRE ATT&CK)", id="tactics"), el("p", note, class_="note"), el("ol", tiles, class_="tactics"))


def _tile(tactic: str, count: int, rules: int, worst: str | None) -> Html:
    if worst is None:
        return el("li", el("span", TACTICS[tactic], class_="name"), el("span", "none found", class_="note"), class_="tile none")
    found = el("span", number(count), class_="count")
    told = el("span", f"{counted(rules, 'rule', 'rules')}, up to {worst}", class_="note")
    return el("li", el("span", TACTICS[tactic], class_="name"), found, told, class_=f"tile edge-{worst}")


def time_line(spool: Spool) -> Html:
    """Return the chart of detections over time, with its figures as a table."""
    heading = el("h2", "Timeline", id="timeline")
    span = spool.span(_EARLIEST, _LATEST)
    if span is None:
        return el("section", heading, el("p", "No detection has a time."))
    axis = charts.axis_of(*span)
    counts = spool.buckets(axis.start, axis.step, axis.bars)
    outside = spool.total() - sum(counts.values())
    left_out = f"{counted(outside, 'detection has', 'detections have')} no time, or one before 1990 or after 2100, and cannot stand here."
    return el(
        "section",
        heading,
        el("p", f"Detections over time (UTC), one bar for {charts.step_words(axis.step)}.", class_="note"),
        _legend(),
        charts.timeline(axis, counts),
        el("p", left_out, class_="note") if outside else None,
        _figures(axis, counts),
    )


def _legend() -> Html:
    keys = [el("li", el("span", class_=f"key {level}", aria_hidden="true"), level) for level in reversed(LEVELS)]
    return el("ul", keys, class_="legend", aria_label="Colours")


def _figures(axis: charts.Axis, counts: dict[tuple[int, str], int]) -> Html:
    bars = [bar for bar in range(axis.bars) if any((bar, level) in counts for level in LEVELS)]
    rows = [[machine(axis.label(bar)), *(figure_cell(number(counts.get((bar, level), 0))) for level in reversed(LEVELS))] for bar in bars]
    grid = table("Detections over time", ["From (UTC)", *(level.capitalize() for level in reversed(LEVELS))], rows)
    return el("details", el("summary", "The figures as a table"), el("div", grid, class_="wide"))


def hosts(spool: Spool) -> Html:
    """Return the hosts on which something was found."""
    rows, count = spool.hosts(MAX_HOSTS), spool.host_count()
    heading = el("h2", "Hosts", id="hosts")
    if not rows:
        return el("section", heading, el("p", "No detection, so no host."))
    most = max(row.count for row in rows)
    heads = ["Host", "Detections", *(level.capitalize() for level in reversed(LEVELS)), "By severity", "First", "Last"]
    body = table("Hosts with detections, the most severe first", heads, [_host(row, most) for row in rows], class_="hosts")
    named = sum(1 for row in rows if row.name)
    return el("section", heading, el("div", body, class_="wide"), more(count - named, "host", "hosts"))


def _host(row: HostRow, most: int) -> list[Html]:
    told = ", ".join(f"{number(row.levels[level])} {level}" for level in reversed(LEVELS) if row.levels[level])
    levels = [figure_cell(number(row.levels[level]) if row.levels[level] else "–") for level in reversed(LEVELS)]
    bar = charts.stacked([(level, row.levels[level]) for level in reversed(LEVELS)], most, told)
    return [
        machine(row.name) if row.name else el("span", "not named", class_="note"),
        figure_cell(number(row.count)),
        *levels,
        bar,
        moment_of(clock(row.first), row.first),
        moment_of(clock(row.last), row.last),
    ]
