"""From YAML documents to correlations."""

from __future__ import annotations

import contextlib
import random
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sigma.correlations import SigmaCorrelationRule
from sigma.exceptions import SigmaError

from kulla.detection.correlation.expression import All, AnyOf, Expression, Seen, Unless, clauses, true
from kulla.detection.correlation.model import Comparison, Correlation, CorrelationType, Threshold
from kulla.detection.sigma.correlation_conditions import parse_expression
from kulla.detection.sigma.correlations import parse_correlation
from kulla.model.errors import RuleError
from tests.detection.correlation_cases import correlation, document


def test_a_whole_document():
    parsed = parse_correlation(
        {
            "title": "Many failed logons of one account",
            "id": "F0B3E4A2-6C0D-4B9A-9D0D-0A3C7C7F3B11",
            "name": "many_failed",
            "status": "test",
            "level": "medium",
            "description": "More failures than a person makes.",
            "author": "Kulla",
            "tags": ["attack.t1110"],
            "references": ["https://example.org/a"],
            "falsepositives": ["Scripts with an old password"],
            "correlation": {
                "type": "event_count",
                "rules": ["failed_logon", "failed_ssh"],
                "group-by": ["account", "TargetDomainName"],
                "timespan": "15m",
                "aliases": {"account": {"failed_logon": "TargetUserName", "failed_ssh": "user"}},
                "condition": {"gt": 100, "lte": 200},
                "generate": True,
            },
        },
        "rules/logon.yml",
        3,
    )
    assert parsed == Correlation(
        id="f0b3e4a2-6c0d-4b9a-9d0d-0a3c7c7f3b11",
        title="Many failed logons of one account",
        type=CorrelationType.EVENT_COUNT,
        rules=("failed_logon", "failed_ssh"),
        timespan=900_000_000,
        condition=Threshold(((Comparison.GT, 100), (Comparison.LTE, 200))),
        group_by=("account", "TargetDomainName"),
        aliases={"account": {"failed_logon": "TargetUserName", "failed_ssh": "user"}},
        generate=True,
        level="medium",
        status="test",
        tags=("attack.t1110",),
        name="many_failed",
        path="rules/logon.yml",
        line=3,
        description="More failures than a person makes.",
        falsepositives=("Scripts with an old password",),
        references=("https://example.org/a",),
        author="Kulla",
    )
    assert parsed.source_field("failed_ssh", "account") == "user"
    assert parsed.source_field("failed_ssh", "TargetDomainName") == "TargetDomainName"
    assert not parsed.sliding


@pytest.mark.parametrize(
    ("text", "microseconds"),
    [
        ("1s", 10**6),
        ("90m", 5_400 * 10**6),
        ("2h", 7_200 * 10**6),
        ("1d", 86_400 * 10**6),
        ("1w", 604_800 * 10**6),
        ("1M", 2_629_746 * 10**6),
    ],
)
def test_timespans(text: str, microseconds: int):
    assert correlation("x", type="event_count", rules="a", timespan=text, condition={"gte": 1}).timespan == microseconds


def test_one_rule_and_one_field_may_stand_alone():
    parsed = correlation("x", type="value_count", rules="a", group_by="Host", timespan="1h", condition={"field": "User", "gte": 3})
    assert (parsed.rules, parsed.group_by, parsed.fields) == (("a",), ("Host",), ("User",))


def test_the_default_of_temporal_types_is_all_rules():
    unordered = correlation("x", type="temporal", rules=["a", "b", "a"], timespan="1h")
    ordered = correlation("x", type="temporal_ordered", rules=["a", "b", "a"], timespan="1h")
    assert unordered.condition == Threshold(((Comparison.GTE, 2),))
    assert ordered.condition == Threshold(((Comparison.GTE, 3),))


def test_fractions_and_percentiles_are_exact():
    parsed = correlation(
        "x", type="value_percentile", rules="a", timespan="1h", condition={"field": "Bytes", "percentile": 99.9, "gte": 0.1}
    )
    assert parsed.percentile == Fraction(999, 10)
    assert parsed.condition == Threshold(((Comparison.GTE, Fraction(1, 10)),))
    assert parsed.measure == "value_percentile 99.9 of Bytes"


def test_a_condition_in_words_names_the_rules():
    parsed = correlation("x", type="temporal", timespan="1h", condition="a and not (b or 0e95725d-7320-415d-80f7-004da920fc11)")
    other = Seen("0e95725d-7320-415d-80f7-004da920fc11")
    assert parsed.rules == ("a", "b", "0e95725d-7320-415d-80f7-004da920fc11")
    assert parsed.condition == All((Seen("a"), Unless(AnyOf((Seen("b"), other)))))
    assert not parsed.sliding
    assert correlation("x", type="temporal", timespan="1h", condition="a or b").sliding


def test_not_binds_tighter_than_and_and_and_tighter_than_or():
    assert parse_expression("not a and b or c") == AnyOf((All((Unless(Seen("a")), Seen("b"))), Seen("c")))


def test_an_id_is_made_where_there_is_none():
    one = document("x", type="event_count", rules="a", timespan="1h", condition={"gte": 1})
    del one["id"]
    other = {**one, "title": "Another"}
    assert parse_correlation(one, "p", 1).id == parse_correlation(dict(one), "q", 9).id
    assert parse_correlation(one, "p", 1).id != parse_correlation(other, "p", 1).id


GOOD: dict[str, Any] = {"type": "event_count", "rules": ["a"], "timespan": "1h", "condition": {"gte": 2}}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"type": None}, "no type"),
        ({"type": "event_total"}, 'unknown correlation type "event_total"'),
        ({"type": 7}, 'unknown correlation type "7"'),
        ({"rules": None}, "refers to no rules"),
        ({"rules": []}, "refers to no rules"),
        ({"rules": [{"a": 1}]}, '"rules" must be text'),
        ({"rules": ["a"] * 300}, "300 rules are too many"),
        ({"timespan": None}, 'timespan "None" is not valid'),
        ({"timespan": "1 hour"}, 'timespan "1 hour" is not valid'),
        ({"timespan": "0s"}, "longer than zero"),
        ({"timespan": "999999999y"}, "at most 100 years"),
        ({"condition": None}, 'no valid "condition"'),
        ({"condition": []}, 'no valid "condition"'),
        ({"condition": {}}, "compares with nothing"),
        ({"condition": {"gte": "many"}}, "is not a number"),
        ({"condition": {"gte": float("nan")}}, "is not a number"),
        ({"condition": {"gte": True}}, "is not a number"),
        ({"condition": {"gte": 10**40}}, "is not a number"),
        ({"condition": {"over": 3}}, "unknown attribute in the condition: over"),
        ({"condition": {"gte": 3, "field": "User"}}, "no meaning for event_count"),
        ({"condition": {"gte": 3, "percentile": 3}}, "no meaning for event_count"),
        ({"condition": "a"}, "temporal types only"),
        ({"type": "value_count"}, "needs a condition field"),
        ({"type": "value_sum", "condition": {"gte": 1, "field": ["A", "B"]}}, "one condition field"),
        ({"type": "value_percentile", "condition": {"gte": 1, "field": "A"}}, "is not a number"),
        ({"type": "value_percentile", "condition": {"gte": 1, "field": "A", "percentile": 101}}, "between 0 and 100"),
        ({"group-by": {"a": 1}}, '"group-by" must be text'),
        ({"aliases": ["a"]}, '"aliases" must map'),
        ({"aliases": {"x": {"other": "Field"}}}, 'speaks of rule "other"'),
        ({"generate": "yes"}, '"generate" must be true or false'),
        ({"groupby": ["Host"]}, "unknown attribute in the correlation: groupby"),
        ({"type": "temporal", "rules": ["a"], "condition": "a and b"}, "not among the rules: b"),
        ({"type": "temporal", "rules": ["a", "b"], "condition": "a"}, "b is left out"),
        ({"type": "temporal", "rules": None, "condition": "a and"}, "ends where a rule is expected"),
        ({"type": "temporal", "rules": None, "condition": "(a or b"}, "ends where a closing parenthesis is expected"),
        ({"type": "temporal", "rules": None, "condition": "a b"}, '"b" at column 3 where "and" or "or" is expected'),
        ({"type": "temporal", "rules": None, "condition": "a & b"}, "cannot be read at column 3"),
        ({"type": "temporal", "rules": None, "condition": ""}, "ends where a rule is expected"),
        ({"type": "temporal", "rules": None, "condition": "(" * 500 + "a" + ")" * 500}, "more than 1000 words"),
        ({"type": "temporal", "rules": None, "condition": "not " * 100 + "a"}, "nested more than 40 deep"),
        ({"type": "temporal_ordered", "rules": [f"r{n}" for n in range(17)]}, "17 rules are too many"),
        ({"type": "temporal_ordered", "rules": None, "condition": " and ".join(f"(a{n} or b{n})" for n in range(5))}, "more than 16 ways"),
    ],
)
def test_what_is_wrong_is_said_with_the_place(change: dict[str, Any], message: str):
    section = {key: value for key, value in {**GOOD, **change}.items() if value is not None}
    with pytest.raises(RuleError, match=r"rules/x\.yml line 12") as caught:
        parse_correlation(document("x", **section), "rules/x.yml", 12)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"title": None, "name": None}, "no title"),
        ({"level": "severe"}, 'level "severe"'),
        ({"status": "new"}, 'status "new"'),
        ({"title": 5}, "text"),
    ],
)
def test_what_is_wrong_outside_the_section(change: dict[str, Any], message: str):
    with pytest.raises(RuleError, match=message):
        parse_correlation({**document("x", **GOOD), **change}, "x.yml", 1)


def test_a_section_that_is_no_mapping():
    with pytest.raises(RuleError, match="must be a mapping"):
        parse_correlation({"title": "x", "correlation": ["type"]}, "x.yml", 1)


NAMES = st.sampled_from(["a", "b", "c"])
CONDITIONS = st.one_of(
    st.dictionaries(
        st.sampled_from(["gt", "gte", "lt", "lte", "eq", "neq"]), st.integers(0, 99) | st.floats(-9, 9), min_size=1, max_size=1
    ),
    st.sampled_from(["a and b", "a or not b", "(a or b) and not c", "not a"]),
)
SECTIONS = st.fixed_dictionaries(
    {"type": st.sampled_from(list(CorrelationType)), "timespan": st.from_regex(r"[1-9][smhdwMy]", fullmatch=True)},
    optional={
        "rules": st.lists(NAMES, min_size=1, max_size=3, unique=True) | NAMES,
        "condition": CONDITIONS,
        "group-by": st.lists(st.sampled_from(["Host", "User"]), max_size=2) | st.just("Host"),
        "generate": st.booleans(),
        "field": st.just("Bytes") | st.just(["Bytes", "Host"]),
    },
)


@given(SECTIONS)
def test_whatever_pysigma_accepts_is_accepted_unless_it_has_no_meaning(drawn: dict[str, Any]):
    """pySigma lets pass a field that is not looked at, several fields to add up, and a percentile of nothing."""
    section: dict[str, Any] = {str(key): value for key, value in drawn.items()}
    section["type"] = str(section["type"])
    kind = section["type"]
    field = section.pop("field", None)
    if field is not None and kind.startswith("value_") and isinstance(section.get("condition"), dict):
        section["condition"]["field"] = field if kind == "value_count" else "Bytes"
        if kind == "value_percentile":
            section["condition"]["percentile"] = 95
    one = {"title": "A title", "correlation": section}
    try:
        theirs = SigmaCorrelationRule.from_dict(one)
        refused = theirs.rules == []
    except SigmaError:
        refused = True
    if refused:
        with pytest.raises(RuleError):
            parse_correlation(one, "x.yml", 1)
        return
    ours = parse_correlation(one, "x.yml", 1)
    assert ours.timespan == theirs.timespan.seconds * 10**6
    assert ours.generate == theirs.generate
    if theirs.rules is not None:
        assert list(ours.rules) == [reference.reference for reference in theirs.rules]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from([*GOOD, "group-by", "aliases", "generate"]), JSON))
def test_no_document_breaks_the_parser(section: dict[str, Any]):
    with contextlib.suppress(RuleError):
        parse_correlation({"title": "x", "correlation": {**GOOD, **section}}, "x.yml", 1)


EXPRESSIONS = st.recursive(
    st.sampled_from("abcd").map(Seen),
    lambda inner: st.one_of(
        inner.map(Unless),
        st.lists(inner, min_size=2, max_size=3).map(lambda parts: All(tuple(parts))),
        st.lists(inner, min_size=2, max_size=3).map(lambda parts: AnyOf(tuple(parts))),
    ),
    max_leaves=6,
)


@given(EXPRESSIONS, st.randoms(use_true_random=False))
def test_the_ways_of_an_expression_are_the_expression(expression: Expression, chance: random.Random):
    present = {name for name in "abcd" if chance.random() < 0.5}
    ways = clauses(expression, most=10_000)
    assert true(expression, present) == any(seen <= present and not absent & present for seen, absent in ways)
