"""The kernel gives what the slow engine gives: the same lines in the same order, the same counts, for any rules and events."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kulla.detection.ir import And, Not, Op, Or, Rule
from kulla.detection.logsources import builtin
from kulla.model import moment
from kulla.model.logsource import LogSource
from kulla.model.observable import ObservableType
from tests.detection import strategies
from tests.detection.kernel import sources
from tests.detection.kernel.both_ways import Setting, asks, check, renumbered
from tests.detection.kernel.hostile import damaged, odd_events
from tests.detection.kernel.random_cases import SLOW, Maker, by_hand, json_values, run
from tests.detection.kernel.sightings import NAMED, OBSERVABLES, VALUES, index_of

#: 2022-07-15T09:14:03Z and a second more, the moments around which ``sources.times`` lie.
SINCE, UNTIL = 1_657_876_443_000_000, 1_657_876_444_000_000
#: A small table of log sources: the large one takes time to compile.
PLAIN_SETTING = Setting(catalogue=sources.SMALL)
MANY = settings(max_examples=400 if SLOW else 30)
FEW = settings(max_examples=200 if SLOW else 15)


# For volume: a seeded generator. Each seed gives some hundred pairs of rule and event.


def test_many_random_rules_and_events():
    seeds = range(by_hand(25))
    assert run(seeds, Maker, Setting()) > len(seeds)


def test_many_random_rules_and_events_with_classes_and_aliases():
    keys = {"kind": json_values("alpha", "ALPHA", "Beta", "gamma", "ist", "delta"), "code": json_values(1, 2, 3, 4, "ab")}
    for number, base in enumerate(sources.SMALL_BASES):
        seeds = range(10_000 * number, 10_000 * number + by_hand(8))
        setting = Setting(catalogue=sources.SMALL, logsource=base)
        assert run(seeds, lambda seed: Maker(seed, sources.SMALL_FIELDS, keys, sources.SMALL_SOURCES), setting) > len(seeds)


def test_many_random_windows_events():
    keys = {
        "EventID": json_values(*sources.IDS),
        "Channel": json_values(*sources.CHANNELS),
        "Provider_Name": json_values(*sources.PROVIDERS),
        "TimeCreated": sources.TIMES,
    }
    for number, catalogue in enumerate((builtin(), sources.SITE)):
        seeds = range(20_000 * number, 20_000 * number + by_hand(6))
        setting = Setting(catalogue=catalogue, window=(SINCE - 10**15, UNTIL))
        assert run(seeds, lambda seed: Maker(seed, sources.REAL_FIELDS, keys, sources.REAL_SOURCES), setting) > len(seeds)


# With Hypothesis, which looks for the smallest case.


@MANY
@given(strategies.rules_and_events())
def test_rules_made_from_events(drawn: tuple[list[Rule], list[bytes]]):
    check(*drawn, PLAIN_SETTING)


@MANY
@given(st.lists(strategies.rules(), min_size=1, max_size=12), st.lists(st.one_of(strategies.events(), odd_events()), max_size=4))
def test_any_rules_and_events(rules: list[Rule], events: list[bytes]):
    check(renumbered(rules), events, PLAIN_SETTING)


@FEW
@given(st.lists(strategies.rules(), min_size=1, max_size=6), st.lists(damaged(strategies.events()), min_size=1, max_size=6))
def test_damaged_events(rules: list[Rule], events: list[bytes]):
    check(renumbered(rules), events, PLAIN_SETTING)


@MANY
@given(
    sources.rules(sources.SMALL_FIELDS, sources.SMALL_CODES, sources.SMALL_SOURCES),
    st.lists(sources.small_events(), min_size=1, max_size=5),
    st.sampled_from(sources.SMALL_BASES),
)
def test_classes_aliases_and_values_known_beforehand(rules: list[Rule], events: list[bytes], base: LogSource):
    check(renumbered(rules), events, Setting(catalogue=sources.SMALL, logsource=base))


@MANY
@given(
    sources.rules(sources.REAL_FIELDS, sources.REAL_CODES, sources.REAL_SOURCES),
    st.lists(sources.windows_events(), min_size=1, max_size=5),
    st.sampled_from(sources.REAL_BASES),
    st.sampled_from((builtin(), sources.SITE)),
)
def test_windows_events(rules: list[Rule], events: list[bytes], base: LogSource, catalogue: sources.Catalogue):
    check(renumbered(rules), events, Setting(catalogue=catalogue, logsource=base))


@FEW
@given(
    sources.rules(sources.REAL_FIELDS, sources.REAL_CODES, (LogSource(),)),
    st.lists(sources.windows_events(), min_size=1, max_size=6),
    st.sampled_from(((SINCE, UNTIL), (moment.UNKNOWN + 1, SINCE), (UNTIL, 2**63 - 1), (UNTIL, SINCE))),
    st.one_of(st.none(), strategies.texts()),
    st.data(),
)
def test_windows_of_time_hosts_muted_and_feeding_rules(
    rules: list[Rule], events: list[bytes], window: tuple[int, int], host: str | None, data: st.DataObject
):
    some = st.frozensets(st.integers(0, len(rules) - 1))
    setting = Setting(host=host, window=window, muted=data.draw(some), feeding=data.draw(some))
    given_times = st.sampled_from((moment.UNKNOWN, moment.UNKNOWN, SINCE, UNTIL, UNTIL + 1, -1, -(10**17), 2**62))
    times = data.draw(st.one_of(st.none(), st.lists(given_times, min_size=len(events), max_size=len(events))))
    check(renumbered(rules), events, setting, times)


# Indicators.

_CHOSEN = st.lists(
    st.sampled_from([(kind, value) for kind, values in OBSERVABLES.items() for value in values]), min_size=1, max_size=8, unique=True
)


def _sighted_events() -> st.SearchStrategy[bytes]:
    text = st.one_of(st.sampled_from(VALUES), st.sampled_from(VALUES), strategies.texts())
    value = st.one_of(
        text.map(json.dumps),
        text.map(lambda one: json.dumps(one, ensure_ascii=False)),
        st.lists(text, max_size=3).map(json.dumps),
        st.sampled_from(("null", "17", "true", '"\\ud800 10.1.2.3"')),
    )
    member = st.builds(lambda name, one: f'"{name}": {one}', st.sampled_from(NAMED), value)
    return st.lists(member, min_size=1, max_size=5).map(lambda members: ("{" + ", ".join(members) + "}").encode())


@MANY
@given(_CHOSEN, st.lists(_sighted_events(), min_size=1, max_size=5), st.lists(strategies.rules(), max_size=4))
def test_indicators(chosen: list[tuple[ObservableType, str]], events: list[bytes], rules: list[Rule]):
    check(renumbered(rules), events, Setting(index=index_of(chosen)))


# Single cases, each of which was wrong once or could be.


def rule(tree: object, **changes: object) -> Rule:
    return Rule("00000000-0000-4000-8000-000000000000", "a rule", LogSource(), tree, **changes)  # type: ignore[arg-type]


ALIASED = Setting(catalogue=sources.SMALL)
P1 = b'"kind":"alpha","code":1'


@pytest.mark.parametrize(
    ("tree", "event", "hits"),
    [
        (Or((asks("A", Op.NULL), asks("B", Op.EQUALS, "1"))), b'{"A": 1, "B": 1}', 1),
        (asks("A", Op.NULL), b'{"B": 1}', 1),
        (asks("A", Op.NULL), b'{"A": null}', 1),
        (asks("A", Op.NULL), b'{"A": {}}', 0),
        (Not(asks("A", Op.NULL)), b'{"A": [null, 1]}', 1),
        (asks("A", Op.EXISTS), b'{"A": [null, 1]}', 1),
        (asks("A", Op.EXISTS), b'{"A": [1, null]}', 1),
        (And((asks("A", Op.CONTAINS, "a"), asks("A", Op.CONTAINS, "b"))), b'{"A": ["ab", "\\u0061b"]}', 1),
        (And((asks("A", Op.STARTSWITH, "ab"), asks("A", Op.ENDSWITH, "bc"))), b'{"A": ["abx", "\\u0061bx", "xbc", "xb\\u0063"]}', 1),
        (And((asks("A", Op.EQUALS, "ab"), asks("A", Op.EQUALS, "AB", cased=True))), b'{"A": ["ab", "\\u0041B"]}', 1),
        (asks("A", Op.GT, "1"), b'{"A": ["5.5", "6"]}', 1),
        (asks("A", Op.CIDR, "10.0.0.0/8"), b'{"A": ["::ffff:10.1.1.1", "10.1.2.3"]}', 1),
        (asks("A", Op.CIDR, "fe80::/10"), b'{"A": ["fe80::1%eth0", "fe80::2"]}', 1),
        (asks("A", Op.REGEX, "[[:alpha:]]foo"), b'{"A": "xfoo"}', 1),
        (asks("A", Op.REGEX, "[[:alpha:]]foo"), b'{"A": "]foo"}', 0),
        (asks("A", Op.REGEX, "a$"), b'{"A": "a\\n"}', 1),
        (asks("A", Op.REGEX, r"\bcmd\b", flags="i"), b'{"A": "x CMD"}', 1),
        (asks(None, Op.CONTAINS, "needle"), b'{"": 1, "B": {"C": ["x", "a NEEDLE"]}}', 1),
        (asks(None, Op.EQUALS, "1"), b'{"Event": [1]}', 1),
        (And(()), b"{}", 1),
        (Or(()), b"{}", 0),
        (asks("A", Op.WILDCARD, "?*?"), '{"A": "é"}'.encode(), 0),
        (asks("A", Op.EQUALS, ""), b'{"A": ""}', 1),
        (asks("A", Op.CONTAINS, ""), b'{"A": ""}', 1),
        (asks("A", Op.FIELD_EQUALS, "B"), b'{"A": ["x", "y"], "B": ["z", "Y"]}', 1),
        (asks("A", Op.FIELD_CONTAINS, "A"), b'{"A": ["x", null]}', 1),
    ],
)  # fmt: skip
def test_single_cases(tree: object, event: bytes, hits: int):
    assert check([rule(tree)], [event]).rule_hits.tolist() == [hits]


@pytest.mark.parametrize(
    ("tree", "event"),
    [
        (asks("Image", Op.CONTAINS, "x"), b'{"NewImage": "x1", "Image": "x2", %b}'),
        (asks("Image", Op.CONTAINS, "x"), b'{"a.b": "x1", "NewImage": "x2", %b}'),
        (asks("Image", Op.WILDCARD, "x?*"), b'{"NewImage": "x1", "Image": "x2", %b}'),
        (asks("Image", Op.REGEX, "x."), b'{"NewImage": "x1", "Image": "x2", %b}'),
        (asks("Image", Op.REGEX, "(?=x)x."), b'{"NewImage": "x1", "Image": "x2", %b}'),
        (asks("Image", Op.EXISTS), b'{"NewImage": "x1", "Image": "x2", %b}'),
        (asks("Image", Op.GT, "1"), b'{"NewImage": 3, "Image": 2, %b}'),
        (asks("Image", Op.FIELD_EQUALS, "CommandLine"), b'{"NewImage": "x", "CommandLine": "x", %b}'),
        (asks("CommandLine", Op.FIELD_EQUALS, "Image"), b'{"NewImage": "x", "CommandLine": "x", %b}'),
        (asks("CommandLine", Op.FIELD_EQUALS, "Image", cased=True), b'{"NewImage": "x", "CommandLine": "x", %b}'),
    ],
)
def test_aliases_answer_and_the_field_of_the_own_name_comes_first(tree: object, event: bytes):
    assert check([rule(tree)], [event % P1], ALIASED).rule_hits.tolist() == [1]


def test_muted_and_silent_rules_give_no_line_but_count():
    tree = asks("A", Op.EQUALS, "1")
    rules = renumbered([rule(tree), rule(tree), rule(tree, silent=True)])
    found = check(rules, [b'{"A":1}'], Setting(muted=frozenset({0}), feeding=frozenset({0, 2})))
    assert found.rule_hits.tolist() == [1, 1, 1]
    assert found.lines.count(b"\n") == 1
    assert [hit.rule for hit in found.hits] == [0, 2]


def test_of_two_classes_that_claim_the_same_the_earlier_wins():
    rules = renumbered(
        [
            Rule("", "", LogSource("p", None, "s"), asks("x", Op.EQUALS, "1")),
            Rule("", "", LogSource("p", "c4"), And((asks("code", Op.EQUALS, "9"), asks("x", Op.EQUALS, "1")))),
        ]
    )
    found = check(rules, [b'{"kind":"alpha","code":9,"x":1}'], ALIASED)
    assert found.rule_hits.tolist() == [1, 0]


def test_a_long_run_of_times():
    days = [(number * 86_400 * 37 - 62_135_596_800) * 1_000_000 + number for number in range(0, 85_000, 7)]
    found = check([rule(And(()))], [b'{"A":1}'] * len(days), times=days)
    assert found.rule_hits.tolist() == [len(days)]


@pytest.mark.parametrize(
    "time", [-(2**63) + 1, -62_135_596_800_000_001, -62_135_596_800_000_000, 253_402_300_799_999_999, 253_402_300_800_000_000, 2**63 - 1]
)
def test_times_that_cannot_be_written(time: int):
    check([rule(And(()))], [b'{"A":1}'], times=[time])


def test_a_mebibyte_and_hostile_names():
    big = "\u0130x" * (1 << 19)
    event = json.dumps({"A": big, "a" * 70_000: 1, "\u202e": {"\0": "\0"}, "B": ["\0"] * 50}, ensure_ascii=False).encode()
    rules = renumbered([rule(asks("A", Op.ENDSWITH, "İX" * 40)), rule(asks("B", Op.EQUALS, "\0")), rule(asks(None, Op.CONTAINS, "xix"))])
    assert check(rules, [event, event.replace(b"\\u0000", b"")]).rule_hits.tolist() == [2, 1, 2]
