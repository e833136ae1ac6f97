"""The benchmarks run on tiny input, make what they say, and print what they should. What they measure is never asserted."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import zipfile
from collections import Counter
from pathlib import Path

import pytest

from kulla.detection.kernelcache import cache_folder
from kulla.exercise.evtx_writer import write_evtx

ROOT = Path(__file__).resolve().parents[2]
BENCHMARKS = ROOT / "benchmarks"
RULE = """\
title: Shadow copies deleted
id: 3f8c7f0e-6f6f-4c39-9a1c-2f1d5f3d8a11
status: test
logsource: {product: windows, category: process_creation}
detection:
  selection: {CommandLine|contains: delete shadows}
  condition: selection
level: high
"""


def run(program: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(BENCHMARKS / program), *map(str, arguments)]
    # The program gives its children a home of their own; the kernel need not be compiled once more for it.
    env = {**os.environ, "NUMBA_CACHE_DIR": str(cache_folder())}
    return subprocess.run(command, check=False, capture_output=True, text=True, timeout=600, env=env)


def make(*arguments: str | Path) -> str:
    done = run("make_events.py", *arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout


def log(path: Path, host: str, count: int) -> Path:
    """Write an event log of process creations, numbered by their record ids."""
    events = [
        {
            "Event": {
                "System": {
                    "Provider": {"#attributes": {"Name": "Microsoft-Windows-Sysmon"}},
                    "EventID": 1,
                    "TimeCreated": {"#attributes": {"SystemTime": "2022-07-15T09:14:03.120000Z"}},
                    "EventRecordID": number,
                    "Channel": "Microsoft-Windows-Sysmon/Operational",
                    "Computer": host,
                },
                "EventData": {"Image": "C:\\Windows\\System32\\vssadmin.exe", "CommandLine": "vssadmin delete shadows /all"},
            }
        }
        for number in range(1, count + 1)
    ]
    with path.open("wb") as out:
        write_evtx(out, events)
    return path


def origin(line: str) -> tuple[str, int]:
    system = json.loads(line)["Event"]["System"]
    return system["Computer"], system["EventRecordID"]


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    folder = tmp_path / "logs"
    folder.mkdir()
    log(folder / "a.evtx", "A", 3)
    log(folder / "b.evtx", "B", 1)
    return folder


def test_events_are_taken_from_each_file_in_turn_and_then_again(logs: Path) -> None:
    lines = make("events", logs, "-o", "-", "--events", "6").splitlines()
    assert [origin(line) for line in lines] == [("A", 1), ("B", 1), ("A", 2), ("A", 3), ("A", 1), ("B", 1)]


def test_a_large_log_is_read_whole(logs: Path, tmp_path: Path) -> None:
    large = tmp_path / "large.evtx"
    make("evtx", logs, "-o", large, "--megabytes", "1")
    assert large.stat().st_size >= 1024 * 1024
    chunks = (large.stat().st_size - 4096) // 65_536
    hosts = Counter(origin(line)[0] for line in make("events", large, "-o", "-", "--events", str(2 * chunks)).splitlines())
    # One chunk of A holds three events, one of B a single event; they follow each other.
    assert chunks % 2 == 0 or hosts["A"] > 3 * hosts["B"]
    assert hosts == {"A": 3 * ((chunks + 1) // 2), "B": chunks // 2}


def test_nothing_to_make_events_from_is_an_error(tmp_path: Path) -> None:
    done = run("make_events.py", "evtx", tmp_path, "-o", tmp_path / "out.evtx")
    assert done.returncode == 1
    assert "name .evtx files" in done.stderr


def test_indicators_differ_belong_to_nobody_and_come_again_with_the_same_seed(tmp_path: Path) -> None:
    texts = []
    for name in ("one", "two"):
        make("indicators", "-o", tmp_path / name, "--count", "8000", "--seed", "3")
        texts.append((tmp_path / name).read_text())
    lines = texts[0].splitlines()
    assert texts[0] == texts[1]
    assert len(set(lines)) == len(lines) == 8000
    form = re.compile(
        r"192\.0\.2\.\d+|198\.51\.100\.\d+|203\.0\.113\.\d+|2001:db8::[0-9a-f:]+|[0-9a-f]{64}"
        r"|(https://)?h[0-9a-f]+\.\d+\.(example|invalid|test)(/[0-9a-f]+/gate\.php)?"
    )
    assert [line for line in lines if not form.fullmatch(line)] == []


def test_scan_prints_ratios_before_figures_and_writes_them_as_json(logs: Path, tmp_path: Path) -> None:
    rules = tmp_path / "rules.zip"
    with zipfile.ZipFile(rules, "w") as archive:
        archive.writestr("shadows.yml", RULE)
    flat = tmp_path / "flat.jsonl"
    flat.write_text('{"EventID": 1, "Channel": "Microsoft-Windows-Sysmon/Operational", "CommandLine": "whoami"}\n' * 3)
    sizes = ("--events", "20", "--stream", "30", "--megabytes", "1", "--indicators", "100", "--runs", "1")
    sections = ("--only", "memory", "--only", "start")
    done = run("scan.py", "--rules", rules, "--evtx", logs, "--flat", flat, *sizes, *sections, "--json", tmp_path / "figures.json")
    assert done.returncode == 0, done.stderr
    figures = json.loads((tmp_path / "figures.json").read_text())
    names = [each["name"] for each in figures["ratios"]]
    assert names == [
        "peak memory, events from a pipe",
        "peak memory, event log",
        "kulla --help",
        "one small event log, all rules",
    ]
    events = {each["name"]: each["events"] for each in figures["measured"]}
    assert events["kulla, nested, from a pipe"] == 30
    assert events["kulla, one small event log"] == 1
    assert all(each["cpu"] > 0 and each["peak"] > 0 for each in figures["measured"])
    printed = done.stdout
    assert printed.index("kulla --help") < printed.index("events/CPU s")
