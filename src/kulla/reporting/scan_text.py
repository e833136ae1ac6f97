"""What a scan did, as a page of plain text for the person who started it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

from kulla.model import moment
from kulla.model.level import rank
from kulla.model.problem import Problem
from kulla.model.summary import ScanSummary
from kulla.reporting.columns import shown
from kulla.reporting.words import SHORT, STATE_WORDS, clock_of, counted, duration, known_level, number, size

#: Rules named under "Top rules", places named of each kind of problem, kinds of problems named.
TOP_RULES, PLACES, KINDS = 10, 3, 20
_LABEL = 12


def summary_text(summary: ScanSummary) -> str:
    """Return the page: what was read, what was found, what became of the rules, what went wrong, what to do next."""
    parts = (
        ("Read", _read(summary)),
        ("Time", _time(summary)),
        ("Detections", [_detections(summary)]),
        ("Top rules", list(_top_rules(summary))),
        ("Rules", [rules_line(summary)]),
        ("Problems", _problems(summary)),
        ("Next", list(_next_steps(summary))),
    )
    return "".join(_part(label, lines) for label, lines in parts if lines)


def _part(label: str, lines: Sequence[str]) -> str:
    first, *rest = lines
    return f"{label:<{_LABEL}}{first}\n" + "".join(f"{'':<{_LABEL}}{line}\n" for line in rest)


def _read(summary: ScanSummary) -> list[str]:
    rate = f" ({number(round(summary.events / summary.seconds))} a second)" if summary.seconds > 0 else ""
    files = counted(summary.files, "file", "files")
    return [f"{files}, {size(summary.bytes)}, {counted(summary.events, 'event', 'events')} in {duration(summary.seconds)}{rate}"]


def _time(summary: ScanSummary) -> list[str]:
    first, last = summary.span
    return [f"{clock_of(first)} to {clock_of(last)}"] if first != moment.UNKNOWN else []


def _detections(summary: ScanSummary) -> str:
    levels = ", ".join(f"{number(count)} {level}" for level, count in summary.by_level.items() if count)
    return f"{number(summary.detections)}: {levels}" if levels else number(summary.detections)


def _top_rules(summary: ScanSummary) -> Iterator[str]:
    fired = sorted((rule for rule in summary.rules if rule.detections), key=lambda r: (-rank(r.level), -r.detections, r.title))
    width = max((len(number(rule.detections)) for rule in fired[:TOP_RULES]), default=0)
    for rule in fired[:TOP_RULES]:
        yield f"{SHORT[known_level(rule.level)]:<8}  {number(rule.detections):>{width}}  {shown(rule.title or rule.id, 100)}"
    if len(fired) > TOP_RULES:
        yield f"… and {counted(len(fired) - TOP_RULES, 'rule', 'rules')} more"


def rules_line(summary: ScanSummary) -> str:
    """Return the accounting of the rules in one line: ``3,754 rules: 1,412 evaluated, 2,100 log source not in this data, ...``."""
    states = ", ".join(f"{number(count)} {STATE_WORDS[state]}" for state, count in summary.by_state.items() if count)
    rules = counted(len(summary.rules), "rule", "rules")
    return f"{rules}: {states}" if states else rules


def _problems(summary: ScanSummary) -> list[str]:
    if not summary.problems:
        return []
    verdict = "the input was not read completely" if summary.incomplete else "the input was read completely"
    return [f"{number(sum(problem.count for problem in summary.problems))}; {verdict}", *problem_lines(summary.problems)]


def problem_lines(problems: Iterable[Problem]) -> list[str]:
    """Return each kind of problem with its count and its first places."""
    ordered = sorted(problems, key=lambda problem: (problem.kind, problem.path, problem.place))
    kinds = [(kind, list(found)) for kind, found in groupby(ordered, key=lambda problem: problem.kind)]
    lines = [line for kind, found in kinds[:KINDS] for line in _kind_lines(kind, found)]
    further = len(kinds) - KINDS
    return [*lines, f"… and {counted(further, 'kind', 'kinds')} more"] if further > 0 else lines


def _kind_lines(kind: str, found: list[Problem]) -> Iterator[str]:
    yield f"{shown(kind, 60)} ×{number(sum(problem.count for problem in found))}"
    for problem in found[:PLACES]:
        place = ", ".join(shown(part, 120) for part in (problem.path, problem.place) if part)
        yield f"  {place}: {shown(problem.message, 200)}" if place else f"  {shown(problem.message, 200)}"
    if len(found) > PLACES:
        yield f"  … and {counted(len(found) - PLACES, 'place', 'places')} more"


def _next_steps(summary: ScanSummary) -> Iterator[str]:
    """Yield what the reader can do now, the most useful first."""
    states = summary.by_state
    if not summary.events:
        yield "No event was read: check the paths; --format-in NAME reads a file whose format is not recognised."
    elif summary.rules and not states["evaluated"]:
        yield "No rule fits these logs: bring more rules with -r, for example SigmaHQ's release zip."
    elif not summary.detections:
        yield "No match is no proof of absence: see which log sources and fields the rules did not find."
    if summary.detections:
        yield "A page to read and to hand on: the same command with -f html -o report.html."
    if summary.incomplete or states["unsupported"] or states["invalid"]:
        yield "Every problem and every rule with its reason: --summary FILE."
