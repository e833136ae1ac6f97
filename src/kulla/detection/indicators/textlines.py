"""Lines of a text file of unknown origin, in bounded memory."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import BinaryIO

#: Characters of a line that are looked at; a longer one is left out.
MAX_LINE = 65_536


def decoded(stream: BinaryIO) -> io.TextIOWrapper:
    """Return a seekable stream as text: UTF-8, or UTF-16 by its byte order mark; what is neither becomes U+FFFD."""
    head = stream.read(2)
    stream.seek(0)
    encoding = "utf-16" if head in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    return io.TextIOWrapper(stream, encoding=encoding, errors="replace", newline=None)


def numbered_lines(text: io.TextIOWrapper) -> Iterator[tuple[int, str | None]]:
    """Yield (number from 1, line without its end); None for a line that is too long."""
    number = 1
    while line := text.readline(MAX_LINE):
        if len(line) == MAX_LINE and not line.endswith("\n"):
            _skip(text)
            yield number, None
        else:
            yield number, line.rstrip("\r\n")
        number += 1


def _skip(text: io.TextIOWrapper) -> None:
    while (rest := text.readline(MAX_LINE)) and not rest.endswith("\n"):
        pass
