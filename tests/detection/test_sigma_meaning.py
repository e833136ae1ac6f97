"""What rules mean: the table of spec_cases, evaluated by the oracle."""

import re
from pathlib import Path

import pytest

from kulla.detection.oracle import evaluate, explain
from tests.detection import building
from tests.detection.spec_cases import GROUPS

CASES = [
    pytest.param(detection, event, expected, id=f"{group}: {name}: {number}")
    for group, cases in GROUPS.items()
    for name, detection, events in cases
    for number, (event, expected) in enumerate(events)
]


@pytest.mark.parametrize(("detection", "event", "expected"), CASES)
def test_meaning(detection: str, event: str, expected: bool):
    tree, fields = building.tree(detection), building.fields(event)
    assert evaluate(tree, fields) is expected
    assert explain(tree, fields).result is expected


def test_the_table_is_large_enough_to_mean_something():
    assert len(CASES) > 150
    assert {case.values[2] for case in CASES} == {True, False}


def table_of_missing() -> list[tuple[str, str, bool]]:
    """Return (event, item, expected) of the reference page's table of missing, null and empty."""
    page = (Path(__file__).resolve().parents[2] / "docs/reference/sigma.md").read_text(encoding="utf-8")
    section = page.split("## Missing, null, empty")[1].split("\n## ")[0]
    rows = [re.split(r"(?<!\\)\|", line)[1:-1] for line in section.splitlines() if line.startswith("|")]
    head, _, *body = [[cell.strip().strip("`").replace("\\|", "|") for cell in row] for row in rows]
    return [(row[0], item, word == "yes") for row in body for item, word in zip(head[1:], row[1:], strict=True)]


@pytest.mark.parametrize(("event", "item", "expected"), table_of_missing())
def test_the_reference_page_says_so(event: str, item: str, expected: bool):
    assert evaluate(building.tree(f"s: {{{item}}}"), building.fields(event)) is expected


def test_the_reference_page_names_every_modifier():
    from kulla.detection.sigma.modifiers import modifier_mapping

    page = (Path(__file__).resolve().parents[2] / "docs/reference/sigma.md").read_text(encoding="utf-8")
    synonyms = {"ignorecase", "multiline", "dotall"}
    assert [name for name in modifier_mapping if f"`{name}`" not in page and name not in synonyms] == []
