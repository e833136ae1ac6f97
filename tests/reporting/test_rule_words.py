"""Rules in words."""

from __future__ import annotations

import pytest

from kulla.detection.ir import And, Not, Op, Or, Predicate
from kulla.detection.oracle import explain
from kulla.reporting.rule_words import correlation_words, explanation_lines, predicate_words, span_words, tree_lines
from kulla.telemetry.flatten import flatten
from tests.detection.correlation_cases import correlation


@pytest.mark.parametrize(
    ("predicate", "words"),
    [
        (Predicate("Image", Op.ENDSWITH, "\\a.exe"), 'Image ends with "\\a.exe"'),
        (Predicate("Image", Op.EQUALS, "A", cased=True), 'Image is "A" (case matters)'),
        (Predicate(None, Op.CONTAINS, "x"), 'any value contains "x"'),
        (Predicate("a", Op.WILDCARD, "x*y"), 'a is like "x*y"'),
        (Predicate("a", Op.REGEX, "x+", flags="i"), "a matches the regular expression x+ with flags i"),
        (Predicate("a", Op.CIDR, "10.0.0.0/8"), "a is an address in 10.0.0.0/8"),
        (Predicate("a", Op.GTE, "5"), "a is at least 5"),
        (Predicate("a", Op.EXISTS), "a is there"),
        (Predicate("a", Op.NULL), "a is missing or null"),
        (Predicate("a", Op.FIELD_STARTSWITH, "b"), "a starts with the value of the field b"),
        (Predicate("a", Op.TIME_PART, "3", flags="hour"), "the hour of a is 3"),
        (Predicate("a\x1b[31m", Op.EQUALS, "\u202eb"), 'a\\u{1b}[31m is "\\u{202e}b"'),
    ],
)
def test_predicates(predicate: Predicate, words: str):
    assert predicate_words(predicate) == words


def test_every_operation_has_words():
    for op in Op:
        assert "a" in predicate_words(Predicate("a", op, "b"))


A, B = Predicate("a", Op.EQUALS, "1"), Predicate("b", Op.EXISTS)


def test_trees():
    tree = And((A, Not(Or((A, B)))))
    assert list(tree_lines(tree)) == ["all of:", '  a is "1"', "  not:", "    at least one of:", '      a is "1"', "      b is there"]
    assert list(tree_lines(And(()))) == ["always true"]
    assert list(tree_lines(Or(()))) == ["never true"]


def test_explanations_say_what_the_event_has():
    tree = Or(
        (
            A,
            Not(B),
            Predicate(None, Op.CONTAINS, "ee"),
            Predicate(None, Op.CONTAINS, "zz"),
            Predicate("n", Op.GT, "1"),
            Predicate("c", Op.NULL),
        )
    )
    event = flatten(b'{"a": "see\\u202e", "n": [1, 2], "c": null, "b": {}}')
    assert list(explanation_lines(explain(tree, event), color=False)) == [
        "yes at least one of:",
        'no    a is "1"  -- the event has "see\\u{202e}"',
        "no    not:",
        "yes     b is there  -- the event has an object or list",
        'yes   any value contains "ee"  -- found in a: "see\\u{202e}"',
        'no    any value contains "zz"  -- found in no field',
        "yes   n is more than 1  -- the event has 1, 2",
        "yes   c is missing or null  -- the event has null",
    ]
    assert list(explanation_lines(explain(A, flatten(b"{}")), color=False)) == ['no  a is "1"  -- the event has no such field']


def test_colours_only_where_asked():
    painted = "".join(explanation_lines(explain(A, flatten(b"{}")), color=True))
    assert painted.startswith("\x1b[31mno \x1b[0m")


def test_correlations():
    spray = correlation(
        "x", type="value_count", rules=["a"], group_by=["Ip"], timespan="90m", condition={"field": "User", "gt": 4, "lt": 9}
    )
    assert list(correlation_words(spray, {"a": "Failed"})) == [
        "value_count of User within 90m, by Ip",
        "is more than 4 and less than 9",
        "over the events of",
        "  Failed",
    ]
    words = correlation("x", type="temporal", timespan="1d", condition="a and not (b or c)")
    assert list(correlation_words(words, {"a": "First"}))[:2] == ["temporal within 1d", 'such that ("First" and not ("b" or "c"))']


@pytest.mark.parametrize(("seconds", "words"), [(1, "1s"), (60, "1m"), (90, "90s"), (3600, "1h"), (86_400, "1d"), (129_600, "36h")])
def test_spans(seconds: int, words: str):
    assert span_words(seconds * 1_000_000) == words
