"""Write the tables of docs/reference/logsources.md from the table of log sources: ``python -m tools.logsources_reference``."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby
from pathlib import Path

from kulla.detection.eventclass import EventClass, Match, Probe
from kulla.detection.logsources import CLASSES, PROBES
from kulla.model.logsource import LogSource

PAGE = Path(__file__).resolve().parent.parent / "docs" / "reference" / "logsources.md"
BEGIN, END = "<!-- made by tools.logsources_reference: begin -->", "<!-- end -->"


def page() -> str:
    """Return the whole page, its text as it stands and its tables new."""
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    return f"{before}{BEGIN}\n\n{tables()}\n\n{END}{rest.partition(END)[2]}"


def tables() -> str:
    """Return the list of the probes and the table of the classes."""
    probes = [f"{number}. {_probe(probe)}" for number, probe in enumerate(PROBES, 1)]
    head = ["| class | log sources (product/category/service) | recognised by | fields answered too |", "|---|---|---|---|"]
    rows = [_row(list(group)) for _, group in groupby(CLASSES, _group)]
    return "\n".join(["### Probes, in their order", "", *probes, "", "### Classes", "", *head, *rows])


def _group(each: EventClass) -> object:
    """Return what classes share that stand in one row: the many plain ones of a sensor, and events with the same aliases."""
    plain = len(each.sources) == 1 and each.sources[0].category is None
    probes = tuple(dict.fromkeys(match.probe for match in each.matches))
    return (each.sources[0].product, probes, each.aliases) if plain and each.sources[0].product in ("zeek", "suricata") else each.name


def _row(group: list[EventClass]) -> str:
    names = ", ".join(f"`{each.name}`" for each in group)
    sources = ", ".join(f"`{_source(source)}`" for each in group for source in each.sources)
    matches = "<br>".join(dict.fromkeys(_match(match) for match in group[0].matches)) if len(group) == 1 else "the same by its last part"
    needs = f"<br>where the reader says `{_source(group[0].requires)}`" if group[0].requires != LogSource() else ""
    aliases = "<br>".join(f"{field}: {', '.join(answers)}" for field, answers in group[0].aliases)
    return f"| {names} | {sources} | {matches or 'its reader'}{needs} | {_cell(aliases)} |"


def _source(source: LogSource) -> str:
    return "/".join(part or "-" for part in (source.product, source.category, source.service))


def _probe(probe: Probe) -> str:
    return " and ".join(f"`{name}`" for name in (probe.field, probe.second) if name)


def _match(match: Match) -> str:
    values: Iterable[tuple[str | None, str | None]] = ((match.probe.field, match.value), (match.probe.second, match.second))
    return " and ".join(f"{name} `{_cell(value)}`" for name, value in values if name and value)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
