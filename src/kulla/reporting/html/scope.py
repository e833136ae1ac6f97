"""The end of the report: how far the scan could see - sources and their time, problems, and rules that could not look."""

from __future__ import annotations

from collections import Counter, defaultdict

from kulla.model import moment
from kulla.model.level import rank
from kulla.model.problem import Problem
from kulla.model.summary import RuleOutcome, ScanSummary, SourceSummary
from kulla.reporting.columns import shown
from kulla.reporting.html import charts
from kulla.reporting.html.element import Html, el, figure_cell, free, machine, moment_of, more, table
from kulla.reporting.words import STATE_WORDS, clock_of, counted, number

#: Entries of each list; the counts are complete.
MAX_SOURCES, MAX_PROBLEMS, MAX_REASONS, MAX_RULES = 300, 300, 100, 50
_SMALL = 0.001


def coverage(summary: ScanSummary) -> Html:
    """Return which source was read and which time it covers, on one common axis."""
    heading = el("h2", "Sources and the time they cover", id="coverage")
    if not summary.sources:
        return el("section", heading, el("p", "No source was read."))
    first, last = summary.span
    ordered = sorted(summary.sources, key=lambda source: (source.first == moment.UNKNOWN, source.first, source.path))
    axis = el("span", "Covered: ", machine(clock_of(first)[:10]), " to ", machine(clock_of(last)[:10]))
    rows = [_source(source, first, last) for source in ordered[:MAX_SOURCES]]
    grid = table("Sources, the earliest first", ["Source", "Format", "Events", axis, "First event", "Last event"], rows, class_="sources")
    note = "Outside of its bar a source says nothing: what happened there cannot be in this report."
    return el(
        "section",
        heading,
        el("p", note, class_="note"),
        el("div", grid, class_="wide"),
        more(len(ordered) - MAX_SOURCES, "source", "sources"),
    )


def _source(source: SourceSummary, first: int, last: int) -> list[Html]:
    hosts = f"{', '.join(source.hosts[:3])}{' …' if len(source.hosts) > len(source.hosts[:3]) else ''}"
    name = el("span", machine(shown(source.path, 300)), machine(shown(hosts, 200), class_="note block") if hosts else None)
    times = [moment_of(clock_of(at), moment.to_text(at)) for at in (source.first, source.last)]
    return [name, machine(source.format), figure_cell(number(source.events)), _bar(source, first, last), *times]


def _bar(source: SourceSummary, first: int, last: int) -> Html:
    if moment.UNKNOWN in (source.first, source.last):
        return el("span", "no time known", class_="note")
    whole = max(last - first, 1)
    told = f"{clock_of(source.first)} to {clock_of(source.last)}"
    return charts.extent((source.first - first) / whole, (source.last - first) / whole, told, width=300)


def problems(summary: ScanSummary) -> Html:
    """Return what could not be read, where, and how often."""
    heading = el("h2", "Problems", id="problems")
    if not summary.problems:
        return el("section", heading, el("p", "None: everything that was given was read."))
    kinds: Counter[str] = Counter()
    for problem in summary.problems:
        kinds[problem.kind] += problem.count
    told = ", ".join(f"{kind} ×{number(count)}" for kind, count in kinds.most_common(10))
    rows = [_problem(problem) for problem in summary.problems[:MAX_PROBLEMS]]
    grid = table("What could not be read", ["Kind", "File", "Place", "Count", "What happened"], rows, class_="problems")
    left = len(summary.problems) - MAX_PROBLEMS
    return el("section", heading, el("p", machine(shown(told, 500))), el("div", grid, class_="wide"), more(left, "problem", "problems"))


def _problem(problem: Problem) -> list[Html]:
    place = machine(shown(problem.place, 200)) if problem.place else el("span", "whole file", class_="note")
    message = free(shown(problem.message, 500))
    return [machine(shown(problem.kind, 80)), machine(shown(problem.path, 300)), place, figure_cell(number(problem.count)), message]


def accounting(summary: ScanSummary) -> Html:
    """Return what became of the rules, and why those that could not look could not."""
    heading = el("h2", "What became of the rules", id="rules")
    if not summary.rules:
        return el("section", heading, el("p", "No rules were loaded."))
    total = len(summary.rules)
    told = ", ".join(f"{number(count)} {STATE_WORDS[state]}" for state, count in summary.by_state.items() if count)
    bar = charts.stacked(list(summary.by_state.items()), total, told, width=1000)
    rows = [[_state(state), figure_cell(number(count)), figure_cell(_share(count, total))] for state, count in summary.by_state.items()]
    grid = table(f"{counted(total, 'rule was', 'rules were')} loaded", ["State", "Rules", "Share"], rows, class_="states")
    return el("section", heading, bar, el("div", grid, class_="wide"), _blind(summary))


def _share(count: int, total: int) -> str:
    return "< 0.1%" if 0 < count / total < _SMALL else f"{count / total:.1%}"


def _state(state: str) -> Html:
    return el("span", el("span", class_=f"key {state}", aria_hidden="true"), STATE_WORDS[state])


def _blind(summary: ScanSummary) -> Html | None:
    """Return the rules that were not evaluated, grouped by the reason."""
    groups: dict[tuple[str, str], list[RuleOutcome]] = defaultdict(list)
    for rule in summary.rules:
        if rule.state != "evaluated":
            groups[rule.state, rule.reason].append(rule)
    if not groups:
        return None
    ordered = sorted(groups.items(), key=lambda group: (-len(group[1]), group[0]))
    return el(
        "div",
        el("h3", "Rules that could not look, by reason"),
        [_reason(state, reason, rules) for (state, reason), rules in ordered[:MAX_REASONS]],
        more(len(ordered) - MAX_REASONS, "reason", "reasons"),
    )


def _reason(state: str, reason: str, rules: list[RuleOutcome]) -> Html:
    line = el(
        "summary",
        el("span", number(len(rules)), class_="count"),
        _state(state),
        free(shown(reason, 300), class_="note") if reason else None,
    )
    worst = sorted(rules, key=lambda rule: (-rank(rule.level), rule.title, rule.id))[:MAX_RULES]
    rows = [[free(shown(rule.title or rule.id, 200)), rule.level, machine(place_of(rule)), machine(shown(rule.id, 80))] for rule in worst]
    grid = table(f"Rules: {STATE_WORDS.get(state, state)}", ["Rule", "Level", "Stands in", "Id"], rows)
    return el("details", line, el("div", grid, class_="wide"), more(len(rules) - MAX_RULES, "rule", "rules"), class_="reason")


def place_of(rule: RuleOutcome) -> str:
    """Return where a rule stands: ``rules/a.yml line 3``."""
    return shown(f"{rule.path} line {rule.line}" if rule.line else rule.path, 300)
