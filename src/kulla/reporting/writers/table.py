"""A table for people.

While somebody watches a terminal, a row appears as soon as a rule first matches on a host. In a file or a pipe,
where there is time, the rules come in the order of their severity, each with its hosts. Either way each
rule and host is shown once, with how often it matched and an example of what did.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from kulla.model.detection import Detection
from kulla.model.level import rank
from kulla.model.summary import ScanSummary
from kulla.reporting.columns import cut, fit, shown
from kulla.reporting.words import SHORT, clock, counted, known_level, number, techniques_of
from kulla.reporting.writer import ByteSink, Look, detections

#: Pairs of rule and host kept apart; beyond, detections are counted by level only. Bounds the memory.
MAX_GROUPS = 10_000
#: Lines of "seen more than once" on a terminal, and hosts of one rule.
MAX_LINES = 40
#: Characters by which rules and hosts are told apart; a longer name is somebody's attempt to fill the memory.
_KEY = 256

#: ANSI SGR by level: the word says the same.
_COLOR = {"critical": "1;97;41", "high": "1;31", "medium": "33", "low": "36", "informational": "2"}
_DIM, _BOLD = "2", "1"
_TIME, _LEVEL, _COUNT = 20, 8, 9
#: Narrower terminals get what matched on a line of its own.
_WIDE = 110
_NARROWEST = 60


@dataclass(slots=True)
class _Group:
    """What one rule did on one host."""

    rule_id: str
    title: str
    level: str
    techniques: tuple[str, ...]
    host: str
    matched: str
    first: str | None
    last: str | None
    count: int = 0

    def add(self, time: str | None) -> None:
        """Count one more detection."""
        self.count += 1
        if time:
            self.first = min(self.first or time, time)
            self.last = max(self.last or time, time)


@dataclass(slots=True)
class _Groups:
    """Groups by rule and host, in the order of their first detection; bounded."""

    known: dict[tuple[str, str], _Group] = field(default_factory=dict)

    def add(self, detection: Detection) -> _Group | None:
        """Count a detection; return its group if this is the first of it."""
        key = ((detection.rule.id or detection.rule.title)[:_KEY], (detection.host or "")[:_KEY])
        if key not in self.known and len(self.known) >= MAX_GROUPS:
            self._add_further(detection)
            return None
        group = self.known.get(key)
        fresh = group is None
        if group is None:
            group = self.known[key] = _group(detection)
        group.add(detection.time)
        return group if fresh else None

    def _add_further(self, detection: Detection) -> None:
        level = known_level(detection.rule.level)
        further = _Group("", "further rules and hosts", level, (), "", "(not shown one by one)", None, None)
        self.known.setdefault(("", level), further).add(detection.time)

    def by_rule(self) -> list[list[_Group]]:
        """Groups of each rule, the most severe rule first, then the one with the most detections."""
        rules: dict[tuple[str, str], list[_Group]] = {}
        for group in self.known.values():
            rules.setdefault((group.rule_id, group.title), []).append(group)
        return sorted(rules.values(), key=lambda groups: (-rank(groups[0].level), -_total(groups), groups[0].title, groups[0].rule_id))


def _group(detection: Detection) -> _Group:
    rule = detection.rule
    return _Group(
        rule_id=shown(rule.id, 80),
        title=shown(rule.title or rule.id, 200),
        level=known_level(rule.level),
        techniques=tuple(shown(name, 20) for name in techniques_of(rule.tags)[:8]),
        host=shown(detection.host or "-", 80),
        matched=matched_text(detection),
        first=detection.time,
        last=detection.time,
    )


def _total(groups: list[_Group]) -> int:
    return sum(group.count for group in groups)


def matched_text(detection: Detection) -> str:
    """Return what matched, fit to be shown: ``CommandLine: vssadmin delete … · Image: …``."""
    return " · ".join(shown(f"{m.field}: {m.value}" if m.field else m.value, 300) for m in detection.matched[:4])


class TableWriter:
    """Rows as they come on a terminal (``look.live``), else one block a rule."""

    def __init__(self, sink: ByteSink, look: Look) -> None:
        self._sink = sink
        self._look = look
        self._width = max(look.width, _NARROWEST)
        self._groups = _Groups()
        self._begun = False

    def write(self, lines: bytes) -> None:
        """Count the block's detections; on a terminal show those that are new."""
        fresh = [group for detection in detections(lines, self._look.problems) if (group := self._groups.add(detection))]
        if self._look.live and fresh:
            self._out([] if self._begun else self._head())
            self._begun = True
            self._out(line for group in fresh for line in self._row(group))

    def finish(self, summary: ScanSummary) -> None:
        """Write the blocks, or on a terminal what was seen more than once."""
        if not self._groups.known:
            self._out(["No rule matched."])
        elif self._look.live:
            self._out(self._repeated())
        else:
            self._out(line for groups in self._groups.by_rule() for line in self._block(groups))

    def _out(self, lines: Iterable[str]) -> None:
        text = "".join(f"{line.rstrip()}\n" for line in lines)
        if text:
            self._sink.write(text.encode("utf-8", "replace"))

    def _paint(self, text: str, code: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self._look.color else text

    def _level(self, level: str) -> str:
        word = SHORT[level]
        return self._paint(word, _COLOR[level]) + " " * (_LEVEL - len(word))

    def _split(self) -> tuple[int, int, int]:
        """Return the widths of host, rule and matched; matched is 0 where it has a line of its own."""
        free = self._width - _TIME - _LEVEL - 4
        host = max(min(20, free // 5), 8)
        rule = (free - host - 4) * 2 // 5 if self._width >= _WIDE else free - host - 2
        return host, max(rule, 10), free - host - rule - 4 if self._width >= _WIDE else 0

    def _head(self) -> list[str]:
        host, rule, matched = self._split()
        words = [fit("TIME (UTC)", _TIME), fit("LEVEL", _LEVEL), fit("HOST", host), fit("RULE", rule)]
        return [self._paint("  ".join([*words, "WHAT MATCHED"] if matched else words), _BOLD)]

    def _row(self, group: _Group) -> list[str]:
        host, rule, matched = self._split()
        cells = [fit(clock(group.first), _TIME), self._level(group.level), fit(group.host, host), fit(group.title, rule)]
        if matched:
            return ["  ".join([*cells, cut(group.matched, matched)])]
        return ["  ".join(cells), "    " + self._paint(cut(group.matched, self._width - 4), _DIM)]

    def _repeated(self) -> list[str]:
        again = [groups for groups in self._groups.by_rule() if _total(groups) > 1]
        if not again:
            return []
        lines = ["", self._paint("Seen more than once", _BOLD)]
        for groups in again[:MAX_LINES]:
            where = groups[0].host if len(groups) == 1 else f"{number(len(groups))} hosts"
            count = f"×{number(_total(groups))}"
            title = fit(groups[0].title, max(self._width - _COUNT - _LEVEL - 4 - 22, 10))
            lines.append(f"{count:>{_COUNT}}  {self._level(groups[0].level)}  {title}  {cut(where, 20)}")
        return [*lines, *_further(len(again), "rule", "rules")]

    def _block(self, groups: list[_Group]) -> list[str]:
        """Return one rule: a title with its count, then a line a host."""
        total = counted(_total(groups), "detection", "detections")
        title = fit(groups[0].title, max(self._width - _LEVEL - 2 - 2 - 20, 10))
        identity = " · ".join(part for part in (groups[0].rule_id, *groups[0].techniques) if part)
        lines = [f"{self._level(groups[0].level)}  {self._paint(title, _BOLD)}  {total:>20}", self._paint(f"          {identity}", _DIM)]
        for group in sorted(groups, key=lambda g: (-g.count, g.host))[:MAX_LINES]:
            lines.extend(self._host_line(group))
        return [*lines, *_further(len(groups), "host", "hosts"), ""]

    def _host_line(self, group: _Group) -> list[str]:
        host = self._split()[0]
        count = f"×{number(group.count)}"
        head = f"  {fit(clock(group.first), _TIME)}  {count:>{_COUNT}}  {fit(group.host, host)}"
        free = self._width - _TIME - _COUNT - host - 8
        if self._width >= _WIDE:
            return [f"{head}  {cut(group.matched, free)}"]
        return [head, "    " + cut(group.matched, self._width - 4)]


def _further(known: int, one: str, many: str) -> list[str]:
    return [f"  … and {counted(known - MAX_LINES, one, many)} more"] if known > MAX_LINES else []
