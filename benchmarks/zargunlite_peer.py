"""Run zargunlite, the engine of Zircolite as a library (one SQL query a rule), in an interpreter that has it.

    python benchmarks/zargunlite_peer.py convert RULES ruleset.json      needs pysigma-backend-sqlite and the sysmon and windows pipelines
    python benchmarks/zargunlite_peer.py scan EVENTS.jsonl ruleset.json COUNT

Zircolite takes rules that were converted beforehand, so conversion is a step of its own and is not part of what is measured. Only
rules of the product windows are converted, as for Zircolite's own rule sets.
"""

from __future__ import annotations

import json
import sys
from itertools import islice
from pathlib import Path
from typing import Any

_SQLITE_INTEGERS = 2**63


def convert(folder: str, output: str) -> None:
    """Write Zircolite's form of all rules for Windows under ``folder``; name how many could not be converted."""
    from sigma.backends.sqlite import sqliteBackend
    from sigma.collection import SigmaCollection
    from sigma.exceptions import SigmaError
    from sigma.pipelines.sysmon import sysmon_pipeline
    from sigma.pipelines.windows import windows_logsource_pipeline

    backend = sqliteBackend(sysmon_pipeline() + windows_logsource_pipeline())
    converted: list[dict[str, Any]] = []
    refused = 0
    for path in sorted(Path(folder).rglob("*.yml")):
        try:
            rules = SigmaCollection.from_yaml(path.read_text(encoding="utf-8"))
            if any(getattr(rule, "logsource", None) and rule.logsource.product == "windows" for rule in rules):
                converted += json.loads(backend.convert(rules, "zircolite"))
        except (SigmaError, NotImplementedError) as error:
            refused += 1
            print(f"{path.name}: {error}", file=sys.stderr)
    Path(output).write_text(json.dumps(converted), encoding="utf-8")
    print(f"{len(converted)} rules, {refused} refused", file=sys.stderr)


def scan(events: str, rules: str, count: int) -> None:
    """Load the first ``count`` events and run each rule's query over them; print what was found."""
    from zargunlite.core import ZargunCore
    from zargunlite.model import ZircoliteRule
    from zargunlite.preprocess import flatten_json, mapping_field

    known = set(ZircoliteRule.__dataclass_fields__)
    ruleset = [ZircoliteRule(**{k: v for k, v in rule.items() if k in known}) for rule in json.loads(Path(rules).read_bytes())]
    with Path(events).open("rb") as lines, ZargunCore() as core:
        core.load_data([_row(mapping_field(flatten_json(json.loads(line)))) for line in islice(lines, count)], strict_field_name=False)
        matches = sum(core.execute_zircolite_rule(rule).count for rule in ruleset)
    print(json.dumps({"rules": len(ruleset), "matches": matches}))


def _row(event: dict[str, Any]) -> dict[str, Any]:
    """Return the event with integers that are too large for SQLite as text; zargunlite would stop at the first."""
    return {name: str(value) if isinstance(value, int) and abs(value) >= _SQLITE_INTEGERS else value for name, value in event.items()}


if __name__ == "__main__":
    if sys.argv[1] == "convert":
        convert(*sys.argv[2:4])
    else:
        scan(sys.argv[2], sys.argv[3], int(sys.argv[4]))
