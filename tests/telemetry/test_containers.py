"""Containers: each kind alone and inside others, damaged and cut at every place, hostile names, bombs."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import random
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from typing import Any

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from kulla.model.problem import Problem, Problems
from kulla.telemetry.containers import Budget, Member, unpack
from kulla.telemetry.streams import CHUNK_BYTES, Peekable
from tests.telemetry.reader_contract import Dribble, Generated

TEXT = b"".join(b"line %d of a log\n" % number for number in range(500))


def open_all(data: bytes, *, dribble: bool = False) -> tuple[dict[str, bytes], list[Problem]]:
    problems, found = Problems(), {}
    source = Dribble(data) if dribble else io.BytesIO(data)
    budget = Budget(lambda: len(data))
    for member in unpack(Member("a", Peekable(source)), problems, budget):
        assert member.path not in found
        found[member.path] = member.stream.read()
    return found, list(problems)


def kinds(problems: list[Problem]) -> list[str]:
    return [problem.kind for problem in problems]


def zipped(files: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED, *, streamed: bool = False) -> bytes:
    buffer = io.BytesIO()
    target = Unseekable(buffer) if streamed else buffer
    with zipfile.ZipFile(target, "w", method) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


class Unseekable(io.RawIOBase):
    """Makes zipfile write sizes and checksums behind the data."""

    def __init__(self, target: io.BytesIO) -> None:
        self._target = target

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        return self._target.write(data)


def tarred(files: dict[str, bytes], form: int = tarfile.PAX_FORMAT) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=form) as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mtime = len(content), 1_657_876_443
            archive.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


COMPRESS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "bzip2": bz2.compress,
    "xz": lzma.compress,
    "zstd": zstandard.ZstdCompressor(write_checksum=True).compress,
    "zstd without size": lambda data: zstandard.ZstdCompressor(write_content_size=False).compress(data),
}
ARCHIVE: dict[str, Callable[[dict[str, bytes]], bytes]] = {
    "zip": zipped,
    "zip stored": lambda files: zipped(files, zipfile.ZIP_STORED),
    "zip bzip2": lambda files: zipped(files, zipfile.ZIP_BZIP2),
    "zip streamed": lambda files: zipped(files, streamed=True),
    "zip stored streamed": lambda files: zipped(files, zipfile.ZIP_STORED, streamed=True),
    "tar pax": tarred,
    "tar gnu": lambda files: tarred(files, tarfile.GNU_FORMAT),
    "tar ustar": lambda files: tarred(files, tarfile.USTAR_FORMAT),
}
FILES = {"one.log": TEXT, "folder/two.log": TEXT * 30, "empty.log": b"", "folder/përshëndetje.log": b"x"}


@pytest.mark.parametrize("dribble", [False, True])
@pytest.mark.parametrize("name", COMPRESS)
def test_compressed_files(name: str, dribble: bool) -> None:
    compress = COMPRESS[name]
    assert open_all(compress(TEXT), dribble=dribble) == ({"a": TEXT}, [])
    assert open_all(compress(TEXT) + compress(b"more"), dribble=dribble) == ({"a": TEXT + b"more"}, [])


@pytest.mark.parametrize("dribble", [False, True])
@pytest.mark.parametrize("name", ARCHIVE)
def test_archives(name: str, dribble: bool) -> None:
    found, problems = open_all(ARCHIVE[name](FILES), dribble=dribble)
    assert found == {f"a!{path}": content for path, content in FILES.items()}
    assert not problems


def test_containers_inside_each_other() -> None:
    inner = gzip.compress(tarred({"b.log.xz": lzma.compress(TEXT)}))
    assert open_all(zipped({"c.tar.gz": inner}, streamed=True)) == ({"a!c.tar.gz!b.log.xz": TEXT}, [])
    assert open_all(zstandard.compress(tarred({"d.zip": zipped({"e": b"f"})}))) == ({"a!d.zip!e": b"f"}, [])


def test_times_come_from_the_archive() -> None:
    times = [member.modified for member in unpack(Member("a", Peekable(io.BytesIO(tarred(FILES)))), Problems(), Budget(lambda: 1))]
    assert times == [1_657_876_443_000_000] * 4


def test_a_reader_that_stops_early_does_not_shift_the_next_member() -> None:
    for archive in ARCHIVE.values():
        problems = Problems()
        members = unpack(Member("a", Peekable(io.BytesIO(archive(FILES)))), problems, Budget(lambda: 1))
        starts = [member.stream.take(4) for member in members]
        assert starts == [b"line", b"line", b"", b"x"]
        assert not len(problems)


@pytest.mark.parametrize("name", COMPRESS)
def test_a_compressed_file_cut_anywhere_gives_what_was_there(name: str) -> None:
    data = COMPRESS[name](TEXT)
    for at in range(20, len(data)):
        found, problems = open_all(data[:at])
        assert TEXT.startswith(found["a"])
        assert kinds(problems) == ["truncated-file"], at


@pytest.mark.parametrize("name", ARCHIVE)
def test_an_archive_cut_anywhere_gives_what_was_there(name: str) -> None:
    files = {"one.log": b"one " * 10, "two.log": b"two " * 10}
    data = ARCHIVE[name](files)
    for at in range(512 if "tar" in name else 4, len(data)):
        found, problems = open_all(data[:at])
        assert all(files.get(path[2:], b"").startswith(content) for path, content in found.items())
        if found != {f"a!{path}": content for path, content in files.items()}:
            assert problems, at


@pytest.mark.parametrize("name", [*COMPRESS, *ARCHIVE])
def test_damage_never_raises(name: str) -> None:
    data, dice = COMPRESS[name](TEXT) if name in COMPRESS else ARCHIVE[name](FILES), random.Random(2)
    for _ in range(150):
        damaged = bytearray(data)
        for _ in range(dice.choice((1, 3, 30))):
            damaged[dice.randrange(4, len(damaged))] ^= 1 << dice.randrange(8)
        open_all(bytes(damaged))
        open_all(bytes(damaged), dribble=True)


def test_a_wrong_checksum_is_counted() -> None:
    data = bytearray(zipped({"x": b"abcdef" * 100}, zipfile.ZIP_STORED))
    data[100] ^= 1
    found, problems = open_all(bytes(data))
    assert len(found["a!x"]) == 600
    assert kinds(problems) == ["corrupt-archive"]


def test_garbage_between_members_costs_none() -> None:
    one, two = zipped({"one": TEXT}), zipped({"two": TEXT})
    local = one[: one.index(b"PK\x01\x02")]
    found, problems = open_all(local + random.Random(1).randbytes(5000) + two)
    assert found == {"a!one": TEXT, "a!two": TEXT}
    assert kinds(problems) == ["corrupt-archive"]


def test_bytes_behind_a_compressed_file_are_counted_and_padding_is_not() -> None:
    assert open_all(gzip.compress(TEXT) + bytes(1000)) == ({"a": TEXT}, [])
    found, problems = open_all(gzip.compress(TEXT) + b"and more")
    assert found == {"a": TEXT}
    assert kinds(problems) == ["corrupt-archive"]


def test_stored_data_that_look_like_a_descriptor() -> None:
    content = b"PK\x07\x08" + bytes(16) + b"PK\x03\x04" + b"x" * 9000 + b"PK\x07\x08"
    assert open_all(zipped({"x": content, "y": b"z"}, zipfile.ZIP_STORED, streamed=True)) == ({"a!x": content, "a!y": b"z"}, [])


def test_an_encrypted_member_is_counted_and_the_next_is_read() -> None:
    data = bytearray(zipped({"secret": b"s" * 50, "open": TEXT}, zipfile.ZIP_STORED))
    data[6] |= 1
    found, problems = open_all(bytes(data))
    assert found == {"a!open": TEXT}
    assert [(problem.path, problem.kind) for problem in problems] == [("a!secret", "encrypted-member")]


def test_an_unsupported_method_is_counted_and_the_next_is_read() -> None:
    data = bytearray(zipped({"odd": b"s" * 50, "open": TEXT}, zipfile.ZIP_STORED))
    struct.pack_into("<H", data, 8, 9)
    found, problems = open_all(bytes(data))
    assert found == {"a!open": TEXT}
    assert [(problem.path, problem.kind) for problem in problems] == [("a!odd", "unsupported-compression")]


def test_sizes_of_64_bits() -> None:
    extra = struct.pack("<HHQQ", 1, 16, 3, 3)
    head = struct.pack("<4sHHHHHIIIHH", b"PK\x03\x04", 45, 0, 0, 0, 0x5421, zlib.crc32(b"abc"), 0xFFFFFFFF, 0xFFFFFFFF, 1, len(extra))
    assert open_all(head + b"x" + extra + b"abc" + b"PK\x01\x02") == ({"a!x": b"abc"}, [])


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("../../etc/passwd", "a!etc/passwd"),
        ("/etc/passwd", "a!etc/passwd"),
        ("C:\\Windows\\x.log", "a!Windows/x.log"),
        ("..\\x.log", "a!x.log"),
        ("x/../../y.log", "a!x/y.log"),
    ],
)
@pytest.mark.parametrize("archive", [zipped, tarred])
def test_a_name_outside_the_archive_is_only_shown(name: str, shown: str, archive: Callable[[dict[str, bytes]], bytes]) -> None:
    found, problems = open_all(archive({name: TEXT}))
    assert found == {shown: TEXT}
    assert kinds(problems) == ["archive-path"]


def test_a_name_cannot_act_on_a_terminal() -> None:
    found, _ = open_all(tarred({"x\x1b[2J\u202egpj.log": b"1"}))
    assert list(found) == ["a!x\\u{1b}[2J\\u{202e}gpj.log"]


def drained(data: bytes) -> tuple[int, list[Problem]]:
    """Unpack without holding the content; return its size."""
    problems, total = Problems(), 0
    source = Peekable(io.BytesIO(data))
    for member in unpack(Member("a", source), problems, Budget(lambda: len(data))):
        while piece := member.stream.read(CHUNK_BYTES):
            total += len(piece)
    return total, list(problems)


@pytest.mark.parametrize("name", ["gzip", "bzip2", "xz", "zstd"])
def test_a_bomb_is_left_when_it_is_out_of_all_proportion(name: str) -> None:
    compress = COMPRESS[name]
    bomb = compress(bytes(120 * 1024 * 1024)) if name != "gzip" else gzip.compress(gzip.compress(bytes(120 * 1024 * 1024)))
    total, problems = drained(bomb)
    assert total <= 103 * 1024 * 1024
    assert kinds(problems) == ["archive-bomb"]


def test_an_archive_behind_a_bomb_goes_unread() -> None:
    bomb = zstandard.compress(bytes(120 * 1024 * 1024))
    total, problems = drained(zipped({"bomb.zst": bomb, "x.log": b"unread"}, zipfile.ZIP_STORED))
    assert total < 103 * 1024 * 1024
    assert kinds(problems) == ["archive-bomb"]


def test_too_many_containers_inside_each_other() -> None:
    data = b"core"
    for _ in range(9):
        data = gzip.compress(data)
    found, problems = open_all(data)
    assert not found
    assert kinds(problems) == ["archive-bomb"]


def test_too_many_members(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kulla.telemetry.containers.MAX_MEMBERS", 5)
    found, problems = open_all(zipped({str(number): b"x" for number in range(9)}))
    assert len(found) == 5
    assert kinds(problems) == ["archive-bomb"]


def test_a_pax_header_of_a_gigabyte_is_not_held() -> None:
    import tracemalloc

    entry = tarfile.TarInfo("x")
    entry.type, entry.size = b"x", 96 * 1024 * 1024
    head = entry.tobuf(tarfile.USTAR_FORMAT)
    last = tarred({"y": b"z"})
    pieces = [head, *[b"1" * 65536] * (96 * 16), last]
    tracemalloc.start()
    problems = Problems()
    names = [member.path for member in unpack(Member("a", Peekable(Generated(iter(pieces)))), problems, Budget(lambda: 1))]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert names == ["a!y"]
    assert peak < 16 * 1024 * 1024


@given(st.binary(max_size=300), st.sampled_from([b"PK\x03\x04", b"\x1f\x8b\x08", b"\x28\xb5\x2f\xfd", b"\xfd7zXZ\0", b"BZh91AY&SY", b""]))
def test_any_bytes_behind_a_signature(data: bytes, signature: bytes) -> None:
    open_all(signature + data)


@pytest.mark.parametrize("codec", ["gzip", "bz2", "xz"])
def test_damage_near_the_end_costs_little_of_what_came_before(codec: str) -> None:
    text = b"".join(f"line {number * number}\n".encode() for number in range(100_000))
    packed = {"gzip": gzip.compress, "bz2": lambda data: bz2.compress(data, 1), "xz": lzma.compress}[codec](text)
    damaged = packed[:-6] + bytes(byte ^ 0xFF for byte in packed[-6:])
    opened, problems = open_all(damaged)
    (found,) = opened.values()
    assert text.startswith(found)
    assert len(found) >= len(text) - (0 if codec == "gzip" else 200_000)
    assert kinds(problems) in (["corrupt-archive"], ["truncated-file"])
