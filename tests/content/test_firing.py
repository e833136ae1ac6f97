"""Every rule that comes with Kulla fires on its firing sample and on nothing in its clean one.

A sample's first line names the log source that the reader of such a file gives; a rule alone must fire on each event marked
``fires``, a rule that feeds a correlation is judged by the correlation over all events of a kind together.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from kulla.detection.correlation.correlator import Correlator
from kulla.detection.correlation.model import Correlated, Hit
from kulla.detection.ir import Rule
from kulla.detection.logsources import classify
from kulla.detection.oracle import evaluate
from kulla.detection.sigma.load import RuleSet, load_rules
from kulla.model.logsource import LogSource
from kulla.model.problem import Problems
from kulla.telemetry.envelope import envelope
from kulla.telemetry.fields import name_key
from kulla.telemetry.flatten import flatten

RULES = Path(__file__).resolve().parents[2] / "src" / "kulla" / "content" / "rules"
SAMPLES = Path(__file__).parent / "samples"
STEMS = sorted(path.stem for path in RULES.iterdir())
COUNTING = [stem for stem in STEMS if "correlation:" in (RULES / f"{stem}.yml").read_text(encoding="utf-8")]
SINGLE = [stem for stem in STEMS if stem not in COUNTING]


@dataclass(frozen=True)
class Sample:
    base: LogSource
    fires: list[bytes]
    clean: list[bytes]


@cache
def rules(stem: str) -> RuleSet:
    return load_rules([str(RULES / f"{stem}.yml")])


def sample(stem: str) -> Sample:
    lines = [json.loads(line) for line in (SAMPLES / f"{stem}.jsonl").read_text(encoding="utf-8").splitlines()]
    events = {kind: [json.dumps(line[kind]).encode() for line in lines if kind in line] for kind in ("fires", "clean")}
    return Sample(LogSource(**lines[0]["logsource"]), events["fires"], events["clean"])


def fires(rule: Rule, event: bytes, base: LogSource) -> bool:
    fields = flatten(event)
    kind = classify(fields, base)
    aliases = {name_key(name): tuple(map(name_key, names)) for name, names in kind.aliases}
    return kind.covered_by(rule.logsource) and evaluate(rule.tree, fields, aliases)


def correlated(stem: str, events: list[bytes], base: LogSource) -> list[Correlated]:
    loaded, problems = rules(stem), Problems()
    correlator = Correlator(loaded.correlations, None, problems)
    correlator.feed(hit(rule, event, correlator.needs) for rule in loaded.rules for event in events if fires(rule, event, base))
    found = list(correlator.finish())
    assert list(problems) == []
    return found


def hit(rule: Rule, event: bytes, needs: Mapping[str, Any]) -> Hit:
    fields = flatten(event)
    values = {name: fields.text(name) for name in needs[rule.id]}
    return Hit(rule_id=rule.id, time=envelope(fields).time, path="sample", number=0, values=values)


def test_every_rule_loads_without_a_remark() -> None:
    loaded = load_rules([str(RULES)])
    assert loaded.rejected == ()
    assert loaded.remarks == ()
    assert len(loaded.rules) == len(STEMS)
    assert len(loaded.correlations) == len(COUNTING)


@pytest.mark.parametrize("stem", SINGLE)
def test_a_rule_fires_on_each_firing_event_and_on_no_clean_one(stem: str) -> None:
    (rule,) = rules(stem).rules
    found = sample(stem)
    assert [event for event in found.fires if not fires(rule, event, found.base)] == []
    assert [event for event in found.clean if fires(rule, event, found.base)] == []


@pytest.mark.parametrize("stem", COUNTING)
def test_a_correlation_fires_on_all_firing_events_together(stem: str) -> None:
    found = sample(stem)
    assert len(correlated(stem, found.fires, found.base)) == 1
    assert correlated(stem, found.fires[1:], found.base) == [], "one event fewer is not enough"


@pytest.mark.parametrize("stem", COUNTING)
def test_a_correlation_does_not_fire_on_the_clean_events(stem: str) -> None:
    found = sample(stem)
    assert correlated(stem, found.clean, found.base) == []
    (rule,) = rules(stem).rules
    assert any(fires(rule, event, found.base) for event in found.clean), "the clean sample has what is counted, but too little of it"


@pytest.mark.parametrize("stem", COUNTING)
def test_what_only_feeds_a_correlation_is_silent(stem: str) -> None:
    assert [rule.silent for rule in rules(stem).rules] == [True]
