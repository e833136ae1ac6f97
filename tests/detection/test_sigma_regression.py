"""SigmaHQ's own true positives: each rule fires on its sample, by the oracle alone and without regard to log sources."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from kulla.detection.ir import Rule
from kulla.detection.oracle import evaluate, matched
from kulla.detection.sigma.load import RuleSet, digest_of, load_rules
from kulla.telemetry.flatten import Fields, flatten
from tests.shared_data import ROOT, shared_data

#: Placeholders have no value of their own: these rules of SigmaHQ ask the site for some.
NEED_PLACEHOLDERS = {"c4a1f389-2e6b-4d9a-8f0c-b73e5a12d947", "8b7e2c54-1f93-4a6d-b8e0-3c9d7f25a168"}


@cache
def sigmahq() -> RuleSet:
    return load_rules([str(shared_data("sigma/sigma_rules.zip"))])


@cache
def by_id() -> dict[str, Rule]:
    return {rule.id: rule for rule in sigmahq().rules}


def samples() -> list[dict[str, str | int]]:
    listing = ROOT / "sigma" / "regression.jsonl"
    return [json.loads(line) for line in listing.read_text().splitlines()] if listing.exists() else []


def events(path: Path) -> Iterator[Fields]:
    from evtx import PyEvtxParser

    for record in PyEvtxParser(str(path)).records_json():
        yield flatten(record["data"].encode())


def test_all_of_sigmahq_can_be_used_but_for_placeholders():
    rules = sigmahq()
    assert {rule.id: rule.state for rule in rules.rejected} == dict.fromkeys(NEED_PLACEHOLDERS, "unsupported")
    assert all("placeholder %known_cdcs% has no value" in rule.reason for rule in rules.rejected)
    assert len(rules.rules) == 3752
    assert len(by_id()) == 3752
    assert (rules.remarks, rules.ignored, rules.repeated) == ((), 0, 0)


def test_with_placeholders_all_of_sigmahq_can_be_used():
    rules = load_rules([str(shared_data("sigma/sigma_rules.zip"))], placeholders={"known_cdcs": ["cdc1.example", "10.0.0.*"]})
    assert (len(rules.rules), rules.rejected) == (3754, ())
    assert rules.digest != sigmahq().digest


def test_the_digest_is_known_without_parsing():
    assert digest_of([str(shared_data("sigma/sigma_rules.zip"))]) == sigmahq().digest


@pytest.mark.parametrize("sample", [pytest.param(sample, id=Path(str(sample["rule_path"])).stem) for sample in samples()])
def test_a_rule_fires_on_its_sample(sample: dict[str, str | int]):
    rule = by_id()[str(sample["rule_id"])]
    hits = [fields for fields in events(shared_data(f"sigma/{sample['file']}")) if evaluate(rule.tree, fields)]
    assert len(hits) >= int(sample["minimum"])
    assert all(matched(rule.tree, fields) for fields in hits)
