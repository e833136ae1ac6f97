"""``kulla scan`` on damaged and hostile input: each flaw is a located, counted problem, the rest is read, nothing crashes or grows."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import os
import random
import socket
import struct
import sys
import tarfile
import threading
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from kulla.exercise.evtx_writer import write_evtx
from tests.cli.command import Command, jsonl, process

GOOD = "zz-good.jsonl"
MEGABYTE = 1 << 20


def evtx(count: int) -> bytes:
    """Return an event log in which every event matches the rule."""
    stream = io.BytesIO()
    write_evtx(stream, (_record(number) for number in range(count)))
    return stream.getvalue()


def _record(number: int) -> dict[str, Any]:
    system = {
        "Provider": {"#attributes": {"Name": "Microsoft-Windows-Sysmon"}},
        "EventID": 1,
        "TimeCreated": {"#attributes": {"SystemTime": f"2022-07-15T09:{number // 60 % 60:02}:{number % 60:02}.000000Z"}},
        "EventRecordID": 5000 + number,
        "Channel": "Microsoft-Windows-Sysmon/Operational",
        "Computer": "PRINT01",
    }
    return {"Event": {"System": system, "EventData": {"CommandLine": f"whoami /user {number}", "ProcessId": number}}}


def flipped(data: bytes, count: int, first: float = 0) -> bytes:
    """Return ``data`` with so many bits turned over behind its ``first`` part, always the same ones."""
    chance, changed = random.Random(7), bytearray(data)
    for _ in range(count):
        changed[chance.randrange(max(4096, int(first * len(changed))), len(changed))] ^= 1 << chance.randrange(8)
    return bytes(changed)


def zipped(*members: tuple[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members:
            archive.writestr(name, data)
    return stream.getvalue()


def tarred(*members: tuple[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        for name, data in members:
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    return stream.getvalue()


def nested(depth: int) -> bytes:
    """Return a zip in a zip in a zip."""
    data = jsonl(process(0))
    for level in range(depth):
        data = zipped((f"{level}.zip", data))
    return data


def encrypted() -> bytes:
    """Return a zip whose only member says that it needs a password."""
    data = bytearray(zipped(("secret.log", jsonl(process(0)))))
    struct.pack_into("<H", data, 6, 1)
    return bytes(data)


def random_lines(count: int) -> bytes:
    """Return matching events that do not compress well."""
    chance = random.Random(5)
    return jsonl(*(process(number, f"whoami {chance.randbytes(40).hex()}") for number in range(count)))


WHOAMI = jsonl(process(0))
HARMLESS = jsonl(process(1, "dir"))
MANY = jsonl(*(process(number) for number in range(500)))

#: name -> (bytes, kind of problem, fewest detections that must be left).
DAMAGED: dict[str, tuple[Callable[[], bytes], str, int]] = {
    "evtx cut in a chunk": (lambda: evtx(400)[:100_000], "truncated-file", 100),
    "evtx cut in its header": (lambda: evtx(10)[:1000], "truncated-file", 0),
    "evtx with turned bits": (lambda: flipped(evtx(400), 40), "unreadable-record", 200),
    "evtx of noise": (lambda: b"ElfFile\0" + random.Random(1).randbytes(200_000), "corrupt-chunk", 0),
    "noise": (lambda: random.Random(2).randbytes(200_000), "unknown-format", 0),
    "text of no format": (lambda: b"Dear colleague,\nplease find enclosed nothing.\n" * 50, "unknown-format", 0),
    "lines that are no JSON": (lambda: MANY + b"{broken\n" * 5, "unreadable-record", 500),
    "lines nested too deeply": (lambda: WHOAMI + b'{"a":' * 100_000 + b"1" + b"}" * 100_000 + b"\n" + WHOAMI, "unreadable-record", 2),
    "JSON array that ends early": (lambda: b"[" + WHOAMI.strip() + b"," + WHOAMI.strip()[:-5], "truncated-file", 1),
    "gzip cut": (lambda: gzip.compress(jsonl(*(process(n, f"whoami {n * n}") for n in range(2000))))[:-2000], "truncated-file", 100),
    "gzip with a wrong checksum": (lambda: gzip.compress(MANY)[:-8] + b"\0" * 8, "corrupt-archive", 500),
    "bzip2 with turned bits": (lambda: flipped(bz2.compress(random_lines(20_000)), 3, 0.5), "corrupt-archive", 1000),
    "xz with turned bits": (lambda: flipped(lzma.compress(random_lines(20_000)), 1, 0.5), "corrupt-archive", 1000),
    "zip cut": (lambda: zipped(("a.log", MANY), ("b.log", random.Random(4).randbytes(9000)))[:6000], "truncated-file", 500),
    "zip with a password": (encrypted, "encrypted-member", 0),
    "tar cut": (lambda: tarred(("a.log", MANY), ("b.log", MANY))[:-60_000], "truncated-file", 500),
    "names that lead out of a zip": (lambda: zipped(("../../evil.log", WHOAMI), ("/etc/evil.log", WHOAMI), ("C:\\evil.log", WHOAMI)),
                                     "archive-path", 3),
    "names that lead out of a tar": (lambda: tarred(("../../evil.log", WHOAMI), ("/tmp/evil.log", WHOAMI)), "archive-path", 2),
    "zips in zips": (lambda: nested(40), "archive-bomb", 0),
    "zip of zeros": (lambda: zipped(("a.log", bytes(300 * MEGABYTE))), "archive-bomb", 0),
    "gzip in gzip": (lambda: gzip.compress(gzip.compress(WHOAMI + HARMLESS * 2_000_000)), "archive-bomb", 1),
    "tar of zeros in bzip2": (lambda: bz2.compress(tarred(("a.log", bytes(400 * MEGABYTE)))), "archive-bomb", 0),
}  # fmt: skip


@pytest.mark.parametrize("name", DAMAGED)
def test_damage_is_counted_and_the_rest_is_read(kulla: Command, name: str) -> None:
    make, kind, fewest = DAMAGED[name]
    case = kulla.folder / "case"
    case.mkdir()
    (case / "bad").write_bytes(make())
    (case / GOOD).write_bytes(jsonl(process(0), process(1)))
    ran = kulla.scan("case")
    assert ran.code == 3
    assert ran.problems(kind), ran.kinds
    assert all(problem["path"].startswith("case/bad") and problem["message"] for problem in ran.problems(kind))
    paths = [found["record"]["path"] for found in ran.detections]
    assert paths.count(f"case/{GOOD}") == 2
    assert len(paths) - 2 >= fewest
    assert "the input was not read completely" in ran.err
    assert sorted(path.name for path in kulla.folder.rglob("*")) == ["bad", "case", GOOD]


def test_names_of_members_are_shown_without_the_way_out(kulla: Command) -> None:
    (kulla.folder / "a.zip").write_bytes(zipped(("../../evil.log", WHOAMI)))
    ran = kulla.scan("a.zip")
    assert [found["record"]["path"] for found in ran.detections] == ["a.zip!evil.log"]
    assert not (kulla.folder.parent.parent / "evil.log").exists()


def test_empty_files_are_no_problem(kulla: Command) -> None:
    for name in ("a.evtx", "b.jsonl", "c.zip"):
        (kulla.folder / name).touch()
    ran = kulla.scan(".")
    assert (ran.code, ran.summary["files"], ran.summary["problems"]) == (0, 3, [])


ODD = (
    (b"\xff\xfe invalid \xc3", "invalid-utf8"),
    (b'{"EventID":1,"CommandLine":"\\ud800 whoami","Channel":"Microsoft-Windows-Sysmon/Operational"}', None),
    (b'{"EventID":1,"CommandLine":"\\u0000whoami\\u0000","Channel":"Microsoft-Windows-Sysmon/Operational"}', None),
    (b'{"EventID":1,"EventID":1,"CommandLine":["x","whoami"],"Channel":"Microsoft-Windows-Sysmon/Operational"}', None),
    (b'{"EventID":1e999,"CommandLine":"whoami","n":' + b"9" * 100_000 + b"}", None),
    (b'{"EventID":1,"CommandLine":"' + b"whoami" * 200_000 + b'","Channel":"Microsoft-Windows-Sysmon/Operational"}', None),
)


@pytest.mark.parametrize("place", range(len(ODD)))
def test_odd_values_hurt_nobody(kulla: Command, place: int) -> None:
    line, kind = ODD[place]
    (kulla.folder / "odd.jsonl").write_bytes(WHOAMI * 3 + line + b"\n" + WHOAMI)
    ran = kulla.scan("odd.jsonl")
    assert [found["record"]["number"] for found in ran.detections if found["record"]["id"] == "5000"] == [0, 1, 2, 4]
    assert ran.summary["events"] + ran.kinds.get("unreadable-record", 0) == 5
    if kind:
        assert ran.problems(kind)[0]["place"] == "line 4"


def test_a_single_line_of_100_megabytes(kulla: Command) -> None:
    long = b'{"EventID": 1, "CommandLine": "' + b"a" * (100 * MEGABYTE) + b'"}\n'
    (kulla.folder / "long.jsonl").write_bytes(WHOAMI + long + WHOAMI)
    (kulla.folder / "long.log").write_bytes(b"x" * (100 * MEGABYTE))
    ran = kulla.scan("long.jsonl", "long.log")
    assert ran.code == 3
    assert [found["record"]["number"] for found in ran.detections] == [0, 2]
    assert [(problem["path"], problem["place"]) for problem in ran.problems("oversized-record")] == [("long.jsonl", "line 2")]
    assert [problem["path"] for problem in ran.problems("unknown-format")] == ["long.log"]


def test_two_thousand_small_files(kulla: Command) -> None:
    for number in range(2000):
        (kulla.folder / f"{number:04}.json").write_bytes(WHOAMI if number % 2 else b"{")
    ran = kulla.scan(".")
    assert (ran.code, ran.summary["files"], len(ran.detections)) == (3, 2000, 1000)
    assert len(ran.summary["problems"]) == 1000
    assert ran.err.count("\n") < 40


def test_links_in_a_circle_and_to_nowhere(kulla: Command) -> None:
    case = kulla.folder / "case"
    (case / "deep").mkdir(parents=True)
    (case / "deep" / "again").symlink_to(case)
    (case / "self").symlink_to("self")
    (case / "gone.jsonl").symlink_to("nowhere")
    (case / GOOD).write_bytes(WHOAMI)
    ran = kulla.scan("case")
    assert ran.code == 3
    assert [found["record"]["path"] for found in ran.detections] == [f"case/{GOOD}"]
    assert sorted(problem["path"] for problem in ran.problems("unreadable-file")) == ["case/gone.jsonl", "case/self"]


@pytest.mark.parametrize("missing", ["nowhere.evtx", "nowhere/*.evtx", ""])
def test_what_is_not_there_is_a_problem_and_the_rest_is_scanned(kulla: Command, missing: str) -> None:
    (kulla.folder / GOOD).write_bytes(WHOAMI)
    ran = kulla.scan(missing, GOOD)
    assert (ran.code, len(ran.detections)) == (3, 1)
    assert [problem["path"] for problem in ran.problems("unreadable-file")] == [missing]


def test_a_file_that_fails_while_it_is_read(kulla: Command) -> None:
    broken = Path("/proc/self/mem")
    if not broken.exists():
        pytest.skip("needs a file that the system refuses to read: /proc/self/mem")
    case = kulla.folder / "case"
    case.mkdir()
    (case / "disk.img").symlink_to(broken)
    (case / GOOD).write_bytes(WHOAMI)
    ran = kulla.scan("case")
    assert (ran.code, len(ran.detections)) == (3, 1)
    assert [problem["path"] for problem in ran.problems("unreadable-file")] == ["case/disk.img"]


#: Starts a command without the right of root to read what it has no permission for: capabilities(7), prctl(2) PR_CAPBSET_DROP.
UNPRIVILEGED = """
import ctypes, os, sys
for capability in (1, 2):  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH
    if os.geteuid() == 0 and ctypes.CDLL(None).prctl(24, capability, 0, 0, 0):
        sys.exit(99)
os.execv(sys.argv[1], sys.argv[1:])
"""


@pytest.mark.skipif(sys.platform != "linux", reason="gives up the rights of root in the way of Linux")
def test_files_and_folders_without_permission(kulla: Command) -> None:
    case = kulla.folder / "case"
    (case / "locked").mkdir(parents=True, mode=0o700)
    (case / "locked").chmod(0)
    (case / "secret.jsonl").write_bytes(WHOAMI)
    (case / "secret.jsonl").chmod(0)
    (case / GOOD).write_bytes(WHOAMI)
    ran = replace(kulla, before=(sys.executable, "-c", UNPRIVILEGED)).scan("case")
    if ran.code == 99:
        pytest.skip("the rights of root cannot be given up here")
    assert ran.code == 3
    assert [found["record"]["path"] for found in ran.detections] == [f"case/{GOOD}"]
    problems = {problem["path"]: problem["message"] for problem in ran.problems("unreadable-file")}
    assert problems == {"case/locked": "Permission denied", "case/secret.jsonl": "Permission denied"}


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="the system has no named pipes")
def test_pipes_and_sockets_in_a_folder_do_not_block(kulla: Command) -> None:
    case = kulla.folder / "case"
    case.mkdir()
    os.mkfifo(case / "pipe.jsonl")
    (case / GOOD).write_bytes(WHOAMI)
    here = Path.cwd()
    with socket.socket(socket.AF_UNIX) as listening:
        os.chdir(case)  # the name of a socket must be short
        try:
            listening.bind("socket")
        finally:
            os.chdir(here)
        ran = kulla.scan("case")
    assert (ran.code, len(ran.detections)) == (3, 1)
    assert sorted(problem["path"] for problem in ran.problems("unreadable-file")) == ["case/pipe.jsonl", "case/socket"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="the system has no named pipes")
def test_a_pipe_that_is_named_is_read_to_its_end(kulla: Command) -> None:
    os.mkfifo(kulla.folder / "pipe")
    writer = threading.Thread(target=(kulla.folder / "pipe").write_bytes, args=(MANY,))
    writer.start()
    ran = kulla.scan("pipe")
    writer.join()
    assert (ran.code, len(ran.detections)) == (0, 500)


def test_problems_in_their_thousands_stay_few_lines(kulla: Command) -> None:
    (kulla.folder / "bad.jsonl").write_bytes(WHOAMI * 30 + b"{broken\n" * 50_000)
    ran = kulla.scan("bad.jsonl")
    assert ran.kinds == {"unreadable-record": 50_000}
    assert len(ran.problems("unreadable-record")) == 21
    assert len(ran.err.splitlines()) < 40
    assert len(json.dumps(ran.summary)) < 20_000
