"""Run whole processes and read from the kernel what they cost.

Only the standard library is imported: a child begins as a copy of this process, and what this process occupies is the
least that the child's peak memory can be.
"""

from __future__ import annotations

import contextlib
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Usage:
    """What a process cost: seconds of processor time in user and kernel mode, seconds of wall time, peak resident memory in bytes."""

    user: float
    system: float
    wall: float
    peak: int

    @property
    def cpu(self) -> float:
        """Processor time, seconds."""
        return self.user + self.system

    def to_dict(self) -> dict[str, float]:
        """Return it for JSON."""
        return {**asdict(self), "cpu": self.cpu}


class FailedError(RuntimeError):
    """A measured process ended with an exit code that means failure."""


def environment(**more: str) -> dict[str, str]:
    """Return the children's environment: compiled modules may be kept, as on any machine that does not forbid it."""
    own = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return {**own, **more}


def run(command: Sequence[str], env: dict[str, str], feed: Sequence[str] | None = None, good: Sequence[int] = (0,)) -> Usage:
    """Run a process to its end and return its cost, that of its threads and waited-for children included.

    Args:
        command: the program and its arguments.
        env: its environment.
        feed: another command whose output is its standard input; that one's cost is not counted.
        good: exit codes that are no failure.

    Raises:
        FailedError: with the last lines of its standard error.
    """
    log = Path(env["BENCHMARK_FOLDER"]) / "stderr.txt"
    with contextlib.ExitStack() as stack:
        errors = stack.enter_context(log.open("wb"))
        source = subprocess.Popen(feed, env=env, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) if feed else None
        started = time.monotonic()
        stdin = source.stdout if source else subprocess.DEVNULL
        child = subprocess.Popen(command, env=env, stdin=stdin, stdout=subprocess.DEVNULL, stderr=errors)
        if source and source.stdout:
            source.stdout.close()
        _, status, used = os.wait4(child.pid, 0)
        wall = time.monotonic() - started
        child.returncode = os.waitstatus_to_exitcode(status)
        if source:
            source.wait()
    if child.returncode not in good:
        tail = log.read_text(errors="replace")[-1500:]
        raise FailedError(f"{' '.join(command)} ended with {child.returncode}:\n{tail}")
    # ru_maxrss is in KiB on Linux and in bytes on macOS.
    return Usage(used.ru_utime, used.ru_stime, wall, used.ru_maxrss * (1 if sys.platform == "darwin" else 1024))


def median(runs: Sequence[Usage]) -> Usage:
    """Return the run whose processor time is the median; of an even number the cheaper of the two."""
    return sorted(runs, key=lambda each: each.cpu)[(len(runs) - 1) // 2]


def quickest(runs: Sequence[Usage]) -> Usage:
    """Return the run that the clock liked best: what else the machine did only ever makes a run longer."""
    return min(runs, key=lambda each: each.wall)


def spread(runs: Sequence[Usage]) -> float:
    """Return how far the runs' processor times lie apart, as a part of their median."""
    times = [each.cpu for each in runs]
    return (max(times) - min(times)) / statistics.median(times)


def machine() -> dict[str, object]:
    """Return what the figures were measured on, without naming the machine."""
    model = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        names = [line.partition(":")[2].strip() for line in cpuinfo.read_text().splitlines() if line.startswith("model name")]
        model = names[0] if names else model
    return {
        "processor": model,
        "processors": os.cpu_count(),
        "system": platform.system(),
        "python": platform.python_version(),
        "load": round(os.getloadavg()[0], 2),
    }
