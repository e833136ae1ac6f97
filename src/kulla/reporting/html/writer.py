"""HTML: gathers the detections on disk and writes one self-contained page at the end."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from importlib.resources import files

from kulla import __version__
from kulla.model import moment
from kulla.model.summary import ScanSummary
from kulla.reporting.html import found, overview, scope
from kulla.reporting.html.element import Html, el, join
from kulla.reporting.html.spool import Spool
from kulla.reporting.writer import ByteSink, Look, detections

#: Nothing is loaded and nothing runs, whatever the evidence holds (Content Security Policy Level 3).
POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"

_CONTENTS = (
    ("short", "In short"),
    ("severity", "Severity"),
    ("tactics", "Tactics"),
    ("timeline", "Timeline"),
    ("hosts", "Hosts"),
    ("detections", "Detections"),
    ("coverage", "Sources"),
    ("problems", "Problems"),
    ("rules", "Rules"),
)


class HtmlWriter:
    """One page; see ``page`` for its order."""

    def __init__(self, sink: ByteSink, look: Look) -> None:
        self._sink = sink
        self._problems = look.problems
        self._now = look.now
        self._spool = Spool()

    def write(self, lines: bytes) -> None:
        """Gather the block on disk."""
        self._spool.add(detections(lines, self._problems))

    def finish(self, summary: ScanSummary) -> None:
        """Write the page."""
        written = moment.from_datetime(datetime.now(UTC)) if self._now is None else self._now
        for part in page(summary, self._spool, written):
            self._sink.write(part.encode("utf-8", "replace"))
        self._spool.close()


def page(summary: ScanSummary, spool: Spool, written: int) -> Iterator[Html]:
    """Yield the page in parts: what the reader must know first comes first."""
    places = {rule.id: scope.place_of(rule) for rule in summary.rules if rule.detections}
    yield Html('<!DOCTYPE html>\n<html lang="en" dir="ltr">')
    yield _head(spool)
    yield Html("<body>")
    yield overview.header(summary, written, __version__)
    yield el("nav", el("ul", [el("li", el("a", words, href=f"#{name}")) for name, words in _CONTENTS]), aria_label="Contents")
    yield Html("<main>")
    for section in (overview.in_short(summary, spool), overview.severities(spool), overview.tactics(spool), overview.time_line(spool)):
        yield section
    yield overview.hosts(spool)
    yield from found.rules_found(spool, places)
    for section in (scope.coverage(summary), scope.problems(summary), scope.accounting(summary)):
        yield section
    yield Html("</main>")
    yield _footer()
    yield Html("</body></html>\n")


def _head(spool: Spool) -> Html:
    levels = ", ".join(f"{count:,} {level}" for level, (count, _) in spool.levels().items() if count)
    return el(
        "head",
        el("meta", charset="utf-8"),
        el("meta", http_equiv="Content-Security-Policy", content=POLICY),
        el("meta", name="viewport", content="width=device-width, initial-scale=1"),
        el("meta", name="color-scheme", content="light dark"),
        el("meta", name="referrer", content="no-referrer"),
        el("title", f"Kulla scan report: {levels or 'no detections'}"),
        el("style", Html(style())),
    )


def style() -> str:
    """Return the style sheet, which stands beside this file."""
    return files("kulla.reporting.html").joinpath("report.css").read_text("utf-8")


def _footer() -> Html:
    words = (
        "Times are UTC. A detection says that a rule matched, not that somebody did wrong: look at the event before you act.",
        "Web addresses are written hxxp:// and invisible characters as \\u{...}, so that nothing in the evidence acts on its reader.",
    )
    return el("footer", join(el("p", line) for line in words))
