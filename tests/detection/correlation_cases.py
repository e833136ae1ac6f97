"""Short ways to write correlations and hits in tests."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from kulla.detection.correlation.correlator import Correlator, Limits
from kulla.detection.correlation.model import Correlated, Correlation, Hit
from kulla.detection.ir import And, Rule
from kulla.detection.sigma.correlations import parse_correlation, resolve
from kulla.model.logsource import LogSource
from kulla.model.problem import Problems

SECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE


def rule(name: str, path: str = "rules.yml") -> Rule:
    return Rule(id=f"id-{name}", title=name, logsource=LogSource(), tree=And(()), name=name, path=path)


def document(name: str, **section: Any) -> dict[str, Any]:
    return {"title": name.title(), "name": name, "id": f"id-{name}", "level": "high", "correlation": section}


def correlation(name: str, **section: Any) -> Correlation:
    """Parse a correlation; ``group_by`` stands for ``group-by``."""
    named = {key.replace("_", "-"): value for key, value in section.items()}
    return parse_correlation(document(name, **named), "correlations.yml", 7)


def resolved(*correlations: Correlation, rules: str = "a b c") -> tuple[Correlation, ...]:
    resolution = resolve(correlations, [rule(name) for name in rules.split()])
    assert resolution.rejected == ()
    return resolution.correlations


def hit(name: str, time: int, number: int | None = None, path: str = "log.jsonl", **values: str | None) -> Hit:
    """A hit of the rule ``name`` at ``time`` microseconds; by default its number is its second, for want of a better one."""
    return Hit(f"id-{name}", time, path, time // SECOND if number is None else number, host=values.get("Host"), values=values)


def run(
    correlations: Iterable[Correlation], hits: Iterable[Hit], *, problems: Problems | None = None, limits: Limits | None = None
) -> list[Correlated]:
    correlator = Correlator(tuple(correlations), None, Problems() if problems is None else problems, limits, include_silent=True)
    correlator.feed(hits)
    return list(correlator.finish())


def numbers(found: Correlated) -> list[int]:
    """The positions of the records of a detection."""
    return [record.number for record in found.records]


def counted(problems: Problems) -> Mapping[str, int]:
    """Kind of problem -> how often."""
    kinds: dict[str, int] = {}
    for problem in problems:
        kinds[problem.kind] = kinds.get(problem.kind, 0) + problem.count
    return kinds


def files_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())
