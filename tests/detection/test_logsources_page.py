"""docs/reference/logsources.md says what the table says."""

from __future__ import annotations

import re
from pathlib import Path

from kulla.detection.logsources import load_logsources, reachable
from kulla.model.logsource import LogSource
from tests.detection.sigma_rules import rules
from tools import logsources_reference


def section(title: str) -> str:
    return logsources_reference.PAGE.read_text(encoding="utf-8").split(f"\n## {title}\n")[1].split("\n## ")[0]


def test_its_tables_are_up_to_date() -> None:
    assert logsources_reference.PAGE.read_text(encoding="utf-8") == logsources_reference.page(), "run python -m tools.logsources_reference"


def test_its_example_loads(tmp_path: Path) -> None:
    (example,) = re.findall(r"```toml\n(.*?)```", section("Your own log sources"), re.DOTALL)
    path = tmp_path / "example.toml"
    path.write_text(example, encoding="utf-8")
    assert [each.name for each in load_logsources(path)] == ["site/border-router", "site/firewall"]


def test_its_list_of_what_is_not_covered_is_complete() -> None:
    listed = {LogSource(*name.split("/")) for name in re.findall(r"`(\w+/\w+/\w+)`", section("Not covered"))}
    wanted = {rule.logsource for rule in rules()}
    assert f"({len(wanted)} at " in section("Not covered")
    assert listed == {source for source in wanted if not reachable(source)}
