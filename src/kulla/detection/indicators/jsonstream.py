"""JSON files of any size, member by member: only the parts that hold many things are walked, the rest is decoded whole."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from typing import Any

Path = tuple[str, ...]

#: Characters of one value that is decoded whole; more is refused.
MAX_VALUE = 16 * 1024 * 1024
_CHUNK = 256 * 1024
_BLANK = " \t\r\n"
#: The value that tells the end of a walked object.
CLOSED = object()


class JsonStreamError(ValueError):
    """The text is no JSON, or one value is too large; the message tells where."""


class _Window:
    """A part of the text that moves forward."""

    def __init__(self, text: io.TextIOBase) -> None:
        self._text = text
        self._buffer = ""
        self._place = 0
        self._before = 0  # characters that have left the buffer
        self._ended = False
        self._decoder = json.JSONDecoder()

    def _more(self) -> bool:
        """Read on, twice as much as is waiting; return whether there was any more."""
        waiting = self._buffer[self._place :]
        self._before += self._place
        fresh = "" if self._ended else self._text.read(max(_CHUNK, len(waiting)))
        self._ended = not fresh
        self._buffer, self._place = waiting + fresh, 0
        return bool(fresh)

    def error(self, message: str) -> JsonStreamError:
        """Return an error at this place."""
        return JsonStreamError(f"{message} at character {self._before + self._place}")

    def peek(self) -> str:
        """Return the next character that is no blank, "" at the end."""
        while True:
            while self._place < len(self._buffer):
                if self._buffer[self._place] not in _BLANK:
                    return self._buffer[self._place]
                self._place += 1
            if not self._more():
                return ""

    def take(self, wanted: str) -> bool:
        """Go past ``wanted`` if it is the next character, and return whether it was."""
        if self.peek() != wanted:
            return False
        self._place += 1
        return True

    def value(self) -> Any:
        """Decode the value that begins here."""
        self.peek()
        while True:
            try:
                found, end = self._decoder.raw_decode(self._buffer, self._place)
            except RecursionError:
                raise self.error("nested too deeply") from None
            except ValueError as error:  # JSONDecodeError, and integers of more than 4300 digits
                if len(self._buffer) - self._place > MAX_VALUE or not self._more():
                    raise self.error(f"unreadable: {str(error).partition(':')[0]}") from None
            else:
                if end < len(self._buffer) or not self._more():  # a number may go on
                    self._place = end
                    return found


def members(text: io.TextIOBase, walked: frozenset[str], opened: frozenset[str]) -> Iterator[tuple[Path, Any]]:
    """Yield (path of keys, value) of every member of the walked objects, in order; ``CLOSED`` at the end of each such object.

    Args:
        text: one or more JSON values.
        walked: keys whose object or array is walked and not decoded whole. An array's elements have its path.
        opened: keys among ``walked`` whose array's elements are walked themselves. So are those of an outermost array.

    Raises:
        JsonStreamError: at the first place that cannot be understood; what was yielded before it stands.
    """
    window = _Window(text)
    while window.peek():
        yield from _container((), window, walked, opened)


def _container(path: Path, window: _Window, walked: frozenset[str], opened: frozenset[str]) -> Iterator[tuple[Path, Any]]:
    if window.take("{"):
        yield from _object(path, window, walked, opened)
    elif window.take("["):
        yield from _array(path, window, walked, opened)
    else:
        yield path, window.value()


def _object(path: Path, window: _Window, walked: frozenset[str], opened: frozenset[str]) -> Iterator[tuple[Path, Any]]:
    first = True
    while not window.take("}"):
        if not first and not window.take(","):
            raise window.error("a comma is missing")
        first = False
        key = window.value()
        if not isinstance(key, str) or not window.take(":"):
            raise window.error("a key is missing")
        inner = (*path, key)
        # A walked key within itself would let a file nest as deep as it likes.
        if key in walked and key not in path:
            yield from _container(inner, window, walked, opened)
        else:
            yield inner, window.value()
    yield path, CLOSED


def _array(path: Path, window: _Window, walked: frozenset[str], opened: frozenset[str]) -> Iterator[tuple[Path, Any]]:
    first = True
    while not window.take("]"):
        if not first and not window.take(","):
            raise window.error("a comma is missing")
        first = False
        if (not path or path[-1] in opened) and window.take("{"):
            yield from _object(path, window, walked, opened)
        else:
            yield path, window.value()
