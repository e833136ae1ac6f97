"""Runs the console examples of the documentation.

A fenced block marked ``console`` holds commands (lines that begin with ``$ ``; a backslash at the end, or ``> `` on the next line,
goes on) and what they print, standard error included. In the expected text, ``...`` stands for any text in a line, and a line of ``...``
alone for any lines.
All blocks of a page run in order, in one temporary folder with a copy of ``examples/``. A block marked ``sh`` is not run.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SECONDS = 300


@dataclass(frozen=True, slots=True)
class Step:
    """One command and what the page says it prints; ``line`` is where it stands."""

    command: str
    expected: str
    line: int


def steps(page: str) -> Iterator[Step]:
    """Yield the commands of a page's console blocks in order."""
    for block in re.finditer(r"^```console\n(.*?)^```$", page, re.MULTILINE | re.DOTALL):
        first = page.count("\n", 0, block.start()) + 2
        if not block[1].startswith("$ "):
            raise ValueError(f"line {first}: a console block begins with a command")
        yield from _block(block[1], first)


def _block(text: str, first: int) -> Iterator[Step]:
    """Yield the commands of one block, which begins in line ``first``."""
    joined = re.sub(r"\n>(?: |(?=\n))", "\0", text.replace("\\\n", "\\\0"))
    number, command, printed = first, "", list[str]()
    for line in [*joined.split("\n")[:-1], "$ "]:
        if not line.startswith("$ "):
            printed.append(line)
            continue
        if command:
            yield Step(command.replace("\0", "\n"), "\n".join(printed), number)
            number += len(printed) + command.count("\0") + 1
        command, printed = line[2:], []


def matches(expected: str, printed: str) -> bool:
    """Return whether a command printed what the page says."""
    pattern = "\n".join(_pattern(line) for line in expected.rstrip().split("\n"))
    pattern = pattern.replace("\n\0\n", "\n(?:.*\n)*?").replace("\n\0", "(?:\n.*)*").replace("\0\n", "(?:.*\n)*?").replace("\0", "(?s:.*)")
    return re.fullmatch(pattern, "\n".join(line.rstrip() for line in printed.rstrip().split("\n"))) is not None


def _pattern(line: str) -> str:
    return "\0" if line.strip() == "..." else ".*".join(re.escape(part) for part in line.rstrip().split("..."))


def run(step: Step, folder: Path) -> str:
    """Run a command by bash in a folder and return what it printed."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    own = {"XDG_DATA_HOME": str(folder / ".data"), "KULLA_CONFIG": str(folder / "kulla.toml")}  # the compiled kernel stays cached
    environment = {
        **{name: value for name, value in os.environ.items() if name != "KULLA_HOME"},
        **own,
        "PATH": path,
        "COLUMNS": "120",
        "NO_COLOR": "1",
        "LC_ALL": "C.UTF-8",
        "TERM": "dumb",
    }
    done = subprocess.run(
        ["bash", "-c", step.command],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=SECONDS,
        check=False,
    )
    return done.stdout.decode()


def workplace(folder: Path) -> Path:
    """Put a copy of the examples into a folder and return it."""
    shutil.copytree(ROOT / "examples", folder / "examples", ignore=shutil.ignore_patterns("__pycache__"))
    return folder
