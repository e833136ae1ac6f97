"""Byte streams that never raise: what a failing disk or a damaged archive does becomes a counted Problem and an early end."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Protocol

from kulla.model.problem import Problems

#: What a reader may look at before it decides (bytes).
HEAD_BYTES = 64 * 1024
#: How much is asked of a file at once (bytes).
CHUNK_BYTES = 256 * 1024


class Readable(Protocol):
    """Anything with ``read(n)``, which may return fewer bytes than asked and returns none only at the end."""

    def read(self, size: int = -1, /) -> bytes:
        """Return up to ``size`` bytes."""
        ...


class Guarded:
    """A file on disk or a pipe: counts what was read and turns a failing read into a Problem and the end."""

    def __init__(self, raw: io.RawIOBase, path: str, problems: Problems, on_bytes: Callable[[int], None] | None = None) -> None:
        self._raw, self._path, self._problems, self._on_bytes = raw, path, problems, on_bytes
        self.consumed, self._failed = 0, False

    def read(self, size: int = -1, /) -> bytes:
        """Return up to ``size`` bytes; none at the end or after a failure."""
        if self._failed:
            return b""
        try:
            piece = self._raw.read(size) or b""
        except OSError as error:
            self._failed, reason = True, error.strerror or str(error)
            self._problems.add(self._path, "unreadable-file", f"reading stopped: {reason}", place=f"offset {self.consumed}")
            return b""
        self.consumed += len(piece)
        if piece and self._on_bytes is not None:
            self._on_bytes(len(piece))
        return piece


class Limited:
    """The next ``size`` bytes of another stream."""

    def __init__(self, source: Readable, size: int) -> None:
        self._source, self.left = source, size

    def read(self, size: int = -1, /) -> bytes:
        """Return up to ``size`` bytes; ``left`` stays above zero when the source ends early."""
        piece = self._source.read(self.left if size < 0 else min(size, self.left)) if self.left else b""
        self.left -= len(piece)
        return piece


class Peekable(io.RawIOBase):
    """A stream whose next bytes can be looked at, and whose last bytes can be given back."""

    def __init__(self, source: Readable) -> None:
        super().__init__()
        self._source, self._buffer, self._at = source, b"", 0

    def readable(self) -> bool:
        """Return True."""
        return True

    def peek(self, size: int) -> bytes:
        """Return the next ``size`` bytes without taking them; fewer only at the end."""
        while len(self._buffer) - self._at < size:
            piece = self._source.read(max(size, CHUNK_BYTES))
            if not piece:
                break
            self._buffer, self._at = self._buffer[self._at :] + piece, 0
        return self._buffer[self._at : self._at + size]

    def read(self, size: int = -1, /) -> bytes:
        """Take up to ``size`` bytes (all when negative); none only at the end."""
        if size < 0:
            return b"".join(iter(lambda: self.read(CHUNK_BYTES), b""))
        if self._at >= len(self._buffer) and size:
            self._buffer, self._at = self._source.read(size), 0
        piece = self._buffer[self._at : self._at + size]
        self._at += len(piece)
        return piece

    def take(self, size: int) -> bytes:
        """Take exactly ``size`` bytes; fewer only at the end. For small sizes: everything is held."""
        piece = self.peek(size)
        self._at += len(piece)
        return piece

    def unread(self, size: int) -> None:
        """Give back the last ``size`` bytes of the latest ``read``."""
        self._at -= size

    def give_back(self, data: bytes) -> None:
        """Put ``data`` before the next bytes."""
        self._buffer, self._at = data + self._buffer[self._at :], 0

    def drain(self) -> None:
        """Read and forget the rest."""
        while self.read(CHUNK_BYTES):
            pass
