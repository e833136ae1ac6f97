"""The rules that come with Kulla: complete metadata, and for each a sample that fires and one that does not."""

import gzip
import json
import re
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import yaml

from tests.shared_data import shared_data
from tools.rules_reference import documents

ROOT = Path(__file__).resolve().parents[2]
RULES = ROOT / "src" / "kulla" / "content" / "rules"
SAMPLES = Path(__file__).parent / "samples"
ALL = list(documents())
STEMS = sorted(path.stem for path in RULES.iterdir())
TACTICS = {
    "reconnaissance", "resource-development", "initial-access", "execution", "persistence", "privilege-escalation", "defense-evasion",
    "credential-access", "discovery", "lateral-movement", "collection", "command-and-control", "exfiltration", "impact",
}  # fmt: skip


def titled(value: object) -> str:
    return str(value["title"]) if isinstance(value, dict) else ""


def sample(stem: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (SAMPLES / f"{stem}.jsonl").read_text(encoding="utf-8").splitlines()]


@pytest.mark.parametrize(("name", "rule"), ALL, ids=titled)
def test_metadata_is_complete(name: str, rule: dict[str, Any]) -> None:
    assert UUID(rule["id"]).version == 4
    assert (rule["author"], rule["status"]) == ("Kulla", "experimental")
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", str(rule["date"]))
    assert len(rule["title"]) <= 100
    assert rule["title"][0].isupper()
    assert rule["description"].rstrip().endswith(".")
    assert rule["falsepositives"]
    assert rule["references"]
    assert rule["level"] in {"informational", "low", "medium", "high", "critical"}
    assert ("logsource" in rule) != ("correlation" in rule)
    assert name.endswith(".yml")


@pytest.mark.parametrize(("name", "rule"), ALL, ids=titled)
def test_tags_name_a_tactic_and_a_technique(name: str, rule: dict[str, Any]) -> None:
    tags = [tag.removeprefix("attack.") for tag in rule["tags"]]
    assert all(tag in TACTICS or re.fullmatch(r"t\d{4}(\.\d{3})?", tag) for tag in tags), name
    assert TACTICS & set(tags)
    assert any(tag.startswith("t1") for tag in tags)


@pytest.mark.parametrize(("name", "rule"), ALL, ids=titled)
def test_techniques_are_those_of_attack_18_1(name: str, rule: dict[str, Any]) -> None:
    core = json.loads(gzip.decompress(shared_data("attack/attack-core.json.gz").read_bytes()))
    tags = {tag.removeprefix("attack.").upper() for tag in rule["tags"] if tag.startswith("attack.t1")}
    assert tags <= core["techniques"].keys(), name


def test_ids_titles_and_names_are_unique() -> None:
    for key in ("id", "title", "name"):
        values = [rule[key] for _, rule in ALL if key in rule]
        assert len(values) == len(set(values))


def test_a_file_holds_one_rule_or_a_rule_and_its_correlation() -> None:
    for path in RULES.iterdir():
        kinds = ["correlation" in rule for rule in yaml.safe_load_all(path.read_text(encoding="utf-8"))]
        assert kinds in ([False], [False, True])


def test_every_rule_has_a_sample_and_no_sample_is_left_over() -> None:
    assert sorted(path.stem for path in SAMPLES.iterdir()) == STEMS
    for stem in STEMS:
        keys = [next(iter(line)) for line in sample(stem)]
        assert keys[0] == "logsource"
        assert keys.count("fires") >= 1
        assert keys.count("clean") >= 1
