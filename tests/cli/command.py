"""The real command ``kulla`` in a process of its own, watched: how it ended, what it said, how much memory it took."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

#: Memory that no run may pass, whatever its input (bytes).
PEAK = 1 << 30
#: Seconds after which a run is taken to hang. No test asserts how long something takes; this only ends one that never would.
HANGS = 300

WHOAMI = """
title: Whoami
id: 00000000-0000-4000-8000-00000000aa01
status: test
level: high
tags: [attack.t1033]
logsource: {product: windows, category: process_creation}
detection:
  selection: {CommandLine|contains: whoami}
  condition: selection
"""


@dataclass(frozen=True, slots=True)
class Ran:
    """A run that has ended.

    Attributes:
        code: its exit code.
        out: what it wrote to standard output.
        err: what it said on stderr.
        summary: of ``--summary``, empty where it was not written.
        peak: the most memory it held at once (bytes); 0 where the system does not tell.
    """

    code: int
    out: bytes
    err: str
    summary: dict[str, Any]
    peak: int

    @property
    def detections(self) -> list[dict[str, Any]]:
        """The detections of ``-f jsonl``."""
        return [json.loads(line) for line in self.out.splitlines()]

    @property
    def kinds(self) -> dict[str, int]:
        """How often each kind of problem was counted."""
        counts: dict[str, int] = {}
        for problem in self.summary["problems"]:
            counts[problem["kind"]] = counts.get(problem["kind"], 0) + problem["count"]
        return counts

    def problems(self, kind: str) -> list[dict[str, Any]]:
        """Return the problems of one kind."""
        return [problem for problem in self.summary["problems"] if problem["kind"] == kind]


@dataclass(slots=True)
class Command:
    """Runs ``kulla`` in a folder.

    Attributes:
        folder: the working folder.
        home: KULLA_HOME, with the machine code of earlier runs in its cache.
        env: further variables.
        before: a command that starts the command.
    """

    folder: Path
    home: Path
    env: dict[str, str] = field(default_factory=dict)
    before: tuple[str, ...] = ()

    def start(self, *arguments: str | Path, **popen: Any) -> subprocess.Popen[bytes]:
        """Start the command with standard streams as ``popen`` says."""
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "PYTHONDONTWRITEBYTECODE") if name in os.environ}
        env = {
            **kept,
            "LANG": "C.UTF-8",
            "TERM": "xterm",
            "KULLA_HOME": str(self.home),
            "KULLA_CONFIG": str(self.home / "none"),
            **self.env,
        }
        return subprocess.Popen([*self.before, sys.executable, "-m", "kulla", *map(str, arguments)], cwd=self.folder, env=env, **popen)

    def __call__(self, *arguments: str | Path, stdin: bytes = b"", **popen: Any) -> Ran:
        """Run to the end; a run that shows a traceback, hangs or takes more than PEAK fails the test."""
        aside = Path(self.home) / f"streams-{time.monotonic_ns()}"
        aside.mkdir()
        (aside / "in").write_bytes(stdin)
        with (aside / "in").open("rb") as given, (aside / "out").open("wb") as out, (aside / "err").open("wb") as err:
            started = self.start(*arguments, **{"stdin": given, "stdout": out, "stderr": err, **popen})
            peak = watch(started)
        said = (aside / "err").read_text("utf-8")
        assert "Traceback" not in said, said
        assert peak < PEAK, f"{peak} bytes of memory"
        return Ran(started.returncode, (aside / "out").read_bytes(), said, {}, peak)

    def scan(self, *arguments: str | Path, **popen: Any) -> Ran:
        """Scan with ``-f jsonl --summary`` and without Kulla's own rules; the rule WHOAMI unless ``-r`` is given."""
        summary = Path(self.home) / f"summary-{time.monotonic_ns()}.json"
        rules = () if "-r" in arguments else ("-r", self.rule(WHOAMI))
        ran = self("scan", "--no-content", "-f", "jsonl", "--summary", summary, *rules, *arguments, **popen)
        told = json.loads(summary.read_bytes()) if summary.exists() else {}
        return Ran(ran.code, ran.out, ran.err, told, ran.peak)

    def rule(self, text: str, name: str = "rule.yml") -> Path:
        """Write a rule beside the evidence, not into it."""
        path = Path(self.home) / name
        path.write_text(text, encoding="utf-8")
        return path


def watch(started: subprocess.Popen[bytes]) -> int:
    """Wait for the end of a process and return its peak of memory (VmHWM of proc(5), which other than getrusage is not inherited)."""
    status, peak, end = Path(f"/proc/{started.pid}/status"), 0, time.monotonic() + HANGS
    while started.poll() is None:
        peak = max(peak, _held(status))
        if time.monotonic() > end:
            started.kill()
            started.wait()
            raise AssertionError(f"still running after {HANGS} seconds")
        time.sleep(0.02)
    return peak


def _held(status: Path) -> int:
    try:
        lines = status.read_text("ascii", "replace").splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:")), 0)


def process(number: int, command: str = "whoami /all", **fields: Any) -> dict[str, Any]:
    """Return a flat Sysmon event of a new process, a second after the one before."""
    return {
        "EventID": 1,
        "Channel": "Microsoft-Windows-Sysmon/Operational",
        "Computer": "PRINT01",
        "UtcTime": f"2022-07-15 {9 + number // 3600:02}:{number // 60 % 60:02}:{number % 60:02}.120",
        "EventRecordID": 5000 + number,
        "Image": "C:\\Windows\\System32\\cmd.exe",
        "CommandLine": command,
        **fields,
    }


def jsonl(*events: dict[str, Any]) -> bytes:
    """Return events as JSON Lines."""
    return b"".join(json.dumps(event).encode() + b"\n" for event in events)
