"""Containers: compressed files and archives, recognised by content, opened as streams, never written to disk."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from kulla.model.problem import Problems
from kulla.telemetry.containers.inflate import Budget, Codec, Inflated, ZstdCodec, bzip2_codec, gzip_codec, xz_codec
from kulla.telemetry.containers.member import Member
from kulla.telemetry.containers.tarred import is_tar, tar_members
from kulla.telemetry.containers.zipped import LOCAL, zip_members
from kulla.telemetry.streams import HEAD_BYTES, Peekable

__all__ = ["MAX_LAYERS", "MAX_MEMBERS", "Budget", "Member", "unpack"]

#: Containers inside containers; a zip with a .tar.gz with a .gz inside has four.
MAX_LAYERS = 5
#: Files inside the archives of one file on disk.
MAX_MEMBERS = 1_000_000

#: Zstandard's frame, and the sixteen frames to be skipped (RFC 8878, 3.1.1 and 3.1.2).
_ZSTD = (b"\x28\xb5\x2f\xfd", *(bytes((low,)) + b"\x2a\x4d\x18" for low in range(0x50, 0x60)))
_BZIP2_BLOCK, _BZIP2_END = b"1AY&SY", b"\x17rE8P\x90"
_Opener = Callable[[Member, Problems, Budget], Iterator[Member]]


def unpack(member: Member, problems: Problems, budget: Budget, layers: int = 0) -> Iterator[Member]:
    """Yield ``member`` itself, or each file inside it where it is a container, at any depth within the limits.

    Each yielded member must be read before the next is asked for. Limits that are passed, damage and
    truncation are counted; what came before is still given.
    """
    opener = _opener(member.stream.peek(HEAD_BYTES))
    if opener is None:
        yield member
        return
    if layers >= MAX_LAYERS:
        problems.add(member.path, "archive-bomb", f"more than {MAX_LAYERS} containers inside each other; this one was not read")
        return
    for inner in opener(member, problems, budget):
        if opener in (zip_members, tar_members) and not _admit(member, problems, budget):
            return
        yield from unpack(inner, problems, budget, layers + 1)
        if budget.burst:
            return


def _admit(archive: Member, problems: Problems, budget: Budget) -> bool:
    budget.members += 1
    if budget.members <= MAX_MEMBERS:
        return True
    if not budget.burst:
        problems.add(archive.path, "archive-bomb", f"more than {MAX_MEMBERS} members; the rest was not read")
    budget.burst = True
    return False


def _opener(head: bytes) -> _Opener | None:
    """Return what opens a stream that begins so, None where it is no container."""
    if head.startswith((LOCAL, b"PK\x05\x06")):
        return zip_members
    codec = _codec(head)
    if codec is not None:
        return _compressed(codec)
    return tar_members if is_tar(head) else None


def _codec(head: bytes) -> Callable[[Peekable], Codec] | None:
    if head.startswith(b"\x1f\x8b\x08"):
        return gzip_codec
    if head.startswith(_ZSTD):
        return ZstdCodec
    if head.startswith(b"\xfd7zXZ\0"):
        return xz_codec
    if head.startswith(b"BZh") and head[4:10] in (_BZIP2_BLOCK, _BZIP2_END):
        return bzip2_codec
    return None


def _compressed(codec: Callable[[Peekable], Codec]) -> _Opener:
    def open_compressed(member: Member, problems: Problems, budget: Budget) -> Iterator[Member]:
        inflated = Inflated(codec(member.stream), member.path, problems, budget)
        yield Member(member.path, Peekable(inflated), member.modified)

    return open_compressed
