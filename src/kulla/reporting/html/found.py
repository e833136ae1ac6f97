"""The middle of the report: the rules that fired, each with its detections."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from kulla.reporting.html.element import Html, el, free, join, machine, moment_of, more, table
from kulla.reporting.html.evidence import Shown
from kulla.reporting.html.overview import chip, facts_list
from kulla.reporting.html.spool import PER_RULE, RuleRow, Spool
from kulla.reporting.words import TACTICS, clock, counted, number, tactics_of, techniques_of

#: Rules with a place of their own, and detections shown of all rules together: what a browser opens without effort.
MAX_RULES, MAX_SHOWN, AT_LEAST = 1_000, 2_000, 2
#: Characters of a matched value in the line of a closed detection.
IN_LINE = 200


def rules_found(spool: Spool, places: Mapping[str, str]) -> Iterator[Html]:
    """Yield the section in parts: one for each rule, so that the page need not be held in memory.

    Args:
        spool: the detections.
        places: rule id -> "path line n".
    """
    rows = spool.rules(MAX_RULES)
    yield Html('<section><h2 id="detections">Detections by rule</h2>')
    if not rows:
        yield el("p", "No rule matched.")
    else:
        each = min(max(MAX_SHOWN // len(rows), AT_LEAST), PER_RULE)
        yield el(
            "p", f"Open a rule to see its detections, at most the first {number(each)} of each; the counts are complete.", class_="note"
        )
    for row in rows:
        yield _rule(row, spool.shown(row.number, each), places.get(row.id, ""))
    yield more(spool.rule_count() - len(rows), "rule", "rules") or Html("")
    yield Html("</section>")


def _rule(row: RuleRow, shown: list[Shown], place: str) -> Html:
    line = el(
        "summary",
        chip(row.level),
        el("h3", free(row.title)),
        el("span", counted(row.count, "detection", "detections"), class_="count"),
        el("span", _where(row), class_="note"),
    )
    return el(
        "details",
        line,
        _about(row, place),
        el("ol", [el("li", _detection(one)) for one in shown], class_="found"),
        more(row.count - len(shown), "detection", "detections"),
        class_=f"rule edge-{row.level}",
        id=f"rule-{row.number}",
    )


def _where(row: RuleRow) -> Html:
    hosts = counted(row.hosts, "host", "hosts") if row.hosts else "no host named"
    if row.first is None:
        return join([hosts])
    first, last = moment_of(clock(row.first), row.first), moment_of(clock(row.last), row.last)
    return join([hosts, ", ", first] if row.first == row.last else [hosts, ", ", first, " to ", last])


def _about(row: RuleRow, place: str) -> Html:
    named = [TACTICS[tactic] for tactic in tactics_of(row.tags)] + techniques_of(row.tags)
    facts: list[tuple[str, Html]] = [("Rule", machine(row.id)), ("Kind", machine(row.kind)), ("Status", machine(row.status))]
    if named:
        facts.append(("ATT&CK", el("span", ", ".join(named))))
    if place:
        facts.append(("Stands in", machine(place)))
    return facts_list(facts)


def _detection(shown: Shown) -> Html:
    first = [_pair(name, value if len(value) <= IN_LINE else f"{value[:IN_LINE]}…") for name, value in shown.matched[:3]]
    line = el("summary", moment_of(clock(shown.time), shown.time), machine(shown.host or "host not named", class_="host"), first)
    return el("details", line, _places(shown), _event(shown, [_pair(*matched) for matched in shown.matched]), class_="event")


def _pair(name: str, value: str) -> Html:
    return el("span", machine(name, class_="field") if name else None, machine(value, class_="hit"), class_="pair")


def _places(shown: Shown) -> Html:
    records = [el("li", _place(record)) for record in shown.records]
    source = el("p", "Log source: ", machine(shown.source), class_="note") if shown.source else None
    return join([el("ul", records, class_="places"), more(shown.further, "record", "records"), source])


def _place(record: tuple[str, int | None, str | None, str | None]) -> Html:
    path, position, identity, channel = record
    parts: list[Html | str] = [machine(path)]
    if position is not None:
        parts += [", record ", machine(number(position))]
    if identity:
        parts += [", id ", machine(identity)]
    if channel:
        parts += [", ", machine(channel)]
    return join(parts)


def _event(shown: Shown, matched: list[Html]) -> Html:
    if not shown.fields:
        return el("p", "Matched: ", matched) if matched else Html("")
    rows = [[machine(name), el("td", machine(value), class_="value hit" if hit else "value")] for name, value, hit in shown.fields]
    grid = table("The event; what matched is marked", ["Field", "Value"], rows, class_="fields")
    elsewhere = el("p", "Matched: ", matched, class_="note") if not any(hit for _, _, hit in shown.fields) and matched else None
    return join([elsewhere, el("div", grid, class_="wide"), more(shown.hidden, "field", "fields")])
