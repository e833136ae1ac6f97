"""The output formats; each is imported only when it is asked for."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module

from kulla.model.errors import UsageError
from kulla.reporting.writer import ByteSink, Look, Writer

#: Format -> module and class. A new format is one more line here.
WRITERS: dict[str, tuple[str, str]] = {
    "table": ("kulla.reporting.writers.table", "TableWriter"),
    "jsonl": ("kulla.reporting.writers.jsonl", "JsonlWriter"),
    "json": ("kulla.reporting.writers.array", "ArrayWriter"),
    "csv": ("kulla.reporting.writers.flat", "CsvWriter"),
    "html": ("kulla.reporting.html.writer", "HtmlWriter"),
}


def make_writer(name: str, sink: ByteSink, look: Look | None = None) -> Writer:
    """Return the writer of a format.

    Args:
        name: a key of WRITERS.
        sink: where the bytes go, usually from ``kulla.reporting.sink.open_output``.
        look: for formats that people read.

    Raises:
        UsageError: no such format.
    """
    if name not in WRITERS:
        raise UsageError(f"unknown output format {name!r}", fix=f"one of {', '.join(WRITERS)}")
    module, attribute = WRITERS[name]
    build: Callable[[ByteSink, Look], Writer] = getattr(import_module(module), attribute)
    return build(sink, look or Look())
