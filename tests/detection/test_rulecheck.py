"""Flaws of rules that are found without data."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kulla.detection.ir import And, Node, Not, Op, Or, Predicate, Rule
from kulla.detection.oracle import evaluate
from kulla.detection.rulecheck import findings, logsource_words, state_of
from kulla.detection.sigma.load import load_rules
from kulla.detection.sigma.outcome import RejectedRule, RuleSet
from kulla.model.logsource import LogSource
from kulla.telemetry.flatten import flatten
from tests.detection.sigmahq import sigmahq_rules
from tests.node.rulefiles import rule_text

A, B, C = (Predicate(name, Op.EQUALS, "1") for name in "abc")


def kinds(tree: Node, logsource: LogSource | None = None) -> list[str]:
    source = logsource or LogSource("windows", "process_creation")
    return [flaw.kind for flaw in findings(RuleSet((Rule("x", "X", source, tree),), (), (), ""))]


@pytest.mark.parametrize(
    ("tree", "expected"),
    [
        (A, []),
        (Or(()), ["never-true"]),
        (And(()), ["always-true"]),
        (And((A, Not(A))), ["never-true"]),
        (And((A, B, Not(Or((C, A))))), ["never-true"]),
        (And((A, Or((Not(A), And((B, Not(A))))))), ["never-true"]),
        (And((A, B, Not(And((A, B))))), ["never-true"]),
        (Or((A, Not(A))), ["always-true"]),
        (Not(And((A, Not(A)))), ["always-true"]),
        (And((A, Not(B))), []),
        (Or((And((A, B)), And((A, Not(B))))), []),
    ],
)
def test_conditions_that_do_not_depend_on_the_event(tree: Node, expected: list[str]):
    assert kinds(tree) == expected


TREES = st.recursive(
    st.sampled_from([A, B, C]),
    lambda inner: st.one_of(
        inner.map(Not), st.lists(inner, max_size=3).map(lambda p: And(tuple(p))), st.lists(inner, max_size=3).map(lambda p: Or(tuple(p)))
    ),
    max_leaves=8,
)


@given(TREES, st.sets(st.sampled_from("abc")))
def test_what_is_said_to_be_constant_is(tree: Node, holding: set[str]):
    event = flatten(b"{" + b",".join(b'"%s":1' % name.encode() for name in sorted(holding)) + b"}")
    found = kinds(tree)
    if "never-true" in found:
        assert not evaluate(tree, event)
    if "always-true" in found:
        assert evaluate(tree, event)


def test_a_log_source_that_no_event_has():
    assert kinds(A, LogSource("atari")) == ["unknown-logsource"]
    assert state_of(Rule("x", "X", LogSource("atari"), A)) == "unreachable"
    assert state_of(Rule("x", "X", LogSource("windows", None, "security"), A)) == "usable"
    assert logsource_words(LogSource("windows", None, "security")) == "windows security"
    assert logsource_words(LogSource()) == "any"


def test_findings_stand_in_the_order_of_their_places(tmp_path: Path):
    (tmp_path / "b.yml").write_text(rule_text(1, logsource="category: bakery"))
    (tmp_path / "a.yml").write_text(
        rule_text(1)
        + "---\n"
        + rule_text(1, "Twice")
        + "---\ntitle: Broken\nlogsource: {product: windows}\n"
        + "detection: {condition: none}\n"
    )
    found = findings(load_rules([str(tmp_path)]))
    assert [(flaw.severity, flaw.kind, Path(flaw.path).name, flaw.line) for flaw in found] == [
        ("error", "invalid", "a.yml", 14),
        ("error", "invalid", "a.yml", 27),
        ("error", "invalid", "b.yml", 1),
    ]
    assert found[0].place == f"{tmp_path / 'a.yml'}:14"
    assert "already that of" in found[0].message


def test_a_whole_file_has_no_line():
    (flaw,) = findings(RuleSet((), (), (RejectedRule("", "", "x.yml", 0, "invalid", "not UTF-8"),), ""))
    assert flaw.place == "x.yml"
    assert flaw.to_dict() == {
        "severity": "error",
        "kind": "invalid",
        "path": "x.yml",
        "line": 0,
        "id": "",
        "title": "",
        "message": "not UTF-8",
    }


def test_sigmahq_has_only_known_flaws():
    """Two rules want a site's own placeholder values, and two a log source of products that Kulla does not read."""
    found = findings(sigmahq_rules())
    assert sorted(flaw.kind for flaw in found) == ["unknown-logsource", "unknown-logsource", "unsupported", "unsupported"]
