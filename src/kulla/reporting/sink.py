"""Where results go: standard output, or a file that appears under its name only when it is complete."""

from __future__ import annotations

import errno
import os
import secrets
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, Literal

from kulla.model.errors import KullaError, UsageError
from kulla.reporting.writer import ByteSink

#: What the system says when there is no room: disk full, quota used up, file too large for the file system or the limit.
_NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


class OutputError(KullaError):
    """The output cannot be written (exit code 1); nothing half-written is left."""


class _Sink:
    """A stream whose failures are told in the user's words; a broken pipe stays a BrokenPipeError."""

    def __init__(self, stream: BinaryIO, name: str, *, flush: bool) -> None:
        self._stream = stream
        self._name = name
        self._flush = flush

    def write(self, data: bytes) -> None:
        with _told(self._name):
            self._stream.write(data)
            if self._flush:
                self._stream.flush()


@contextmanager
def open_output(path: str | None, *, force: bool = False) -> Iterator[ByteSink]:
    """Open standard output (None or ``-``) or a file for the results.

    A file is written as ``.NAME.tmp-RANDOM`` in the same folder, synced, and takes its name when the
    block ends without an exception; after an error or an interruption nothing is left of it. A device or a
    named pipe is written as it is. A broken pipe on standard output passes through as BrokenPipeError,
    after which the interpreter's own last flush is quiet.

    Raises:
        UsageError: the file exists and ``force`` is not given, or its folder does not exist.
        OutputError: no room, or any other failure of writing.
    """
    if path is None or path == "-":
        with _standard_output() as sink:
            yield sink
        return
    target = Path(os.path.realpath(path))
    if _is_special(target):
        with _stream(target, "wb", path, flush=True) as sink:
            yield sink
        return
    check_output(path, force=force)
    with _beside(target, path, force=force) as sink:
        yield sink


@contextmanager
def _standard_output() -> Iterator[ByteSink]:
    stream = sys.stdout.buffer
    try:
        yield _Sink(stream, "standard output", flush=True)
    except (BrokenPipeError, OutputError):
        _silence(stream)
        raise


def _silence(stream: BinaryIO) -> None:
    """Point standard output to nowhere, so that what is still buffered cannot fail again when Python exits."""
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)


def _is_special(target: Path) -> bool:
    """Return whether the target is a device or a named pipe, which must not be replaced by a file."""
    try:
        mode = target.stat().st_mode
    except OSError:
        return False
    return not stat.S_ISREG(mode) and not stat.S_ISDIR(mode)


def check_output(path: str | None, *, force: bool = False) -> None:
    """Find out before the work whether ``open_output`` would refuse a path after it.

    Raises:
        UsageError: as ``open_output``.
    """
    if path is None or path == "-":
        return
    target = Path(os.path.realpath(path))
    if target.is_dir():
        raise UsageError("the output is a folder", place=path, fix="name a file in it")
    if not target.parent.is_dir():
        raise UsageError("the folder of the output does not exist", place=path, fix="create it first")
    if target.exists() and not force and not _is_special(target):
        raise _exists(path)


def _exists(path: str) -> UsageError:
    return UsageError("the output file exists", place=path, fix="use --force to replace it, or choose another name")


@contextmanager
def _beside(target: Path, path: str, *, force: bool) -> Iterator[ByteSink]:
    draft = target.with_name(f".{target.name[:40]}.tmp-{secrets.token_hex(6)}")
    try:
        with _stream(draft, "xb", path, flush=False) as sink:
            yield sink
        with _told(path):
            _publish(draft, target, path, force=force)
    finally:
        with suppress(FileNotFoundError):
            draft.unlink()


@contextmanager
def _stream(file: Path, mode: Literal["xb", "wb"], name: str, *, flush: bool) -> Iterator[ByteSink]:
    """Open a file, and have it safely on disk when the block ends without an exception."""
    with _told(name):
        stream = file.open(mode)
    try:
        yield _Sink(stream, name, flush=flush)
        with _told(name):
            stream.flush()
            if stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
                os.fsync(stream.fileno())
    finally:
        with suppress(OSError):  # after a failure the rest of the buffer fails again; the first failure was told
            stream.close()


def _publish(draft: Path, target: Path, path: str, *, force: bool) -> None:
    """Give the finished file its name; without ``force`` a file that appeared meanwhile is kept."""
    if force:
        draft.replace(target)
    else:
        try:
            os.link(draft, target)
        except FileExistsError:
            raise _exists(path) from None
        except OSError:  # a file system without hard links (FAT, some network shares)
            draft.replace(target)
    _sync_folder(target.parent)


def _sync_folder(folder: Path) -> None:
    with suppress(OSError):  # not every system lets a folder be opened or synced
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


@contextmanager
def _told(name: str) -> Iterator[None]:
    """Turn a failure of writing into an OutputError."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        if error.errno in _NO_ROOM:
            raise OutputError("no space left to write the output", place=name, fix="free space or write elsewhere with -o") from error
        raise OutputError(f"the output cannot be written: {error.strerror or error}", place=name) from error
