"""gzip, bzip2, xz and Zstandard as streams: bounded, many frames in one file, damage and truncation counted."""

from __future__ import annotations

import bz2
import io
import lzma
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, BinaryIO, Protocol, cast, runtime_checkable

from kulla.model.problem import Problems
from kulla.telemetry.streams import CHUNK_BYTES, Peekable

#: Compressed bytes handed to a decompressor at once.
_FEED_BYTES = 64 * 1024
#: Decompressed bytes taken from one at once.
_TAKE_BYTES = 2 * 1024 * 1024
#: The same for those that give nothing of what they decoded in the call in which they meet damage: so much is lost at most.
_STEP_BYTES = 64 * 1024
#: Largest dictionary or window that a file may ask for (xz, Zstandard): both tools' own default limit for reading.
_WINDOW_BYTES = 128 * 1024 * 1024
#: Upper 28 bits of the magic number of a frame to be skipped.
_SKIPPABLE = 0x184D2A5
#: A stream may produce this much whatever its ratio.
FREE_BYTES = 100 * 1024 * 1024
#: Produced bytes for each byte of the file beyond which it is taken for a bomb; deflate itself cannot pass 1032.
MAX_RATIO = 1000


@dataclass(slots=True)
class Budget:
    """What unpacking one file on disk has cost so far, over all its layers.

    Attributes:
        consumed: answers how many bytes of the file itself were read.
        produced: bytes that all decompressors gave together.
        members: files seen inside archives.
        burst: a limit was passed; nothing more of this file is unpacked.
    """

    consumed: Callable[[], int]
    produced: int = 0
    members: int = 0
    burst: bool = False

    def exceeded(self) -> bool:
        """Return whether the output is out of all proportion to the file."""
        return self.produced > FREE_BYTES and self.produced > MAX_RATIO * self.consumed()


class _Decompressor(Protocol):
    """What zlib, bz2 and lzma have in common."""

    @property
    def eof(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int = ..., /) -> bytes:
        """Return up to ``max_length`` bytes of what ``data`` holds."""
        ...


@runtime_checkable
class _Copied(Protocol):
    """A decompressor whose state can be copied."""

    def copy(self) -> _Decompressor:
        """Return an independent copy."""
        ...


class Codec(Protocol):
    """Decodes what it pulls from its source.

    ``decode`` returns some bytes, or none at the orderly end.

    Raises:
        EOFError: the source ended too early.
        ValueError: the data are damaged; the message says how.
    """

    def decode(self, size: int) -> bytes:
        """Return up to ``size`` bytes."""
        ...


class BlockCodec:
    """zlib, bz2 or lzma; ``magic`` set means that further streams may follow the first, as the tools themselves allow."""

    def __init__(self, source: Peekable, make: Callable[[], _Decompressor], magic: bytes | None, feed: int = _FEED_BYTES) -> None:
        self._source, self._make, self._magic, self._feed = source, make, magic, feed
        self._engine, self._pending = make(), b""
        self._damage: Exception | None = None

    def decode(self, size: int) -> bytes:
        """Return up to ``size`` decoded bytes."""
        while True:
            if self._damage:
                raise ValueError(str(self._damage)) from self._damage
            if self._engine.eof and not self._next_stream():
                return b""
            decoded = self._decode_once(size)
            if decoded:
                return decoded

    def _decode_once(self, size: int) -> bytes:
        if not self._pending and getattr(self._engine, "needs_input", True):
            self._pending = self._source.read(self._feed)
            if not self._pending:
                raise EOFError
        # What was decoded in a call that fails is not handed out. zlib can be copied, so that it is tried again more slowly.
        before = self._engine.copy() if isinstance(self._engine, _Copied) else None
        try:
            decoded = self._engine.decompress(self._pending, min(size, _STEP_BYTES))
        except (zlib.error, lzma.LZMAError, OSError) as error:
            self._damage = error
            return _salvaged(before, self._pending, min(size, _STEP_BYTES)) if before else b""
        self._pending = b"" if self._engine.eof else getattr(self._engine, "unconsumed_tail", b"")
        if self._engine.eof:
            self._source.unread(len(self._engine.unused_data))
        return decoded

    def _next_stream(self) -> bool:
        """Start the next stream of a file of several; zeros after the last one are padding."""
        if self._magic is None:
            return False
        while (head := self._source.peek(_FEED_BYTES)) and not head.strip(b"\0"):
            self._source.take(len(head))
        if not head:
            return False
        self._source.take(len(head) - len(head.lstrip(b"\0")))
        if self._source.peek(len(self._magic)) != self._magic:
            raise ValueError("other bytes follow the compressed data")
        self._engine, self._pending = self._make(), b""
        return True


def _salvaged(engine: _Decompressor, data: bytes, size: int) -> bytes:
    """Return what ``data`` gives up to the damage in it, about ``size`` bytes at most, by feeding it byte by byte."""
    decoded = bytearray()
    for at in range(len(data)):
        try:
            decoded += engine.decompress(data[at : at + 1])
        except zlib.error:
            break
        if len(decoded) >= size:
            break
    return bytes(decoded)


class ZstdCodec:
    """Zstandard frames (RFC 8878)."""

    def __init__(self, source: Peekable) -> None:
        import zstandard

        self._error: type[Exception] = zstandard.ZstdError
        self._frames = _Frames(source)
        engine = zstandard.ZstdDecompressor(max_window_size=_WINDOW_BYTES)
        self._stream: Any = engine.stream_reader(cast("BinaryIO", self._frames), read_size=_FEED_BYTES, read_across_frames=True)

    def decode(self, size: int) -> bytes:
        """Return up to ``size`` decoded bytes."""
        try:
            decoded: bytes = self._stream.read(size)
        except self._error as error:
            raise ValueError(str(error)) from error
        if not decoded and not self._frames.complete:
            raise EOFError
        return decoded


class _Frames:
    """Passes Zstandard data on and follows the frames, because the decoder does not say whether the last one was complete.

    RFC 8878, 3.1.1 (frames), 3.1.1.2 (blocks), 3.1.2 (skippable frames).
    """

    def __init__(self, source: Peekable) -> None:
        self._source, self._skip, self._have, self._state = source, 0, b"", "magic"
        self._checksum = 0

    @property
    def complete(self) -> bool:
        """Whether all that was read ends with a frame."""
        return self._state == "magic" and not self._have and not self._skip

    def read(self, size: int = -1, /) -> bytes:
        """Return up to ``size`` compressed bytes."""
        piece = self._source.read(size)
        at = 0
        while at < len(piece):
            step = min(self._skip, len(piece) - at)
            if step:
                self._skip, at = self._skip - step, at + step
            else:
                at = self._header(piece, at)
        return piece

    def _header(self, piece: bytes, at: int) -> int:
        """Gather one small header byte by byte; act when it is whole."""
        need = {"magic": 4, "size": 4, "descriptor": 1, "block": 3}.get(self._state, 1)
        taken = piece[at : at + need - len(self._have)]
        self._have += taken
        if len(self._have) == need:
            value, self._have = int.from_bytes(self._have, "little"), b""
            getattr(self, f"_on_{self._state}")(value)
        return at + len(taken)

    def _on_magic(self, value: int) -> None:
        self._state = "size" if value >> 4 == _SKIPPABLE else "descriptor"

    def _on_size(self, value: int) -> None:
        self._skip, self._state = value, "magic"

    def _on_descriptor(self, value: int) -> None:
        single = value >> 5 & 1
        content = (1 if single else 0, 2, 4, 8)[value >> 6]
        self._skip = content + (0, 1, 2, 4)[value & 3] + (1 - single)
        self._checksum, self._state = (4 if value & 4 else 0), "block"

    def _on_block(self, value: int) -> None:
        last, kind, size = value & 1, value >> 1 & 3, value >> 3
        self._skip = 1 if kind == 1 else size  # an RLE block is one byte, whatever its size
        if last:
            self._skip, self._state = self._skip + self._checksum, "magic"


def gzip_codec(source: Peekable) -> Codec:
    """Return a decoder of gzip members (RFC 1952)."""
    return BlockCodec(source, lambda: zlib.decompressobj(wbits=31), b"\x1f\x8b")


def deflate_codec(source: Peekable, feed: int = _FEED_BYTES) -> Codec:
    """Return a decoder of raw deflate data, as in a zip."""
    return BlockCodec(source, lambda: zlib.decompressobj(wbits=-15), None, feed)


def bzip2_codec(source: Peekable) -> Codec:
    """Return a decoder of bzip2 streams."""
    return BlockCodec(source, bz2.BZ2Decompressor, b"BZh")


def xz_codec(source: Peekable) -> Codec:
    """Return a decoder of xz streams."""
    return BlockCodec(source, lambda: lzma.LZMADecompressor(memlimit=2 * _WINDOW_BYTES), b"\xfd7zXZ\0")


class Inflated(io.RawIOBase):
    """The decoded side of a codec: counts what it gives against the budget; every failure is a Problem and the end."""

    def __init__(self, codec: Codec, path: str, problems: Problems, budget: Budget) -> None:
        super().__init__()
        self._codec, self._path, self._problems, self._budget = codec, path, problems, budget
        self.given = 0
        self.ended = self.sound = False

    def readable(self) -> bool:
        """Return True."""
        return True

    def read(self, size: int = -1, /) -> bytes:
        """Return up to ``size`` decoded bytes; ``sound`` tells at the end whether all was well."""
        if self.ended or self._budget.burst or not size:
            return b""
        try:
            piece = self._codec.decode(_TAKE_BYTES if size < 0 else min(size, _TAKE_BYTES))
        except EOFError:
            return self._fail("truncated-file", "the compressed data end too early; what came before was read")
        except ValueError as error:
            return self._fail("corrupt-archive", f"damaged compressed data: {error}; what came before was read")
        self.given += len(piece)
        self._budget.produced += len(piece)
        if self._budget.exceeded():
            self._budget.burst = True
            return self._fail("archive-bomb", f"more than {MAX_RATIO} times the size of the file came out of it; the rest was not read")
        self.ended = self.sound = not piece
        return piece

    def drain(self) -> None:
        """Decode and forget the rest, so that the source stands behind it."""
        while self.read(CHUNK_BYTES):
            pass

    def _fail(self, kind: str, message: str) -> bytes:
        self.ended = True
        self._problems.add(self._path, kind, message, place=f"offset {self.given} of the decompressed data")
        return b""
