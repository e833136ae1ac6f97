"""The rules that come with Kulla find the attack in the synthetic evidence, and nothing in the days around it.

Read by the readers and judged by the oracle, without the compiled kernel; tests of ``kulla scan`` compare with this.
"""

from collections import defaultdict
from collections.abc import Iterator
from datetime import timedelta
from functools import cache
from io import BytesIO
from pathlib import Path

import pytest

from examples.make_evidence import evidence
from examples.synthetic.world import at
from kulla.detection.correlation.correlator import Correlator
from kulla.detection.correlation.model import Hit
from kulla.detection.eventclass import EventClass
from kulla.detection.logsources import classify
from kulla.detection.oracle import evaluate
from kulla.detection.sigma.load import RuleSet, load_rules
from kulla.model import moment
from kulla.model.problem import Problems
from kulla.telemetry.batch import Source
from kulla.telemetry.envelope import envelope
from kulla.telemetry.fields import name_key
from kulla.telemetry.flatten import Fields, flatten
from kulla.telemetry.reader import Origin
from kulla.telemetry.readers import best

RULES = Path(__file__).resolve().parents[2] / "src" / "kulla" / "content" / "rules"
READ_AS = {".jsonl": "jsonl", ".LOG": "exchange", "u_ex2603.log": "iis", "auth.log": "syslog", "audit.log": "auditd"}
FORMATS = {path: next((READ_AS[end] for end in READ_AS if path.endswith(end)), "zeek") for path in evidence()}
#: The attack's hours: from the evening of Monday to the small hours of Friday, when nobody works.
NIGHTS = [(at(day, "19:00:00"), at(day, "19:00:00") + timedelta(hours=12)) for day in range(1, 5)]


@cache
def rules() -> RuleSet:
    return load_rules([str(RULES)])


@cache
def read() -> tuple[dict[str, int], dict[str, list[Hit]], list[object]]:
    """Return how many events each file has, the hits of each rule by title, and the problems."""
    counts, hits, problems = dict[str, int](), defaultdict[str, list[Hit]](list), Problems()
    for path, content in evidence().items():
        reader = best(content[:65536])
        assert reader is not None, path
        batches = list(reader.read(BytesIO(content), Origin(path, problems)))
        counts[path] = sum(map(len, batches))
        for batch in batches:
            for index in range(len(batch)):
                time = int(batch.times[index]) if batch.times is not None else moment.UNKNOWN
                for title, hit in judged(batch.event(index), batch.source, time):
                    hits[title].append(hit)
    return counts, dict(hits), list(problems)


def judged(event: bytes, source: Source, time: int) -> Iterator[tuple[str, Hit]]:
    fields = flatten(event)
    kind = classify(fields, source.logsource)
    aliases = {name_key(name): kind.answers(name)[1:] for name, _ in kind.aliases}
    when = time if time != moment.UNKNOWN else envelope(fields).time
    for rule in rules().rules:
        if kind.covered_by(rule.logsource) and evaluate(rule.tree, fields, aliases):
            wanted = {name: value_of(fields, kind, name) for name in ("IpAddress", "TargetUserName", "Image", "c-ip")}
            yield rule.title, Hit(rule_id=rule.id, time=when, path=source.path, number=0, values=wanted)


def value_of(fields: Fields, kind: EventClass, name: str) -> str | None:
    return next((text for other in kind.answers(name) if (text := fields.text(other)) is not None), None)


@pytest.mark.parametrize("path", FORMATS)
def test_the_reader_is_found_by_the_content(path: str) -> None:
    found = best(evidence()[path][:65536])
    assert found is not None
    assert found.name == FORMATS[path]


@pytest.mark.parametrize("path", FORMATS)
def test_every_record_is_an_event(path: str) -> None:
    lines = [line for line in evidence()[path].splitlines() if not line.startswith(b"#")]
    expected = len(lines) // 5 if path.endswith("audit.log") else len(lines)
    assert read()[0][path] == expected


def test_nothing_in_the_evidence_is_a_problem() -> None:
    assert read()[2] == []


@pytest.mark.parametrize("title", [rule.title for rule in load_rules([str(RULES)]).rules])
def test_every_rule_fires_on_the_evidence(title: str) -> None:
    assert title in read()[1]


def test_what_fires_by_itself_fires_only_while_the_attack_goes_on() -> None:
    silent = {rule.title for rule in rules().rules if rule.silent}
    for title, hits in read()[1].items():
        for hit in hits if title not in silent else []:
            time = moment.to_text(hit.time)
            assert any(moment.from_datetime(start) <= hit.time <= moment.from_datetime(end) for start, end in NIGHTS), (title, time)


def test_each_correlation_fires_once() -> None:
    problems = Problems()
    correlator = Correlator(rules().correlations, None, problems)
    correlator.feed(hit for hits in read()[1].values() for hit in hits)
    found = [detection.correlation.title for detection in correlator.finish()]
    assert sorted(found) == sorted(correlation.title for correlation in rules().correlations)
    assert list(problems) == []
