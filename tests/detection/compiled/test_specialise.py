"""Answering beforehand what a class knows changes nothing in what a rule says of its events."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kulla.detection.compiled.specialise import FALSE, TRUE, put_in, variants
from kulla.detection.eventclass import ANY, EventClass, Match, Probe
from kulla.detection.ir import And, Node, Not, Op, Or, Predicate, Rule
from kulla.detection.oracle import evaluate
from kulla.model.logsource import LogSource
from kulla.telemetry.flatten import flatten
from tests.detection.strategies import trees

CHANNEL = Probe("channel", "eventid")
SECURITY = LogSource("windows", None, "security")
EVENT_ID = Predicate("EventID", Op.EQUALS, "4688")
CMD = Predicate("Image", Op.ENDSWITH, "cmd.exe")


@pytest.mark.parametrize(
    ("tree", "expected"),
    [
        (EVENT_ID, TRUE),
        (Predicate("EventID", Op.EQUALS, "1"), FALSE),
        (And((EVENT_ID, CMD)), CMD),
        (Or((EVENT_ID, CMD)), TRUE),
        (Not(EVENT_ID), FALSE),
        (And((Not(Predicate("EventID", Op.STARTSWITH, "46")), CMD)), FALSE),
        (Predicate("EventID", Op.EXISTS), TRUE),
        (Predicate("EventID", Op.NULL), FALSE),
        (Predicate("EventID", Op.REGEX, "4.*"), Predicate("EventID", Op.REGEX, "4.*")),
        (Predicate("EventID", Op.EQUALS, "4688", cased=True), Predicate("EventID", Op.EQUALS, "4688", cased=True)),
    ],
)
def test_known_values(tree: Node, expected: Node) -> None:
    assert put_in(tree, {"eventid": "4688"}, {}) == expected


def test_excluded_values() -> None:
    assert put_in(EVENT_ID, {}, {"eventid": frozenset({"4688"})}) == FALSE
    assert put_in(CMD, {}, {"eventid": frozenset({"4688"})}) == CMD


@given(
    trees(),
    st.sampled_from(["4688", "1", "abc"]),
    st.dictionaries(st.sampled_from(["Image", "CommandLine", "x"]), st.sampled_from(["a", "cmd.exe", "1"])),
)
def test_meaning_is_kept(tree: Node, value: str, others: dict[str, str]) -> None:
    fields = flatten(json.dumps({**others, "EventID": value}).encode())
    assert evaluate(put_in(tree, {"eventid": value}, {}), fields) == evaluate(tree, fields)


def test_a_channel_is_split_by_the_ids_that_rules_name() -> None:
    security = EventClass("windows/security", (SECURITY,), (Match(CHANNEL, "Security"),))
    rule = Rule("r", "t", SECURITY, And((EVENT_ID, CMD)))
    other = Rule("o", "t", SECURITY, CMD)
    found = variants([security], [rule, other])
    keys = [(v.key.second if v.key else "plain", [index for index, _ in v.rules]) for v in found]
    assert keys == [("plain", [0, 1]), ("4688", [0, 1]), (None, [1])]


def test_a_field_with_an_alias_is_not_known() -> None:
    aliased = EventClass("c", (SECURITY,), (Match(CHANNEL, "Security", "4688"),), aliases=(("EventID", ("event.code",)),))
    found = variants([aliased], [Rule("r", "t", SECURITY, EVENT_ID)])
    assert found[1].rules == ((0, EVENT_ID),)


def test_rules_of_other_sources_stay_out() -> None:
    security = EventClass("windows/security", (SECURITY,), (Match(CHANNEL, "Security", ANY),))
    assert all(not v.rules for v in variants([security], [Rule("r", "t", LogSource("linux"), CMD)]))
