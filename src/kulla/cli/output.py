"""The options for output that every command with results shares, and what goes to stderr beside the results."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import wraps
from pathlib import PurePath
from typing import Any

import click

from kulla.model.errors import KullaError
from kulla.model.problem import Problems
from kulla.model.text import visible
from kulla.reporting.scan_text import problem_lines
from kulla.reporting.sink import open_output
from kulla.reporting.words import counted
from kulla.reporting.writer import ByteSink, Look, Writer
from kulla.reporting.writers import make_writer

#: Columns of a table that goes to a file or a pipe.
PLAIN_WIDTH = 120

#: Endings of ``-o FILE`` that choose a format where ``-f`` is not given.
ENDINGS = {".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "json", ".csv": "csv", ".html": "html", ".htm": "html"}


@dataclass(frozen=True, slots=True)
class OutputOptions:
    """What the user asked of the output.

    Attributes:
        format: one of those the command offers.
        path: of the output file, None for stdout.
        force: replace an existing file.
        color: auto, always or never.
        quiet: only results and errors.
        verbose: how often ``-v`` was given.
        progress: False for ``--no-progress``.
    """

    format: str = "table"
    path: str | None = None
    force: bool = False
    color: str = "auto"
    quiet: bool = False
    verbose: int = 0
    progress: bool = True

    @property
    def on_terminal(self) -> bool:
        """Whether the results are read on a terminal as they come."""
        return self.path in (None, "-") and sys.stdout.isatty()

    @property
    def colored(self) -> bool:
        """Whether the results get colours: ``--color`` before NO_COLOR (no-color.org) before what the terminal is."""
        if self.color != "auto":
            return self.color == "always"
        return self.on_terminal and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"

    @property
    def shows_progress(self) -> bool:
        """Whether progress may be shown on stderr, if that is a terminal."""
        return self.progress and not self.quiet

    def look(self, problems: Problems) -> Look:
        """Return how a page for people is to look, and where a writer counts problems."""
        width = shutil.get_terminal_size().columns if self.on_terminal else PLAIN_WIDTH
        return Look(width=width, color=self.colored, live=self.on_terminal, problems=problems)


def output_options(*formats: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Add ``-f``, ``-o``, ``--force``, ``--color``, ``-q``, ``-v`` and ``--no-progress``; the command gets ``output``.

    Args:
        formats: those the command offers, its default first.
    """

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(command)
        def with_output(*args: Any, **options: Any) -> Any:
            taken = {name: options.pop(f"output_{name}") for name in ("format", "path", "force", "color", "quiet", "verbose")}
            taken["progress"] = not options.pop("output_still")
            taken["format"] = taken["format"] or _format_by_ending(taken["path"], formats)
            return command(*args, output=OutputOptions(**taken), **options)

        for option in reversed(_options(formats)):
            with_output = option(with_output)
        return with_output

    return decorate


def _options(formats: tuple[str, ...]) -> list[Callable[[Callable[..., Any]], Callable[..., Any]]]:
    endings = ", or as the ending of -o says" if any(name in formats for name in ENDINGS.values()) else ""
    return [
        click.option(
            "-f", "--format", "output_format", type=click.Choice(formats), help=f"Form of the results (default {formats[0]}{endings})."
        ),
        click.option(
            "-o",
            "--output",
            "output_path",
            metavar="FILE",
            type=click.Path(allow_dash=True),
            help="Write to FILE, which appears when complete.",
        ),
        click.option("--force", "output_force", is_flag=True, help="Replace FILE if it exists."),
        click.option(
            "--color", "output_color", type=click.Choice(["auto", "always", "never"]), default="auto", help="Colours (default auto)."
        ),
        click.option("-q", "--quiet", "output_quiet", is_flag=True, help="No summary and no progress."),
        click.option("-v", "--verbose", "output_verbose", count=True, help="Say more; progress also without a terminal."),
        click.option("--no-progress", "output_still", is_flag=True, help="No progress on the terminal."),
    ]


def _format_by_ending(path: str | None, formats: tuple[str, ...]) -> str:
    named = ENDINGS.get(PurePath(path).suffix.lower()) if path else None
    return named if named in formats else formats[0]


class _Aside:
    """A sink that has the progress line taken away before anything is written beneath it."""

    def __init__(self, sink: ByteSink, before: Callable[[], None]) -> None:
        self._sink = sink
        self._before = before

    def write(self, data: bytes) -> None:
        self._before()
        self._sink.write(data)


@contextmanager
def open_writer(output: OutputOptions, problems: Problems, *, before_write: Callable[[], None] | None = None) -> Iterator[Writer]:
    """Open the output the user asked for; ``finish`` must be called before the block ends.

    Args:
        output: what the user asked.
        problems: where a writer counts what it cannot show.
        before_write: called before each write to a terminal (``ProgressLine.clear``).

    Raises:
        UsageError, OutputError: as ``kulla.reporting.sink.open_output``.
    """
    with open_output(output.path, force=output.force) as sink:
        aside = _Aside(sink, before_write) if before_write and output.on_terminal else sink
        yield make_writer(output.format, aside, output.look(problems))


def echo_problem_summary(problems: Problems, *, quiet: bool = False) -> None:
    """Say on stderr what went wrong: each kind with its count and first places; one line if ``quiet``; nothing if nothing."""
    if not len(problems):
        return
    click.echo(f"Warning: {counted(problems.total, 'problem', 'problems')}", err=True)
    for line in [] if quiet else problem_lines(problems):
        click.echo(f"  {line}", err=True)


def echo_error(error: KullaError) -> None:
    """Say on stderr what went wrong, where, and what helps."""
    click.echo(f"Error: {visible(str(error))}", err=True)
