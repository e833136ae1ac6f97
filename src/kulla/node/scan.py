"""The scan: files in, detections out. Joins readers, engine, indicators, YARA and correlations; no logic of its own in any of them.

One thread reads, some scan, and the first writes: batches are handed to a pool and their results taken
back in the order of the files, so that thread count and batch size change nothing in what comes out.
"""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from kulla.detection.correlation.correlator import Correlator
from kulla.detection.correlation.model import Hit as CorrelationHit
from kulla.detection.engine import ALWAYS, Engine, Scanned, kernel_available
from kulla.detection.indicators.searches import search_rules
from kulla.detection.kernelcache import is_compiled
from kulla.detection.logsources import Catalogue, builtin
from kulla.detection.rulebook import book_of, open_rules
from kulla.model.level import rank
from kulla.model.problem import Problems
from kulla.model.summary import RuleOutcome, ScanSummary
from kulla.node.scan_tally import Tally
from kulla.telemetry.batch import Batch
from kulla.telemetry.files import Input, Other, inputs, read_path, total_bytes

if TYPE_CHECKING:
    from kulla.detection.indicators.index import IndicatorIndex
    from kulla.detection.yara.scan import YaraScanner

#: Bytes up to which scanning slowly takes less time than compiling the kernel.
_SMALL_INPUT = 4 * 1024 * 1024
#: Batches that may wait for a thread or for the writer, for each thread.
_AHEAD = 2

Write = Callable[[bytes], None]
_Both = tuple[Scanned, Scanned | None]
#: Told bytes read, events and detections so far.
Progress = Callable[[int, int, int], None]


@dataclass(frozen=True, slots=True)
class ScanRequest:
    """What the user wants scanned, and with what.

    Attributes:
        paths: files, folders, globs, ``-``.
        rules: Sigma files, folders, zips.
        indicators, yara: files or folders of them.
        level: lowest level of detections that are given.
        window: (since, until) in microseconds UTC, both included.
        format_in: name of the reader to use instead of recognising formats.
        placeholders: values for the "expand" modifier.
        logsources: a site's log-source table (TOML).
        cache: folder for compiled rules; None to keep nothing.
        threads: how many scan at once; 0 for one each processor.
    """

    paths: Sequence[str]
    rules: Sequence[str] = ()
    indicators: Sequence[str] = ()
    yara: Sequence[str] = ()
    level: str = "informational"
    window: tuple[int, int] = ALWAYS
    format_in: str | None = None
    placeholders: Mapping[str, Sequence[str]] = field(default_factory=dict)
    logsources: str | None = None
    cache: Path | None = None
    threads: int = 0

    @property
    def rules_are_many(self) -> bool:
        """Whether more than a folder of rules is used, or a zip: a whole rule set is slow without compiled code."""
        return len(self.rules) > 1 or any(path.endswith(".zip") for path in self.rules)


class Scan:
    """One run.

    Args:
        request: what to do.
        problems: where everything that could not be read or matched is counted.
        say: told before work that takes seconds.

    Raises:
        UsageError: a path of rules, indicators or YARA rules does not exist, or the window or table is wrong.
    """

    def __init__(self, request: ScanRequest, problems: Problems, say: Callable[[str], None] = lambda _: None) -> None:
        self._request = request
        self._problems = problems
        self._catalogue = _catalogue(request.logsources)
        self._compiling = kernel_available() and self._worth_compiling(say)
        self._book = open_rules(
            request.rules,
            self._catalogue,
            request.cache,
            placeholders=request.placeholders,
            compiling=self._compiling,
            say=say,
        )
        self._index = _index(request.indicators, problems)
        self._searching = self._new_searching()
        self._yara = _yara(request.yara, problems)
        self._correlator = Correlator(self._book.correlations, None, problems) if self._book.correlations else None
        self._engine = self._new_engine()
        self._tally = Tally(self._book, self._engine)

    def _worth_compiling(self, say: Callable[[str], None]) -> bool:
        """Return whether to use the kernel: always once it is compiled; before that only if there is much to scan."""
        if is_compiled():
            return True
        total = self.total()
        if total is not None and total <= _SMALL_INPUT and not self._request.rules_are_many:
            return False
        say("Compiling the detection kernel for this machine: a minute or two, once after installation.")
        return True

    def _new_searching(self) -> Engine | None:
        """Return an engine for indicators that are patterns (LIKE, MATCHES), None where there are none."""
        rules = search_rules(self._index.indicators) if self._index else []
        if not rules:
            return None
        book = book_of(rules, self._catalogue, compiling=self._compiling)
        return Engine(book.rules, book.compiled, self._catalogue, window=self._request.window)

    def _scan(self, batch: Batch) -> _Both:
        return self._engine.scan(batch), self._searching.scan(batch) if self._searching else None

    def _new_engine(self) -> Engine:
        wanted = rank(self._request.level)
        muted = frozenset(n for n, info in enumerate(self._book.infos) if rank(info.level) < wanted)
        fed = set(self._correlator.needs) if self._correlator else set()
        feeding = frozenset(n for n, info in enumerate(self._book.infos) if info.id in fed)
        return Engine(self._book.rules, self._book.compiled, self._catalogue, self._index, muted, feeding, self._request.window)

    def run(self, write: Write, progress: Progress = lambda *_: None) -> ScanSummary:
        """Scan everything; ``write`` gets whole JSON lines in an order that depends on the input alone."""
        started = time.monotonic()
        found = list(inputs(self._request.paths, self._problems))
        with ThreadPoolExecutor(max_workers=self._threads()) as pool:
            waiting: deque[tuple[Batch, Future[_Both]]] = deque()
            for batch in self._batches(found):
                waiting.append((batch, pool.submit(self._scan, batch)))
                while len(waiting) > _AHEAD * self._threads():
                    self._take(*waiting.popleft(), write, progress)
            while waiting:
                self._take(*waiting.popleft(), write, progress)
        self._correlate(write)
        self._flush_yara(write)
        return self._summary(found, time.monotonic() - started)

    def _threads(self) -> int:
        return self._request.threads or os.cpu_count() or 1

    def _batches(self, found: Sequence[Input]) -> Iterator[Batch]:
        for each in found:
            yield from read_path(
                each.path,
                self._problems,
                format_in=self._request.format_in,
                on_bytes=self._tally.read,
                on_other=self._look if self._yara else None,
            )

    def _look(self, other: Other) -> None:
        """Have YARA look at a file that is no log."""
        if self._yara:
            wanted = rank(self._request.level)
            found = self._yara.scan(other.stream, other.path)
            given = [detection for detection in found if rank(detection.rule.level) >= wanted]
            self._tally.others += [detection.to_json() + b"\n" for detection in given]
            self._tally.levels.update(detection.rule.level for detection in given)

    def _take(self, batch: Batch, future: Future[_Both], write: Write, progress: Progress) -> None:
        scanned, searched = future.result()
        if scanned.lines:
            write(scanned.lines)
        self._tally.add(batch, scanned)
        if self._searching and searched and searched.lines:
            write(searched.lines)
            self._tally.add_searched(searched, self._searching)
        self._problems.extend(scanned.problems)
        self._feed(batch, scanned)
        self._flush_yara(write)
        progress(self._tally.bytes, self._tally.events, self._tally.detections)

    def _flush_yara(self, write: Write) -> None:
        if self._tally.others:
            write(b"".join(self._tally.others))
            self._tally.detections += len(self._tally.others)
            self._tally.others.clear()

    def _feed(self, batch: Batch, scanned: Scanned) -> None:
        if self._correlator and scanned.hits:
            self._correlator.feed(self._hit(batch, scanned, place) for place in range(len(scanned.hits)))

    def _hit(self, batch: Batch, scanned: Scanned, place: int) -> CorrelationHit:
        """Return a rule's hit with the values that correlations need."""
        hit = scanned.hits[place]
        reader = self._tally.reader
        event = reader.read(batch, hit.event)
        rule = self._book.infos[hit.rule].id
        aliases = reader.aliases(event.event_class)
        needs = self._correlator.needs[rule] if self._correlator else ()
        values = {name: event.value(name, aliases) for name in needs}
        around = event.envelope
        return CorrelationHit(rule, hit.time, batch.source.path, event.number, around.record_id, around.channel, around.host, values)

    def _correlate(self, write: Write) -> None:
        wanted = rank(self._request.level)
        for found in self._correlator.finish() if self._correlator else ():
            rule = found.correlation
            if rank(rule.level) >= wanted:
                write(found.to_json() + b"\n")
                self._tally.correlated[rule.id] += 1
                self._tally.levels[rule.level] += 1
                self._tally.detections += 1

    def _summary(self, found: Sequence[Input], seconds: float) -> ScanSummary:
        self._tally.report(self._problems)
        for predicate, count in self._engine.timeouts.taken().items():
            text = f"the regular expression {predicate.text[:80]!r} took too long and counts as not matching"
            self._problems.add("", "regex-timeout", text, place=f"field {predicate.field}", count=count)
        rules = (*self._tally.outcomes(), *self._correlation_outcomes())
        return ScanSummary(
            files=len(found),
            bytes=self._tally.bytes,
            events=self._tally.events,
            detections=self._tally.detections,
            seconds=round(seconds, 3),
            sources=self._tally.sources(),
            problems=tuple(self._problems),
            rules=rules,
            levels=self._tally.all_levels(rules),
        )

    def _correlation_outcomes(self) -> Iterator[RuleOutcome]:
        for each in self._book.correlations:
            count = self._tally.correlated[each.id]
            yield RuleOutcome(each.id, each.path, each.line, each.title, each.level, "evaluated", "", count)

    def total(self) -> int | None:
        """Return the bytes that there are to read, None where a pipe is among them."""
        return total_bytes(inputs(self._request.paths, Problems()))


def _catalogue(path: str | None) -> Catalogue:
    if path is None:
        return builtin()
    from kulla.detection.logsources import load_logsources

    return Catalogue(load_logsources(Path(path)))


def _index(paths: Sequence[str], problems: Problems) -> IndicatorIndex | None:
    if not paths:
        return None
    from kulla.detection.indicators.index import build_index
    from kulla.detection.indicators.load import load_indicators

    return build_index(load_indicators(paths, problems))


def _yara(paths: Sequence[str], problems: Problems) -> YaraScanner | None:
    if not paths:
        return None
    from kulla.detection.yara.rules import compile_rules
    from kulla.detection.yara.scan import YaraScanner

    return YaraScanner(compile_rules(paths, problems), problems)
