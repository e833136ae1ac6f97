"""Text files of any Unicode encoding as UTF-8 bytes, for readers that work on bytes."""

from __future__ import annotations

import codecs
from typing import BinaryIO

from kulla.telemetry.streams import Peekable, Readable

_UTF16_LE, _UTF16_BE = codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE
#: What PowerShell writes without a mark is recognised by this much text in ASCII (characters).
_PROOF = 4


def encoding(head: bytes) -> tuple[str | None, int]:
    """Return the name of a two-byte encoding, None for UTF-8, and the length of the byte order mark."""
    if head.startswith(codecs.BOM_UTF8):
        return None, len(codecs.BOM_UTF8)
    if head.startswith(_UTF16_LE):
        return "utf-16-le", len(_UTF16_LE)
    if head.startswith(_UTF16_BE):
        return "utf-16-be", len(_UTF16_BE)
    proof = head[: 2 * _PROOF]
    if len(proof) == 2 * _PROOF and not proof[1::2].strip(b"\0") and 0 not in proof[::2]:
        return "utf-16-le", 0
    if len(proof) == 2 * _PROOF and not proof[::2].strip(b"\0") and 0 not in proof[1::2]:
        return "utf-16-be", 0
    return None, 0


def utf8_head(head: bytes) -> bytes:
    """Return the first bytes of a file as UTF-8 without a byte order mark, for ``sniff``."""
    name, mark = encoding(head)
    text = head[mark:]
    return text if name is None else text.decode(name, "replace").encode("utf-8", "replace")


class _Transcoded:
    """A two-byte encoding read as UTF-8."""

    def __init__(self, source: Readable, name: str) -> None:
        self._source, self._decoder, self._ended = source, codecs.getincrementaldecoder(name)("replace"), False

    def read(self, size: int = -1, /) -> bytes:
        while not self._ended:
            piece = self._source.read(size)
            self._ended = not piece
            text = self._decoder.decode(piece, final=not piece).encode("utf-8", "replace")
            if text:
                return text
        return b""


def utf8_stream(stream: BinaryIO) -> Readable:
    """Return the stream as UTF-8 without a byte order mark; what UTF-8 itself damages is left as it is."""
    plain = Peekable(stream)
    name, mark = encoding(plain.peek(2 * _PROOF))
    plain.take(mark)
    return plain if name is None else _Transcoded(plain, name)
