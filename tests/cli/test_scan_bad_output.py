"""``kulla scan`` where the output fails or somebody ends it: the exit code says so, and nothing half-written is left."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.cli.command import HANGS, Command, jsonl, process

ROOT = Path(__file__).resolve().parents[2]
MANY = jsonl(*(process(number) for number in range(3000)))


@pytest.fixture
def log(kulla: Command) -> Path:
    path = kulla.folder / "sysmon.jsonl"
    path.write_bytes(MANY)
    return path


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize("form", ["table", "jsonl", "json", "csv", "html"])
def test_a_full_device_as_output(kulla: Command, log: Path, form: str) -> None:
    ran = kulla.scan(log, "-f", form, "-o", "/dev/full")
    assert ran.code == 1
    assert "no space left" in ran.err


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_standard_output_that_is_full(kulla: Command, log: Path) -> None:
    with Path("/dev/full").open("wb") as full:
        ran = kulla.scan(log, stdout=full)
    assert ran.code == 1
    assert "no space left" in ran.err


@pytest.fixture
def small_disk(kulla: Command) -> Iterator[Path]:
    """Return a file system with room for 64 KB."""
    disk = kulla.folder / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", disk], capture_output=True, check=False)
    if mounted.returncode:
        pytest.skip("no small file system can be mounted here")
    yield disk
    subprocess.run(["umount", disk], check=True)


def test_a_disk_that_fills_while_writing(kulla: Command, log: Path, small_disk: Path) -> None:
    ran = kulla.scan(log, "-o", small_disk / "out.jsonl")
    assert ran.code == 1
    assert "no space left" in ran.err
    assert list(small_disk.iterdir()) == []


def test_a_disk_that_fills_keeps_the_file_that_was_to_be_replaced(kulla: Command, log: Path, small_disk: Path) -> None:
    (small_disk / "out.jsonl").write_text("mine")
    assert kulla.scan(log, "-o", small_disk / "out.jsonl", "--force").code == 1
    assert [path.read_text() for path in small_disk.iterdir()] == ["mine"]


#: Starts a command that may write no file longer than 64 KB (setrlimit(2) RLIMIT_FSIZE), which works without any rights.
LIMITED = """
import os, resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (65536, 65536))
os.execv(sys.argv[1], sys.argv[1:])
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs limits of POSIX")
@pytest.mark.parametrize("form", ["jsonl", "csv", "html"])
def test_a_limit_on_the_size_of_files(kulla: Command, log: Path, form: str) -> None:
    limited = replace(kulla, before=(sys.executable, "-c", LIMITED), env={"KULLA_NO_CACHE": "1"})
    ran = limited.scan(log, "-f", form, "-o", "out")
    assert ran.code == 1
    assert "no space left" in ran.err
    assert [path.name for path in kulla.folder.iterdir()] == [log.name]


def started_endlessly(kulla: Command, *arguments: str | Path) -> subprocess.Popen[bytes]:
    """Start a scan of standard input that does not end, and return when it has begun to write."""
    running = kulla.start(
        *("scan", "-", "--no-content", "-r", kulla.rule(WHOAMI), "-o", "out.jsonl", *arguments),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert running.stdin
    until = time.monotonic() + HANGS
    while not any(path.stat().st_size for path in kulla.folder.glob(".out*")):
        assert time.monotonic() < until
        assert running.poll() is None, running.stderr and running.stderr.read()
        running.stdin.write(MANY)
        running.stdin.flush()
    return running


WHOAMI = """
title: Whoami
id: 00000000-0000-4000-8000-00000000aa01
level: high
logsource: {product: windows, category: process_creation}
detection:
  selection: {CommandLine|contains: whoami}
  condition: selection
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs signals of POSIX")
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_run_that_is_ended_leaves_nothing(kulla: Command, number: signal.Signals, code: int) -> None:
    running = started_endlessly(kulla)
    running.send_signal(number)
    out, err = running.communicate(timeout=HANGS)
    assert (running.returncode, out) == (code, b"")
    assert b"Traceback" not in err
    assert list(kulla.folder.iterdir()) == []


@pytest.mark.skipif(sys.platform == "win32", reason="needs signals of POSIX")
def test_an_interruption_keeps_the_file_that_was_to_be_replaced(kulla: Command) -> None:
    (kulla.folder / "out.jsonl").write_text("mine")
    running = started_endlessly(kulla, "--force")
    running.send_signal(signal.SIGINT)
    running.communicate(timeout=HANGS)
    assert running.returncode == 130
    assert [path.read_text() for path in kulla.folder.iterdir()] == ["mine"]


@pytest.mark.parametrize("form", ["jsonl", "csv", "table"])
def test_a_reader_that_goes_away_is_no_error(kulla: Command, log: Path, form: str) -> None:
    running = kulla.start(
        *("scan", log, "--no-content", "-r", kulla.rule(WHOAMI), "-f", form), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert running.stdout
    assert running.stderr
    assert running.stdout.readline()
    running.stdout.close()
    err = running.stderr.read()
    running.stderr.close()
    assert running.wait(HANGS) == 0
    assert b"Traceback" not in err
    assert b"Error" not in err


HOSTILE = "whoami \x1b[2J\x1b]0;owned\x07 \u202egnp.exe \u2066 \x00 \x9b31m \r fake line"


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo terminal")
def test_hostile_text_reaches_no_terminal(kulla: Command) -> None:
    import pty

    event = process(0, HOSTILE, Computer="PC\x1b[31m\u202e", Image="\x1b[0m")
    (kulla.folder / "hostile\x1b[1m.jsonl").write_bytes(jsonl(event) * 30 + b"{broken\n")
    ours, theirs = pty.openpty()
    running = kulla.start(
        *("scan", ".", "--no-content", "-r", kulla.rule(WHOAMI.replace("title: Whoami", 'title: "Who\\e[2J\\u202eami"')), "--no-progress"),
        *("--color", "never"),
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    shown = b""
    while piece := _read(ours):
        shown += piece
    os.close(ours)
    assert running.wait(HANGS) == 3
    text = shown.decode()
    assert "Detections" in text
    assert r"\u{1b}" in text
    assert r"\u{202e}" in text
    assert re.findall("[\x00-\x08\x0b-\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", text) == []


def _read(handle: int) -> bytes:
    try:
        return os.read(handle, 65_536)
    except OSError:  # Linux: the other side is closed
        return b""


def test_hostile_text_reaches_no_spreadsheet_and_no_page(kulla: Command) -> None:
    formula = process(0, "=cmd|'/c whoami'!A1", Computer='<script>alert(1)</script>"', Image="\x1b[0m\u202e")
    (kulla.folder / "a.jsonl").write_bytes(jsonl(formula))
    page = kulla("scan", "a.jsonl", "--no-content", "-r", kulla.rule(WHOAMI), "-f", "html").out.decode()
    assert "<script" not in page
    assert "\x1b" not in page
    assert "\u202e" not in page
    table = kulla("scan", "a.jsonl", "--no-content", "-r", kulla.rule(WHOAMI), "-f", "csv").out.decode()
    assert not re.search("[\x00-\x08\x0b-\x1f\u202e]", table)
    assert ",=cmd" not in table


def test_the_page_of_exit_codes_names_each_code_that_a_scan_ends_with() -> None:
    page = (ROOT / "docs" / "reference" / "exit-codes.md").read_text("utf-8")
    named = {int(code) for cell in re.findall(r"^\| ([\d, ]+) \|", page, re.MULTILINE) for code in cell.split(",")}
    assert named == {0, 1, 2, 3, 4, 129, 130, 143}
