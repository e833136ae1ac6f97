"""Why a rule fires or not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from kulla.detection import explaining
from kulla.detection.explaining import Survey, closeness, survey
from kulla.detection.ir import And, Node, Not, Op, Or, Predicate
from kulla.detection.oracle import explain
from kulla.detection.sigma.load import load_rules
from kulla.model.problem import Problems
from kulla.telemetry.files import read_path
from kulla.telemetry.flatten import flatten
from tests.node.rulefiles import rule_text

SYSMON = {"Channel": "Microsoft-Windows-Sysmon/Operational", "UtcTime": "2026-01-01 00:00:01"}


def surveyed(tmp_path: Path, events: list[dict[str, Any]], **options: Any) -> Survey:
    (tmp_path / "r.yml").write_text(rule_text(1))
    (tmp_path / "e.jsonl").write_text("".join(json.dumps({**SYSMON, **event}) + "\n" for event in events))
    rule = load_rules([str(tmp_path / "r.yml")]).rules[0]
    return survey(rule, read_path(str(tmp_path / "e.jsonl"), Problems()), Problems(), **options)


FINE, EVIL, OTHER = (
    {"EventID": 1, "Image": "c:\\fine.exe"},
    {"EventID": 1, "Image": "c:\\EVIL.exe"},
    {"EventID": 3, "Image": "c:\\evil.exe"},
)


def test_events_are_counted_and_the_closest_come_first(tmp_path: Path):
    found = surveyed(tmp_path, [FINE, OTHER, FINE, EVIL, FINE])
    assert (found.events, found.applying, found.firing, found.cut) == (5, 4, 1, False)
    assert found.classes == {"windows/sysmon/1": 4, "windows/sysmon/3": 1}
    assert [one.number for one in found.closest] == [3, 0, 2]
    first = found.closest[0]
    assert (first.applies, first.tree.result, first.fires) == (True, True, True)
    assert "windows process_creation sysmon" in first.sources


def test_one_event_may_be_asked_for(tmp_path: Path):
    found = surveyed(tmp_path, [FINE, OTHER, EVIL], number=1)
    (one,) = found.closest
    assert (one.number, one.applies, one.tree.result, one.fires) == (1, False, True, False)
    assert surveyed(tmp_path, [FINE], number=9).closest == []


def test_no_more_than_a_bounded_number_of_events_is_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(explaining, "MAX_EVENTS", 3)
    found = surveyed(tmp_path, [FINE] * 5)
    assert (found.events, found.cut) == (3, True)
    assert not surveyed(tmp_path, [FINE] * 3).cut


@pytest.mark.parametrize(
    ("tree", "expected"),
    [
        ("a", 1.0),
        ("b", 0.0),
        (And(("a", "b")), 0.5),
        (Or(("b", And(("a", "a", "b")))), 2 / 3),
        (Not("a"), 0.0),
        (Not(And(("a", "b"))), 0.5),
        (And(()), 1.0),
        (Or(()), 0.0),
    ],
)
def test_closeness(tree: Any, expected: float):
    def built(node: Any) -> Node:
        match node:
            case str():
                return Predicate(node, Op.EXISTS)
            case Not(part):
                return Not(built(part))
            case _:
                return type(node)(tuple(built(part) for part in node.parts))

    assert closeness(explain(built(tree), flatten(b'{"a": 1}'))) == pytest.approx(expected)


def test_a_deep_condition_does_not_exhaust_the_stack():
    tree: Node = Predicate("a", Op.EXISTS)
    for _ in range(5000):
        tree = Not(And((tree,)))
    assert closeness(explain(tree, flatten(b'{"a": 1}'))) == 1.0
