"""The other engines: which of them are on this machine, and how each is told to count what all rules find in a file of events."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

_HERE = Path(__file__).resolve().parent

#: What rsigma must be told about records as Windows writes them: where the fields of a rule stand in the event.
_NESTED_PIPELINE = """\
name: fields of nested Windows events
priority: 90
transformations:
  - id: system
    type: field_name_mapping
    mapping:
      EventID: Event.System.EventID
      Channel: Event.System.Channel
      Provider_Name: Event.System.Provider.#attributes.Name
      Computer: Event.System.Computer
      Level: Event.System.Level
  - id: data
    type: field_name_prefix
    prefix: Event.EventData.
    field_name_conditions:
      - type: exclude_fields
        fields: [EventID, Channel, Provider_Name, Computer, Level, Event.System.EventID, Event.System.Channel,
                 "Event.System.Provider.#attributes.Name", Event.System.Computer, Event.System.Level]
"""


@dataclass(frozen=True, slots=True)
class Peer:
    """Another engine.

    Attributes:
        name: with its version.
        command: (file of events, how many are wanted, is it nested?) -> the command; what it prints is dropped.
        limit: how many events it is given, None for the whole file.
        note: what to know when reading its figures.
    """

    name: str
    command: Callable[[Path, int, bool], list[str]]
    limit: int | None = None
    note: str = ""


def zargunlite(python: str | None, rules: Path, work: Path, limit: int) -> Peer | None:
    """Return the engine of Zircolite as a library, if the interpreter ``python`` has it; its rules are converted now."""
    if python is None or not _has(python, "zargunlite", "sigma.backends.sqlite", "sigma.pipelines.sysmon", "sigma.pipelines.windows"):
        return None
    program = str(_HERE / "zargunlite_peer.py")
    converted = work / "zircolite-rules.json"
    if not converted.exists():
        subprocess.run([python, program, "convert", str(rules), str(converted)], check=True, capture_output=True)
    version = _output([python, "-c", "import zargunlite; print(zargunlite.__version__)"])
    return Peer(
        f"zargunlite {version}",
        lambda events, count, _: [python, program, "scan", str(events), str(converted), str(count)],
        limit,
        f"first {limit:,} events; its rules converted beforehand, and its start-up taken off",
    )


def rsigma(binary: str | None, rules: Path, work: Path) -> Peer | None:
    """Return rsigma, if it is on PATH: all rules of Windows, pruned by log source, detections without their events."""
    found = shutil.which(binary or "rsigma")
    if found is None:
        return None
    pipeline = work / "nested.yml"
    pipeline.write_text(_NESTED_PIPELINE, encoding="utf-8")
    base = [found, "engine", "eval", "-r", str(rules), "-p", "sysmon", "--input-format", "json"]
    pruned = ["--logsource-routing", "--event-logsource", "product=windows"]
    return Peer(
        _output([found, "--version"]),
        lambda events, _, nested: [*base, *pruned, *(["-p", str(pipeline)] if nested else []), "-e", f"@{events}"],
        None,
        "its builtin sysmon pipeline; rules pruned by --event-logsource product=windows; detections without the event",
    )


def hayabusa() -> Peer | None:
    """Return Hayabusa, if it is on PATH; it uses the rules beside its binary."""
    found = shutil.which("hayabusa")
    if found is None:
        return None
    quiet = ["--no-wizard", "--quiet", "--threads", "1", "--no-summary"]
    command = [found, "json-timeline", "--JSON-input", *quiet, "--output", "/dev/stdout", "--JSONL-output", "--clobber"]
    return Peer("hayabusa", lambda events, *_: [*command, "--file", str(events)], None, "its own rule set")


def chainsaw(rules: Path) -> Peer | None:
    """Return Chainsaw, if it is on PATH with its mapping file named in CHAINSAW_MAPPING."""
    found, mapping = shutil.which("chainsaw"), os.environ.get("CHAINSAW_MAPPING")
    if found is None or mapping is None:
        return None
    command = [found, "hunt", "--sigma", str(rules), "--mapping", mapping, "--jsonl"]
    return Peer(_output([found, "--version"]), lambda events, *_: [*command, str(events)], None, "detections as JSON Lines")


def zircolite(rules: Path, work: Path) -> Peer | None:
    """Return Zircolite itself, if it is on PATH; it takes the converted rules that zargunlite takes, so that must be there too."""
    found, converted = shutil.which("zircolite") or shutil.which("zircolite.py"), work / "zircolite-rules.json"
    del rules
    if found is None or not converted.exists():
        return None
    command = [found, "--ruleset", str(converted), "--nolog", "--outfile", "/dev/null"]
    return Peer("zircolite", lambda events, _, nested: [*command, "--events", str(events), "--jsonl" if nested else "--json-input"])


def _has(python: str, *modules: str) -> bool:
    code = "; ".join(f"import {module}" for module in modules)
    return subprocess.run([python, "-c", code], check=False, capture_output=True).returncode == 0


def _output(command: list[str]) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
