"""What a scan did: sources, problems, and what became of every rule (schema ``kulla.scan-summary/1``)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kulla.model import moment
from kulla.model.level import LEVELS, rank
from kulla.model.problem import Problem

SCHEMA = "kulla.scan-summary/1"

#: What can become of a rule, in the order of the accounting line.
STATES = ("evaluated", "logsource_absent", "field_absent", "unsupported", "invalid")

#: Kinds of problems that do not make the input incomplete (exit code 3): everything was read, but a rule or an
#: indicator is wrong, a byte was replaced, or an event lacks what a correlation counts. All other kinds do.
COMPLETE_KINDS = frozenset(
    {
        "invalid-rule",
        "unsupported-rule",
        "duplicate-rule",
        "invalid-indicator",
        "invalid-utf8",
        "no-time",
        "unknown-logsource",
        "late-hit",
        "no-value",
        "not-a-number",
        "no-group-value",
    }
)

#: Exit codes of style.md, "Command line".
EXIT_OK, EXIT_FAILED, EXIT_INCOMPLETE = 0, 1, 3


@dataclass(frozen=True, slots=True)
class SourceSummary:
    """What one file gave.

    Attributes:
        path: as given or found; a member of an archive is ``archive.zip!member``.
        format: the reader's name.
        events: how many were read.
        first, last: microseconds UTC of the earliest and latest event, ``moment.UNKNOWN`` where none has a time.
        hosts: names of the hosts, where the reader knows them.
    """

    path: str
    format: str
    events: int
    first: int = moment.UNKNOWN
    last: int = moment.UNKNOWN
    hosts: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return one entry of ``sources``; ``hosts`` only where known."""
        plain: dict[str, Any] = {
            "path": self.path,
            "format": self.format,
            "events": self.events,
            "first": moment.to_text(self.first),
            "last": moment.to_text(self.last),
        }
        return plain | ({"hosts": list(self.hosts)} if self.hosts else {})


@dataclass(frozen=True, slots=True)
class RuleOutcome:
    """What became of one rule.

    Attributes:
        id: the rule's id.
        path, line: where it stands.
        title, level: for people.
        state: one of STATES.
        reason: why it was not evaluated; empty for evaluated rules.
        detections: how many it gave.
    """

    id: str
    path: str = ""
    line: int = 0
    title: str = ""
    level: str = "informational"
    state: str = "evaluated"
    reason: str = ""
    detections: int = 0

    def to_dict(self) -> dict[str, Any]:
        """Return one entry of ``rules.details``."""
        return {
            "id": self.id,
            "path": self.path,
            "line": self.line,
            "title": self.title,
            "level": self.level,
            "state": self.state,
            "reason": self.reason,
            "detections": self.detections,
        }


@dataclass(frozen=True, slots=True)
class ScanSummary:
    """What a scan did.

    Attributes:
        files, bytes, events, detections: how many; bytes as they lie on disk.
        seconds: of wall clock.
        sources: one entry a file that was read.
        problems: what could not be read.
        rules: one entry a rule that was loaded or tried to.
        levels: detections by level where the engine counted them (indicators and YARA included); else taken from ``rules``.
    """

    files: int = 0
    bytes: int = 0
    events: int = 0
    detections: int = 0
    seconds: float = 0.0
    sources: tuple[SourceSummary, ...] = ()
    problems: tuple[Problem, ...] = ()
    rules: tuple[RuleOutcome, ...] = ()
    levels: Mapping[str, int] | None = None

    @property
    def by_level(self) -> dict[str, int]:
        """Detections by level, critical first, zero where none."""
        counts = self.levels if self.levels is not None else self._levels_of_rules()
        return {level: counts.get(level, 0) for level in reversed(LEVELS)}

    def _levels_of_rules(self) -> Counter[str]:
        counts: Counter[str] = Counter()
        for rule in self.rules:
            counts[LEVELS[rank(rule.level)]] += rule.detections
        return counts

    @property
    def by_state(self) -> dict[str, int]:
        """Rules by what became of them, in the order of STATES."""
        counts = Counter(rule.state for rule in self.rules)
        return {state: counts[state] for state in STATES}

    @property
    def span(self) -> tuple[int, int]:
        """Earliest and latest event in microseconds UTC; ``moment.UNKNOWN`` twice where no event has a time."""
        firsts = [source.first for source in self.sources if source.first != moment.UNKNOWN]
        lasts = [source.last for source in self.sources if source.last != moment.UNKNOWN]
        return (min(firsts), max(lasts)) if firsts and lasts else (moment.UNKNOWN, moment.UNKNOWN)

    @property
    def incomplete(self) -> bool:
        """Whether some input could not be read."""
        return any(problem.kind not in COMPLETE_KINDS for problem in self.problems)

    def exit_code(self, fail_on: str | None = None) -> int:
        """Return 1 where a detection reaches the level ``fail_on``, else 3 where input was incomplete, else 0."""
        reached = fail_on is not None and any(count and rank(level) >= rank(fail_on) for level, count in self.by_level.items())
        if reached:
            return EXIT_FAILED
        return EXIT_INCOMPLETE if self.incomplete else EXIT_OK

    def to_dict(self) -> dict[str, Any]:
        """Return the form of ``kulla.scan-summary/1``."""
        return {
            "schema": SCHEMA,
            "files": self.files,
            "bytes": self.bytes,
            "events": self.events,
            "detections": self.detections,
            "seconds": round(self.seconds, 3),
            "levels": self.by_level,
            "sources": [source.to_dict() for source in self.sources],
            "problems": [problem.to_dict() for problem in self.problems],
            "rules": {"loaded": len(self.rules), **self.by_state, "details": [rule.to_dict() for rule in self.rules]},
        }
