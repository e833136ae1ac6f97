"""Detections of any number, gathered on disk until the report is written; memory does not grow with them.

SQLite keeps a database without a name in a temporary file that has no name either: nothing is left of it
however the process ends (https://sqlite.org/inmemorydb.html, "Temporary Databases").
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from kulla.model import moment
from kulla.model.detection import Detection, RuleRef
from kulla.model.level import LEVELS, rank
from kulla.reporting.html.evidence import Shown, shown_of
from kulla.reporting.sink import OutputError

#: Detections kept to be shown: of each rule, of all rules together, and of each rule once all together are reached.
PER_RULE, TOGETHER, AT_LEAST = 100, 20_000, 3

_HOST = 200
_MINUTE = 60_000_000
#: The minute of detections without a time.
_NEVER = -(2**62)
_SCHEMA = """
CREATE TABLE rule (key TEXT PRIMARY KEY, number INTEGER, id TEXT, title TEXT, rank INTEGER, status TEXT, tags TEXT, kind TEXT,
                   count INTEGER, first TEXT, last TEXT);
CREATE TABLE tally (rule INTEGER, host TEXT, count INTEGER, first TEXT, last TEXT, PRIMARY KEY (rule, host)) WITHOUT ROWID;
CREATE TABLE minute (at INTEGER, rank INTEGER, count INTEGER, PRIMARY KEY (at, rank)) WITHOUT ROWID;
CREATE TABLE shown (rule INTEGER, data BLOB);
CREATE INDEX shown_rule ON shown (rule);
"""
#: MIN and MAX of two values are NULL where one is: hence COALESCE.
_SPAN = (
    "first = COALESCE(MIN(first, excluded.first), first, excluded.first), last = COALESCE(MAX(last, excluded.last), last, excluded.last)"
)


@dataclass(frozen=True, slots=True)
class RuleRow:
    """One rule that fired: what it is, how often, when, and on how many hosts."""

    number: int
    id: str
    title: str
    level: str
    status: str
    tags: tuple[str, ...]
    kind: str
    count: int
    first: str | None
    last: str | None
    hosts: int


@dataclass(frozen=True, slots=True)
class HostRow:
    """One host: detections by level, when the first and the last were; ``name`` is empty where events name none."""

    name: str
    levels: dict[str, int]
    count: int
    first: str | None
    last: str | None


@dataclass(slots=True)
class _Tally:
    count: int = 0
    times: list[str] = field(default_factory=list)

    def add(self, time: str | None) -> None:
        self.count += 1
        if time:
            self.times = [min([time, *self.times]), max([time, *self.times])]

    def row(self) -> tuple[int, str | None, str | None]:
        return (self.count, self.times[0], self.times[-1]) if self.times else (self.count, None, None)


class Spool:
    """Takes detections in blocks and answers the report's questions about all of them."""

    def __init__(self) -> None:
        self._db = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        self._kept = 0
        self._rules = 0
        with self._told():
            self._db.executescript(_SCHEMA)

    def add(self, found: Iterable[Detection]) -> None:
        """Take one block."""
        with self._told():
            self._db.execute("BEGIN")
            self._add(found)
            self._db.execute("COMMIT")

    def close(self) -> None:
        """Give the disk space back."""
        self._db.close()

    def _add(self, found: Iterable[Detection]) -> None:
        """Count a block in memory first: most of its detections repeat a few rules and hosts."""
        numbers: dict[str, tuple[int, int]] = {}
        rules: dict[int, _Tally] = {}
        tallies: dict[tuple[int, str], _Tally] = {}
        minutes: dict[tuple[int, int], int] = {}
        for detection in found:
            number, before = self._number(detection.rule, numbers)
            rule = rules.setdefault(number, _Tally())
            self._keep(number, before + rule.count, detection)
            rule.add(detection.time)
            tallies.setdefault((number, detection.host or ""), _Tally()).add(detection.time)
            at = (minute_of(detection.time), rank(detection.rule.level))
            minutes[at] = minutes.get(at, 0) + 1
        self._count(rules, tallies, minutes)

    def _number(self, rule: RuleRef, numbers: dict[str, tuple[int, int]]) -> tuple[int, int]:
        """Return a rule's number here, and how many detections of it were counted before this block."""
        key = rule.id or rule.title
        if key not in numbers:
            known = self._db.execute("SELECT number, count FROM rule WHERE key = ?", (key,)).fetchone()
            numbers[key] = known or (self._insert(key, rule), 0)
        return numbers[key]

    def _insert(self, key: str, rule: RuleRef) -> int:
        self._rules += 1
        about = (
            rule.id[:200],
            (rule.title or rule.id)[:300],
            rank(rule.level),
            rule.status[:50],
            "\n".join(rule.tags[:50])[:2000],
            rule.kind[:50],
        )
        self._db.execute("INSERT INTO rule VALUES (?, ?, ?, ?, ?, ?, ?, ?, 0, NULL, NULL)", (key, self._rules, *about))
        return self._rules

    def _keep(self, number: int, before: int, detection: Detection) -> None:
        if before < (PER_RULE if self._kept < TOGETHER else AT_LEAST):
            self._kept += 1
            self._db.execute("INSERT INTO shown VALUES (?, ?)", (number, shown_of(detection).to_json()))

    def _count(self, rules: dict[int, _Tally], tallies: dict[tuple[int, str], _Tally], minutes: dict[tuple[int, int], int]) -> None:
        self._db.executemany(
            "UPDATE rule SET count = count + ?1, first = COALESCE(MIN(first, ?2), first, ?2), last = COALESCE(MAX(last, ?3), last, ?3)"
            " WHERE number = ?4",
            [(*tally.row(), number) for number, tally in rules.items()],
        )
        self._db.executemany(
            f"INSERT INTO tally VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET count = count + excluded.count, {_SPAN}",  # noqa: S608 - our text
            [(*key, *tally.row()) for key, tally in tallies.items()],
        )
        self._db.executemany(
            "INSERT INTO minute VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET count = count + excluded.count",
            [(*key, count) for key, count in minutes.items()],
        )

    def rules(self, limit: int) -> list[RuleRow]:
        """Return the rules that fired, the most severe first, then the one with the most detections."""
        rows = self._db.execute(
            "SELECT number, id, title, rank, status, tags, kind, count, first, last,"
            " (SELECT COUNT(*) FROM tally WHERE rule = number AND host != '')"
            " FROM rule ORDER BY rank DESC, count DESC, title, key LIMIT ?",
            (limit,),
        )
        return [RuleRow(r[0], r[1], r[2], LEVELS[r[3]], r[4], tuple(r[5].split("\n")), r[6], *r[7:]) for r in rows]

    def tags(self) -> Iterator[tuple[tuple[str, ...], str, int]]:
        """Yield (tags, level, detections) of every rule that fired."""
        for tags, level, count in self._db.execute("SELECT tags, rank, count FROM rule"):
            yield tuple(tags.split("\n")), LEVELS[level], count

    def levels(self) -> dict[str, tuple[int, int]]:
        """Return detections and rules by level, critical first."""
        found = {
            level: (count, rules) for level, count, rules in self._db.execute("SELECT rank, SUM(count), COUNT(*) FROM rule GROUP BY rank")
        }
        return {level: found.get(rank(level), (0, 0)) for level in reversed(LEVELS)}

    def shown(self, rule: int, limit: int) -> list[Shown]:
        """Return the first detections of a rule, in the order of their time."""
        rows = self._db.execute("SELECT data FROM shown WHERE rule = ? ORDER BY rowid LIMIT ?", (rule, limit))
        return sorted((Shown.from_json(data) for (data,) in rows), key=lambda shown: shown.time or "")

    def hosts(self, limit: int) -> list[HostRow]:
        """Return the hosts, first those with the most severe detections, then those with the most."""
        counts = ", ".join(f"SUM(tally.count * (rank = {level}))" for level in range(len(LEVELS)))
        order = ", ".join(f"{column + 5} DESC" for column in range(len(LEVELS) - 1, -1, -1))
        rows = self._db.execute(
            f"SELECT host, SUM(tally.count), MIN(tally.first), MAX(tally.last), {counts}"  # noqa: S608 - numbers only
            f" FROM tally JOIN rule ON rule = number GROUP BY host ORDER BY {order}, host LIMIT ?",
            (limit,),
        )
        return [HostRow(r[0], dict(zip(LEVELS, r[4:], strict=True)), *r[1:4]) for r in rows]

    def host_count(self) -> int:
        """Return how many hosts were named."""
        return int(self._db.execute("SELECT COUNT(DISTINCT host) FROM tally WHERE host != ''").fetchone()[0])

    def rule_count(self) -> int:
        """Return how many rules fired."""
        return self._rules

    def span(self, earliest: int, latest: int) -> tuple[int, int] | None:
        """Return the first and last minute (since 1970) with a detection between two minutes; None if there is none."""
        first, last = self._db.execute("SELECT MIN(at), MAX(at) FROM minute WHERE at BETWEEN ? AND ?", (earliest, latest)).fetchone()
        return None if first is None else (first, last)

    def buckets(self, start: int, width: int, number: int) -> dict[tuple[int, str], int]:
        """Return detections by (bucket, level) for ``number`` buckets of ``width`` minutes from minute ``start`` on."""
        rows = self._db.execute(
            "SELECT (at - ?1) / ?2, rank, SUM(count) FROM minute WHERE at >= ?1 AND at < ?1 + ?2 * ?3 GROUP BY 1, 2", (start, width, number)
        )
        return {(bucket, LEVELS[level]): count for bucket, level, count in rows}

    def total(self) -> int:
        """Return how many detections there are."""
        return int(self._db.execute("SELECT COALESCE(SUM(count), 0) FROM rule").fetchone()[0])

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.OperationalError as error:
            raise OutputError(
                f"the report's temporary file cannot be written: {error}", fix="free space, or set TMPDIR to a larger disk"
            ) from error


def minute_of(time: str | None) -> int:
    """Return minutes since 1970 of an RFC 3339 time; _NEVER where it is none."""
    try:
        return moment.from_text(time) // _MINUTE if time else _NEVER
    except ValueError:
        return _NEVER
