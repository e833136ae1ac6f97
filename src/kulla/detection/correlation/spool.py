"""Hits in order of time, in bounded memory: a list, and beyond a size a temporary SQLite table.

The order is (time, path, number, rule). A hit that is fed twice counts once.
"""

from __future__ import annotations

import json
import os
import sqlite3
import tempfile
from collections.abc import Iterator
from operator import attrgetter
from pathlib import Path
from sys import intern
from typing import Any

from kulla.detection.correlation.model import Hit
from kulla.model.problem import Problems

#: Hits kept in memory before they go to disk.
MEMORY_HITS = 200_000
#: Pages of the table kept in memory, in KiB.
_CACHE_KIB = 16_384
#: SQLite integers end here; no file has as many records.
_LARGEST = 2**63 - 1

_order = attrgetter("time", "path", "number", "rule_id")
_Row = tuple[int, bytes, int, bytes, str]


class Spool:
    """Takes hits in any order and gives them back sorted.

    Args:
        folder: where the temporary table goes; None uses the system's folder for temporary files.
        problems: where hits are counted that could not be kept (disk full).
        memory_hits: how many hits stay in memory.
    """

    def __init__(self, folder: Path | None, problems: Problems, memory_hits: int = MEMORY_HITS) -> None:
        self._folder = folder
        self._problems = problems
        self._memory_hits = memory_hits
        self._hits: list[Hit] = []
        self._table: sqlite3.Connection | None = None
        self._file: Path | None = None

    def add(self, hit: Hit) -> None:
        """Keep one hit."""
        self._hits.append(hit)
        if len(self._hits) >= self._memory_hits:
            self._spill()

    def take(self, until: int | None) -> Iterator[Hit]:
        """Yield the hits with a time before ``until`` (all, if None) in order, and forget them."""
        if self._table is None:
            yield from self._take_memory(until)
        else:
            self._spill()
            yield from self._take_table(until)

    def close(self) -> None:
        """Remove the temporary table."""
        self._hits = []
        if self._table is not None:
            self._table.close()
            self._table = None
        if self._file is not None:
            self._file.unlink(missing_ok=True)
            self._file = None

    def _take_memory(self, until: int | None) -> Iterator[Hit]:
        ordered = sorted(self._hits, key=_order)
        cut = next((index for index, hit in enumerate(ordered) if until is not None and hit.time >= until), len(ordered))
        self._hits = ordered[cut:]
        last = None
        for hit in ordered[:cut]:
            key = _order(hit)
            if key != last:
                yield hit
            last = key

    def _take_table(self, until: int | None) -> Iterator[Hit]:
        end = _LARGEST if until is None else until
        within = "time < ?" if until is not None else "time <= ?"
        table = self._table
        if table is None:
            return
        try:
            for row in table.execute(f"SELECT * FROM hits WHERE {within} ORDER BY time, path, number, rule", (end,)):  # noqa: S608 - two fixed texts
                yield _hit(row)
            table.execute(f"DELETE FROM hits WHERE {within}", (end,))  # noqa: S608 - two fixed texts
        except sqlite3.Error as error:
            self._lost(0, error)

    def _spill(self) -> None:
        """Move the hits from memory to the table; those that do not fit on the disk are lost and counted."""
        hits, self._hits = sorted(self._hits, key=_order), []
        try:
            if self._table is None:
                self._table = self._open()
            with self._table:
                self._table.execute("BEGIN")
                self._table.executemany("INSERT OR IGNORE INTO hits VALUES (?, ?, ?, ?, ?)", map(_row, hits))
        except (sqlite3.Error, OSError) as error:
            self._lost(len(hits), error)

    def _open(self) -> sqlite3.Connection:
        if self._file is not None:  # an earlier attempt failed after this
            self._file.unlink(missing_ok=True)
        handle, name = tempfile.mkstemp(prefix="kulla-hits-", suffix=".sqlite", dir=self._folder)
        os.close(handle)
        self._file = Path(name)
        table = sqlite3.connect(name, isolation_level=None, check_same_thread=False)
        # The journal stays in memory: enough to undo a batch that does not fit; a table that dies with the process needs no recovery.
        table.execute("PRAGMA journal_mode=MEMORY")
        table.execute("PRAGMA synchronous=OFF")
        table.execute(f"PRAGMA cache_size=-{_CACHE_KIB}")
        table.execute(
            "CREATE TABLE hits (time INTEGER, path BLOB, number INTEGER, rule BLOB, rest TEXT, "
            "PRIMARY KEY (time, path, number, rule)) WITHOUT ROWID"
        )
        return table

    def _lost(self, count: int, error: Exception) -> None:
        where = str(self._folder or tempfile.gettempdir())
        message = f"hits for correlations could not be kept on disk ({error}); correlations may be missing"
        self._problems.add(where, "correlation-spool", message, count=max(count, 1))


def _bytes(text: str) -> bytes:
    """Return bytes that sort as the text does; a path may hold unpaired surrogates."""
    return text.encode("utf-8", "surrogatepass")


def _row(hit: Hit) -> _Row:
    rest = json.dumps([hit.id, hit.channel, hit.host, dict(hit.values)])
    return hit.time, _bytes(hit.path), hit.number, _bytes(hit.rule_id), rest


def _hit(row: Any) -> Hit:
    time, path, number, rule, rest = row
    identity, channel, host, values = json.loads(rest)
    return Hit(
        rule_id=intern(rule.decode("utf-8", "surrogatepass")),
        time=time,
        path=intern(path.decode("utf-8", "surrogatepass")),
        number=number,
        id=identity,
        channel=channel and intern(channel),
        host=host and intern(host),
        values=values,
    )
