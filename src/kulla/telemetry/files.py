"""From what the user names to batches of events: files, folders, globs and standard input; containers opened, formats recognised."""

from __future__ import annotations

import glob
import io
import os
import stat
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import BinaryIO, cast

from kulla.model.problem import Problems
from kulla.telemetry.batch import Batch
from kulla.telemetry.containers import Budget, Member, unpack
from kulla.telemetry.reader import Origin, Reader
from kulla.telemetry.streams import HEAD_BYTES, Guarded, Peekable

#: The path that stands for standard input.
STDIN = "-"

#: Archives that are recognised only to be named in a problem: signature, name.
_UNREAD_ARCHIVES = ((b"7z\xbc\xaf\x27\x1c", "7-Zip"), (b"Rar!\x1a\x07", "RAR"), (b"MSCF\0\0\0\0", "Cabinet"))


@dataclass(frozen=True, slots=True)
class Input:
    """One file to be read.

    Attributes:
        path: as given or found; ``-`` is standard input.
        size: bytes on disk, None for a pipe.
    """

    path: str
    size: int | None = None


@dataclass(frozen=True, slots=True)
class Other:
    """A file, or a file inside an archive, in which no reader recognised a log.

    Attributes:
        path: as in ``Source.path``.
        head: its first bytes, at most 64 KiB.
        stream: all of it, from the beginning; only valid during the call that hands it over.
    """

    path: str
    head: bytes
    stream: BinaryIO

    def content(self, limit: int) -> bytes:
        """Return the first ``limit`` bytes."""
        return cast("Peekable", self.stream).take(limit)


def inputs(paths: Sequence[str], problems: Problems) -> Iterator[Input]:
    """Yield the files that ``paths`` mean: a file, a folder (walked in the order of names), a glob, or ``-``.

    Each path is yielded once. What does not exist or cannot be listed becomes the problem ``unreadable-file``.
    """
    seen: set[str] = set()
    for path in paths:
        for found in _expand(path, problems):
            if found.path not in seen:
                seen.add(found.path)
                yield found


def total_bytes(found: Iterable[Input]) -> int | None:
    """Return the bytes on disk of all inputs, None where one is a pipe; the total that ``on_bytes`` counts towards."""
    sizes = [entry.size for entry in found]
    return None if None in sizes else sum(size for size in sizes if size is not None)


def _expand(path: str, problems: Problems) -> Iterator[Input]:
    if path == STDIN:
        yield Input(STDIN)
    elif os.path.lexists(path) or not glob.has_magic(path):
        yield from _existing(path, problems)
    else:
        names = sorted(glob.iglob(path, recursive=True))  # noqa: PTH207 - a pattern as the user wrote it, relative or absolute
        if not names:
            problems.add(path, "unreadable-file", "no file matches the pattern")
        for name in names:
            yield from _existing(name, problems)


def _existing(path: str, problems: Problems) -> Iterator[Input]:
    """Yield a file, or all files of a folder in the order of names.

    A folder that was already walked (a loop of links) is left out. The folders still to do stand in a
    list, because a hostile tree is deeper than Python's call stack.
    """
    walked: set[tuple[int, int]] = set()
    waiting = [path]
    while waiting:
        name = waiting.pop()
        try:
            status = os.stat(name)  # noqa: PTH116 - the path must stay as the user wrote it
            if not stat.S_ISDIR(status.st_mode):
                yield from _file(name, status, problems, inside=name != path)
            elif (folder := (status.st_dev, status.st_ino)) not in walked:
                walked.add(folder)
                waiting.extend(os.path.join(name, child) for child in sorted(os.listdir(name), reverse=True))  # noqa: PTH118, PTH208
        except (OSError, ValueError) as error:
            problems.add(name, "unreadable-file", getattr(error, "strerror", None) or str(error))


def _file(path: str, status: os.stat_result, problems: Problems, *, inside: bool) -> Iterator[Input]:
    """Yield a file; pipes, sockets and devices inside a folder are no evidence and could block for ever."""
    if stat.S_ISREG(status.st_mode):
        yield Input(path, status.st_size)
    elif inside:
        problems.add(path, "unreadable-file", "a pipe, socket or device inside a folder is not read")
    else:
        yield Input(path)


def read_path(
    path: str,
    problems: Problems,
    *,
    format_in: str | None = None,
    on_bytes: Callable[[int], None] | None = None,
    on_other: Callable[[Other], None] | None = None,
) -> Iterator[Batch]:
    """Yield the events of one file, of whatever format and however packed, in the file's order.

    Args:
        path: a file, or ``-``.
        problems: where everything that cannot be read is counted.
        format_in: name of the reader to use, instead of recognising the format by content.
        on_bytes: told how many bytes of the file were read since the last call (compressed ones where compressed).
        on_other: given each file without a log; without it, such a file is the problem ``unknown-format``.

    Raises:
        UsageError: ``format_in`` names no reader.
        ImportError: the reader that ``format_in`` names needs a package that is not installed.
    """
    forced = _forced(format_in)
    with ExitStack() as stack:
        try:
            raw = _stdin() if path == STDIN else stack.enter_context(open(path, "rb", buffering=0))  # noqa: PTH123
            modified = None if path == STDIN else os.fstat(raw.fileno()).st_mtime_ns // 1000
        except (OSError, ValueError) as error:
            problems.add(path, "unreadable-file", getattr(error, "strerror", None) or str(error))
            return
        guarded = Guarded(raw, path, problems, on_bytes)
        budget = Budget(lambda: guarded.consumed)
        for member in unpack(Member(path, Peekable(guarded), modified), problems, budget):
            yield from _read_member(member, problems, forced, on_other)


def _stdin() -> io.RawIOBase:
    """Return standard input without a buffer, so that what is read is what is counted."""
    return cast("io.RawIOBase", cast("io.BufferedReader", sys.stdin.buffer).raw)


def _forced(format_in: str | None) -> Reader | None:
    from kulla.telemetry import readers

    return None if format_in is None else readers.reader(format_in)


def _read_member(member: Member, problems: Problems, forced: Reader | None, on_other: Callable[[Other], None] | None) -> Iterator[Batch]:
    from kulla.telemetry import readers

    head = member.stream.peek(HEAD_BYTES)
    reader = forced or readers.best(head)
    stream = cast("BinaryIO", member.stream)
    if reader is not None:
        yield from reader.read(stream, Origin(member.path, problems, member.modified))
    elif on_other is not None:
        on_other(Other(member.path, head, stream))
    elif head:
        problems.add(member.path, "unknown-format", _unknown(head))


def _unknown(head: bytes) -> str:
    """Say why a file was not read."""
    for signature, name in _UNREAD_ARCHIVES:
        if head.startswith(signature):
            return f"a {name} archive, which is not opened; unpack it first"
    missing = _missing_reader()
    return f"no reader recognises the content{missing}"


def _missing_reader() -> str:
    from kulla.telemetry import readers

    missing = readers.available()[1]
    return "".join(f"; the reader {name} is not available ({reason})" for name, reason in missing.items())
